//! The errors of proving an answer.

#[cfg(doc)]
use super::Enrollment;
use crate::hermod::proof::Refusal;

/// The reason why an answer is not proven.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotProven {
    /// The journey has no answer to verify: the device has not answered yet, or it refused, or the
    /// command ended without an answer. [`Enrollment::next`] says which.
    #[error("the journey has no answer to verify")]
    NoAnswer,
    /// The expectation was made from another command than this journey's.
    #[error("the expectation is of another command")]
    OtherCommand,
    /// The verifier refused the answer.
    #[error("{0}")]
    Refused(#[source] Refusal),
}

impl NotProven {
    /// Returns the refusal of the verifier with its report, if the verifier ran.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Takes out the refusal of the verifier.
    #[must_use]
    pub fn into_refusal(self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}

impl From<Refusal> for NotProven {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
