//! The blocking transport on ureq.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use ::http::{Method, Request, Response};
use ::ureq::{Agent, SendBody, Timeout};
use bytes::Bytes;

use super::diagnosis::{certificate, detail};
use super::{BlockingTransport, ExchangeLimits, TransportError, TransportErrorKind};

/// A [`BlockingTransport`] on [ureq](::ureq). [`OnThreads`](super::OnThreads) makes it
/// asynchronous.
///
/// It contains no TLS library: for https, turn on a feature of ureq (`rustls` or `native-tls`).
/// Without one, https fails with kind [`Tls`](TransportErrorKind::Tls) and a detail that says so.
/// ureq does not provide the [server's certificate](super::PeerCertificate).
///
/// Set roots, a client certificate and a proxy in your agent:
///
/// ```no_run
/// use keyferry::transport::UreqTransport;
/// use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
///
/// let read = |path| std::fs::read(path).unwrap();
/// let roots = RootCerts::from([Certificate::from_pem(&read("roots.pem"))?]);
/// let client = ClientCert::new_with_certs(&[Certificate::from_pem(&read("client.pem"))?], PrivateKey::from_pem(&read("client-key.pem"))?);
/// let config = ureq::Agent::config_builder()
///     .tls_config(TlsConfig::builder().root_certs(roots).client_cert(Some(client)).build())
///     .proxy(Some(ureq::Proxy::new("http://proxy.example:3128")?))
///     .timeout_connect(Some(UreqTransport::CONNECT_TIMEOUT));
/// let transport = UreqTransport::from_agent(config.build().into());
/// # Ok::<(), ureq::Error>(())
/// ```
///
/// # Kinds of failure
/// ureq does not say at which step it failed. A request with a body is known not to have arrived as
/// long as nothing of its body was taken from us, and
/// [`Unreachable`](TransportErrorKind::Unreachable) or [`Tls`](TransportErrorKind::Tls) is said; in
/// doubt it may have arrived.
///
/// A client certificate that is not accepted is [`Tls`](TransportErrorKind::Tls), unless the
/// connection was reset before the refusal could be read.
///
/// # The log
/// At level `trace`, ureq logs every byte that it sends and receives, credentials and bodies among
/// them (target `ureq_proto`), and whole addresses (target `ureq`). Nothing here can keep it from
/// that: a logger has to have `debug` or a higher level for both.
#[derive(Clone)]
pub struct UreqTransport {
    agent: Agent,
}

impl UreqTransport {
    /// How long our agent waits for a connection, TLS included.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long our agent keeps a connection that is not in use.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
    /// How many such connections our agent keeps for each host.
    pub const IDLE_CONNECTIONS: usize = 4;
    /// The longest time of an exchange: longer ones are cut to it.
    const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

    /// An agent with the constants of this type; it follows no redirects, uses no proxy, not even
    /// one that the environment names, keeps nothing of one exchange for another but the
    /// connection, and asks for nothing packed. Whom it trusts is ureq's default. The time of an
    /// exchange and the size of its answer are those of its [`ExchangeLimits`].
    ///
    /// # Panics
    /// The first https request does, inside of ureq, if ureq has its feature `rustls-no-provider`
    /// and no provider of rustls or no roots were given to it: then an agent of the caller's own is
    /// due.
    #[must_use]
    pub fn new() -> Self {
        let config = Agent::config_builder()
            .proxy(None)
            .user_agent("")
            .accept_encoding("")
            .timeout_connect(Some(Self::CONNECT_TIMEOUT))
            .timeout_resolve(Some(Self::CONNECT_TIMEOUT))
            .max_idle_age(Self::IDLE_TIMEOUT)
            .max_idle_connections_per_host(Self::IDLE_CONNECTIONS);
        Self::from_agent(config.build().into())
    }

    /// Takes the caller's own agent. The limits of each exchange hold, no redirect is followed and
    /// no status is an error, whatever the agent was told; all else is as the agent has it.
    #[must_use]
    pub fn from_agent(agent: Agent) -> Self {
        Self { agent }
    }
}

impl Default for UreqTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl BlockingTransport for UreqTransport {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let limits = ExchangeLimits::of(&request);
        let is_https = request.uri().scheme_str() == Some("https");
        let host = request.uri().host().unwrap_or_default().to_owned();
        let (mut head, bytes) = request.into_parts();
        head.extensions = ::http::Extensions::new();
        head.headers.remove(CONTENT_LENGTH);
        head.headers.remove(TRANSFER_ENCODING);

        let begun = Arc::new(AtomicBool::new(false));
        let has_body =
            !bytes.is_empty() || matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
        let sent = if has_body {
            head.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
            SendBody::from_owned_reader(Body { rest: bytes.clone(), begun: begun.clone() })
        } else {
            SendBody::none()
        };
        let request = self
            .agent
            .configure_request(Request::from_parts(head, sent))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(limits.timeout.min(Self::LONGEST)));
        let request = if limits.is_body_optional {
            request.timeout_recv_body(Some(ExchangeLimits::BODY_GRACE)).build()
        } else {
            request.build()
        };
        let response = self.agent.run(request);
        // Without its body, a request is none.
        let is_kept = !bytes.is_empty() && !begun.load(Ordering::Relaxed);
        let (head, mut body) =
            response.map_err(|error| failure(error, is_kept, is_https, &host))?.into_parts();

        let too_large = || TransportError::new(TransportErrorKind::AnswerTooLarge, "");
        let limit = u64::try_from(limits.answer_bytes).unwrap_or(u64::MAX);
        let mut answer = Vec::new();
        if !limits.is_body_optional {
            if body.content_length().is_some_and(|declared| declared > limit) {
                return Err(too_large());
            }
            let read = body.as_reader().take(limit.saturating_add(1)).read_to_end(&mut answer);
            read.map_err(|error| failure(error.into(), false, is_https, &host))?;
            if answer.len() > limits.answer_bytes {
                return Err(too_large());
            }
        } else if !head.status.is_success() {
            // However that ends: what has come is given.
            let _ = body.as_reader().take(limit).read_to_end(&mut answer);
        }
        let mut response = Response::new(Bytes::from(answer));
        *response.status_mut() = head.status;
        *response.version_mut() = head.version;
        *response.headers_mut() = head.headers;
        Ok(response)
    }
}

/// A body that tells when the first of it is taken.
struct Body {
    rest: Bytes,
    begun: Arc<AtomicBool>,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.begun.store(true, Ordering::Relaxed);
        let part = self.rest.split_to(self.rest.len().min(buffer.len()));
        buffer[..part.len()].copy_from_slice(&part);
        Ok(part.len())
    }
}

/// What an error of ureq says of how far the request came. `is_kept`: its body was not begun.
fn failure(error: ::ureq::Error, is_kept: bool, is_https: bool, host: &str) -> TransportError {
    use ::ureq::Error;
    use TransportErrorKind::{
        AnswerTooLarge, Broken, Timeout as TimeUp, Tls, Unreachable, Unsendable,
    };

    let of = |kind, detail: &'static str| TransportError::new(kind, detail);
    let tells = |kind, detail: String| TransportError::new(kind, detail);
    match &error {
        Error::TlsRequired => of(
            Tls,
            "https needs a client with TLS: turn on ureq's feature `rustls` or `native-tls`",
        ),
        Error::HostNotFound => of(Unreachable, "the name leads nowhere"),
        Error::ConnectionFailed => of(Unreachable, ""),
        Error::ConnectProxyFailed(_) => of(Unreachable, "the proxy makes no connection"),
        Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            of(Unreachable, "no connection in time")
        }
        Error::Timeout(_) if is_kept => of(Unreachable, "no connection in time"),
        Error::Timeout(_) => of(TimeUp, ""),
        Error::Http(_) | Error::BadUri(_) | Error::RequireHttpsOnly(_) | Error::InvalidProxyUrl => {
            of(Unsendable, "")
        }
        // Its words repeat headers.
        Error::Protocol(_) if is_kept => of(Unsendable, ""),
        Error::Protocol(_) => of(Broken, "what came is not HTTP"),
        Error::LargeResponseHeader(..) => of(AnswerTooLarge, "the headers"),
        Error::Tls(words) => of(Tls, words),
        Error::Io(cause) => {
            if let Some(words) = certificate(&format!("{cause:?}")) {
                return of(Tls, words);
            }
            let is_name = cause.raw_os_error().is_none()
                && cause.to_string().starts_with("failed to lookup address");
            let kind = match cause.kind() {
                _ if is_name => Unreachable,
                io::ErrorKind::ConnectionRefused | io::ErrorKind::AddrNotAvailable => Unreachable,
                // What rustls says comes as such an error.
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                    if is_kept && is_https =>
                {
                    Tls
                }
                _ if is_kept => Unreachable,
                io::ErrorKind::TimedOut => TimeUp,
                _ => Broken,
            };
            tells(kind, detail(cause, host))
        }
        error => {
            // Some variants have names only where ureq has TLS. They are of the handshake, or of
            // what is set up for it.
            let shown = format!("{error:?}");
            let is_tls = ["Rustls(", "NativeTls(", "Pem(", "Der("]
                .iter()
                .any(|name| shown.starts_with(name));
            match certificate(&shown) {
                Some(words) if is_tls => of(Tls, words),
                _ if is_tls => tells(Tls, detail(error, host)),
                _ => of(if is_kept { Unreachable } else { Broken }, ""),
            }
        }
    }
}

impl fmt::Debug for UreqTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UreqTransport")
    }
}
