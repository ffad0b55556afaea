//! The hub's sender of callbacks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::retry_loop::{checked, limited, unsendable, without_credentials};
use crate::crypto::Provider;
use crate::hermod::Dialect;
use crate::hermod::wire::http::callback;
use crate::hermod::wire::{BasicAuth, CallbackApi, Delivery, WebhookSecret};
use crate::transport::{ExchangeLimits, GuardedTransport, TargetUrl, Transport as _};
use crate::{Clock, Error, SystemClock};

/// Brings callbacks to an integrator, over HTTP. One exchange a delivery: the hub's outbox tries
/// again.
///
/// The fate of a delivery hangs on the status of its answer, by the table at
/// [`read_answer`](callback::read_answer): any 2xx is success, whatever its body and whether that
/// comes whole; 410, 422 and what a receiver of this crate refuses are final; everything else is
/// tried again, as is an exchange that failed. An address that must not be called is given up at
/// once. `Retry-After` is in the [error](Error::retry_after), and the outbox keeps it.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use keyferry::hermod::client::CallbackSender;
/// use keyferry::hermod::wire::{AnyCallbackApi, BasicAuth};
/// use keyferry::transport::{GuardedTransport, TargetPolicy};
/// use keyferry::{BaseUrl, Class, Secret};
///
/// // Programs take a guarded transport of the feature `reqwest`.
/// let receiver = Arc::new(|_: Request<Bytes>| async { Ok(Response::new(Bytes::new())) });
/// let transport = GuardedTransport::danger_unguarded(TargetPolicy::new(), receiver);
///
/// let sender = CallbackSender::new(transport.clone(), BaseUrl::parse("https://shop.example/hermod")?)?;
/// let callback = AnyCallbackApi::new(sender.with_basic_auth(BasicAuth::new("hub", Secret::new("s3cret"))));
///
/// let plain = CallbackSender::new(transport, BaseUrl::parse("http://shop.example/hermod")?);
/// assert_eq!(plain.unwrap_err().class(), Class::TargetRefused);
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct CallbackSender {
    transport: GuardedTransport,
    target: TargetUrl,
    basic_auth: Option<BasicAuth>,
    signing: Option<(Arc<dyn Provider>, Vec<WebhookSecret>)>,
    clock: Arc<dyn Clock>,
    dialect: Arc<Dialect>,
    limits: ExchangeLimits,
}

impl CallbackSender {
    /// The limits of an exchange unless others are given: 25 seconds, less than a
    /// [try](crate::hermod::hub::CallbackPolicy::timeout) may take, and 16 KiB, with a body that is
    /// [optional](ExchangeLimits::is_body_optional).
    pub const LIMITS: ExchangeLimits =
        ExchangeLimits::new(Duration::from_secs(25), 16 * 1024).with_optional_body();

    /// A sender to the receiver whose callbacks are below `base`
    /// (`https://shop.example/hermod/rest`: then `…/callback/provision`). With a [`TargetUrl`], the
    /// address may have a query, which each callback carries
    /// (`https://shop.example/api?code=…`: then `…/api/callback/provision?code=…`).
    ///
    /// # Errors
    /// Class `target-refused` if the transport's policy does not allow the address.
    pub fn new(transport: GuardedTransport, base: impl Into<TargetUrl>) -> Result<Self, Error> {
        let target = base.into();
        transport.policy().check(target.base())?;
        Ok(Self {
            transport,
            target,
            basic_auth: None,
            signing: None,
            clock: Arc::new(SystemClock),
            dialect: Arc::default(),
            limits: Self::LIMITS,
        })
    }

    /// The same with HTTP Basic.
    #[must_use]
    pub fn with_basic_auth(mut self, basic_auth: BasicAuth) -> Self {
        self.basic_auth = Some(basic_auth);
        self
    }

    /// The same with a signature over id, time and body, as Standard Webhooks 1.0 has it, which the
    /// receiver [verifies](callback::verify_signature) with the same secret, or with any library of
    /// that specification. With several secrets there is a signature of each, so that a receiver
    /// can go over from one to the next; with none nothing is sent.
    #[must_use]
    pub fn with_signature(
        mut self,
        provider: Arc<dyn Provider>,
        secrets: impl Into<Vec<WebhookSecret>>,
    ) -> Self {
        self.signing = Some((provider, secrets.into()));
        self
    }

    /// The same in another dialect.
    #[must_use]
    pub fn with_dialect(mut self, dialect: impl Into<Arc<Dialect>>) -> Self {
        self.dialect = dialect.into();
        self
    }

    /// The same with another clock, which the time of a delivery is taken from. Without one it is
    /// the [`SystemClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same with other limits of an exchange. The body of an answer stays
    /// [optional](ExchangeLimits::is_body_optional).
    #[must_use]
    pub fn with_limits(mut self, limits: ExchangeLimits) -> Self {
        self.limits = limits.with_optional_body();
        self
    }
}

impl CallbackApi for CallbackSender {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        let signing = self.signing.as_ref().map(|(provider, secrets)| (&**provider, &**secrets));
        let request = callback::write_call(
            &self.dialect,
            self.target.base(),
            self.basic_auth.as_ref(),
            signing,
            self.clock.now(),
            &delivery,
        );
        // A provider that failed may not fail again, so only another fault is final.
        let request = request
            .map_err(|error| if error.is_retryable() { error } else { unsendable(error) })?;
        let mut request = limited(request, self.limits);
        self.target.complete(&mut request).map_err(unsendable)?;
        let sent = request.headers().clone();
        let exchanged = self.transport.send(request).await;
        let response = checked(exchanged, self.limits, self.clock.now())?;
        callback::read_answer(&self.dialect, &response).map_err(|error| {
            without_credentials(&*self.dialect, &sent, self.target.expose_query(), error)
        })
    }

    fn host(&self) -> Option<&str> {
        Some(self.target.base().host())
    }
}

/// Shows the host alone: a path may be a secret.
impl fmt::Debug for CallbackSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSender")
            .field("host", &self.target.base().host())
            .field("is_signed", &self.signing.is_some())
            .finish_non_exhaustive()
    }
}
