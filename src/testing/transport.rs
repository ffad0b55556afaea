//! A transport with faults.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ::http::{Request, Response};
use bytes::Bytes;

use super::Chaos;
use crate::BoxFuture;
use crate::transport::{Transport, TransportError, TransportErrorKind};

/// The maximum number of requests held for later.
const HELD: usize = 64;

/// A transport with faults; [`Chaos::transport`] creates one.
pub struct ChaosTransport {
    chaos: Chaos,
    transport: Arc<dyn Transport>,
    /// Copies of requests that arrive again later.
    held: Mutex<Vec<Request<Bytes>>>,
}

impl ChaosTransport {
    pub(super) fn new(chaos: Chaos, transport: Arc<dyn Transport>) -> Self {
        Self { chaos, transport, held: Mutex::default() }
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let fate = self.chaos.fate();
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        for copy in held {
            let _ = self.transport.send(copy).await;
        }
        self.chaos.delay(&fate).await;
        if fate.unreachable {
            return Err(TransportError::new(TransportErrorKind::Unreachable, "chaos"));
        }
        if fate.request_lost {
            return Err(TransportError::new(TransportErrorKind::Broken, "chaos"));
        }
        let copy = fate.repeated.then(|| request.clone());
        let answer = self.transport.send(request).await;
        if let Some(copy) = copy {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if held.len() < HELD {
                held.push(copy);
            }
        }
        if fate.answer_lost {
            return Err(TransportError::new(TransportErrorKind::Timeout, "chaos"));
        }
        match (answer, fate.garbled) {
            (Ok(answer), Some(how)) => Ok(answer.map(|body| garble(&body, how))),
            (answer, _) => answer,
        }
    }
}

/// Damages one byte, or cuts the end off.
fn garble(body: &Bytes, how: u64) -> Bytes {
    let mut bytes = body.to_vec();
    let place =
        usize::try_from(how >> 8).unwrap_or_default().checked_rem(bytes.len()).unwrap_or_default();
    match bytes.get_mut(place) {
        Some(byte) if how & 1 == 0 => {
            *byte ^= u8::try_from(how >> 1 & 0x7f).unwrap_or_default().max(1)
        }
        _ => bytes.truncate(place),
    }
    Bytes::from(bytes)
}

impl Transport for ChaosTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(self.exchange(request))
    }
}

impl fmt::Debug for ChaosTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosTransport").field("chaos", &self.chaos).finish_non_exhaustive()
    }
}
