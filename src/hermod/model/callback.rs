//! The hub's answers to a command: the immediate answer, the callback, and the answer to a poll.

use serde::Deserializer;
use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::envelope::{Body as _, Envelope, WriteIn, bodies, envelope_text};
use super::provision::TextOrNumber;
use super::word::word;
use super::{
    Activation, Address, CertificateResponse, CommandType, DeleteResponse, EndPinResetResponse,
    PingResponse, ProvisionResponse, SignResponse, StartPinResetResponse,
};
use crate::hermod::Dialect;
use crate::json::{FromJson, Reading, Slot, UnknownMembers, json_object};
use crate::{Error, Secret};

/// The hub's id of a command: opaque text, decimal digits in every example; a number is read too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommandId(std::borrow::Cow<'static, str>);

impl CommandId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

word!(@traits CommandId);

impl<'de> FromJson<'de> for CommandId {
    const EXPECTED: &'static str = TextOrNumber::EXPECTED;

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        TextOrNumber::from_json(deserializer, reading).map(|text| Self::from(text.0))
    }
}

word! {
    /// How far a command is. [`Dialect::progress`] sorts them, those included that are not
    /// documented.
    State {
        /// Accepted; the device has not answered.
        IN_PROGRESS = "IN_PROGRESS",
        /// The device has answered; also when it refused.
        COMPLETED = "COMPLETED",
    }
}

json_object! {
    /// One mailbox that a command went to.
    ///
    /// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning".
    pub struct Destination at_most 1024 {
        /// As asked for a temporary mailbox, else the mailbox that was found.
        required pub to: Address = "to",
        /// The mailbox, a UUID.
        required pub bid: String = "bid",
        /// The activation URI with the message's token, hence a secret; [`Self::activation`] reads
        /// it.
        exposed pub uri: Secret = "uri",
        /// The profile that the mailbox belongs to, a UUID; absent for a temporary mailbox.
        optional pub pid: String = "pid",
        /// The message, a UUID.
        required pub mid: String = "mid",
        /// The URL of the message, `{public}/{bid}/{mid}`.
        required pub location: String = "location",
    }
}

impl Destination {
    /// A mailbox without a profile.
    #[must_use]
    pub fn new(
        to: Address,
        bid: impl Into<String>,
        mid: impl Into<String>,
        location: impl Into<String>,
        uri: Secret,
    ) -> Self {
        Self {
            to,
            bid: bid.into(),
            uri,
            pid: None,
            mid: mid.into(),
            location: location.into(),
            extra: UnknownMembers::new(),
        }
    }

    /// The activation URI, read.
    ///
    /// # Errors
    /// As [`Activation::parse`].
    pub fn activation(&self) -> Result<Activation, Error> {
        Activation::parse(self.uri.expose())
    }
}

json_object! {
    /// The immediate answer to a command, before any device has acted.
    ///
    /// Source: Hermod protocol, "Example: Personal Desktop Client signing".
    ///
    /// ```
    /// use keyferry::hermod::model::{CommandType, State, Submitted};
    ///
    /// let text = r#"{"commandId":688,"destinations":[],"commandType":"SIGN","state":"IN_PROGRESS","fqdn":"host.example"}"#;
    /// let submitted = Submitted::from_json(text)?;
    /// assert_eq!(submitted.command_id, "688");
    /// assert_eq!((submitted.command_type, submitted.state), (CommandType::SIGN, State::IN_PROGRESS));
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    pub struct Submitted {
        /// The hub's id of the command; wire member `commandId`.
        required pub command_id: CommandId = "commandId",
        /// The integrator's own id, if the command had one; wire member `externalId`.
        optional pub external_id: String = "externalId",
        /// The mailboxes that it went to.
        required pub destinations: Vec<Destination> = "destinations",
        /// What kind of command it is; wire member `commandType`.
        required pub command_type: CommandType = "commandType",
        /// How far it is.
        required pub state: State = "state",
        /// The host name of the hub; a device signs it. Absent in no example.
        optional pub fqdn: String = "fqdn",
    }
}

impl Submitted {
    /// A command that waits for its device.
    #[must_use]
    pub fn new(
        command_id: CommandId,
        command_type: CommandType,
        destinations: Vec<Destination>,
        fqdn: impl Into<String>,
    ) -> Self {
        Self {
            command_id,
            external_id: None,
            destinations,
            command_type,
            state: State::IN_PROGRESS,
            fqdn: Some(fqdn.into()),
            extra: UnknownMembers::new(),
        }
    }
}

json_object! {
    /// Which message was answered; wire member `responseHeader`.
    pub struct ResponseHeader {
        /// The `location` of the message, compared as text; wire member `inReplyTo`.
        required pub in_reply_to: String = "inReplyTo",
        /// A status like that of HTTP; 200 for success.
        required pub status: i64 = "status",
    }
}

impl ResponseHeader {
    /// An answer with status 200.
    #[must_use]
    pub fn new(in_reply_to: impl Into<String>) -> Self {
        Self { in_reply_to: in_reply_to.into(), status: 200, extra: UnknownMembers::new() }
    }
}

bodies! {
    /// What a device answered: at most one member of the envelope.
    Response {
        /// To a provision command.
        Provision(ProvisionResponse),
        /// To a certificate command.
        Certificate(CertificateResponse),
        /// To an authenticate command.
        Authenticate(SignResponse),
        /// To a sign command.
        Sign(SignResponse),
        /// To a ping.
        Ping(PingResponse),
        /// To the first step of a PIN reset.
        StartPinReset(StartPinResetResponse),
        /// To the second step of a PIN reset.
        EndPinReset(EndPinResetResponse),
        /// To a delete command.
        Delete(DeleteResponse),
    }
    member: response_member, suffix: "Response", two: "more than one response",
}

impl Response {
    /// The code, 0 for success; `None` for a response that is not known here.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        match self {
            Self::Provision(response) => Some(response.code),
            Self::Certificate(response) => Some(response.code),
            Self::Authenticate(response) | Self::Sign(response) => Some(response.code),
            Self::Ping(response) => Some(response.code),
            Self::StartPinReset(response) => Some(response.code),
            Self::EndPinReset(response) => Some(response.code),
            Self::Delete(response) => Some(response.code),
            Self::Other { .. } => None,
        }
    }
}

/// The hub's report when a command has ended, and the answer to a poll at any time.
///
/// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning". The callback
/// without an answer of a device is not documented: this crate's hub sends neither `responseHeader`
/// nor a response. Nothing in it is verified.
///
/// ```
/// use keyferry::hermod::model::{Callback, Response};
///
/// let text = r#"{"responseHeader":{"inReplyTo":"https://h/ms/b/m","status":200},"certResponse":{"code":0},"commandId":"18093",
///     "destinations":[],"commandType":"CERT","state":"COMPLETED","fqdn":"h"}"#;
/// let callback = Callback::from_json(text)?;
/// assert!(matches!(&callback.response, Some(Response::Certificate(response)) if response.code == 0));
/// assert_eq!(Callback::from_json(&callback.to_json())?, callback);
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Callback {
    /// Which message was answered; absent when no device answered. Wire member `responseHeader`.
    pub response_header: Option<ResponseHeader>,
    /// The device's answer; absent when none answered. The dialect names the wire member.
    pub response: Option<Response>,
    /// The hub's id of the command; wire member `commandId`.
    pub command_id: CommandId,
    /// The integrator's own id, if the command had one; wire member `externalId`.
    pub external_id: Option<String>,
    /// The mailboxes that it went to.
    pub destinations: Vec<Destination>,
    /// What kind of command it is; wire member `commandType`.
    pub command_type: CommandType,
    /// How far it is.
    pub state: State,
    /// The host name of the hub, not signed; the device signs one too. Absent in no example.
    pub fqdn: Option<String>,
    /// Members that are not known here, kept as received and written again.
    pub extra: UnknownMembers,
}

impl Callback {
    /// Members that the hub sets, and that an answer, which stands in the same envelope, must not
    /// have.
    #[cfg(feature = "hub")]
    pub(crate) const OF_THE_HUB: &'static [&'static str] =
        &["commandId", "externalId", "destinations", "commandType", "state", "fqdn"];
}

impl From<Submitted> for Callback {
    /// The envelope of a command that nobody has answered.
    fn from(submitted: Submitted) -> Self {
        let Submitted { command_id, external_id, destinations, command_type, state, fqdn, extra } =
            submitted;
        Self {
            response_header: None,
            response: None,
            command_id,
            external_id,
            destinations,
            command_type,
            state,
            fqdn,
            extra,
        }
    }
}

impl Callback {
    /// The compact JWS with which a device answered a provision command, as received; `None` if the
    /// callback carries none.
    #[must_use]
    pub fn jws(&self) -> Option<&str> {
        match &self.response {
            Some(Response::Provision(response)) => Some(&response.result.as_ref()?.data),
            _ => None,
        }
    }

    /// The envelope of a command that a device answered.
    #[must_use]
    pub fn completed(
        submitted: Submitted,
        response_header: ResponseHeader,
        response: Response,
    ) -> Self {
        Self {
            response_header: Some(response_header),
            response: Some(response),
            state: State::COMPLETED,
            ..submitted.into()
        }
    }
}

pub(super) struct CallbackSlots {
    response_header: Slot<ResponseHeader>,
    command_id: Slot<CommandId>,
    external_id: Slot<String>,
    destinations: Slot<Vec<Destination>>,
    command_type: Slot<CommandType>,
    state: Slot<State>,
    fqdn: Slot<String>,
}

impl Default for CallbackSlots {
    fn default() -> Self {
        Self {
            response_header: Slot::new(),
            command_id: Slot::new(),
            external_id: Slot::new(),
            destinations: Slot::new(),
            command_type: Slot::new(),
            state: Slot::new(),
            fqdn: Slot::new(),
        }
    }
}

impl<'de> Envelope<'de> for Callback {
    type Slots = CallbackSlots;
    type Body = Response;

    fn fill<A: MapAccess<'de>>(
        slots: &mut CallbackSlots,
        name: &str,
        map: &mut A,
        reading: &Reading,
    ) -> Result<bool, A::Error> {
        match name {
            "responseHeader" => {
                slots.response_header.fill("responseHeader", 0, true, map, reading)?
            }
            "commandId" => slots.command_id.fill("commandId", 0, false, map, reading)?,
            "externalId" => slots.external_id.fill("externalId", 0, true, map, reading)?,
            "destinations" => slots.destinations.fill("destinations", 0, false, map, reading)?,
            "commandType" => slots.command_type.fill("commandType", 0, false, map, reading)?,
            "state" => slots.state.fill("state", 0, false, map, reading)?,
            "fqdn" => slots.fqdn.fill("fqdn", 0, true, map, reading)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish<E: serde::de::Error>(
        slots: CallbackSlots,
        response: Option<Response>,
        extra: UnknownMembers,
        reading: &Reading,
    ) -> Result<Self, E> {
        Ok(Self {
            response_header: slots.response_header.optional(),
            response,
            command_id: slots.command_id.required("commandId", reading)?,
            external_id: slots.external_id.optional(),
            destinations: slots.destinations.required("destinations", reading)?,
            command_type: slots.command_type.required("commandType", reading)?,
            state: slots.state.required("state", reading)?,
            fqdn: slots.fqdn.optional(),
            extra,
        })
    }
}

impl WriteIn for Callback {
    fn write_in<M: SerializeMap>(&self, dialect: &Dialect, map: &mut M) -> Result<(), M::Error> {
        if let Some(header) = &self.response_header {
            map.serialize_entry("responseHeader", header)?;
        }
        if let Some(response) = &self.response {
            response.write(dialect, map)?;
        }
        map.serialize_entry("commandId", &self.command_id)?;
        if let Some(external_id) = &self.external_id {
            map.serialize_entry("externalId", external_id)?;
        }
        map.serialize_entry("destinations", &self.destinations)?;
        map.serialize_entry("commandType", &self.command_type)?;
        map.serialize_entry("state", &self.state)?;
        if let Some(fqdn) = &self.fqdn {
            map.serialize_entry("fqdn", fqdn)?;
        }
        self.extra.write_into(map)
    }
}

envelope_text!(Callback, read_callback, write_callback, "a callback, or the answer to a poll,");
super::json_text!(Submitted);

/// How far a command is, whatever the state is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Progress {
    /// Accepted; no device has answered.
    Waiting,
    /// A device has answered.
    Answered,
    /// Nobody answered in time.
    TimedOut,
    /// Withdrawn by the integrator.
    Cancelled,
    /// A state that is not known here.
    Unknown,
}

impl Dialect {
    /// Returns the meaning of `state` in this dialect; case counts.
    ///
    /// ```
    /// use keyferry::hermod::{Dialect, model::{Progress, State}};
    ///
    /// assert_eq!(Dialect::default().progress(&State::from("TIMEOUT")), Progress::TimedOut);
    /// assert_eq!(Dialect::default().progress(&State::from("PAUSED")), Progress::Unknown);
    /// ```
    #[must_use]
    pub fn progress(&self, state: &State) -> Progress {
        if *state == State::IN_PROGRESS {
            Progress::Waiting
        } else if *state == State::COMPLETED {
            Progress::Answered
        } else if *state == self.timeout_state {
            Progress::TimedOut
        } else if *state == self.cancelled_state {
            Progress::Cancelled
        } else {
            Progress::Unknown
        }
    }
}
