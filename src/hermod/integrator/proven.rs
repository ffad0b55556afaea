//! A proof that belongs to one journey.

use std::ops::Deref;

use crate::hermod::proof::Verified;

/// A verified answer together with the journey that it belongs to. Only [`Enrollment::prove`](super::Enrollment::prove) makes one.
///
/// ```compile_fail
/// use keyferry::hermod::{integrator::Proven, proof::{Attested, Verified}};
///
/// fn wrong(enrollment: String, answer: Verified<Attested>) -> Proven<Attested> {
///     Proven { enrollment, answer }
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
#[derive(Clone, Debug)]
pub struct Proven<T> {
    pub(super) enrollment: String,
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
