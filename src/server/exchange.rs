//! The pipeline that processes one request.
//!
//! [`serve`] runs all phases in this order: checks of the head, the gate, the rate, the operation,
//! the body, the call, the handler. The first failure ends the request.

use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::http::header::{
    ACCEPT, ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HeaderMap,
    HeaderName, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use ::http::request::Parts;
use ::http::{Method, Request, Response, StatusCode, Uri, Version};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tracing::{Instrument, Span, debug, error, field, info, warn};

use super::config::{Core, TRACE_PARENT};
use super::drain::Flight;
use super::limits::LimitMet;
use super::wire::{Admitted, CallNames, CallerName, Handled, Wire};
use super::{PeerAddr, RequestHead};
use crate::clock::or_deadline;
use crate::server::erased_gate::{Entrance, ErasedGate};
use crate::server::on_proof::OnProof;
use crate::server::rate::Permit;
use crate::server::request_checks::{check_head, declared_length};
use crate::transport::Body;
use crate::transport::operation::{self, BodyKind, Effect};
use crate::{BoxFuture, Class, Clock, Error};

/// Serves one request to `path`, which is relative to the base of the wire.
pub(crate) fn serve<W: Wire, B>(
    core: &Arc<Core>,
    wire: &Arc<W>,
    path: &str,
    request: Request<B>,
) -> BoxFuture<'static, Result<Response<Body>, Infallible>>
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    let mut exchange = Exchange::begin(core, W::NAME, request);
    let (wire, path, span) = (wire.clone(), path.to_owned(), exchange.span.clone());
    // The request stays in one block, because a future that is moved into another may hold it
    // twice.
    let served = async move {
        let mut success = None;
        let answer = exchange.answer(&wire, &path, &mut success).await;
        let mut response = wire.write(&answer, &exchange.request_id);
        if let (Ok(_), Some(success)) = (&answer, success) {
            *response.status_mut() = success;
        }
        Ok(exchange.finish(&*wire, response, answer.err(), &path))
    };
    Box::pin(served.instrument(span))
}

/// Runs the handler in a box. Otherwise the future of every request would reserve room for the
/// largest handler several times, and a waiting long poll would keep that.
fn work_on<W: Wire>(
    wire: &Arc<W>,
    admitted: Admitted<W::Handle, W::Call>,
) -> BoxFuture<'static, Result<Handled<W::Answer>, Error>> {
    Box::pin(wire.clone().handle(admitted))
}

/// The state of one request.
struct Exchange {
    core: Arc<Core>,
    /// The headers are dropped as soon as they are not needed: see [`body`](Self::body). A `HEAD`
    /// has the method `GET` here, so that both take the same path.
    head: Parts,
    /// Whether the response has no body and the handler must not change anything.
    is_head: bool,
    /// Whether the response to a `HEAD` has the length of the response to a `GET`.
    is_length_known: bool,
    body: Option<UnsyncBoxBody<Bytes, ()>>,
    request_id: String,
    trace_parent: Option<HeaderValue>,
    /// The address of the client, if it is known.
    client: Option<IpAddr>,
    /// Whether the gate accepted the credential.
    is_proved: bool,
    span: Span,
    started: Instant,
    flight: Option<Arc<Flight>>,
    received: usize,
    /// What was done, for events that people search the log for.
    done: Option<&'static str>,
}

impl Exchange {
    fn begin<B>(core: &Arc<Core>, wire: &'static str, request: Request<B>) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
    {
        let (mut head, body) = request.into_parts();
        let is_head = head.method == Method::HEAD;
        if is_head {
            head.method = Method::GET;
        }
        let body = body
            .map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
            .map_err(drop)
            .boxed_unsync();
        let request_id = core.request_id(&head.headers);
        let trace_parent = core.trace_parent(&head.headers);
        let peer = head.extensions.get::<PeerAddr>();
        let client = peer.map(|peer| core.config.proxies.client(peer.0.ip(), &head.headers));
        let span = tracing::info_span!(
            "request",
            request_id,
            wire,
            traceparent = trace_parent.as_ref().and_then(|value| value.to_str().ok()),
            command = field::Empty,
            tenant = field::Empty,
            command_id = field::Empty,
            delivery_id = field::Empty
        );
        Self {
            core: core.clone(),
            head,
            is_head,
            is_length_known: true,
            body: Some(body),
            request_id,
            trace_parent,
            client,
            is_proved: false,
            span,
            started: Instant::now(),
            flight: None,
            received: 0,
            done: None,
        }
    }

    /// Runs the request through all phases.
    async fn answer<W: Wire>(
        &mut self,
        wire: &Arc<W>,
        path: &str,
        success: &mut Option<StatusCode>,
    ) -> Result<W::Answer, Error> {
        // Head: check that the server accepts requests, and the limits that need no credential.
        let core = self.core.clone();
        self.flight = Some(Arc::new(core.config.drain.enter(core.config.limits.concurrent)?));
        check_head(&self.head, &core.config.limits)?;

        // Authentication: ask the gate, then check the rate of the caller. Nothing else of the
        // request is read before that.
        let (caller, handle) = self.authenticate(&**wire, path).await?;
        let permit = self.permit::<W>(&caller)?;

        // Call: match the operation, then read the body within its limit and parse it.
        let route = operation::route(wire.operations(), path, &self.head.method)?;
        let (effect, body) = (route.effect, self.body(self.body_limit(route.body)).await?);
        *success = Some(route.success);
        let call = wire.read_call(route, &self.head, &body, core.config.clock.now())?;
        drop(body);
        let CallNames { command, command_id, delivery_id } = wire.names(&call);
        for (name, value) in
            [("command", command), ("command_id", command_id), ("delivery_id", delivery_id)]
        {
            if let Some(value) = value {
                self.note(name, value);
            }
        }

        // Handler: a handler that only reads is dropped if the client disconnects.
        let (tenant, is_head) = (caller.into_tenant(), self.is_head);
        let wait = W::wait(&call);
        let admitted = Admitted { handle, tenant, call, is_head };
        let effect = if is_head { Effect::Reads } else { effect };
        let handled = match effect {
            Effect::Changes => self.run_to_completion(permit, work_on(wire, admitted)).await,
            Effect::Waits if !wait.is_zero() => self.long_poll(permit, wait, wire, admitted).await,
            Effect::Reads | Effect::Waits => {
                self.forget_head();
                let handled = self.within(Duration::ZERO, work_on(wire, admitted)).await;
                drop(permit);
                handled
            }
        }?;
        let Handled { answer, done, command_id, is_length_known } = handled;
        if let Some(command_id) = &command_id {
            self.note("command_id", command_id);
        }
        (self.done, self.is_length_known) = (done, is_length_known);
        Ok(answer)
    }

    /// Asks the gate with the credential of the wire, or with the whole head. Every wrong
    /// credential gets the same response.
    async fn authenticate<W: Wire>(
        &mut self,
        wire: &W,
        path: &str,
    ) -> Result<(CallerName, W::Handle), Error> {
        let (name, handle) = match wire.entrance() {
            Entrance::Credential(gate) => {
                let (name, credential) =
                    wire.read_credential(path, &self.head).ok_or_else(unauthorized)?;
                (name, self.open(&**gate, credential).await?)
            }
            Entrance::Head(gate) => {
                let mut parts = self.head.clone();
                if self.is_head {
                    parts.method = Method::HEAD;
                }
                let head = RequestHead::new(parts, path, self.client);
                let (caller, handle) = self.open(&**gate, head).await?.into_parts();
                (W::caller_name(caller), handle)
            }
        };
        // Only the name of an authenticated caller is logged.
        if let CallerName::Tenant(name) = &name {
            self.note("tenant", name);
        }
        Ok((name, handle))
    }

    async fn open<C, H>(&mut self, gate: &dyn ErasedGate<C, H>, credential: C) -> Result<H, Error> {
        let core = self.core.clone();
        if let Some(client) = self.client {
            core.failures.check(client, &self.head.headers, core.config.clock.monotonic())?;
        }
        let opened = self.within(Duration::ZERO, gate.open(credential)).await;
        match (&opened, self.client) {
            (Ok(_), client) => {
                self.is_proved = true;
                if let Some(proof) = self.head.extensions.get::<OnProof>() {
                    proof.proved();
                }
                if let Some(client) = client {
                    core.failures.fitted(client, &self.head.headers);
                }
            }
            (Err(error), Some(client)) if error.class() == Class::Unauthorized => {
                core.failures.failed(client, core.config.clock.monotonic());
            }
            (Err(_), _) => {}
        }
        opened.map_err(
            |error| if error.class() == Class::Unauthorized { unauthorized() } else { error },
        )
    }

    /// Checks the rate and the concurrency of the caller.
    fn permit<W: Wire>(&self, caller: &CallerName) -> Result<Permit, Error> {
        let now = self.core.config.clock.monotonic();
        match caller {
            CallerName::Tenant(name) => self.core.tenants.enter(&(W::NAME, Some(name)), now),
            CallerName::Anonymous => self.core.tenants.enter(&(W::NAME, None::<&String>), now),
            // Each token is counted separately, so that the token of one message cannot use up the
            // limit of the mailbox.
            CallerName::Token(token) => self.core.devices.enter(&token.expose(), now),
        }
    }

    fn body_limit(&self, kind: BodyKind) -> usize {
        let limits = &self.core.config.limits;
        match kind {
            BodyKind::Empty => 0,
            BodyKind::Ordinary => limits.body_bytes,
            BodyKind::Large => limits.large_body_bytes,
            BodyKind::Callback => limits.callback_bytes,
        }
    }

    /// Reads the body, of at most `limit` bytes.
    async fn body(&mut self, limit: usize) -> Result<Bytes, Error> {
        let Some(mut body) = self.body.take() else { return Ok(Bytes::new()) };
        let declared =
            declared_length(&self.head.headers).max(http_body::Body::size_hint(&body).lower());
        if usize::try_from(declared).is_ok_and(|declared| declared <= limit) {
            let config = &self.core.config;
            let late = || {
                let met = LimitMet::time("body_time", config.limits.body_time);
                Error::malformed("body", "not here in time").with_http_status(408).with_source(met)
            };
            let (body, received) =
                timely(&*config.clock, config.limits.body_time, collect(&mut body, limit))
                    .await
                    .unwrap_or_else(|| (Err(late()), 0));
            self.received = received;
            return body;
        }
        Err(too_large(limit))
    }

    /// Drops the head except for its method and version. It holds secrets, and slices of the
    /// connection's buffer that would keep the buffer alive.
    fn forget_head(&mut self) {
        self.head.headers = HeaderMap::new();
        self.head.uri = Uri::default();
        self.head.extensions.clear();
        self.body = None;
    }

    /// Waits for a handler that changes nothing. It is dropped if the client disconnects.
    async fn within<T>(
        &mut self,
        extra: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let config = &self.core.config;
        timely(&*config.clock, config.limits.handle_time.saturating_add(extra), work)
            .await
            .unwrap_or_else(|| Err(late(config.limits.handle_time)))
    }

    /// Waits for a handler that changes state. It runs to completion even if the client disconnects
    /// or the time is up, and counts as in progress until then.
    async fn run_to_completion<T: Send + 'static>(
        &mut self,
        permit: Permit,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.forget_head();
        let flight = self.flight.clone();
        let work = async move {
            let result = work.await;
            drop((flight, permit));
            result
        };
        let task = tokio::spawn(work.instrument(self.span.clone()));
        let joined = async {
            task.await.unwrap_or_else(|_| {
                error!("a handler panicked");
                Err(Error::new(Class::Unavailable, "", "the handler failed"))
            })
        };
        self.within(Duration::ZERO, joined).await
    }

    /// Waits for a long poll. If the server begins to drain, the same call without its wait
    /// provides the response.
    async fn long_poll<W: Wire>(
        &mut self,
        mut permit: Permit,
        wait: Duration,
        wire: &Arc<W>,
        admitted: Admitted<W::Handle, W::Call>,
    ) -> Result<Handled<W::Answer>, Error> {
        self.forget_head();
        permit.wait()?;
        if let Some(flight) = self.flight.as_mut().and_then(Arc::get_mut) {
            flight.wait(self.core.config.limits.long_polls)?;
        }
        let drain = self.core.config.drain.clone();
        let (handle, call) = (admitted.handle.clone(), admitted.call.clone());
        let work = self.within(wait, work_on(wire, admitted));
        match or_deadline(work, drain.begun()).await {
            Some(result) => result,
            None => {
                let call = W::without_wait(call);
                let at_once = Admitted { handle, tenant: None, call, is_head: false };
                self.within(Duration::ZERO, work_on(wire, at_once)).await
            }
        }
    }

    /// Records an id in the log span, as one line of limited length.
    fn note(&self, name: &'static str, id: &str) {
        if !self.span.is_disabled() {
            self.span.record(name, field::display(OneLine(id)));
        }
    }

    fn finish<W: Wire>(
        self,
        wire: &W,
        response: Response<Bytes>,
        error: Option<Error>,
        path: &str,
    ) -> Response<Body> {
        let config = &self.core.config;
        let (mut head, body) = response.into_parts();
        let headers = &mut head.headers;
        if let (Some(name), Ok(id)) =
            (&self.core.request_id, HeaderValue::from_str(&self.request_id))
        {
            headers.insert(name.clone(), id);
        }
        if let Some(trace_parent) = self.trace_parent.clone() {
            headers.insert(TRACE_PARENT, trace_parent);
        }
        finish_headers(headers);
        if head.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(W::CHALLENGE));
        }
        if head.status == StatusCode::METHOD_NOT_ALLOWED {
            let methods = operation::allowed(wire.operations(), path);
            let allow = HeaderValue::try_from(methods);
            headers.insert(ALLOW, allow.unwrap_or_else(|_| HeaderValue::from_static("")));
        }
        if head.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            // RFC 9110, 15.5.16: the media type that would have been accepted.
            headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        // The rest of such a body is not read.
        let broken = matches!(
            head.status,
            StatusCode::REQUEST_TIMEOUT
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::NOT_IMPLEMENTED
        );
        if self.head.version < Version::HTTP_2 && (broken || config.drain.has_begun()) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let (status, received, sent) = (head.status.as_u16(), self.received, body.len());
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        match (&error, self.done) {
            (Some(error), _) => {
                let (class, part, reason) = (error.class().as_str(), error.part(), error.detail());
                let limit = LimitMet::of(error).map(field::display);
                let client = self.client.map(field::display);
                // Callers without a valid credential must not fill the log.
                let logged = match self.is_proved {
                    true => Some(0),
                    false => self.core.failures.log(self.client, config.clock.monotonic()),
                };
                match logged {
                    Some(0) => warn!(
                        status,
                        class, part, reason, limit, client, received, sent, micros, "refused"
                    ),
                    Some(left_out) => warn!(
                        status,
                        class,
                        part,
                        reason,
                        limit,
                        client,
                        received,
                        sent,
                        micros,
                        left_out,
                        "refused, as others before that are not in the log"
                    ),
                    None => debug!(
                        status,
                        class, part, reason, limit, client, received, sent, micros, "refused"
                    ),
                }
            }
            (None, Some(what)) => info!(status, received, sent, micros, "{what}"),
            (None, None) => debug!(status, received, sent, micros, "answered"),
        }
        let body = match (self.is_head, self.is_length_known) {
            (true, true) => without_body(&mut head.headers, &body),
            (true, false) => Bytes::new(),
            (false, _) => body,
        };
        Response::from_parts(head, Body::new(body))
    }
}

/// Returns the empty body of a response to a `HEAD`. Its length is that of the response to a `GET`,
/// if that is known (RFC 9110, 9.3.2).
pub(crate) fn without_body(headers: &mut HeaderMap, body: &Bytes) -> Bytes {
    if !body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    Bytes::new()
}

/// Adds the headers of every response.
pub(crate) fn finish_headers(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.remove(HeaderName::from_static("location"));
}

/// The one response to every wrong credential.
pub(crate) fn unauthorized() -> Error {
    Error::new(Class::Unauthorized, "", "no credential, or one that does not fit")
}

fn too_large(limit: usize) -> Error {
    Error::too_large("", "a body that is too long")
        .with_source(LimitMet::new("the longest body", format!("{limit} bytes")))
}

fn late(handle_time: Duration) -> Error {
    Error::new(Class::Unavailable, "", "not done in time")
        .with_retry_after(Duration::from_secs(5))
        .with_source(LimitMet::time("handle_time", handle_time))
}

/// Reads a body, and counts the bytes received.
async fn collect(
    body: &mut UnsyncBoxBody<Bytes, ()>,
    limit: usize,
) -> (Result<Bytes, Error>, usize) {
    let (mut whole, mut more, mut received) = (Bytes::new(), BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return (Err(Error::malformed("body", "not to be read to its end")), received);
        };
        // Trailers are ignored.
        let Ok(data) = frame.into_data() else { continue };
        received += data.len();
        if received > limit {
            return (Err(too_large(limit)), received);
        }
        match (whole.is_empty(), more.is_empty()) {
            // Most bodies arrive in one piece, which need not be copied.
            (true, true) => whole = data,
            (false, true) => {
                more.extend_from_slice(&whole);
                more.extend_from_slice(&data);
            }
            _ => more.extend_from_slice(&data),
        }
    }
    (Ok(if more.is_empty() { whole } else { more.freeze() }), received)
}

/// Returns the output of `work` if it ends in time.
async fn timely<T>(clock: &dyn Clock, time: Duration, work: impl Future<Output = T>) -> Option<T> {
    or_deadline(work, clock.sleep(time)).await
}

/// Displays text from outside on one line of limited length.
struct OneLine<'a>(&'a str);

/// The maximum length of an id in the log, in characters.
const SHOWN: usize = 64;

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shown in self.0.chars().take(SHOWN) {
            match shown {
                // A space is escaped too, because it would look like the end of the id.
                ' ' => write!(f, "{}", shown.escape_unicode())?,
                _ => write!(f, "{}", shown.escape_default())?,
            }
        }
        if self.0.chars().nth(SHOWN).is_some() { f.write_str("…") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_one_line_and_cut() {
        assert_eq!(OneLine("688").to_string(), "688");
        assert_eq!(OneLine("a\r\nb \u{202e}\\").to_string(), "a\\r\\nb\\u{20}\\u{202e}\\\\");
        assert_eq!(OneLine(&"é".repeat(65)).to_string().len(), 64 * "\\u{e9}".len() + "…".len());
    }
}
