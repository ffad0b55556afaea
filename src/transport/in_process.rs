//! A transport to a service in the same process.

use std::fmt;

use ::http::header::{HOST, HeaderValue};
use ::http::{Request, Response};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use tower_service::Service;

use super::{Body, ExchangeLimits, Transport, TransportError, TransportErrorKind};
use crate::BoxFuture;

/// Passes requests to a service in the same process. It enforces no limits on time.
#[derive(Clone)]
pub struct InProcess<S>(pub S);

impl<S, B> Transport for InProcess<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync,
    S::Future: Send,
    S::Error: fmt::Display,
    B: http_body::Body + Send,
    B::Data: Send,
    B::Error: fmt::Display,
{
    fn send(
        &self,
        mut request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let mut service = self.0.clone();
        Box::pin(async move {
            let limits = ExchangeLimits::of(&request);
            let broken = |detail: String| TransportError::new(TransportErrorKind::Broken, detail);
            std::future::poll_fn(|context| service.poll_ready(context))
                .await
                .map_err(|error| broken(error.to_string()))?;
            // HTTP/1.1 requires `Host` of every client, and servers refuse a request without it.
            if let (Some(authority), false) =
                (request.uri().authority(), request.headers().contains_key(HOST))
            {
                // The part before an `@` does not belong to the host.
                let host = authority.as_str().rsplit('@').next().unwrap_or_default();
                if let Ok(host) = HeaderValue::from_str(host) {
                    request.headers_mut().insert(HOST, host);
                }
            }
            let response = service
                .call(request.map(Body::new))
                .await
                .map_err(|error| broken(error.to_string()))?;
            let (head, body) = response.into_parts();
            let (mut body, mut bytes) = (std::pin::pin!(body), BytesMut::new());
            if limits.is_body_optional && head.status.is_success() {
                return Ok(Response::from_parts(head, Bytes::new()));
            }
            let read = async {
                while let Some(frame) = body.frame().await {
                    let frame = frame.map_err(|error| broken(error.to_string()))?;
                    let Ok(data) = frame.into_data() else { continue };
                    if bytes.len() + data.remaining() > limits.answer_bytes {
                        return Err(TransportError::new(TransportErrorKind::AnswerTooLarge, ""));
                    }
                    bytes.put(data);
                }
                Ok(())
            };
            match read.await {
                Err(error) if !limits.is_body_optional => Err(error),
                _ => Ok(Response::from_parts(head, bytes.freeze())),
            }
        })
    }
}

impl<S> fmt::Debug for InProcess<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}
