//! Tells the code that accepted a connection about the requests on it.

use std::sync::Arc;

/// A callback in the extensions of a request, called when a gate accepted its credential.
#[derive(Clone)]
pub(super) struct OnProof(pub(super) Arc<dyn Fn() + Send + Sync>);

impl OnProof {
    pub(super) fn proved(&self) {
        (self.0)();
    }
}
