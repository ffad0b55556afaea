//! Certificate: certificates are delivered to a profile.

use super::word::word;
use super::{KeyState, OpaqueText};
use crate::json::json_object;

word! {
    /// What a desktop asks its user before a key is used. At least one more value exists; its
    /// spelling is not documented.
    KeyProtectionLevel {
        /// Nothing.
        NONE = "NONE",
        /// The system asks for consent.
        CONSENT = "CONSENT",
    }
}

json_object! {
    /// The command that delivers certificates; wire member `certCommand`.
    ///
    /// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning"; the members
    /// for desktops, "API parameters specific to Smart ID Desktop App". Whether those stand here or
    /// beside each certificate is not documented: both are read.
    ///
    /// ```
    /// use keyferry::hermod::model::{CertificateCommand, Command, CommandHeader, KeyCertificate};
    ///
    /// let certificate = KeyCertificate::new("signer", "MIIDyDCCArCg…");
    /// let command = CertificateCommand::new("3051e9f3-0e4d-436b-a512-2e18d8afe134", vec![certificate]);
    /// let command = Command::new(CommandHeader::new(60, 60), command);
    /// assert_eq!(Command::from_json(&command.to_json())?, command);
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    pub struct CertificateCommand {
        /// The profile, a UUID; wire member `profileid`.
        required pub profile_id: String = "profileid",
        /// The certificates, one or more and at most 16.
        required pub certificates: Vec<KeyCertificate> = "certificates",
        /// The smart card, where its id is not the profile's; desktops only. Wire member
        /// `smartcardid`.
        optional pub smart_card_id: String = "smartcardid",
        /// What the user is asked before the key is used; desktops only. Wire member
        /// `desktopKeyProtectionLevel`.
        optional pub desktop_key_protection_level: KeyProtectionLevel = "desktopKeyProtectionLevel",
    }
}

impl CertificateCommand {
    /// Delivers `certificates` to the profile.
    #[must_use]
    pub fn new(profile_id: impl Into<String>, certificates: Vec<KeyCertificate>) -> Self {
        Self {
            profile_id: profile_id.into(),
            certificates,
            smart_card_id: None,
            desktop_key_protection_level: None,
            extra: Default::default(),
        }
    }
}

json_object! {
    /// A certificate for one key of the profile.
    pub struct KeyCertificate at_most 16 {
        /// The key that it is for; wire member `keyid`.
        required pub key_id: String = "keyid",
        /// The state of the key once the certificate is there; wire member `keystate`.
        required pub key_state: KeyState = "keystate" | "key_state",
        /// The X.509 certificate: DER as base64 of the standard alphabet, one line. Devices of this
        /// crate also read what
        /// [`Certificate::chain_from_text`](crate::Certificate::chain_from_text) does: PEM, and the
        /// certificates of the authorities with it.
        required pub data: OpaqueText = "data",
        /// As [`CertificateCommand::smart_card_id`].
        optional pub smart_card_id: String = "smartcardid",
        /// As [`CertificateCommand::desktop_key_protection_level`].
        optional pub desktop_key_protection_level: KeyProtectionLevel = "desktopKeyProtectionLevel",
    }
}

impl KeyCertificate {
    /// A certificate that makes its key active.
    #[must_use]
    pub fn new(key_id: impl Into<String>, data: impl Into<OpaqueText>) -> Self {
        Self {
            key_id: key_id.into(),
            key_state: KeyState::ACTIVE,
            data: data.into(),
            smart_card_id: None,
            desktop_key_protection_level: None,
            extra: Default::default(),
        }
    }
}

super::code_response! {
    /// The answer to a certificate command; wire member `certResponse`.
    ///
    /// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning".
    CertificateResponse
}
