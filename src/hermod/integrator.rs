//! The integrator's journey: from the provision command to the installed certificate, as a value
//! that can be stored between steps.

mod enrollment;
mod evidence;
mod proven;

pub use enrollment::{Enrollment, Failure, HubIdentity, Next, NotProven, Received};
pub use proven::Proven;
