//! The seam to a library of HTTP.

use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;

use super::TransportError;
use crate::BoxFuture;

/// Sends a request and gives the answer.
///
/// Any closure `Fn(Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>,
/// TransportError>>` is one.
///
/// What it must keep: a status is never an error. No redirect is followed. The limits of the
/// [request](super::ExchangeLimits) hold, also
/// [that the body is optional](super::ExchangeLimits::is_body_optional). The request is sent at
/// most once. Dropping the future
/// gives the exchange up and leaves nothing behind.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::transport::Transport;
///
/// let echo = |request: Request<Bytes>| async { Ok(Response::new(request.into_body())) };
/// let transport: Box<dyn Transport> = Box::new(echo);
/// let answer = transport.send(Request::new("hello".into()));
/// # let answer = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer);
/// assert_eq!(answer.unwrap().body(), "hello");
/// ```
pub trait Transport: Send + Sync {
    /// Sends `request`, whose address is absolute.
    ///
    /// # Errors
    /// No whole answer came; the error tells whether the request may have arrived.
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>>;
}

impl<F, Fut> Transport for F
where
    F: Fn(Request<Bytes>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Response<Bytes>, TransportError>> + Send + 'static,
{
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(self(request))
    }
}

impl<T: Transport + ?Sized> Transport for Arc<T> {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        (**self).send(request)
    }
}

/// The same for those who wait: it blocks the thread until the answer is there.
///
/// Any closure `Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportError>` is one.
pub trait BlockingTransport: Send + Sync {
    /// As [`Transport::send`].
    ///
    /// # Errors
    /// As [`Transport::send`].
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

impl<F: Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportError> + Send + Sync>
    BlockingTransport for F
{
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self(request)
    }
}

impl<T: BlockingTransport + ?Sized> BlockingTransport for Arc<T> {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        (**self).send(request)
    }
}
