//! The envelope of a command.

use std::time::Duration;

use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::envelope::{Body as _, Envelope, WriteIn, bodies, envelope_text};
use super::word::word;
use super::{
    Address, AuthenticateCommand, CertificateCommand, DeleteCommand, EndPinResetCommand,
    PingCommand, ProvisionCommand, SignCommand, StartPinResetCommand,
};
use crate::Error;
use crate::hermod::Dialect;
use crate::json::{Reading, Slot, UnknownMembers, json_object};

/// The commands, whatever they are called on the wire: [`Dialect::words`] tells that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum CommandKind {
    /// Make a profile with keys.
    Provision,
    /// Deliver certificates.
    Certificate,
    /// Authenticate.
    Authenticate,
    /// Sign.
    Sign,
    /// Is the device there.
    Ping,
    /// First step of a PIN reset.
    StartPinReset,
    /// Second step of a PIN reset.
    EndPinReset,
    /// Delete a profile or mailboxes.
    Delete,
}

impl CommandKind {
    /// Every command.
    pub const ALL: &'static [Self] = &[
        Self::Provision,
        Self::Certificate,
        Self::Authenticate,
        Self::Sign,
        Self::Ping,
        Self::StartPinReset,
        Self::EndPinReset,
        Self::Delete,
    ];
}

word! {
    /// What kind of command an answer or a message is about. [`Dialect::words`] has one for each
    /// [`CommandKind`].
    CommandType {
        /// Provision.
        PROV = "PROV",
        /// Certificate.
        CERT = "CERT",
        /// Sign.
        SIGN = "SIGN",
    }
}

json_object! {
    /// Where a command goes and how long it lives; wire member `commandHeader`.
    ///
    /// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning". That the times
    /// are seconds is inferred.
    ///
    /// ```
    /// use keyferry::hermod::model::{Address, CommandHeader};
    ///
    /// let mut header = CommandHeader::new(300, 300);
    /// assert_eq!(header.recipients(), [Address::Tmp]);
    /// header.to = Some(vec![Address::user("userA")?]);
    /// header.check()?;
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    pub struct CommandHeader {
        /// The destinations; absent means a temporary mailbox (`["@tmp"]`): [`Self::recipients`]
        /// takes both alike.
        optional pub to: Vec<Address> = "to",
        /// How long the message stays in its mailbox, in seconds; a text of digits is read too.
        required pub lifespan: u64 = "lifespan",
        /// How long the hub waits before it reports that nothing came, in seconds; a text of digits
        /// is read too. The command ends at the earlier of the two.
        required pub timeout: u64 = "timeout",
        /// An id of the integrator's own, which every answer repeats; absent: none. Wire member
        /// `externalId`.
        optional pub external_id: String = "externalId",
    }
}

impl CommandHeader {
    /// A header for a temporary mailbox; both times in seconds.
    #[must_use]
    pub fn new(lifespan: u64, timeout: u64) -> Self {
        Self { to: None, lifespan, timeout, external_id: None, extra: UnknownMembers::new() }
    }

    /// A header for a temporary mailbox. A part of a second counts as a whole one: the wire has
    /// seconds.
    ///
    /// ```
    /// use std::time::Duration;
    /// use keyferry::hermod::model::CommandHeader;
    ///
    /// let header = CommandHeader::from_durations(Duration::from_secs(300), Duration::from_millis(1_500));
    /// assert_eq!((header.lifespan, header.timeout), (300, 2));
    /// ```
    #[must_use]
    pub fn from_durations(lifespan: Duration, timeout: Duration) -> Self {
        let seconds = |duration: Duration| {
            duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
        };
        Self::new(seconds(lifespan), seconds(timeout))
    }

    /// The destinations, absent taken for a temporary mailbox.
    #[must_use]
    pub fn recipients(&self) -> &[Address] {
        self.to.as_deref().unwrap_or(&[Address::Tmp])
    }

    /// Checks whether a hub accepts this header by the rules of the default dialect; see
    /// [`Dialect::check_header`].
    ///
    /// # Errors
    /// `malformed`, with the member at fault.
    pub fn check(&self) -> Result<(), Error> {
        Dialect::standard().check_header(self)
    }
}

impl Dialect {
    /// Checks whether a hub accepts this header: `lifespan` and `timeout` must be within
    /// [`Limits`](crate::hermod::dialect::Limits), `to` not empty.
    ///
    /// Not documented; this is the design of this crate.
    ///
    /// # Errors
    /// `malformed`, with the member at fault.
    pub fn check_header(&self, header: &CommandHeader) -> Result<(), Error> {
        let range = self.limits.min_lifespan_secs..=self.limits.max_lifespan_secs;
        for (part, secs) in
            [("commandHeader.lifespan", header.lifespan), ("commandHeader.timeout", header.timeout)]
        {
            if !range.contains(&secs) {
                return Err(Error::malformed(part, "out of range"));
            }
        }
        if header.recipients().is_empty() {
            return Err(Error::malformed("commandHeader.to", "no destination"));
        }
        Ok(())
    }
}

bodies! {
    /// What a command is about: exactly one member of the envelope.
    CommandBody {
        /// Make a profile with keys.
        Provision(ProvisionCommand),
        /// Deliver certificates.
        Certificate(CertificateCommand),
        /// Authenticate.
        Authenticate(AuthenticateCommand),
        /// Sign.
        Sign(SignCommand),
        /// Is the device there.
        Ping(PingCommand),
        /// First step of a PIN reset.
        StartPinReset(StartPinResetCommand),
        /// Second step of a PIN reset.
        EndPinReset(EndPinResetCommand),
        /// Delete a profile or mailboxes.
        Delete(DeleteCommand),
    }
    member: command_member, suffix: "Command", two: "more than one command",
}

macro_rules! from_body {
    ($( $kind:ident($type:ty), )*) => {
        $( impl From<$type> for CommandBody {
            fn from(command: $type) -> Self {
                Self::$kind(command)
            }
        } )*
    };
}

from_body! {
    Provision(ProvisionCommand),
    Certificate(CertificateCommand),
    Authenticate(AuthenticateCommand),
    Sign(SignCommand),
    Ping(PingCommand),
    StartPinReset(StartPinResetCommand),
    EndPinReset(EndPinResetCommand),
    Delete(DeleteCommand),
}

/// A command as an integrator posts it.
///
/// Source: Hermod protocol, "Smart ID Messaging API overview" and the examples.
/// [`Dialect::read_command`] and [`Dialect::write_command`] accept other spellings of undocumented
/// words.
///
/// ```
/// use keyferry::hermod::model::{Command, CommandBody, CommandHeader, CommandKind, PingCommand};
///
/// let command = Command::new(CommandHeader::new(60, 60), PingCommand::new(true));
/// let text = command.to_json();
/// assert_eq!(text, r#"{"commandHeader":{"lifespan":60,"timeout":60},"pingCommand":{"deviceinfo":"true"}}"#);
/// assert_eq!(Command::from_json(&text)?.body.kind(), Some(CommandKind::Ping));
///
/// let error = Command::from_json(r#"{"commandHeader":{"lifespan":60},"pingCommand":{}}"#).unwrap_err();
/// assert_eq!((error.class().as_str(), error.part()), ("malformed", "commandHeader.timeout"));
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Command {
    /// Where it goes and how long it lives; wire member `commandHeader`.
    pub header: CommandHeader,
    /// What it is about; the wire member that the dialect names.
    pub body: CommandBody,
    /// Members that are not known here, kept as received and written again.
    pub extra: UnknownMembers,
}

impl Command {
    /// A command.
    #[must_use]
    pub fn new(header: CommandHeader, body: impl Into<CommandBody>) -> Self {
        Self { header, body: body.into(), extra: UnknownMembers::new() }
    }

    /// The provision command in it, if it is one.
    #[must_use]
    pub fn provision(&self) -> Option<&ProvisionCommand> {
        match &self.body {
            CommandBody::Provision(command) => Some(command),
            _ => None,
        }
    }
}

pub(super) struct CommandSlots(Slot<CommandHeader>);

impl Default for CommandSlots {
    fn default() -> Self {
        Self(Slot::new())
    }
}

impl<'de> Envelope<'de> for Command {
    type Slots = CommandSlots;
    type Body = CommandBody;

    fn fill<A: MapAccess<'de>>(
        slots: &mut CommandSlots,
        name: &str,
        map: &mut A,
        reading: &Reading,
    ) -> Result<bool, A::Error> {
        match name {
            "commandHeader" => slots.0.fill("commandHeader", 0, false, map, reading)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish<E: serde::de::Error>(
        slots: CommandSlots,
        body: Option<CommandBody>,
        extra: UnknownMembers,
        reading: &Reading,
    ) -> Result<Self, E> {
        let header = slots.0.required("commandHeader", reading)?;
        let body = body.ok_or_else(|| reading.fail(crate::Class::Malformed, "no command"))?;
        Ok(Self { header, body, extra })
    }
}

impl WriteIn for Command {
    fn write_in<M: SerializeMap>(&self, dialect: &Dialect, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("commandHeader", &self.header)?;
        self.body.write(dialect, map)?;
        self.extra.write_into(map)
    }
}

envelope_text!(Command, read_command, write_command, "a command");
super::json_text!(CommandHeader);
