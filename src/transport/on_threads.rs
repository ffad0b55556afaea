//! A blocking transport where nothing may block.

use std::fmt;
use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;

use super::{BlockingTransport, Transport, TransportError, TransportErrorKind};
use crate::BoxFuture;

/// Makes a [`Transport`] of a [`BlockingTransport`]: each exchange has a thread of its own while it
/// lasts. Right for a few at a time, as a device has them; a server with many takes a transport
/// that need not wait.
///
/// Dropping the future does not stop the thread; what it gets is thrown away.
pub struct OnThreads<T>(Arc<T>);

impl<T: BlockingTransport + 'static> OnThreads<T> {
    /// Runs the exchanges of `transport` on threads.
    #[must_use]
    pub fn new(transport: T) -> Self {
        Self(Arc::new(transport))
    }
}

impl<T: BlockingTransport + 'static> Transport for OnThreads<T> {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let transport = self.0.clone();
        Box::pin(async move {
            let (sender, receiver) = tokio::sync::oneshot::channel();
            let work = move || {
                let _ = sender.send(transport.send(request));
            };
            if std::thread::Builder::new().name("keyferry-http".to_owned()).spawn(work).is_err() {
                return Err(TransportError::new(
                    TransportErrorKind::Unsendable,
                    "no thread could be made",
                ));
            }
            receiver.await.unwrap_or_else(|_| {
                Err(TransportError::new(TransportErrorKind::Broken, "the transport panicked"))
            })
        })
    }
}

impl<T> Clone for OnThreads<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for OnThreads<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnThreads")
    }
}
