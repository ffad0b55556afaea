//! Gates without their types.

use std::sync::Arc;

use crate::{BoxFuture, Error, Gate};

/// A gate whose handles are erased.
pub(super) trait Door<C, H>: Send + Sync {
    fn open(&self, credential: C) -> BoxFuture<'_, Result<H, Error>>;
}

struct Erased<G, F> {
    gate: G,
    erase: F,
}

impl<C, H, G, F> Door<C, H> for Erased<G, F>
where
    C: Send + 'static,
    G: Gate<C>,
    F: Fn(G::Handle) -> H + Send + Sync,
{
    fn open(&self, credential: C) -> BoxFuture<'_, Result<H, Error>> {
        Box::pin(async move { Ok((self.erase)(self.gate.open(credential).await?)) })
    }
}

pub(super) fn door<C, H, G>(
    gate: G,
    erase: impl Fn(G::Handle) -> H + Send + Sync + 'static,
) -> Arc<dyn Door<C, H>>
where
    C: Send + 'static,
    G: Gate<C> + 'static,
{
    Arc::new(Erased { gate, erase })
}
