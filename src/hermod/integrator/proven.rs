//! A proof that belongs to one journey.

use std::fmt;
use std::ops::Deref;

use crate::hermod::proof::Verified;

/// A verified answer together with its journey. Only
/// [`Enrollment::prove`](super::Enrollment::prove) creates this value, and it is valid only for
/// that answer.
///
/// ```compile_fail
/// use keyferry::hermod::{integrator::Proven, proof::{Attested, Verified}};
///
/// fn wrong(enrollment: String, text: String, answer: Verified<Attested>) -> Proven<Attested> {
///     Proven { enrollment, text, answer }
/// }
/// ```
///
/// ```
/// use keyferry::hermod::{integrator::Proven, proof::{Attested, Verified}};
///
/// fn right(proven: &Proven<Attested>) -> &Verified<Attested> {
///     proven
/// }
/// ```
#[derive(Clone)]
pub struct Proven<T> {
    pub(super) enrollment: String,
    /// The answer as it was received.
    pub(super) text: String,
    pub(super) answer: Verified<T>,
}

impl<T> Proven<T> {
    /// The id of the journey.
    #[must_use]
    pub fn enrollment_id(&self) -> &str {
        &self.enrollment
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self) -> &Verified<T> {
        &self.answer
    }
}

impl<T> Deref for Proven<T> {
    type Target = Verified<T>;

    fn deref(&self) -> &Verified<T> {
        &self.answer
    }
}

impl<T> fmt::Debug for Proven<T> {
    /// Omits text from the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proven")
            .field("enrollment", &self.enrollment)
            .field("answer", &self.answer)
            .finish_non_exhaustive()
    }
}
