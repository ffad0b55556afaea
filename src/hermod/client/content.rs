//! The hub's client of a content provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::retry_loop::{checked, limited, unsendable, without_credentials};
use crate::hermod::Dialect;
use crate::hermod::model::ContentAnswer;
use crate::hermod::wire::http::content;
use crate::hermod::wire::{BasicAuth, ContentApi};
use crate::transport::{ExchangeLimits, GuardedTransport, TargetUrl, Transport as _};
use crate::{Clock, Error, SystemClock};

/// What a hub asks of a content provider, over HTTP. One exchange a call: an integrator waits for
/// it.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use keyferry::BaseUrl;
/// use keyferry::hermod::client::ContentClient;
/// use keyferry::hermod::wire::ContentApi;
/// use keyferry::transport::{GuardedTransport, TargetPolicy};
///
/// let provider = |request: Request<Bytes>| async move {
///     assert_eq!((request.uri().path(), &request.body()[..]), ("/cards/getcontent", &br#"{"contentId":"c1"}"#[..]));
///     Ok(Response::new(Bytes::from(r#"{"data":[{"content_type":"image/png","data":"aGVsbG8="}]}"#)))
/// };
/// // Programs take a guarded transport of the feature `reqwest`.
/// let transport = GuardedTransport::danger_unguarded(TargetPolicy::new(), Arc::new(provider));
/// let client = ContentClient::new(transport, BaseUrl::parse("https://shop.example/cards")?)?;
/// # async fn run(client: ContentClient) -> Result<(), keyferry::Error> {
/// let answer = client.content("c1").await?;
/// assert_eq!(answer.data[0].content_type.as_deref(), Some("image/png"));
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(client))?;
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct ContentClient {
    transport: GuardedTransport,
    target: TargetUrl,
    basic_auth: Option<BasicAuth>,
    clock: Arc<dyn Clock>,
    dialect: Arc<Dialect>,
    limits: ExchangeLimits,
}

impl ContentClient {
    /// The limits of an exchange unless others are given: 10 seconds, well within the time that who
    /// submits a command waits, and 5 MiB.
    pub const LIMITS: ExchangeLimits =
        ExchangeLimits::new(Duration::from_secs(10), 5 * 1024 * 1024);

    /// A client of the provider at `base` (then `…/getcontent`). With a [`TargetUrl`], the address
    /// may have a query, which each question carries.
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

    /// The same in another dialect.
    #[must_use]
    pub fn with_dialect(mut self, dialect: impl Into<Arc<Dialect>>) -> Self {
        self.dialect = dialect.into();
        self
    }

    /// The same with another clock, which a `Retry-After` that is a date is held against where the
    /// answer has no date of its own. Without one it is the [`SystemClock`].
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

impl ContentApi for ContentClient {
    async fn content(&self, content_id: &str) -> Result<ContentAnswer, Error> {
        let mut request = content::write_call(
            &self.dialect,
            self.target.base(),
            self.basic_auth.as_ref(),
            content_id,
        )
        .map_err(unsendable)?;
        self.target.complete(&mut request).map_err(unsendable)?;
        let sent = request.headers().clone();
        let exchanged = self.transport.send(limited(request, self.limits)).await;
        content::read_answer(&checked(exchanged, self.limits, self.clock.now())?).map_err(|error| {
            without_credentials(&*self.dialect, &sent, self.target.expose_query(), error)
        })
    }
}

/// Shows the host alone: a path may be a secret.
impl fmt::Debug for ContentClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContentClient")
            .field("host", &self.target.base().host())
            .finish_non_exhaustive()
    }
}
