//! The interface to an HTTP library.

use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;

use super::TransportError;
use crate::BoxFuture;

/// Sends a request and returns the response.
///
/// Any closure `Fn(Request<Bytes>) -> impl Future<Output = Result<Response<Bytes>,
/// TransportError>>` implements it.
///
/// An implementation has to keep these rules:
/// - A status is never an error.
/// - No redirect is followed.
/// - The limits of the [request](super::ExchangeLimits) apply, including [an optional
///   body](super::ExchangeLimits::is_body_optional).
/// - The request is sent at most once.
/// - Dropping the future aborts the exchange and leaves no work behind.
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
    /// No complete response was received; the error tells whether the request may have arrived.
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

/// The blocking counterpart of [`Transport`]: it blocks the thread until the response is complete.
///
/// Any closure `Fn(Request<Bytes>) -> Result<Response<Bytes>, TransportError>` implements it.
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
