//! PIN reset in two steps: the desktop app makes a nonce, the server proves with it that it knows
//! the card's admin key.

use super::OpaqueText;
use super::word::word;
use crate::Secret;
use crate::json::json_object;

word! {
    /// What is to be done with the card.
    PinOperation {
        /// A new PIN, with the admin key. What an absent member means.
        PIN_RESET = "pinreset",
        /// A new admin key.
        ADMIN_KEY_CHANGE = "adminkeychange",
        /// A new PIN, with the old one.
        PIN_CHANGE = "pinchange",
        /// A new PUK.
        PUK_CHANGE = "pukchange",
    }
}

word! {
    /// The card's driver.
    DriverName {
        /// YubiKey.
        YUBI = "yubi",
        /// CardOS.
        CARDOS = "cardos",
        /// Whichever fits.
        ANY = "any",
        /// C2300.
        C2300 = "c2300",
        /// Gemalto.
        GEMALTO = "gemalto",
        /// A virtual smart card.
        VSC = "vsc",
    }
}

word! {
    /// How the driver is spoken to.
    DriverType {
        /// A Windows mini driver.
        MINIDRIVER = "minidriver",
        /// PKCS#11.
        PKCS11 = "pkcs11",
    }
}

json_object! {
    /// The first step of a PIN reset: asks the app for a nonce.
    ///
    /// Source: Hermod protocol, "API parameters specific to Smart ID Desktop App", command
    /// "Startpinreset"; its path and the name of its member are not documented and stand in the
    /// [`Dialect`](crate::hermod::Dialect).
    ///
    /// ```
    /// use keyferry::hermod::model::{Command, CommandHeader, PinOperation, StartPinResetCommand};
    ///
    /// let mut start = StartPinResetCommand::default();
    /// start.profile_id = Some("3051e9f3-0e4d-436b-a512-2e18d8afe134".into());
    /// assert_eq!(start.operation(), PinOperation::PIN_RESET);
    /// let text = Command::new(CommandHeader::new(60, 60), start).to_json();
    /// assert!(text.contains("spinCommand"));
    /// ```
    #[derive(Default)]
    pub struct StartPinResetCommand {
        /// The card; wins over `profile_id` where the two disagree. Absent: the profile's. Wire
        /// member `smartcardid`.
        optional pub smart_card_id: String = "smartcardid",
        /// The profile, a UUID; absent for a card that belongs to none. Wire member `profileid`.
        optional pub profile_id: String = "profileid",
        /// The card's driver; before version 2.0 only.
        optional pub driver: Driver = "driver",
        /// What is to be done; before version 2.0 only. Absent: a PIN reset.
        optional pub operation: PinOperation = "operation",
    }
}

impl StartPinResetCommand {
    /// What is to be done, absent taken for a PIN reset.
    #[must_use]
    pub fn operation(&self) -> PinOperation {
        self.operation.clone().unwrap_or(PinOperation::PIN_RESET)
    }
}

json_object! {
    /// A card's driver. Its members begin with a capital letter on the wire.
    #[derive(Default)]
    pub struct Driver {
        /// Which one; wire member `Name`.
        optional pub name: DriverName = "Name",
        /// How it is spoken to; wire member `Type`.
        optional pub driver_type: DriverType = "Type",
    }
}

json_object! {
    /// The app's answer to the first step.
    ///
    /// The members are documented ("API parameters specific to Smart ID Desktop App"). Their place
    /// beside `code` is not documented and is this crate's design.
    pub struct StartPinResetResponse {
        /// 0 for success; [`ResponseCodes`](crate::hermod::dialect::ResponseCodes) has the others.
        required pub code: i64 = "code",
        /// The nonce, to be encrypted with the admin key; absent when the app refused.
        optional pub nonce: String = "nonce",
        /// A one-time RSA public key to encrypt a new admin key with; before version 2.0 only. Wire
        /// member `transportedkey`.
        optional pub transported_key: OpaqueText = "transportedkey",
    }
}

impl StartPinResetResponse {
    /// Success, with the nonce.
    #[must_use]
    pub fn success(nonce: impl Into<String>) -> Self {
        Self { nonce: Some(nonce.into()), ..Self::refusal(super::SUCCESS) }
    }

    /// A refusal.
    #[must_use]
    pub fn refusal(code: i64) -> Self {
        Self { code, nonce: None, transported_key: None, extra: Default::default() }
    }
}

json_object! {
    /// The second step of a PIN reset: proves that the sender knows the admin key.
    ///
    /// Source: Hermod protocol, "API parameters specific to Smart ID Desktop App", command
    /// "Endpinreset"; `profileid` is not documented here and is this crate's design.
    pub struct EndPinResetCommand {
        /// The nonce, encrypted with the admin key; the cipher is not documented. Wire member
        /// `encryptednonce`.
        exposed pub encrypted_nonce: Secret = "encryptednonce",
        /// As in the first step; wire member `smartcardid`.
        optional pub smart_card_id: String = "smartcardid",
        /// As in the first step; wire member `profileid`.
        optional pub profile_id: String = "profileid",
        /// A new admin key: 24 bytes as 48 lower-case hexadecimal characters. Absent: the PIN is
        /// reset. Wire member `newadminkey`.
        optional_exposed pub new_admin_key: Secret = "newadminkey",
    }
}

impl EndPinResetCommand {
    /// A command that resets the PIN of the card that the first step was about.
    #[must_use]
    pub fn new(encrypted_nonce: Secret) -> Self {
        Self {
            encrypted_nonce,
            smart_card_id: None,
            profile_id: None,
            new_admin_key: None,
            extra: Default::default(),
        }
    }
}

super::code_response! {
    /// The app's answer to the second step.
    ///
    /// Not documented; this is the design of this crate.
    EndPinResetResponse
}

super::json_text!(StartPinResetCommand, StartPinResetResponse, EndPinResetCommand);
