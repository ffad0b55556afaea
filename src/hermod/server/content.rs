//! Contents.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Method, Response};
use bytes::Bytes;

use super::door::{Door, door};
use super::exchange::{Exchange, Wire};
use super::service::service;
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
}

pub(super) struct Contents(Arc<dyn Door<Option<BasicAuth>, AnyContentApi>>);

impl Contents {
    pub(super) fn new<G>(gate: G) -> Self
    where
        G: Gate<Option<BasicAuth>> + 'static,
        G::Handle: ContentApi + 'static,
    {
        Self(door(gate, AnyContentApi::new))
    }
}

impl Wire for Contents {
    type Answer = ContentAnswer;
    const NAME: &'static str = "content";
    const CHALLENGE: &'static str = "Basic realm=\"content\"";

    async fn answer(&self, exchange: &mut Exchange, path: &str) -> Result<ContentAnswer, Error> {
        let core = exchange.core.clone();
        let (dialect, limits) = (&core.config.dialect, &core.config.limits);
        let credential = read_basic_auth(&exchange.head.headers);
        let user = credential.as_ref().map(|credential| credential.user.clone());
        let handle = exchange.open(&*self.0, credential).await?;
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
