//! The wire of every path that is not mounted.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use ::http::Response;
use ::http::request::Parts;
use bytes::Bytes;

use crate::hermod::Dialect;
use crate::hermod::wire::http::write_refusal;
use crate::server::erased_gate::Entrance;
use crate::server::wire::{Admitted, CallNames, CallerName, Handled, Wire};
use crate::transport::message::no_such_address;
use crate::transport::operation::{Operation, Route};
use crate::{Error, Gate};

/// It has no calls, and its gate lets nobody in.
pub(super) struct Nowhere {
    dialect: Arc<Dialect>,
    entrance: Entrance<(), ()>,
}

/// Says that there is no such address.
struct NoAddress;

impl Gate<()> for NoAddress {
    type Handle = ();

    async fn open(&self, (): ()) -> Result<(), Error> {
        Err(no_such_address())
    }
}

impl Nowhere {
    pub(super) fn new(dialect: Arc<Dialect>) -> Self {
        Self { dialect, entrance: Entrance::by_credential(NoAddress, |()| ()) }
    }
}

impl Wire for Nowhere {
    type Credential = ();
    type Handle = ();
    type Operation = Infallible;
    type Call = Infallible;
    type Answer = Infallible;

    const NAME: &'static str = "none";
    const CHALLENGE: &'static str = "Bearer";

    fn entrance(&self) -> &Entrance<(), ()> {
        &self.entrance
    }

    fn operations(&self) -> impl Iterator<Item = Operation<'_, Infallible>> {
        std::iter::empty()
    }

    fn read_credential(&self, _: &str, _: &Parts) -> Option<(CallerName, ())> {
        Some((CallerName::Anonymous, ()))
    }

    fn read_call(
        &self,
        route: Route<Infallible>,
        _: &Parts,
        _: &Bytes,
        _: SystemTime,
    ) -> Result<Infallible, Error> {
        match route.id {}
    }

    fn names<'a>(&'a self, call: &'a Infallible) -> CallNames<'a> {
        match *call {}
    }

    async fn handle(
        self: Arc<Self>,
        admitted: Admitted<(), Infallible>,
    ) -> Result<Handled<Infallible>, Error> {
        match admitted.call {}
    }

    fn write(&self, answer: &Result<Infallible, Error>, request_id: &str) -> Response<Bytes> {
        match answer {
            Ok(never) => match *never {},
            Err(error) => write_refusal(&self.dialect, error, request_id),
        }
    }
}
