//! What whatever accepted a connection learns about the requests on it.

use std::sync::Arc;

/// Told, by way of the extensions of a request, that a gate opened to it.
#[derive(Clone)]
pub(super) struct OnProof(pub(super) Arc<dyn Fn() + Send + Sync>);

impl OnProof {
    pub(super) fn proved(&self) {
        (self.0)();
    }
}
