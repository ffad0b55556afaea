//! Contents.

use std::time::Duration;

use ::http::request::Parts;
use ::http::{Method, Response};
use bytes::Bytes;

use super::door::Entrance;
use super::exchange::{Exchange, Wire};
use super::service::service;
use super::{Caller, RequestHead};
use crate::hermod::Dialect;
use crate::hermod::model::ContentAnswer;
use crate::hermod::wire::http::{content, read_basic_auth};
use crate::hermod::wire::{AnyContentApi, BasicAuth, ContentApi};
use crate::{Error, Gate};

service! {
    /// Serves a [`ContentApi`]: `POST …/getcontent`, whatever stands before the last segment of the
    /// path, with HTTP Basic.
    ContentService(Contents, "")
}

impl ContentService {
    /// Serves what this gate opens to. It is asked with the credential of HTTP Basic, or with
    /// `None` if there is none, not exactly one, or it cannot be read.
    #[must_use]
    pub fn new<G>(gate: G) -> Self
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: ContentApi + 'static,
    {
        Self::of(Contents::new(gate))
    }

    /// Serves what this gate opens to, which is asked with the whole head of a request: single
    /// sign-on, a client's certificate or the identity that a proxy adds opens it without a
    /// credential of this wire. See [`RequestHead`].
    #[must_use]
    pub fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: ContentApi + 'static,
    {
        Self::of(Contents::by_head(gate))
    }
}

pub(super) struct Contents(Entrance<Option<BasicAuth>, AnyContentApi>);

impl Contents {
    pub(super) fn new<G>(gate: G) -> Self
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: ContentApi + 'static,
    {
        Self(Entrance::by_credential(gate, AnyContentApi::new))
    }

    pub(super) fn by_head<G, H>(gate: G) -> Self
    where
        G: Gate<RequestHead, Handle = Caller<H>> + 'static,
        H: ContentApi + 'static,
    {
        Self(Entrance::by_head(gate, AnyContentApi::new))
    }
}

impl Wire for Contents {
    type Answer = ContentAnswer;
    const NAME: &'static str = "content";
    const CHALLENGE: &'static str = "Basic realm=\"content\"";

    async fn answer(&self, exchange: &mut Exchange, path: &str) -> Result<ContentAnswer, Error> {
        let core = exchange.core.clone();
        let (dialect, limits) = (&core.config.dialect, &core.config.limits);
        let read = |head: &Parts| {
            let credential = read_basic_auth(&head.headers);
            Some((credential.as_ref().map(|credential| credential.user.clone()), credential))
        };
        let (user, handle) = exchange.enter(&self.0, path, read, Some).await?;
        let _permit = exchange.permit(&core.tenants, &(Self::NAME, &user))?;
        content::check_address(dialect, path, &exchange.head.method)?;
        let body = exchange.body(limits.body_octets).await?;
        let id = content::read_call(dialect, path, &exchange.head, &body)?;
        drop(body);
        exchange.forget_head();
        exchange.within(Duration::ZERO, handle.content(&id)).await
    }

    fn write(
        dialect: &Dialect,
        answer: &Result<ContentAnswer, Error>,
        request_id: &str,
    ) -> Response<Bytes> {
        content::write_answer(dialect, answer, request_id)
    }

    fn check_address(dialect: &Dialect, path: &str, method: &Method) -> Result<(), Error> {
        content::check_address(dialect, path, method)
    }
}
