//! The service of all wires.

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

use super::CallbackService;
use super::callback::Callbacks;
use super::command::Commands;
use super::content::Contents;
use super::mailbox::Mailboxes;
use super::nowhere::Nowhere;
use crate::encoding::percent::{is_path_or_query, normal_path};
use crate::hermod::Dialect;
use crate::hermod::wire::http::write_refusal;
use crate::hermod::wire::{
    AnyCommandApi, AnyContentApi, AnyMailboxApi, ApiKey, BasicAuth, CommandApi, ContentApi,
    MailboxApi, MailboxKey,
};
use crate::server::config::{Core, TRACE_PARENT};
use crate::server::erased_gate::Entrance;
use crate::server::exchange::{finish_headers, serve, without_body};
use crate::server::request_checks::check_head;
use crate::server::router::{below, normal};
use crate::server::{Caller, RequestHead, ServerConfig};
use crate::transport::Body;
use crate::transport::message::{last_segments, method_not_allowed};
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
/// | `/ready` | 200; 503 once its [`Drain`](crate::server::Drain) has begun |
///
/// What is not mounted, and every other path, is 404. See [the module](super) for how to run it.
///
/// ```
/// # #[cfg(all(feature = "hub", feature = "aws-lc-rs"))] {
/// use std::sync::Arc;
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::hermod::hub::{Hub, HubConfig};
/// use keyferry::hermod::server::HermodService;
/// use keyferry::server::ServerConfig;
///
/// let config = HubConfig::new("https://hub.example/hermod/rest/ms", "hub.example")?;
/// let hub = Hub::builder(Arc::new(AwsLcRs), config).build()?;
/// let service = HermodService::builder("/hermod/rest")
///     .with_commands(hub.clone())
///     .with_mailboxes(hub.clone())
///     .build()?;
/// // The same, with the base and the dialect of the hub.
/// let service = HermodService::of_hub(&hub)?;
///
/// let mut config = ServerConfig::default();
/// config.limits.tenant_concurrent = 256;
/// let drain = config.drain.clone(); // ends it in good order
/// let service = HermodService::hub_builder(&hub).with_config(config).build()?;
/// # let _ = (service, drain);
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct HermodService {
    core: Arc<Core>,
    routes: Arc<Routes>,
}

struct Routes {
    dialect: Arc<Dialect>,
    base: String,
    command: String,
    mailbox: String,
    health: String,
    ready: String,
    commands: Option<Arc<Commands>>,
    mailboxes: Option<Arc<Mailboxes>>,
    callbacks: Option<Arc<Callbacks>>,
    contents: Option<Arc<Contents>>,
    nowhere: Arc<Nowhere>,
}

impl HermodService {
    /// Builds a service below this path. A router may take the path away, or a part of it, or leave
    /// it; slashes at its ends do not matter.
    #[must_use]
    pub fn builder(base: &str) -> HermodServiceBuilder {
        HermodServiceBuilder::new(Base::Path(base.to_owned()))
    }

    /// Serves commands and mailboxes of a hub, with its dialect, below the path of its public
    /// address without `/ms`.
    ///
    /// Deadlines and callbacks are not the server's business:
    /// [`Hub::run`](crate::hermod::hub::Hub::run) has to be polled beside it, or no callback is
    /// ever sent. [`hub_builder`](Self::hub_builder) changes more of it.
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// use std::sync::Arc;
    /// use keyferry::crypto::aws_lc_rs::AwsLcRs;
    /// use keyferry::hermod::hub::{Hub, HubConfig};
    /// use keyferry::hermod::server::HermodService;
    ///
    /// # let mut runtime = tokio::runtime::Builder::new_current_thread();
    /// # runtime.enable_all().build().unwrap().block_on(async {
    /// let config = HubConfig::new("https://hub.example/hermod/rest/ms", "hub.example")?;
    /// let hub = Hub::builder(Arc::new(AwsLcRs), config).build()?;
    /// let service = HermodService::of_hub(&hub)?;
    /// let running = tokio::spawn(async move { hub.run().await });
    /// let app: axum::Router = axum::Router::new().fallback_service(service);
    /// # running.abort();
    /// # Ok::<(), keyferry::Error>(())
    /// # }).unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`HermodServiceBuilder::build`].
    #[cfg(feature = "hub")]
    pub fn of_hub(hub: &crate::hermod::hub::Hub) -> Result<Self, Error> {
        Self::hub_builder(hub).build()
    }

    /// Builds the same service as [`of_hub`](Self::of_hub), with more or with another
    /// configuration.
    #[cfg(feature = "hub")]
    #[must_use]
    pub fn hub_builder(hub: &crate::hermod::hub::Hub) -> HermodServiceBuilder {
        HermodServiceBuilder::new(Base::OfPublicUrl(hub.config().public_url.clone()))
            .with_dialect(hub.config().dialect.clone())
            .with_commands(hub.clone())
            .with_mailboxes(hub.clone())
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.core.config
    }

    /// Whether the server is there, and whether it takes work.
    fn probe(&self, head: &Parts, is_ready: bool) -> Response<Body> {
        let config = &self.core.config;
        let method = &head.method;
        let request_id = self.core.request_id(&head.headers);
        let refusal = |error| write_refusal(&self.routes.dialect, &error, &request_id);
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
}

/// Where the service is.
enum Base {
    /// At this path.
    Path(String),
    /// Where the public address of the mailboxes says, without their path.
    #[cfg(feature = "hub")]
    OfPublicUrl(String),
}

/// Builds a [`HermodService`].
pub struct HermodServiceBuilder {
    base: Base,
    config: ServerConfig,
    dialect: Arc<Dialect>,
    paths: (String, String),
    probes: (String, String),
    commands: Option<Entrance<ApiKey, AnyCommandApi>>,
    mailboxes: Option<Entrance<MailboxKey, AnyMailboxApi>>,
    callbacks: Option<CallbackService>,
    contents: Option<Entrance<Option<BasicAuth>, AnyContentApi>>,
}

impl HermodServiceBuilder {
    fn new(base: Base) -> Self {
        Self {
            base,
            config: ServerConfig::default(),
            dialect: Arc::default(),
            paths: (normal("command"), normal("ms")),
            probes: (normal("health"), normal("ready")),
            commands: None,
            mailboxes: None,
            callbacks: None,
            contents: None,
        }
    }

    /// Another configuration than the default.
    #[must_use]
    pub fn with_config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Another dialect than the standard one. A hub and its service have the same.
    #[must_use]
    pub fn with_dialect(mut self, dialect: impl Into<Arc<Dialect>>) -> Self {
        self.dialect = dialect.into();
        self
    }

    /// Commands below another path than `/command`, and mailboxes below another than `/ms`. Both
    /// are below the base.
    #[must_use]
    pub fn with_paths(mut self, command: &str, mailbox: &str) -> Self {
        self.paths = (normal(command), normal(mailbox));
        self
    }

    /// Health and readiness at other paths than `/health` and `/ready`. They are found below the
    /// base, too.
    #[must_use]
    pub fn with_probes(mut self, health: &str, ready: &str) -> Self {
        self.probes = (normal(health), normal(ready));
        self
    }

    /// Serves commands: `POST {base}/command/{command}` and `GET {base}/command/poll/{commandId}`,
    /// with `X-Api-Key`, which the gate is asked with.
    #[must_use]
    pub fn with_commands<G>(mut self, gate: G) -> Self
    where
        G: Gate<ApiKey> + 'static,
        G::Handle: CommandApi + 'static,
    {
        self.commands = Some(Entrance::by_credential(gate, AnyCommandApi::new));
        self
    }

    /// Serves commands with a gate that is asked with the whole head of a request: single sign-on,
    /// a client's certificate or the identity that a proxy adds opens it without an API key. See
    /// [`RequestHead`].
    #[must_use]
    pub fn with_commands_by_head<G, H>(mut self, gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: CommandApi + 'static,
    {
        self.commands = Some(Entrance::by_head(gate, AnyCommandApi::new));
        self
    }

    /// Serves mailboxes: `{base}/ms/{bid}` and `{base}/ms/{bid}/{mid}`, with a bearer token, which
    /// the gate is asked with.
    #[must_use]
    pub fn with_mailboxes<G>(mut self, gate: G) -> Self
    where
        G: Gate<MailboxKey> + 'static,
        G::Handle: MailboxApi + 'static,
    {
        self.mailboxes = Some(Entrance::by_credential(gate, AnyMailboxApi::new));
        self
    }

    /// Serves mailboxes with a gate that is asked with the whole head of a request: see
    /// [`RequestHead`].
    #[must_use]
    pub fn with_mailboxes_by_head<G, H>(mut self, gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: MailboxApi + 'static,
    {
        self.mailboxes = Some(Entrance::by_head(gate, AnyMailboxApi::new));
        self
    }

    /// Serves callbacks at `…/callback/{command}`. The gate and the signature of `callbacks` are
    /// taken over, its configuration and its dialect are not.
    #[must_use]
    pub fn with_callbacks(mut self, callbacks: CallbackService) -> Self {
        self.callbacks = Some(callbacks);
        self
    }

    /// Serves contents: `POST …/getcontent`, with HTTP Basic, which the gate is asked with, or with
    /// `None` if there is no credential, not exactly one, or it cannot be read.
    #[must_use]
    pub fn with_contents<G>(mut self, gate: G) -> Self
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: ContentApi + 'static,
    {
        self.contents = Some(Entrance::by_credential(gate, AnyContentApi::new));
        self
    }

    /// Serves contents with a gate that is asked with the whole head of a request: see
    /// [`RequestHead`].
    #[must_use]
    pub fn with_contents_by_head<G, H>(mut self, gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: ContentApi + 'static,
    {
        self.contents = Some(Entrance::by_head(gate, AnyContentApi::new));
        self
    }

    /// Builds the service.
    ///
    /// # Errors
    /// Class `malformed` if a base path is not one, or if the public address of a hub does not
    /// parse or does not end in the path of the mailboxes.
    pub fn build(self) -> Result<HermodService, Error> {
        let Self { base, config, dialect, paths, probes, .. } = self;
        let base = match base {
            Base::Path(base) => normal(&base),
            #[cfg(feature = "hub")]
            Base::OfPublicUrl(url) => {
                let public =
                    crate::BaseUrl::parse(&url).map_err(|error| error.within("public_url"))?;
                let path = normal(public.path());
                let base = path.strip_suffix(&*paths.1).map(str::to_owned);
                base.ok_or_else(|| {
                    Error::malformed("public_url", "does not end in the path of the mailboxes")
                })?
            }
        };
        if !is_path_or_query(&base, false) {
            return Err(Error::malformed("base", "escapes that a path does not have"));
        }
        let wire = || dialect.clone();
        let remembered = config.limits.callbacks;
        let routes = Routes {
            base,
            command: paths.0,
            mailbox: paths.1,
            health: probes.0,
            ready: probes.1,
            commands: self
                .commands
                .map(|entrance| Arc::new(Commands { dialect: wire(), entrance })),
            mailboxes: self
                .mailboxes
                .map(|entrance| Arc::new(Mailboxes { dialect: wire(), entrance })),
            callbacks: self
                .callbacks
                .map(|service| Arc::new(service.callbacks.within(wire(), remembered))),
            contents: self
                .contents
                .map(|entrance| Arc::new(Contents { dialect: wire(), entrance })),
            nowhere: Arc::new(Nowhere::new(wire())),
            dialect,
        };
        Ok(HermodService { core: Core::new(config, &*routes.dialect), routes: Arc::new(routes) })
    }
}

impl fmt::Debug for HermodServiceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HermodServiceBuilder").field("paths", &self.paths).finish_non_exhaustive()
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
        let routes = &*self.routes;
        let whole = normal_path(request.uri().path()).into_owned();
        let path = below(&routes.base, &whole);
        let is = |probe: &str| !probe.is_empty() && (whole == probe || path == probe);
        if is(&routes.health) || is(&routes.ready) {
            let (head, _) = request.into_parts();
            return Box::pin(ready(Ok(self.probe(&head, is(&routes.ready)))));
        }
        let under = |prefix: &str| {
            path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let (Some(commands), Some(rest)) = (&routes.commands, under(&routes.command)) {
            return serve(&self.core, commands, rest, request);
        }
        if let (Some(mailboxes), Some(rest)) = (&routes.mailboxes, under(&routes.mailbox)) {
            return serve(&self.core, mailboxes, rest, request);
        }
        let paths = &routes.dialect.paths;
        let (before, last) = last_segments(path);
        match (&routes.callbacks, &routes.contents) {
            (Some(callbacks), _) if paths.callback.is_empty() || before == paths.callback => {
                serve(&self.core, callbacks, path, request)
            }
            (_, Some(contents)) if last == paths.content => {
                serve(&self.core, contents, path, request)
            }
            _ => serve(&self.core, &routes.nowhere, path, request),
        }
    }
}

impl fmt::Debug for HermodService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HermodService").field("base", &self.routes.base).finish_non_exhaustive()
    }
}
