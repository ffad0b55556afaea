//! Wires with faults, without HTTP.

use std::fmt;
use std::time::Duration;

use super::Chaos;
use crate::Error;
use crate::hermod::model::{
    Callback, Command, CommandId, Listing, Message, ReservedBox, Submitted,
};
use crate::hermod::wire::{CallbackApi, CommandApi, Delivery, MailboxApi};
use crate::transport::{TransportError, TransportErrorKind};

/// A wire with faults; [`Chaos::wire`] creates one. It implements the same wires as the inner one.
#[derive(Clone)]
pub struct ChaosWire<W> {
    chaos: Chaos,
    wire: W,
}

impl<W: Send + Sync> ChaosWire<W> {
    pub(super) fn new(chaos: Chaos, wire: W) -> Self {
        Self { chaos, wire }
    }

    /// The inner wire.
    #[must_use]
    pub fn inner(&self) -> &W {
        &self.wire
    }

    async fn call<T, Fut: Future<Output = Result<T, Error>>>(
        &self,
        call: impl Fn() -> Fut,
    ) -> Result<T, Error> {
        let failed = |kind| Error::from(TransportError::new(kind, "chaos"));
        let fate = self.chaos.fate();
        self.chaos.delay(&fate).await;
        if fate.unreachable {
            return Err(failed(TransportErrorKind::Unreachable));
        }
        if fate.request_lost {
            return Err(failed(TransportErrorKind::Broken));
        }
        let answer = call().await;
        if fate.repeated {
            let _ = call().await;
        }
        if fate.answer_lost || fate.garbled.is_some() {
            return Err(failed(TransportErrorKind::Broken));
        }
        answer
    }
}

impl<W: CommandApi> CommandApi for ChaosWire<W> {
    async fn submit(&self, command: Command) -> Result<Submitted, Error> {
        self.call(|| self.wire.submit(command.clone())).await
    }

    async fn poll(&self, id: &CommandId) -> Result<Callback, Error> {
        self.call(|| self.wire.poll(id)).await
    }
}

impl<W: CallbackApi> CallbackApi for ChaosWire<W> {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        self.call(|| self.wire.deliver(delivery.clone())).await
    }
}

impl<W: MailboxApi> MailboxApi for ChaosWire<W> {
    async fn list(&self, wait: Duration) -> Result<Listing, Error> {
        self.call(|| self.wire.list(wait)).await
    }

    async fn fetch(&self, mid: &str) -> Result<Message, Error> {
        self.call(|| self.wire.fetch(mid)).await
    }

    async fn answer(&self, mid: &str, answer: &str) -> Result<(), Error> {
        self.call(|| self.wire.answer(mid, answer)).await
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        self.call(|| self.wire.reserve()).await
    }

    async fn remove(&self) -> Result<(), Error> {
        self.call(|| self.wire.remove()).await
    }
}

impl<W> fmt::Debug for ChaosWire<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosWire").field("chaos", &self.chaos).finish_non_exhaustive()
    }
}
