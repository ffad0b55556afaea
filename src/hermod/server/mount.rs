//! All wires under one roof.

use std::convert::Infallible;
use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use ::http::request::Parts;
use ::http::{Method, Request, Response};
use bytes::Bytes;
use tower_service::Service;

use super::callback::Callbacks;
use super::command::Commands;
use super::config::{Core, TRACE_PARENT};
use super::content::Contents;
use super::exchange::{Exchange, Wire, finish_headers, without_body};
use super::head::check_head;
use super::mailbox::Mailboxes;
use super::service::{below, normal};
use super::{Body, CallbackService, Caller, RequestHead, ServerConfig};
use crate::encoding::percent::normal_path;
use crate::hermod::Dialect;
use crate::hermod::wire::http::write_refusal;
use crate::hermod::wire::{ApiKey, BasicAuth, CommandApi, ContentApi, MailboxApi, MailboxKey};
use crate::transport::message::{last_segments, method_not_allowed, no_such_address};
use crate::{BoxFuture, Class, Error, Gate};

/// Serves several wires, with one configuration and one set of limits:
///
/// | path | |
/// |---|---|
/// | `{base}/command/…` | commands |
/// | `{base}/ms`, `{base}/ms/…` | mailboxes |
/// | `…/callback/{command}` | callbacks |
/// | `…/getcontent` | contents |
/// | `/health` | 200 as long as the process answers |
/// | `/ready` | 200; 503 once its [`Drain`](super::Drain) has begun |
///
/// What is not mounted, and every other path, is 404. See [the module](super) for how to run it.
///
/// ```
/// # #[cfg(all(feature = "hub", feature = "aws-lc-rs"))] {
/// use std::sync::Arc;
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::hermod::hub::{Hub, HubConfig};
/// use keyferry::hermod::server::HermodService;
///
/// let hub = Hub::builder(Arc::new(AwsLcRs), HubConfig::new("https://hub.example/hermod/rest/ms", "hub.example")?).build()?;
/// let service = HermodService::new("/hermod/rest").with_commands(hub.clone()).with_mailboxes(hub.clone());
/// // The same, with the base and the dialect of the hub.
/// let service = HermodService::of_hub(&hub);
///
/// let mut config = service.config().clone();
/// config.limits.tenant_concurrent = 256;
/// let drain = config.drain.clone(); // ends it in good order
/// let service = service.with_config(config);
/// # let _ = (service, drain);
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct HermodService {
    core: Arc<Core>,
    mounts: Arc<Mounts>,
}

#[derive(Clone)]
struct Mounts {
    base: String,
    command: String,
    mailbox: String,
    health: String,
    ready: String,
    commands: Option<Arc<Commands>>,
    mailboxes: Option<Arc<Mailboxes>>,
    callbacks: Option<Arc<Callbacks>>,
    contents: Option<Arc<Contents>>,
}

impl HermodService {
    /// Serves nothing yet, below this path. A router may take it away, or a part of it, or leave
    /// it; slashes at its ends do not matter.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let mounts = Mounts {
            base: normal(base),
            command: normal("command"),
            mailbox: normal("ms"),
            health: normal("health"),
            ready: normal("ready"),
            commands: None,
            mailboxes: None,
            callbacks: None,
            contents: None,
        };
        Self { core: Core::new(ServerConfig::default()), mounts: Arc::new(mounts) }
    }

    /// Serves commands and mailboxes of a hub, with its dialect, below the path of its public
    /// address without `/ms`.
    ///
    /// Deadlines and callbacks are not the server's business:
    /// [`Hub::run`](crate::hermod::hub::Hub::run) has to be polled beside it, or no callback is
    /// ever sent. To change the configuration, take [`config`](Self::config) and change that, so
    /// that the hub's dialect stays.
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// use std::sync::Arc;
    /// use keyferry::crypto::aws_lc_rs::AwsLcRs;
    /// use keyferry::hermod::hub::{Hub, HubConfig};
    /// use keyferry::hermod::server::HermodService;
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let hub = Hub::builder(Arc::new(AwsLcRs), HubConfig::new("https://hub.example/hermod/rest/ms", "hub.example")?).build()?;
    /// let service = HermodService::of_hub(&hub);
    /// let running = tokio::spawn(async move { hub.run().await });
    /// let app: axum::Router = axum::Router::new().fallback_service(service);
    /// # running.abort();
    /// # Ok::<(), keyferry::Error>(())
    /// # }).unwrap();
    /// # }
    /// ```
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn of_hub(hub: &crate::hermod::hub::Hub) -> Self {
        let mut config = ServerConfig::default();
        config.dialect = hub.config().dialect.clone();
        let public = crate::BaseUrl::parse(&hub.config().public_url);
        let base = public
            .as_ref()
            .map_or("", |public| public.path().strip_suffix("/ms").unwrap_or_default());
        Self::new(base).with_config(config).with_commands(hub.clone()).with_mailboxes(hub.clone())
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.core.config
    }

    /// The same with another configuration, to be made of [`config`](Self::config). Rates and
    /// whatever else it remembers begin anew.
    #[must_use]
    pub fn with_config(mut self, config: ServerConfig) -> Self {
        self.core = Core::new(config);
        self
    }

    /// Commands below another path than `/command`, and mailboxes below another than `/ms`. Both
    /// are below the base.
    #[must_use]
    pub fn with_paths(self, command: &str, mailbox: &str) -> Self {
        self.mount(|mounts| (mounts.command, mounts.mailbox) = (normal(command), normal(mailbox)))
    }

    /// Health and readiness at other paths than `/health` and `/ready`. They are found below the
    /// base, too.
    #[must_use]
    pub fn with_probes(self, health: &str, ready: &str) -> Self {
        self.mount(|mounts| (mounts.health, mounts.ready) = (normal(health), normal(ready)))
    }

    /// Commands, as [`CommandService`](super::CommandService) serves them.
    #[must_use]
    pub fn with_commands<G>(self, gate: G) -> Self
    where
        G: Gate<ApiKey> + 'static,
        G::Handle: CommandApi + 'static,
    {
        self.mount(|mounts| mounts.commands = Some(Arc::new(Commands::new(gate))))
    }

    /// The same with a gate that is asked with the whole head of a request: see
    /// [`CommandService::by_head`](super::CommandService::by_head).
    #[must_use]
    pub fn with_commands_by_head<G, H>(self, gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: CommandApi + 'static,
    {
        self.mount(|mounts| mounts.commands = Some(Arc::new(Commands::by_head(gate))))
    }

    /// Mailboxes, as [`MailboxService`](super::MailboxService) serves them.
    #[must_use]
    pub fn with_mailboxes<G>(self, gate: G) -> Self
    where
        G: Gate<MailboxKey> + 'static,
        G::Handle: MailboxApi + 'static,
    {
        self.mount(|mounts| mounts.mailboxes = Some(Arc::new(Mailboxes::new(gate))))
    }

    /// The same with a gate that is asked with the whole head of a request: see
    /// [`MailboxService::by_head`](super::MailboxService::by_head).
    #[must_use]
    pub fn with_mailboxes_by_head<G, H>(self, gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: MailboxApi + 'static,
    {
        self.mount(|mounts| mounts.mailboxes = Some(Arc::new(Mailboxes::by_head(gate))))
    }

    /// Callbacks. Of the service its gate and its signature are taken, not its configuration.
    #[must_use]
    pub fn with_callbacks(self, callbacks: CallbackService) -> Self {
        self.mount(|mounts| mounts.callbacks = Some(callbacks.into_wire()))
    }

    /// Contents, as [`ContentService`](super::ContentService) serves them.
    #[must_use]
    pub fn with_contents<G>(self, gate: G) -> Self
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: ContentApi + 'static,
    {
        self.mount(|mounts| mounts.contents = Some(Arc::new(Contents::new(gate))))
    }

    /// The same with a gate that is asked with the whole head of a request: see
    /// [`ContentService::by_head`](super::ContentService::by_head).
    #[must_use]
    pub fn with_contents_by_head<G, H>(self, gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: ContentApi + 'static,
    {
        self.mount(|mounts| mounts.contents = Some(Arc::new(Contents::by_head(gate))))
    }

    fn mount(mut self, change: impl FnOnce(&mut Mounts)) -> Self {
        change(Arc::make_mut(&mut self.mounts));
        self
    }

    /// Whether the server is there, and whether it takes work.
    fn probe(&self, head: &Parts, is_ready: bool) -> Response<Body> {
        let config = &self.core.config;
        let method = &head.method;
        let request_id = self.core.request_id(&head.headers);
        let refusal = |error| write_refusal(&config.dialect, &error, &request_id);
        let mut response = if let Err(error) = check_head(head, &config.limits) {
            refusal(error)
        } else if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = refusal(method_not_allowed());
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        } else if is_ready && config.drain.has_begun() {
            refusal(Error::new(Class::Unavailable, "", "the server is shutting down"))
        } else {
            let mut response = Response::new(Bytes::from_static(b"{}"));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        };
        if let (Some(name), Ok(id)) = (&self.core.request_id, HeaderValue::from_str(&request_id)) {
            response.headers_mut().insert(name.clone(), id);
        }
        if let Some(trace_parent) = self.core.trace_parent(&head.headers) {
            response.headers_mut().insert(TRACE_PARENT, trace_parent);
        }
        finish_headers(response.headers_mut());
        let (mut head, mut body) = response.into_parts();
        if *method == Method::HEAD {
            body = without_body(&mut head.headers, &body);
        }
        Response::from_parts(head, Body::new(body))
    }

    fn serve<W: Wire, B>(&self, wire: &Arc<W>, path: &str, request: Request<B>) -> Answering
    where
        B: http_body::Body + Send + 'static,
        B::Data: Send,
    {
        let (wire, path) = (wire.clone(), path.to_owned());
        let exchange = Exchange::begin(&self.core, W::NAME, request);
        Box::pin(async move { Ok(exchange.run(wire, path).await) })
    }
}

type Answering = BoxFuture<'static, Result<Response<Body>, Infallible>>;

impl<B> Service<Request<B>> for HermodService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Answering {
        let mounts = &*self.mounts;
        let whole = normal_path(request.uri().path()).into_owned();
        let path = below(&mounts.base, &whole);
        let is = |probe: &str| !probe.is_empty() && (whole == probe || path == probe);
        if is(&mounts.health) || is(&mounts.ready) {
            let (head, _) = request.into_parts();
            return Box::pin(ready(Ok(self.probe(&head, is(&mounts.ready)))));
        }
        let under = |prefix: &str| {
            path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let (Some(commands), Some(rest)) = (&mounts.commands, under(&mounts.command)) {
            return self.serve(commands, rest, request);
        }
        if let (Some(mailboxes), Some(rest)) = (&mounts.mailboxes, under(&mounts.mailbox)) {
            return self.serve(mailboxes, rest, request);
        }
        let paths = &self.core.config.dialect.paths;
        let (before, last) = last_segments(path);
        match (&mounts.callbacks, &mounts.contents) {
            (Some(callbacks), _) if paths.callback.is_empty() || before == paths.callback => {
                self.serve(callbacks, path, request)
            }
            (_, Some(contents)) if last == paths.content => self.serve(contents, path, request),
            _ => self.serve(&Arc::new(Nowhere), path, request),
        }
    }
}

impl fmt::Debug for HermodService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HermodService").field("base", &self.mounts.base).finish_non_exhaustive()
    }
}

/// Where nothing is.
struct Nowhere;

impl Wire for Nowhere {
    type Answer = Infallible;
    const NAME: &'static str = "none";
    const CHALLENGE: &'static str = "Bearer";

    async fn answer(&self, _: &mut Exchange, _: &str) -> Result<Infallible, Error> {
        Err(no_such_address())
    }

    fn write(
        dialect: &Dialect,
        answer: &Result<Infallible, Error>,
        request_id: &str,
    ) -> Response<Bytes> {
        match answer {
            Ok(never) => match *never {},
            Err(error) => write_refusal(dialect, error, request_id),
        }
    }

    fn check_address(_: &Dialect, _: &str, _: &Method) -> Result<(), Error> {
        Err(no_such_address())
    }
}
