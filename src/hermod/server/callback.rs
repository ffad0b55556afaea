//! Callbacks: the hub's wire to an integrator, served.

use std::convert::Infallible;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use ::http::request::Parts;
use ::http::{Request, Response};
use bytes::Bytes;
use tower_service::Service;

use super::repeats::Repeats;
use crate::crypto::Provider;
use crate::encoding::percent::normal_path;
use crate::hermod::Dialect;
use crate::hermod::model::{Callback, CommandKind};
use crate::hermod::wire::http::{callback, read_basic_auth};
use crate::hermod::wire::{AnyCallbackApi, BasicAuth, CallbackApi, Delivery, WebhookSecret};
use crate::server::config::Core;
use crate::server::erased_gate::Entrance;
use crate::server::exchange::{serve, unauthorized};
use crate::server::wire::{Admitted, CallNames, CallerName, Handled, Wire};
use crate::server::{Caller, RequestHead, ServerConfig};
use crate::transport::Body;
use crate::transport::operation::{Operation, Route};
use crate::{BoxFuture, Class, Error, Gate};

/// Receives callbacks: `POST …/{command}`, whatever stands before the last segment of the path,
/// with HTTP Basic and, where a secret is configured, a signature.
///
/// # Repeats
/// A hub may send a callback again. What was taken before, from the same user, of the same hub,
/// command, messages, state and answered message, gets 204 and is not handed on. While it is being
/// taken, the same again gets 503. The memory is that of this process and
/// [bounded](crate::server::ServerLimits::callbacks), so a handler has to bear a repeat all the
/// same. The delivery's id does not decide: where nothing is signed, anybody could choose it.
///
/// # Failures
/// Class `storage` and `unavailable` are 503, `rate` is 429, `unauthorized` 401 and `not-found`
/// 404, and the hub comes again; with any other it gives up. Which status means what stands at
/// [`read_answer`](callback::read_answer).
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::{sync::Arc, time::Duration};
/// use keyferry::{Error, Secret, crypto::aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::server::CallbackService;
/// use keyferry::hermod::wire::{BasicAuth, CallbackApi, Delivery, WebhookSecret};
///
/// struct Inbox;
///
/// impl CallbackApi for Inbox {
///     async fn deliver(&self, delivery: Delivery) -> Result<(), Error> {
///         // A real inbox stores the callback here.
///         let callback = delivery.callback;
///         println!("{}: {}", callback.command_id.as_str(), callback.state);
///         Ok(())
///     }
/// }
///
/// let hub = BasicAuth::new("hub", Secret::new("pa55word"));
/// let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// let service = CallbackService::builder_with_basic_auth(hub, Inbox)
///     .with_signature(Arc::new(AwsLcRs), [secret], Duration::from_secs(300))
///     .build();
/// # let _ = service;
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone)]
pub struct CallbackService {
    core: Arc<Core>,
    pub(super) callbacks: Arc<Callbacks>,
}

impl CallbackService {
    /// Builds a service that serves what this gate opens to. The gate is asked with the credential
    /// of HTTP Basic, or with `None` if there is none, not exactly one, or it cannot be read.
    #[must_use]
    pub fn builder<G>(gate: G) -> CallbackServiceBuilder
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: CallbackApi + 'static,
    {
        CallbackServiceBuilder::of(Entrance::by_credential(gate, AnyCallbackApi::new))
    }

    /// Builds a service with a gate that is asked with the whole head of a request: see
    /// [`RequestHead`]. The name of the caller counts as the user.
    #[must_use]
    pub fn builder_by_head<G, H>(gate: G) -> CallbackServiceBuilder
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: CallbackApi + 'static,
    {
        CallbackServiceBuilder::of(Entrance::by_head(gate, AnyCallbackApi::new))
    }

    /// Builds a service that hands callbacks to `callbacks` if the hub sends this credential of
    /// HTTP Basic. Every other request gets 401.
    #[must_use]
    pub fn builder_with_basic_auth(
        expected: BasicAuth,
        callbacks: impl CallbackApi + 'static,
    ) -> CallbackServiceBuilder {
        let callbacks = AnyCallbackApi::new(callbacks);
        Self::builder(move |given: Option<BasicAuth>| match given {
            Some(given) if given == expected => Ok(callbacks.clone()),
            _ => Err(unauthorized()),
        })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.core.config
    }
}

/// Builds a [`CallbackService`].
pub struct CallbackServiceBuilder {
    config: ServerConfig,
    dialect: Arc<Dialect>,
    entrance: Entrance<Option<BasicAuth>, AnyCallbackApi>,
    signature: Option<Signature>,
}

impl CallbackServiceBuilder {
    fn of(entrance: Entrance<Option<BasicAuth>, AnyCallbackApi>) -> Self {
        let config = ServerConfig::default();
        Self { config, dialect: Arc::default(), entrance, signature: None }
    }

    /// Takes only callbacks that were signed with one of these secrets in the form of Standard
    /// Webhooks 1.0, at most `max_age` ago; that specification recommends 5 minutes. Two secrets
    /// are valid while one replaces the other. Every other request gets the answer to a credential
    /// that does not fit.
    ///
    /// A signature covers the body, so it is checked after the body was read. Let the gate require
    /// HTTP Basic as well, or anybody can have bodies read.
    #[must_use]
    pub fn with_signature(
        mut self,
        provider: Arc<dyn Provider>,
        secrets: impl Into<Vec<WebhookSecret>>,
        max_age: Duration,
    ) -> Self {
        self.signature = Some(Signature { provider, secrets: secrets.into(), max_age });
        self
    }

    /// Another configuration than the default.
    #[must_use]
    pub fn with_config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Another dialect than the standard one.
    #[must_use]
    pub fn with_dialect(mut self, dialect: impl Into<Arc<Dialect>>) -> Self {
        self.dialect = dialect.into();
        self
    }

    /// Builds the service.
    #[must_use]
    pub fn build(self) -> CallbackService {
        let callbacks = Callbacks {
            dialect: self.dialect,
            entrance: self.entrance,
            signature: self.signature.map(Arc::new),
            repeats: Repeats::new(self.config.limits.callbacks),
        };
        CallbackService {
            core: Core::new(self.config, &*callbacks.dialect),
            callbacks: Arc::new(callbacks),
        }
    }
}

impl fmt::Debug for CallbackServiceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackServiceBuilder")
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for CallbackService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = normal_path(request.uri().path()).into_owned();
        serve(&self.core, &self.callbacks, &path, request)
    }
}

impl fmt::Debug for CallbackService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackService").finish_non_exhaustive()
    }
}

pub(super) struct Callbacks {
    dialect: Arc<Dialect>,
    entrance: Entrance<Option<BasicAuth>, AnyCallbackApi>,
    signature: Option<Arc<Signature>>,
    repeats: Arc<Repeats>,
}

impl Callbacks {
    /// The same in another dialect, with another number of callbacks that it remembers.
    pub(super) fn within(&self, dialect: Arc<Dialect>, remembered: usize) -> Self {
        let (entrance, signature) = (self.entrance.clone(), self.signature.clone());
        Self { dialect, entrance, signature, repeats: Repeats::new(remembered) }
    }
}

struct Signature {
    provider: Arc<dyn Provider>,
    secrets: Vec<WebhookSecret>,
    max_age: Duration,
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

/// What tells one callback from another. All but the user is covered by the signature. A hub that
/// has lost its store starts counting its commands from the beginning, so their ids alone do not
/// tell them apart; those of messages are random.
fn name_of<'a>(user: Option<&'a str>, callback: &'a Callback) -> impl Hash + use<'a> {
    let answered = callback.response_header.as_ref().map(|header| header.in_reply_to.as_str());
    let messages: Vec<&str> =
        callback.destinations.iter().map(|destination| destination.mid.as_str()).collect();
    let command = (
        callback.command_id.as_str(),
        callback.command_type.as_str(),
        callback.external_id.as_deref(),
        messages,
    );
    (user, callback.fqdn.as_deref(), command, &callback.state, answered)
}

/// The credential of HTTP Basic for a gate, and the user as the name.
pub(super) fn read_basic_credential(head: &Parts) -> (CallerName, Option<BasicAuth>) {
    let credential = read_basic_auth(&head.headers);
    let name = match &credential {
        Some(credential) => CallerName::Tenant(credential.user.clone()),
        None => CallerName::Anonymous,
    };
    (name, credential)
}

impl Wire for Callbacks {
    type Credential = Option<BasicAuth>;
    type Handle = AnyCallbackApi;
    type Operation = CommandKind;
    type Call = Delivery;
    type Answer = ();

    const NAME: &'static str = "callback";
    const CHALLENGE: &'static str = "Basic realm=\"callback\"";

    fn entrance(&self) -> &Entrance<Option<BasicAuth>, AnyCallbackApi> {
        &self.entrance
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_, CommandKind>> {
        callback::operations(&self.dialect)
    }

    fn read_credential(&self, _: &str, head: &Parts) -> Option<(CallerName, Option<BasicAuth>)> {
        Some(read_basic_credential(head))
    }

    fn read_call(
        &self,
        route: Route<CommandKind>,
        head: &Parts,
        body: &Bytes,
        now: SystemTime,
    ) -> Result<Delivery, Error> {
        if let Some(signature) = &self.signature {
            let Signature { provider, secrets, max_age } = &**signature;
            let verified = callback::verify_signature(
                &self.dialect,
                &**provider,
                secrets,
                (now, *max_age),
                head,
                body,
            );
            verified.map_err(|error| match error.class() {
                Class::Unauthorized => unauthorized(),
                _ => error,
            })?;
        }
        callback::read_routed(&self.dialect, route, head, body)
    }

    fn names<'a>(&'a self, Delivery { id, callback, .. }: &'a Delivery) -> CallNames<'a> {
        CallNames {
            command: Some(callback.command_type.as_str()),
            command_id: Some(callback.command_id.as_str()),
            delivery_id: Some(id),
        }
    }

    async fn handle(
        self: Arc<Self>,
        admitted: Admitted<AnyCallbackApi, Delivery>,
    ) -> Result<Handled<()>, Error> {
        let Admitted { handle, tenant, call: delivery, .. } = admitted;
        let name = name_of(tenant.as_deref(), &delivery.callback);
        let Some(under_way) = self.repeats.begin(&name)? else {
            return Ok(Handled::new(()));
        };
        drop(name);
        handle.deliver(delivery).await?;
        under_way.succeed();
        Ok(Handled::new(()).done("callback taken"))
    }

    fn write(&self, answer: &Result<(), Error>, request_id: &str) -> Response<Bytes> {
        callback::write_answer(&self.dialect, answer, request_id)
    }
}
