//! Callbacks.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use ::http::request::Parts;
use ::http::{Method, Response};
use bytes::Bytes;

use super::door::Entrance;
use super::exchange::{Exchange, Wire, unauthorized};
use super::service::service;
use super::{Caller, RequestHead};
use crate::crypto::Provider;
use crate::hermod::Dialect;
use crate::hermod::model::Callback;
use crate::hermod::wire::http::{callback, read_basic_auth};
use crate::hermod::wire::{AnyCallbackApi, BasicAuth, CallbackApi, Delivery, WebhookSecret};
use crate::{Error, Gate};

service! {
    /// Receives callbacks: `POST …/{command}`, whatever stands before the last segment of the path,
    /// with HTTP Basic and, where a secret is configured, a signature.
    ///
    /// # Repeats
    /// A hub may send a callback again. What was taken before, from the same user, of the same hub,
    /// command, messages, state and answered message, gets 204 and is not handed on. While it is
    /// being taken, the same again gets 503. The memory is that of this process and
    /// [bounded](super::ServerLimits::callbacks), so a handler has to bear a repeat all the same.
    /// The delivery's id does not decide: where nothing is signed, anybody could choose it.
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
    ///         println!("{}: {}", delivery.callback.command_id.as_str(), delivery.callback.state); // stored, rather
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let hub = BasicAuth::new("hub", Secret::new("pa55word"));
    /// let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    /// let service = CallbackService::with_basic_auth(hub, Inbox)
    ///     .with_signature(Arc::new(AwsLcRs), [secret], Duration::from_secs(300));
    /// # let _ = service;
    /// # }
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    CallbackService(Callbacks, "")
}

impl CallbackService {
    /// Serves what this gate opens to. It is asked with the credential of HTTP Basic, or with
    /// `None` if there is none, not exactly one, or it cannot be read.
    #[must_use]
    pub fn new<G>(gate: G) -> Self
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: CallbackApi + 'static,
    {
        Self::of(Callbacks {
            gate: Entrance::by_credential(gate, AnyCallbackApi::new),
            signature: None,
        })
    }

    /// Serves what this gate opens to, which is asked with the whole head of a request: see
    /// [`RequestHead`](super::RequestHead). The name of the caller counts as the user.
    #[must_use]
    pub fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: CallbackApi + 'static,
    {
        Self::of(Callbacks { gate: Entrance::by_head(gate, AnyCallbackApi::new), signature: None })
    }

    /// Serves `callbacks` for a hub that comes with this credential of HTTP Basic. Whoever comes with
    /// another one, or with none, gets 401.
    #[must_use]
    pub fn with_basic_auth(expected: BasicAuth, callbacks: impl CallbackApi + 'static) -> Self {
        let callbacks = AnyCallbackApi::new(callbacks);
        Self::new(move |given: Option<BasicAuth>| match given {
            Some(given) if given == expected => Ok(callbacks.clone()),
            _ => Err(unauthorized()),
        })
    }

    /// Takes only what was signed with one of these secrets, as Standard Webhooks 1.0 has it, of
    /// which two are valid while one replaces the other, at most `max_age` ago: 5 minutes, as that
    /// recommends. Everything else gets the answer to a credential
    /// that does not fit.
    ///
    /// A signature covers the body, so it is checked after that was read: let the gate ask for HTTP
    /// Basic as well, or anybody may have bodies read.
    #[must_use]
    pub fn with_signature(
        mut self,
        provider: Arc<dyn Provider>,
        secrets: impl Into<Vec<WebhookSecret>>,
        max_age: Duration,
    ) -> Self {
        let (gate, secrets) = (self.wire.gate.clone(), secrets.into());
        self.wire =
            Arc::new(Callbacks { gate, signature: Some(Signature { provider, secrets, max_age }) });
        self
    }
}

pub(super) struct Callbacks {
    gate: Entrance<Option<BasicAuth>, AnyCallbackApi>,
    signature: Option<Signature>,
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
/// has lost its store counts its commands anew, so their ids alone do not tell them apart; those of
/// messages are random.
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

impl Wire for Callbacks {
    type Answer = ();
    const NAME: &'static str = "callback";
    const CHALLENGE: &'static str = "Basic realm=\"callback\"";

    async fn answer(&self, exchange: &mut Exchange, path: &str) -> Result<(), Error> {
        let core = exchange.core.clone();
        let (dialect, limits, clock) =
            (&core.config.dialect, &core.config.limits, &core.config.clock);
        let read = |head: &Parts| {
            let credential = read_basic_auth(&head.headers);
            Some((credential.as_ref().map(|credential| credential.user.clone()), credential))
        };
        let (user, handle) = exchange.enter(&self.gate, path, read, Some).await?;
        let permit = exchange.permit(&core.tenants, &(Self::NAME, &user))?;
        callback::check_address(dialect, path, &exchange.head.method)?;
        let body = exchange.body(limits.callback_octets).await?;
        if let Some(Signature { provider, secrets, max_age }) = &self.signature {
            let verified = callback::verify_signature(
                dialect,
                &**provider,
                secrets,
                (clock.now(), *max_age),
                &exchange.head,
                &body,
            );
            verified.map_err(|error| {
                if error.class() == crate::Class::Unauthorized { unauthorized() } else { error }
            })?;
        }
        let delivery = callback::read_call(dialect, path, &exchange.head, &body)?;
        drop(body);
        let Delivery { id, callback } = &delivery;
        exchange.note("command", callback.command_type.as_str());
        exchange.note("command_id", callback.command_id.as_str());
        exchange.note("delivery_id", id);
        let Some(under_way) = core.repeats.begin(&name_of(user.as_deref(), callback))? else {
            return Ok(());
        };
        let work = async move {
            handle.deliver(delivery).await?;
            under_way.succeed();
            Ok(())
        };
        exchange.bring_about(permit, work).await?;
        exchange.done("callback taken");
        Ok(())
    }

    fn write(dialect: &Dialect, answer: &Result<(), Error>, request_id: &str) -> Response<Bytes> {
        callback::write_answer(dialect, answer, request_id)
    }

    fn check_address(dialect: &Dialect, path: &str, method: &Method) -> Result<(), Error> {
        callback::check_address(dialect, path, method)
    }
}
