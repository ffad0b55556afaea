//! The device's way to its hubs.

use std::fmt;
use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;

use crate::crypto::Provider;
use crate::hermod::client::MailboxClient;
use crate::hermod::client::mailbox::MailboxEndpoint;
use crate::hermod::client::settings::{Settings, setters};
use crate::hermod::device::{CertificateSeen, Connection, Connector};
use crate::hermod::wire::{AnyMailboxApi, MailboxKey};
use crate::transport::{PeerCertificate, Transport, TransportError};
use crate::{BaseUrl, BoxFuture, Clock, Error, SystemClock};

/// Opens mailboxes over HTTP: a [`MailboxClient`] a mailbox, all over one transport. The
/// certificate that the hub shows is what the device signs (`sch`), if the transport
/// [tells](PeerCertificate).
///
/// That a host is the one it says it is, is for the transport to check, by TLS.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::Secret;
/// use keyferry::crypto::{Provider, aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::device::HttpConnector;
/// use keyferry::hermod::device::Connector;
/// use keyferry::hermod::wire::{MailboxApi, MailboxKey};
/// use keyferry::transport::PeerCertificate;
/// use std::time::Duration;
///
/// let hub = |_: Request<Bytes>| async {
///     let mut answer = Response::new(Bytes::from(r#"{"messages":[]}"#));
///     answer.extensions_mut().insert(PeerCertificate(b"DER".to_vec()));
///     Ok(answer)
/// };
/// let connector = HttpConnector::new(hub, Arc::new(AwsLcRs));
/// # async fn run(connector: HttpConnector) -> Result<(), keyferry::Error> {
/// let connection = connector.connect("https://hub.example/ms", MailboxKey::of_mailbox("b1", Secret::new("t0ken"))).await?;
/// assert_eq!(connection.certificate.sha256(), None);
/// connection.mailbox.list(Duration::ZERO).await?;
/// assert_eq!(connection.certificate.sha256(), Some(AwsLcRs.sha256(b"DER")));
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(connector)).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct HttpConnector {
    transport: Arc<dyn Transport>,
    provider: Arc<dyn Provider>,
    clock: Arc<dyn Clock>,
    settings: Settings,
}

impl HttpConnector {
    /// A connector over this transport; the provider makes digests of certificates.
    #[must_use]
    pub fn new(transport: impl Transport + 'static, provider: Arc<dyn Provider>) -> Self {
        Self {
            transport: Arc::new(transport),
            provider,
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
        }
    }

    setters!(clock);
}

impl Connector for HttpConnector {
    fn connect<'a>(
        &'a self,
        public: &'a str,
        key: MailboxKey,
    ) -> BoxFuture<'a, Result<Connection, Error>> {
        let connected = BaseUrl::parse(public).map(|public| {
            let seen = CertificateSeen::new();
            let watched = Watched {
                transport: self.transport.clone(),
                provider: self.provider.clone(),
                seen: seen.clone(),
            };
            let endpoint = MailboxEndpoint { public, key };
            let client = MailboxClient::with_settings(
                Arc::new(watched),
                self.clock.clone(),
                self.settings.clone(),
                endpoint,
            );
            Connection::new(AnyMailboxApi::new(client)).with_certificate(seen)
        });
        Box::pin(std::future::ready(connected))
    }
}

impl fmt::Debug for HttpConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpConnector")
    }
}

/// Notes the certificate that comes with each answer.
struct Watched {
    transport: Arc<dyn Transport>,
    provider: Arc<dyn Provider>,
    seen: CertificateSeen,
}

impl Transport for Watched {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let response = self.transport.send(request).await?;
            if let Some(PeerCertificate(der)) = PeerCertificate::of(&response) {
                self.seen.set_sha256(self.provider.sha256(der));
            }
            Ok(response)
        })
    }
}
