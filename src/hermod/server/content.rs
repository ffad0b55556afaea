//! Contents: the content provider's wire, served.

use std::sync::Arc;
use std::time::SystemTime;

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;

use super::callback::read_basic_credential;
use crate::Error;
use crate::hermod::Dialect;
use crate::hermod::model::ContentAnswer;
use crate::hermod::wire::http::content;
use crate::hermod::wire::{AnyContentApi, BasicAuth, ContentApi};
use crate::server::erased_gate::Entrance;
use crate::server::wire::{Admitted, CallNames, CallerName, Handled, Wire};
use crate::transport::operation::{Operation, Route};

pub(super) struct Contents {
    pub(super) dialect: Arc<Dialect>,
    pub(super) entrance: Entrance<Option<BasicAuth>, AnyContentApi>,
}

impl Wire for Contents {
    type Credential = Option<BasicAuth>;
    type Handle = AnyContentApi;
    type Operation = ();
    type Call = String;
    type Answer = ContentAnswer;

    const NAME: &'static str = "content";
    const CHALLENGE: &'static str = "Basic realm=\"content\"";

    fn entrance(&self) -> &Entrance<Option<BasicAuth>, AnyContentApi> {
        &self.entrance
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_, ()>> {
        content::operations(&self.dialect)
    }

    fn read_credential(&self, _: &str, head: &Parts) -> Option<(CallerName, Option<BasicAuth>)> {
        Some(read_basic_credential(head))
    }

    fn read_call(
        &self,
        _: Route<()>,
        head: &Parts,
        body: &Bytes,
        _: SystemTime,
    ) -> Result<String, Error> {
        content::read_routed(head, body)
    }

    fn names<'a>(&'a self, _: &'a String) -> CallNames<'a> {
        CallNames::default()
    }

    async fn handle(
        self: Arc<Self>,
        admitted: Admitted<AnyContentApi, String>,
    ) -> Result<Handled<ContentAnswer>, Error> {
        admitted.handle.content(&admitted.call).await.map(Handled::new)
    }

    fn write(&self, answer: &Result<ContentAnswer, Error>, request_id: &str) -> Response<Bytes> {
        content::write_answer(&self.dialect, answer, request_id)
    }
}
