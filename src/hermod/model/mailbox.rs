//! The messages between a device and the hub. They are not documented; the design is this crate's.

use serde::de::MapAccess;
use serde::ser::SerializeMap;

use super::envelope::{Body as _, Envelope, WriteIn, envelope_text};
use super::{Command, CommandBody, CommandType, Response, ResponseHeader, json_text};
use crate::hermod::Dialect;
use crate::json::{Reading, Slot, UnknownMembers, json_object};
use crate::{Class, Secret};

json_object! {
    /// What a mailbox holds: the answer to `GET {public}/{bid}`.
    ///
    /// Not documented; this is the design of this crate.
    #[derive(Default)]
    pub struct Listing {
        /// The pending messages, oldest first.
        required pub messages: Vec<ListedMessage> = "messages",
    }
}

impl Listing {
    /// A mailbox with these messages.
    #[must_use]
    pub fn new(messages: Vec<ListedMessage>) -> Self {
        Self { messages, extra: UnknownMembers::new() }
    }
}

json_object! {
    /// One pending message.
    pub struct ListedMessage at_most 1024 {
        /// The message, a UUID.
        required pub mid: String = "mid",
        /// Its URL, `{public}/{bid}/{mid}`.
        required pub location: String = "location",
        /// What kind of command it is; wire member `commandType`.
        required pub command_type: CommandType = "commandType",
        /// When it ends: RFC 3339, UTC.
        required pub expires: String = "expires",
    }
}

impl ListedMessage {
    /// A pending message.
    #[must_use]
    pub fn new(
        mid: impl Into<String>,
        location: impl Into<String>,
        command_type: CommandType,
        expires: impl Into<String>,
    ) -> Self {
        Self {
            mid: mid.into(),
            location: location.into(),
            command_type,
            expires: expires.into(),
            extra: UnknownMembers::new(),
        }
    }
}

json_object! {
    /// Where a message comes from and how long it lives; wire member `header`.
    pub struct MessageHeader {
        /// The message, a UUID.
        required pub mid: String = "mid",
        /// Its URL, `{public}/{bid}/{mid}`; the answer repeats it.
        required pub location: String = "location",
        /// What kind of command it is; wire member `commandType`.
        required pub command_type: CommandType = "commandType",
        /// When it was made: RFC 3339, UTC.
        required pub created: String = "created",
        /// When it ends: RFC 3339, UTC.
        required pub expires: String = "expires",
        /// The host name of the hub, which the device copies into what it signs.
        required pub fqdn: String = "fqdn",
    }
}

impl MessageHeader {
    /// A header; both times are RFC 3339, UTC.
    #[must_use]
    pub fn new(listed: ListedMessage, created: impl Into<String>, fqdn: impl Into<String>) -> Self {
        let ListedMessage { mid, location, command_type, expires, extra } = listed;
        Self {
            mid,
            location,
            command_type,
            created: created.into(),
            expires,
            fqdn: fqdn.into(),
            extra,
        }
    }
}

/// One message: the answer to `GET {public}/{bid}/{mid}`. The command in it is the integrator's,
/// unchanged.
///
/// Not documented; this is the design of this crate.
///
/// ```
/// use keyferry::hermod::model::Message;
///
/// let text = r#"{"header":{"mid":"m","location":"https://h/ms/b/m","commandType":"PING","created":"2026-01-01T00:00:00Z",
///     "expires":"2026-01-01T00:01:00Z","fqdn":"h"},"pingCommand":{}}"#;
/// let message = Message::from_json(text)?;
/// assert_eq!(message.header.command_type, "PING");
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// Where it comes from and how long it lives; wire member `header`.
    pub header: MessageHeader,
    /// The command; the wire member that the dialect names.
    pub body: CommandBody,
    /// Members that are not known here, kept as received and written again.
    pub extra: UnknownMembers,
}

impl Message {
    /// Members that the hub sets, and that a command, which stands in the same envelope, must not
    /// have.
    #[cfg(feature = "hub")]
    pub(crate) const OF_THE_HUB: &'static [&'static str] = &["header"];

    /// The message that carries `command`; what the envelope holds beside is carried too.
    #[must_use]
    pub fn new(header: MessageHeader, command: Command) -> Self {
        Self { header, body: command.body, extra: command.extra }
    }
}

/// An answer of a device: the body of `POST {public}/{bid}/{mid}`.
///
/// Not documented; this crate uses the device's part of a callback. The bytes are kept as they were
/// sent, because a repeated answer must be identical.
///
/// ```
/// use keyferry::hermod::model::{Answer, CertificateResponse, Response};
///
/// let answer = Answer::new("https://h/ms/b/m", Response::Certificate(CertificateResponse::new(0)));
/// assert_eq!(answer.to_json(), r#"{"responseHeader":{"inReplyTo":"https://h/ms/b/m","status":200},"certResponse":{"code":0}}"#);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Answer {
    /// Which message this answers; wire member `responseHeader`.
    pub response_header: ResponseHeader,
    /// The answer; the wire member that the dialect names.
    pub response: Response,
    /// Members that are not known here, kept as received and written again.
    pub extra: UnknownMembers,
}

impl Answer {
    /// An answer with status 200 to the message at `location`.
    #[must_use]
    pub fn new(location: impl Into<String>, response: Response) -> Self {
        Self {
            response_header: ResponseHeader::new(location),
            response,
            extra: UnknownMembers::new(),
        }
    }
}

/// The slot of an envelope with one other member.
pub(super) struct One<T>(Slot<T>);

impl<T> Default for One<T> {
    fn default() -> Self {
        Self(Slot::new())
    }
}

impl<'de> Envelope<'de> for Message {
    type Slots = One<MessageHeader>;
    type Body = CommandBody;

    fn fill<A: MapAccess<'de>>(
        slots: &mut Self::Slots,
        name: &str,
        map: &mut A,
        reading: &Reading,
    ) -> Result<bool, A::Error> {
        match name {
            "header" => slots.0.fill("header", 0, false, map, reading)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish<E: serde::de::Error>(
        slots: Self::Slots,
        body: Option<CommandBody>,
        extra: UnknownMembers,
        reading: &Reading,
    ) -> Result<Self, E> {
        let header = slots.0.required("header", reading)?;
        let body = body.ok_or_else(|| reading.fail(Class::Malformed, "no command"))?;
        Ok(Self { header, body, extra })
    }
}

impl WriteIn for Message {
    fn write_in<M: SerializeMap>(&self, dialect: &Dialect, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("header", &self.header)?;
        self.body.write(dialect, map)?;
        self.extra.write_into(map)
    }
}

impl<'de> Envelope<'de> for Answer {
    type Slots = One<ResponseHeader>;
    type Body = Response;

    fn fill<A: MapAccess<'de>>(
        slots: &mut Self::Slots,
        name: &str,
        map: &mut A,
        reading: &Reading,
    ) -> Result<bool, A::Error> {
        match name {
            "responseHeader" => slots.0.fill("responseHeader", 0, false, map, reading)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish<E: serde::de::Error>(
        slots: Self::Slots,
        body: Option<Response>,
        extra: UnknownMembers,
        reading: &Reading,
    ) -> Result<Self, E> {
        let response_header = slots.0.required("responseHeader", reading)?;
        let response = body.ok_or_else(|| reading.fail(Class::Malformed, "no response"))?;
        Ok(Self { response_header, response, extra })
    }
}

impl WriteIn for Answer {
    fn write_in<M: SerializeMap>(&self, dialect: &Dialect, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("responseHeader", &self.response_header)?;
        self.response.write(dialect, map)?;
        self.extra.write_into(map)
    }
}

envelope_text!(Message, read_message, write_message, "a message");
envelope_text!(Answer, read_answer, write_answer, "an answer");

json_object! {
    /// A permanent mailbox, reserved for a new profile: the answer to `POST {public}`, whose body
    /// is `{}`.
    ///
    /// Not documented; this is the design of this crate.
    pub struct ReservedBox {
        /// The mailbox, a UUID.
        required pub bid: String = "bid",
        /// Its URL, `{public}/{bid}`, which the device signs; wire member `boxurl`.
        required pub box_url: String = "boxurl",
        /// The token that opens it, 32 bytes as base64url.
        exposed pub token: Secret = "token",
    }
}

impl ReservedBox {
    /// A reserved mailbox.
    #[must_use]
    pub fn new(bid: impl Into<String>, box_url: impl Into<String>, token: Secret) -> Self {
        Self { bid: bid.into(), box_url: box_url.into(), token, extra: UnknownMembers::new() }
    }
}

json_text!(Listing, ReservedBox);
