//! Runs a blocking transport on threads.

use std::fmt;
use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;

use super::{BlockingTransport, Transport, TransportError, TransportErrorKind};
use crate::BoxFuture;

/// Turns a [`BlockingTransport`] into a [`Transport`]: each exchange runs on a separate thread. It
/// suits the few concurrent exchanges of a device; use an asynchronous transport for many.
///
/// Dropping the future does not stop the thread; its result is discarded.
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
