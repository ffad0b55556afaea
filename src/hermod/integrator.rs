//! The integrator's journey: from the provision command to the installed certificate, as a value
//! that can be stored between steps.

mod enrollment;
mod evidence;
mod hub_identity;
mod next;
mod not_proven;
mod proven;

pub use enrollment::Enrollment;
pub use hub_identity::HubIdentity;
pub use next::{EventOutcome, Failure, Next};
pub use not_proven::NotProven;
pub use proven::Proven;
