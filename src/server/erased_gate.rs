//! Gates without their types.

use std::sync::Arc;

use super::{Caller, RequestHead};
use crate::{BoxFuture, Error, Gate};

/// A gate whose handles are erased.
pub(crate) trait ErasedGate<C, H>: Send + Sync {
    fn open(&self, credential: C) -> BoxFuture<'_, Result<H, Error>>;
}

struct Erased<G, F> {
    gate: G,
    erase: F,
}

impl<C, H, G, F> ErasedGate<C, H> for Erased<G, F>
where
    C: Send + 'static,
    G: Gate<C>,
    F: Fn(G::Handle) -> H + Send + Sync,
{
    fn open(&self, credential: C) -> BoxFuture<'_, Result<H, Error>> {
        Box::pin(async move { Ok((self.erase)(self.gate.open(credential).await?)) })
    }
}

fn erased<C, H, G>(
    gate: G,
    erase: impl Fn(G::Handle) -> H + Send + Sync + 'static,
) -> Arc<dyn ErasedGate<C, H>>
where
    C: Send + 'static,
    G: Gate<C> + 'static,
{
    Arc::new(Erased { gate, erase })
}

/// How a wire authenticates its callers.
pub(crate) enum Entrance<C, H> {
    /// The gate gets the credential of the wire.
    Credential(Arc<dyn ErasedGate<C, H>>),
    /// The gate gets the whole head.
    Head(Arc<dyn ErasedGate<RequestHead, Caller<H>>>),
}

impl<C: Send + 'static, H: Send + 'static> Entrance<C, H> {
    pub(crate) fn by_credential<G>(
        gate: G,
        erase: impl Fn(G::Handle) -> H + Send + Sync + 'static,
    ) -> Self
    where
        G: Gate<C> + 'static,
    {
        Self::Credential(erased(gate, erase))
    }

    pub(crate) fn by_head<G, T>(gate: G, erase: impl Fn(T) -> H + Send + Sync + 'static) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<T>> + 'static,
    {
        Self::Head(erased(gate, move |caller: Caller<T>| {
            let (name, handle) = caller.into_parts();
            Caller::new(name, erase(handle))
        }))
    }
}

impl<C, H> Clone for Entrance<C, H> {
    fn clone(&self) -> Self {
        match self {
            Self::Credential(gate) => Self::Credential(gate.clone()),
            Self::Head(gate) => Self::Head(gate.clone()),
        }
    }
}
