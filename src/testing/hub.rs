//! Hubs that fail.

use std::time::Duration;

use crate::hermod::model::{
    Callback, Command, CommandId, Listing, Message, ReservedBox, Submitted,
};
use crate::hermod::wire::{CommandApi, MailboxApi};
use crate::{Class, Error};

/// A hub that accepts every call and never answers, to test deadlines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

/// A hub that refuses every call with this class, to test how callers treat refusals.
#[derive(Clone, Copy, Debug)]
pub struct Refusing(pub Class);

async fn never<T>() -> T {
    std::future::pending().await
}

impl Refusing {
    fn refuse<T>(self) -> Result<T, Error> {
        Err(Error::new(self.0, "", "a hub that refuses everything"))
    }
}

impl CommandApi for Silent {
    async fn submit(&self, _: Command) -> Result<Submitted, Error> {
        never().await
    }

    async fn poll(&self, _: &CommandId) -> Result<Callback, Error> {
        never().await
    }
}

impl MailboxApi for Silent {
    async fn list(&self, _: Duration) -> Result<Listing, Error> {
        never().await
    }

    async fn fetch(&self, _: &str) -> Result<Message, Error> {
        never().await
    }

    async fn answer(&self, _: &str, _: &str) -> Result<(), Error> {
        never().await
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        never().await
    }

    async fn remove(&self) -> Result<(), Error> {
        never().await
    }
}

impl CommandApi for Refusing {
    async fn submit(&self, _: Command) -> Result<Submitted, Error> {
        self.refuse()
    }

    async fn poll(&self, _: &CommandId) -> Result<Callback, Error> {
        self.refuse()
    }
}

impl MailboxApi for Refusing {
    async fn list(&self, _: Duration) -> Result<Listing, Error> {
        self.refuse()
    }

    async fn fetch(&self, _: &str) -> Result<Message, Error> {
        self.refuse()
    }

    async fn answer(&self, _: &str, _: &str) -> Result<(), Error> {
        self.refuse()
    }

    async fn reserve(&self) -> Result<ReservedBox, Error> {
        self.refuse()
    }

    async fn remove(&self) -> Result<(), Error> {
        self.refuse()
    }
}
