//! The transport on reqwest.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use ::http::{Extensions, Request, Response};
use ::reqwest::{Client, ClientBuilder, redirect, retry};
use bytes::{Bytes, BytesMut};

use super::diagnosis::{causes, certificate, detail};
use super::guarded::Refused;
use super::{ExchangeLimits, PeerCertificate, Transport, TransportError, TransportErrorKind};
use crate::BoxFuture;

/// A [`Transport`] on [reqwest](::reqwest). It needs a runtime of tokio.
///
/// It contains no TLS library: for https, turn on a feature of reqwest (`rustls` or `native-tls`).
/// Without one, https fails with kind [`Tls`](TransportErrorKind::Tls) and a detail that says so.
///
/// Set roots, a client certificate and a proxy in your client:
///
/// ```no_run
/// use keyferry::transport::ReqwestTransport;
///
/// let read = |path| std::fs::read(path).unwrap();
/// let builder = reqwest::Client::builder()
///     .tls_certs_only([reqwest::Certificate::from_pem(&read("roots.pem"))?])
///     .identity(reqwest::Identity::from_pem(&read("client.pem"))?)
///     .proxy(reqwest::Proxy::https("http://proxy.example:3128")?)
///     .connect_timeout(ReqwestTransport::CONNECT_TIMEOUT);
/// let transport = ReqwestTransport::from_builder(builder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Kinds of failure
/// A connection that was not established within the client's connect timeout (for the default
/// client, [`CONNECT_TIMEOUT`](Self::CONNECT_TIMEOUT)) is
/// [`Unreachable`](TransportErrorKind::Unreachable): nothing was sent. When the [time of the
/// exchange](ExchangeLimits) is up, it is [`Timeout`](TransportErrorKind::Timeout), whether a
/// connection was established or not.
///
/// A client certificate that is not accepted is [`Tls`](TransportErrorKind::Tls), unless the
/// connection was reset before the refusal could be read.
#[derive(Clone)]
pub struct ReqwestTransport {
    client: Client,
    certificate: Option<Arc<CertificateOf>>,
}

type CertificateOf = dyn Fn(&Extensions) -> Option<Vec<u8>> + Send + Sync;

impl ReqwestTransport {
    /// The connect timeout of the default client, including TLS.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long the default client keeps an idle connection.
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
    /// The number of idle connections that the default client keeps per host.
    pub const IDLE_CONNECTIONS: usize = 8;

    /// Creates a client with the constants of this type. It follows no redirects, uses no proxy,
    /// not even one from the environment, keeps no cookies, retries nothing and decompresses
    /// nothing. It trusts reqwest's default roots. [`ExchangeLimits`] limit the time of an exchange
    /// and the size of its response.
    ///
    /// # Errors
    /// Kind [`Unsendable`](TransportErrorKind::Unsendable): the client cannot be created; with TLS,
    /// for example because the system has no roots.
    ///
    /// # Panics
    /// reqwest panics if its feature `rustls-no-provider` is on and no rustls provider was
    /// installed.
    pub fn new() -> Result<Self, TransportError> {
        Self::from_builder(ours())
    }

    /// Builds a client from the caller's builder that follows no redirects and retries nothing.
    /// Everything else is as the builder has it, or reqwest's default: [no time for
    /// connecting](Self::CONNECT_TIMEOUT), and, with the feature `system-proxy`, the proxy of the
    /// environment.
    ///
    /// With [`connection_verbose`](ClientBuilder::connection_verbose), reqwest logs every byte at
    /// level `trace`, credentials and bodies among them.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn from_builder(builder: ClientBuilder) -> Result<Self, TransportError> {
        let client = builder.redirect(redirect::Policy::none()).retry(retry::never()).build();
        let client = client.map_err(|error| {
            TransportError::new(TransportErrorKind::Unsendable, detail(&error.without_url(), ""))
        })?;
        Ok(Self::from_client(client))
    }

    /// Uses the caller's client unchanged. The limits of each exchange apply.
    ///
    /// Whether it follows redirects was decided when it was built. If it does, it may send the
    /// request, with some of its headers, to another address; the response from there is discarded
    /// with kind [`Broken`](TransportErrorKind::Broken). Better build it with
    /// [`redirect::Policy::none`](::reqwest::redirect::Policy::none), or let
    /// [`from_builder`](Self::from_builder) do so.
    #[must_use]
    pub fn from_client(client: Client) -> Self {
        Self { client, certificate: None }
    }

    /// Sets how to find the [server's certificate](PeerCertificate) in the extensions of reqwest's
    /// responses. It is added to each response. reqwest has it only with TLS, so the caller names
    /// the type:
    ///
    /// ```no_run
    /// use keyferry::transport::ReqwestTransport;
    /// use reqwest::tls::TlsInfo;
    ///
    /// let transport = ReqwestTransport::from_builder(reqwest::Client::builder().tls_info(true))?
    ///     .with_certificate(|extensions| Some(extensions.get::<TlsInfo>()?.peer_certificate()?.to_vec()));
    /// # Ok::<(), keyferry::transport::TransportError>(())
    /// ```
    #[must_use]
    pub fn with_certificate(
        mut self,
        find: impl Fn(&Extensions) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.certificate = Some(Arc::new(find));
        self
    }
}

/// The builder of the default client. It turns off behaviour that features of reqwest turn on for
/// all clients.
pub(super) fn ours() -> ClientBuilder {
    Client::builder()
        .connect_timeout(ReqwestTransport::CONNECT_TIMEOUT)
        .pool_idle_timeout(ReqwestTransport::IDLE_TIMEOUT)
        .pool_max_idle_per_host(ReqwestTransport::IDLE_CONNECTIONS)
        .no_proxy()
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
}

impl Transport for ReqwestTransport {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let limits = ExchangeLimits::of(&request);
            let is_https = request.uri().scheme_str() == Some("https");
            let host = request.uri().host().unwrap_or_default().to_owned();
            let failure = |error| failure(error, is_https, &host);

            let mut request = ::reqwest::Request::try_from(request).map_err(failure)?;
            // The library that sends the body sets its length.
            request.headers_mut().remove(CONTENT_LENGTH);
            request.headers_mut().remove(TRANSFER_ENCODING);
            *request.timeout_mut() = Some(limits.timeout);
            let asked = request.url().clone();

            let mut response = self.client.execute(request).await.map_err(failure)?;
            if *response.url() != asked {
                return Err(TransportError::new(
                    TransportErrorKind::Broken,
                    "the client followed a redirect",
                ));
            }
            let mut bytes = BytesMut::new();
            if !limits.is_body_optional {
                read(&mut response, &mut bytes, limits.answer_bytes, failure).await?;
            } else if !response.status().is_success() {
                let read = read(&mut response, &mut bytes, limits.answer_bytes, failure);
                // However it ends, the part that was received is returned.
                let _ = tokio::time::timeout(ExchangeLimits::BODY_GRACE, read).await;
            }

            let certificate =
                self.certificate.as_ref().and_then(|find| find(response.extensions()));
            let mut answer = Response::new(bytes.freeze());
            *answer.status_mut() = response.status();
            *answer.version_mut() = response.version();
            *answer.headers_mut() = std::mem::take(response.headers_mut());
            if let Some(certificate) = certificate {
                answer.extensions_mut().insert(PeerCertificate(certificate));
            }
            Ok(answer)
        })
    }
}

/// Reads the body of a response, of at most `limit` bytes.
async fn read(
    response: &mut ::reqwest::Response,
    body: &mut BytesMut,
    limit: usize,
    failure: impl Fn(::reqwest::Error) -> TransportError,
) -> Result<(), TransportError> {
    let too_large = || TransportError::new(TransportErrorKind::AnswerTooLarge, "");
    let declared = response.content_length();
    if declared.is_some_and(|declared| usize::try_from(declared).map_or(true, |n| n > limit)) {
        return Err(too_large());
    }
    while let Some(chunk) = response.chunk().await.map_err(&failure)? {
        if chunk.len() > limit - body.len() {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(())
}

/// Finds out from an error of reqwest how far the request came.
fn failure(error: ::reqwest::Error, is_https: bool, host: &str) -> TransportError {
    use TransportErrorKind::{
        AnswerTooLarge, Broken, TargetRefused, Timeout, Tls, Unreachable, Unsendable,
    };

    let error = error.without_url();
    let says = |words: &str| causes(&error).any(|cause| cause.to_string().contains(words));
    let kind = if causes(&error).any(<dyn std::error::Error>::is::<Refused>) {
        TargetRefused
    } else if error.is_builder() {
        Unsendable
    } else if let Some(words) = certificate(&format!("{error:?}")) {
        return TransportError::new(Tls, words);
    } else if error.is_connect() {
        // The request waits until the connection is established.
        if says("scheme is not http") {
            return TransportError::new(
                Tls,
                "https needs a client with TLS: turn on reqwest's feature `rustls` or `native-tls`",
            );
        }
        let system = causes(&error).any(|cause| {
            cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| error.raw_os_error().is_some())
        });
        let below =
            error.is_dns() || error.is_timeout() || system || says("tcp ") || says("tunnel");
        if is_https && !below { Tls } else { Unreachable }
    } else if error.is_timeout() {
        Timeout
    } else if says("message head is too large") {
        AnswerTooLarge
    } else {
        Broken
    };
    TransportError::new(kind, detail(&error, host))
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestTransport")
    }
}
