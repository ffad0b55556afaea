//! The hub's sender of callbacks.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::attempts::{checked, limited, unsendable};
use crate::crypto::Provider;
use crate::hermod::Dialect;
use crate::hermod::wire::http::callback;
use crate::hermod::wire::{BasicAuth, CallbackApi, Delivery};
use crate::http::{ExchangeLimits, GuardedTransport, StatusError, Transport as _};
use crate::{BaseUrl, Class, Clock, Error, Secret, SystemClock};

/// Brings callbacks to an integrator, over HTTP. One exchange a delivery: the hub's outbox tries
/// again.
///
/// Any 2xx is success. What may pass is of class `unavailable` or `rate`: a failed exchange, a
/// redirect, 408, 425, 429, 5xx. Any other 4xx, and an address that must not be called, are the
/// last word. An answer that is longer than the [limit](Self::LIMITS) counts as none, though the
/// receiver may have taken the delivery: it drops repeats by their id.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use keyferry::hermod::client::CallbackSender;
/// use keyferry::hermod::wire::{AnyCallbackApi, BasicAuth};
/// use keyferry::http::{GuardedTransport, TargetPolicy};
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
    base: BaseUrl,
    basic_auth: Option<BasicAuth>,
    signing: Option<(Arc<dyn Provider>, Secret)>,
    clock: Arc<dyn Clock>,
    dialect: Arc<Dialect>,
    limits: ExchangeLimits,
}

impl CallbackSender {
    /// The limits of an exchange unless others are given: 30 seconds, 16 KiB.
    pub const LIMITS: ExchangeLimits = ExchangeLimits::new(Duration::from_secs(30), 16 * 1024);

    /// A sender to the receiver whose callbacks are below `base`
    /// (`https://shop.example/hermod/rest`: then `…/callback/provision`).
    ///
    /// # Errors
    /// Class `target-refused` if the transport's policy does not allow the address.
    pub fn new(transport: GuardedTransport, base: BaseUrl) -> Result<Self, Error> {
        transport.policy().check(&base)?;
        Ok(Self {
            transport,
            base,
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

    /// The same with a signature over time and body, which the receiver
    /// [verifies](callback::verify_signature) with the same secret.
    #[must_use]
    pub fn with_signature(mut self, provider: Arc<dyn Provider>, secret: Secret) -> Self {
        self.signing = Some((provider, secret));
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

    /// The same with other limits of an exchange.
    #[must_use]
    pub fn with_limits(mut self, limits: ExchangeLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl CallbackApi for CallbackSender {
    async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
        let signing = self.signing.as_ref().map(|(provider, secret)| (&**provider, secret));
        let request = callback::write_call(
            &self.dialect,
            &self.base,
            self.basic_auth.as_ref(),
            signing,
            self.clock.now(),
            &delivery,
        );
        // A provider that failed may not fail again, so only another fault is final.
        let request = request
            .map_err(|error| if error.is_retryable() { error } else { unsendable(error) })?;
        let request = limited(request, self.limits);
        let response = checked(self.transport.send(request).await, self.limits)?;
        callback::read_answer(&response).map_err(last_word)
    }
}

/// A 4xx that does not pass is final, whatever its body says and even if nothing else is known of
/// it.
fn last_word(error: Error) -> Error {
    let passes = |status: u16| !(400..500).contains(&status) || matches!(status, 408 | 425 | 429);
    match StatusError::of(&error).map(|answer| answer.status().as_u16()) {
        Some(status) if !passes(status) && error.is_retryable() => {
            error.with_class(Class::Malformed)
        }
        _ => error,
    }
}

/// Shows the host alone: a path may be a secret.
impl fmt::Debug for CallbackSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSender")
            .field("host", &self.base.host())
            .field("is_signed", &self.signing.is_some())
            .finish_non_exhaustive()
    }
}
