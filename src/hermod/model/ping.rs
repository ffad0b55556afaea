//! Ping: asks whether the device is there and what it is.

use serde::{Deserializer, Serialize, Serializer};

use super::OpaqueText;
use crate::json::{Flag, FromJson, Reading, json_object};

/// `true` or `false`, written as a text; a JSON `true` or `false` is read too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextFlag(pub bool);

impl Serialize for TextFlag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(if self.0 { "true" } else { "false" })
    }
}

impl<'de> FromJson<'de> for TextFlag {
    const EXPECTED: &'static str = Flag::EXPECTED;

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        Flag::from_json(deserializer, reading).map(|flag| Self(flag.0))
    }
}

json_object! {
    /// The command to ask whether a device is there; wire member `pingCommand`.
    ///
    /// Source: Hermod protocol, "API parameters specific to Personal Desktop App", for
    /// `deviceinfo`; its place in the command and the name of the command are not documented and
    /// are this crate's design.
    ///
    /// ```
    /// use keyferry::hermod::model::PingCommand;
    ///
    /// assert_eq!(PingCommand::new(true).to_json(), r#"{"deviceinfo":"true"}"#);
    /// assert!(PingCommand::from_json(r#"{"params":{"deviceinfo":true}}"#)?.wants_device_info());
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    #[derive(Default)]
    pub struct PingCommand {
        /// Whether the answer should describe the device; absent: no. Wire member `deviceinfo`.
        optional pub device_info: TextFlag = "deviceinfo",
        /// Another place where `deviceinfo` may stand; read, and not written by [`Self::new`].
        optional pub params: PingParams = "params",
    }
}

impl PingCommand {
    /// Makes a ping that asks, or does not ask, for a description of the device.
    #[must_use]
    pub fn new(device_info: bool) -> Self {
        Self { device_info: Some(TextFlag(device_info)), params: None, extra: Default::default() }
    }

    /// Returns whether the answer should describe the device, in either place of the member.
    #[must_use]
    pub fn wants_device_info(&self) -> bool {
        let inside = self.params.as_ref().and_then(|params| params.device_info);
        [self.device_info, inside].contains(&Some(TextFlag(true)))
    }
}

json_object! {
    /// Parameters of a ping, where they stand in an object of their own.
    #[derive(Default)]
    pub struct PingParams {
        /// As [`PingCommand::device_info`].
        optional pub device_info: TextFlag = "deviceinfo",
    }
}

json_object! {
    /// The answer to a ping; wire member `pingResponse`.
    ///
    /// The documents say that the answer describes device and profile ("API parameters specific to
    /// Personal Desktop App"). They do not name the members; this crate uses those of the answer to
    /// a provision command.
    pub struct PingResponse {
        /// 0 for success; [`ResponseCodes`](crate::hermod::dialect::ResponseCodes) has the others.
        required pub code: i64 = "code",
        /// The description of the device, if it was requested; wire member `deviceinfo`.
        optional pub device_info: DeviceInfo = "deviceinfo",
        /// The profile that answers, if it was requested.
        optional pub profile: ProfileInfo = "profile",
    }
}

impl PingResponse {
    /// Makes an answer that only says that the device is there (`code` 0), or why it refuses.
    #[must_use]
    pub fn new(code: i64) -> Self {
        Self { code, device_info: None, profile: None, extra: Default::default() }
    }
}

json_object! {
    /// A device's description of itself, which proves nothing.
    pub struct DeviceInfo {
        /// Name and version of the operating system: `iOS (11.2.6)`. Wire member `operatingsystem`.
        required pub operating_system: String = "operatingsystem",
        /// The name that the owner gave the device; any Unicode. Absent: not told.
        optional pub name: String = "name",
        /// The model: `iPhone`. Absent: not told.
        optional pub model: String = "model",
        /// The push token, hexadecimal; absent: no push. Wire member `apndevicetoken`.
        optional pub apn_device_token: OpaqueText = "apndevicetoken",
    }
}

impl DeviceInfo {
    /// The text in place of a name or model that a device does not state.
    pub const UNKNOWN: &str = "unknown";

    /// Fills every member that the protocol requires: an absent or empty one becomes
    /// [`UNKNOWN`](Self::UNKNOWN). Devices answer with this, because other hubs refuse an answer
    /// without `name` or `model`.
    #[must_use]
    pub fn completed(mut self) -> Self {
        for text in [&mut self.name, &mut self.model] {
            if text.as_ref().is_none_or(String::is_empty) {
                *text = Some(Self::UNKNOWN.to_owned());
            }
        }
        if self.operating_system.is_empty() {
            Self::UNKNOWN.clone_into(&mut self.operating_system);
        }
        self
    }

    /// A device that tells its operating system only.
    #[must_use]
    pub fn new(operating_system: impl Into<String>) -> Self {
        Self {
            operating_system: operating_system.into(),
            name: None,
            model: None,
            apn_device_token: None,
            extra: Default::default(),
        }
    }
}

json_object! {
    /// A device's description of a profile, which proves nothing.
    #[derive(Default)]
    pub struct ProfileInfo {
        /// The profile, a UUID; absent: not told, as for all members here.
        optional pub id: String = "id",
        /// Its user; wire member `userid`.
        optional pub user_id: String = "userid",
        /// Its name.
        optional pub name: String = "name",
        /// Its issuer; wire member `servername`.
        optional pub server_name: String = "servername",
        /// Its mailbox, `{public}/{bid}`; wire member `boxurl`.
        optional pub box_url: String = "boxurl",
    }
}

super::json_text!(PingCommand, PingResponse);
