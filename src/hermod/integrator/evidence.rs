//! The stored form of a journey: the sent commands and received answers, verbatim and without a
//! verdict.

use crate::hermod::Dialect;
use crate::hermod::model::{Callback, Command, CommandId, DataText, MAX_DATA, Submitted};
use crate::json::{Nulls, json_object, read, write};
use crate::{Class, Error};

/// The version of the stored form; others are refused.
const VERSION: i64 = 1;

/// One command with its events.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchange {
    pub(super) command: Command,
    /// The command was sent or is about to be sent.
    pub(super) sent: bool,
    /// The command was sent before under other ids.
    pub(super) repeated: bool,
    pub(super) submitted: Option<Submitted>,
    /// The hub said that it does not know the command.
    pub(super) forgotten: bool,
    /// The callback that ended the command.
    pub(super) ended: Option<Callback>,
}

impl Exchange {
    pub(super) fn new(command: Command) -> Self {
        Self {
            command,
            sent: false,
            repeated: false,
            submitted: None,
            forgotten: false,
            ended: None,
        }
    }

    /// The hub's id of the command, if it is known.
    pub(super) fn command_id(&self) -> Option<&CommandId> {
        let submitted = self.submitted.as_ref().map(|submitted| &submitted.command_id);
        submitted.or(self.ended.as_ref().map(|callback| &callback.command_id))
    }

    /// Applies a change if the result can be stored.
    pub(super) fn set(
        &mut self,
        dialect: &Dialect,
        change: impl FnOnce(&mut Self),
    ) -> Result<(), Error> {
        let mut changed = self.clone();
        change(&mut changed);
        changed.check(dialect)?;
        *self = changed;
        Ok(())
    }

    /// Checks that the stored form reads back as an equal value. Values that a program built may
    /// exceed the limits of the reader or contain text with another meaning.
    pub(super) fn check(&self, dialect: &Dialect) -> Result<(), Error> {
        let stored = StoredExchange::of(self, dialect);
        let texts = [Some(&stored.command), stored.submitted.as_ref(), stored.ended.as_ref()];
        if texts.into_iter().flatten().any(|text| text.len() > MAX_DATA) {
            return Err(Error::too_large("", "more than can be stored"));
        }
        if stored.read(dialect)? == *self {
            Ok(())
        } else {
            Err(Error::malformed("", "not what is read again after it was written"))
        }
    }
}

json_object! {
    struct Stored {
        required version: i64 = "version",
        required id: String = "id",
        required provision: StoredExchange = "provision",
        optional certificate: StoredExchange = "certificate",
        optional given_up: String = "givenUp",
        optional revision: u64 = "revision",
    }
}

json_object! {
    /// JSON texts nested as strings, so that their bytes do not change.
    struct StoredExchange {
        required command: DataText = "command",
        required sent: bool = "sent",
        optional repeated: bool = "repeated",
        optional submitted: DataText = "submitted",
        optional forgotten: bool = "forgotten",
        optional ended: DataText = "ended",
    }
}

impl StoredExchange {
    fn of(exchange: &Exchange, dialect: &Dialect) -> Self {
        Self {
            command: dialect.write_command(&exchange.command).into(),
            sent: exchange.sent,
            repeated: exchange.repeated.then_some(true),
            submitted: exchange.submitted.as_ref().map(|submitted| submitted.to_json().into()),
            forgotten: exchange.forgotten.then_some(true),
            ended: exchange.ended.as_ref().map(|callback| dialect.write_callback(callback).into()),
            extra: Default::default(),
        }
    }

    fn read(&self, dialect: &Dialect) -> Result<Exchange, Error> {
        Ok(Exchange {
            command: dialect
                .read_command(&self.command)
                .map_err(|error| error.within("command"))?,
            sent: self.sent,
            repeated: self.repeated.unwrap_or_default(),
            submitted: self
                .submitted
                .as_deref()
                .map(Submitted::from_json)
                .transpose()
                .map_err(|error| error.within("submitted"))?,
            forgotten: self.forgotten.unwrap_or_default(),
            ended: self
                .ended
                .as_deref()
                .map(|text| dialect.read_callback(text))
                .transpose()
                .map_err(|error| error.within("ended"))?,
        })
    }
}

/// The stored data of a journey.
pub(super) struct Evidence {
    pub(super) id: String,
    pub(super) provision: Exchange,
    pub(super) certificate: Option<Exchange>,
    pub(super) given_up: Option<String>,
    pub(super) revision: u64,
}

pub(super) fn to_json(
    id: &str,
    provision: &Exchange,
    certificate: Option<&Exchange>,
    given_up: Option<&str>,
    revision: u64,
    dialect: &Dialect,
) -> String {
    write(&Stored {
        version: VERSION,
        id: id.to_owned(),
        provision: StoredExchange::of(provision, dialect),
        certificate: certificate.map(|exchange| StoredExchange::of(exchange, dialect)),
        given_up: given_up.map(str::to_owned),
        revision: Some(revision),
        extra: Default::default(),
    })
}

pub(super) fn from_json(text: &str, dialect: &Dialect) -> Result<Evidence, Error> {
    let stored: Stored = read(text, Nulls::AreAbsent)?;
    if stored.version != VERSION {
        return Err(Error::new(Class::Malformed, "version", "not one that is known here"));
    }
    let provision = stored.provision.read(dialect).map_err(|error| error.within("provision"))?;
    let certificate = stored
        .certificate
        .map(|exchange| exchange.read(dialect))
        .transpose()
        .map_err(|error| error.within("certificate"))?;
    Ok(Evidence {
        id: stored.id,
        provision,
        certificate,
        given_up: stored.given_up,
        revision: stored.revision.unwrap_or_default(),
    })
}
