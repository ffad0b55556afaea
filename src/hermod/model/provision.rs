//! Provision: a profile with keys is made on a device.

use std::borrow::Cow;

use serde::Deserializer;

use super::visual::VisualData;
use super::word::word;
use super::{JwsText, OpaqueText};
use crate::crypto::{Algorithm, Curve, KeyKind};
use crate::csr::Template;
use crate::hermod::Dialect;
use crate::json::{FromJson, Number, NumberOrText, Reading, json_object};

word! {
    /// The key that has to sign the answer to a provision command.
    SignatureKey {
        /// The attestation key of the app. The only value seen.
        ATTESTATION = "ATTESTATION",
    }
}

word! {
    /// The form of signed data: of an answer (`responseformat`, `contenttype`) or of a signature
    /// (`format`).
    DataFormat {
        /// A compact JWS (RFC 7515).
        JWS = "jws",
        /// A CMS (PKCS#7) signature, as base64 of its DER.
        PKCS7 = "pkcs7",
    }
}

word! {
    /// What a key is for. [`Dialect`](crate::hermod::Dialect) has the spellings of the others,
    /// which are not documented.
    KeyUsage {
        /// Signing. The only value seen; devices answer it in either case.
        SIG = "SIG",
    }
}

word! {
    /// The kind of a key. [`Dialect`](crate::hermod::Dialect) has the spellings for elliptic
    /// curves, which are not documented.
    KeyType {
        /// RSA. The only value seen.
        RSA = "RSA",
    }
}

word! {
    /// The algorithm with which a key proves itself: a JOSE name (RFC 7518).
    ResponseMechanism {
        /// RSASSA-PKCS1-v1_5 with SHA-256. The only value seen.
        RS256 = "RS256",
    }
}

word! {
    /// Where a key is kept. Others than this exist (TPM, the Windows certificate store); their
    /// spellings are not documented.
    Storage {
        /// Inside the app. The only value seen.
        APP = "APP",
    }
}

word! {
    /// The state of a key or a certificate. Devices write it in either case: compare with
    /// `same_as`.
    KeyState {
        /// In use. The only value seen.
        ACTIVE = "ACTIVE",
    }
}

/// The length of a key: a text of digits on the wire; a number is read too.
///
/// For RSA it is the size of the modulus in bits. For elliptic curves it is the field size in bits,
/// which is not documented and is this crate's choice.
///
/// ```
/// use keyferry::hermod::model::KeyLength;
///
/// assert_eq!(KeyLength::from("2048").bits(), Some(2048));
/// assert_eq!(KeyLength::from_bits(256), "256");
/// assert_eq!(KeyLength::from("long").bits(), None);
/// assert_eq!(KeyLength::from("02048").bits(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyLength(Cow<'static, str>);

impl KeyLength {
    /// The length `text`.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// A length in bits.
    #[must_use]
    pub fn from_bits(bits: u32) -> Self {
        Self(Cow::Owned(bits.to_string()))
    }

    /// The text as received.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The length in bits, if the text is a positive number in plain decimal digits: no sign, no
    /// leading zero, nothing around them.
    #[must_use]
    pub fn bits(&self) -> Option<u32> {
        let is_plain = !self.0.starts_with('0') && self.0.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { self.0.parse().ok() } else { None }
    }
}

word!(@traits KeyLength);

/// A text, or a whole number in decimal digits.
pub(super) struct TextOrNumber(pub(super) String);

impl<'de> FromJson<'de> for TextOrNumber {
    const EXPECTED: &'static str = "neither a text nor a whole number";

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        let text = match Number::or_text(deserializer, reading)? {
            NumberOrText::Number(number) => number.into_digits(),
            NumberOrText::Text(text) => Some(text),
        };
        text.map(|text| Self(text.into_owned()))
            .ok_or_else(|| reading.fail(crate::Class::Malformed, Self::EXPECTED))
    }
}

impl<'de> FromJson<'de> for KeyLength {
    const EXPECTED: &'static str = TextOrNumber::EXPECTED;

    fn from_json<D: Deserializer<'de>>(
        deserializer: D,
        reading: &Reading,
    ) -> Result<Self, D::Error> {
        TextOrNumber::from_json(deserializer, reading).map(|text| Self(Cow::Owned(text.0)))
    }
}

json_object! {
    /// The command to make a profile with keys on a device; wire member `provCommand`.
    ///
    /// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning".
    ///
    /// ```
    /// use keyferry::hermod::model::{KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest, ProvisionCommand};
    ///
    /// let key = KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("RSA", "2048", "RS256")]);
    /// let command = ProvisionCommand::new("123456789", "userA", ProfileRequest::new("nexus", "TestProfile", vec![key]));
    /// let text = command.to_json();
    /// assert_eq!(ProvisionCommand::from_json(&text)?, command);
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    pub struct ProvisionCommand {
        /// A value that no other command has, made by the integrator; the device puts it into
        /// everything it signs. Any text.
        required pub nonce: String = "nonce",
        /// The user that the new mailbox is registered for; wire member `userid`.
        required pub user_id: String = "userid",
        /// The key that signs the answer; wire member `responsesignaturekey`.
        required pub response_signature_key: SignatureKey = "responsesignaturekey",
        /// The form of the answer; wire member `responseformat`.
        required pub response_format: DataFormat = "responseformat",
        /// What to make.
        required pub profile: ProfileRequest = "profile",
    }
}

impl ProvisionCommand {
    /// A command whose answer is a JWS signed with the attestation key, the only documented form.
    #[must_use]
    pub fn new(
        nonce: impl Into<String>,
        user_id: impl Into<String>,
        profile: ProfileRequest,
    ) -> Self {
        Self {
            nonce: nonce.into(),
            user_id: user_id.into(),
            response_signature_key: SignatureKey::ATTESTATION,
            response_format: DataFormat::JWS,
            profile,
            extra: Default::default(),
        }
    }
}

json_object! {
    /// The profile (virtual smart card) that is asked for.
    pub struct ProfileRequest {
        /// The issuer shown on the card, a company or department; any text, not a host name. Wire
        /// member `servername`.
        required pub server_name: String = "servername",
        /// The name shown on the card.
        required pub name: String = "name",
        /// The keys to make, one or more and at most 16; wire member `keygenrequests`.
        required pub key_gen_requests: Vec<KeyGenRequest> = "keygenrequests",
        /// How the card looks; absent: a plain card. Wire member `visualData`.
        optional pub visual_data: VisualData = "visualData",
        /// The profile to renew, a UUID; absent: a new one. Not documented; this is the design of
        /// this crate.
        optional pub id: String = "id",
    }
}

impl ProfileRequest {
    /// A new profile with a plain card.
    #[must_use]
    pub fn new(
        server_name: impl Into<String>,
        name: impl Into<String>,
        key_gen_requests: Vec<KeyGenRequest>,
    ) -> Self {
        Self {
            server_name: server_name.into(),
            name: name.into(),
            key_gen_requests,
            visual_data: None,
            id: None,
            extra: Default::default(),
        }
    }
}

json_object! {
    /// One key that is asked for.
    pub struct KeyGenRequest at_most 16 {
        /// The name of the key, unique in the profile; becomes the `kid` of the answer. Wire member
        /// `keyid`.
        required pub key_id: String = "keyid",
        /// What the key is for.
        required pub usage: KeyUsage = "usage",
        /// Key types, best first; the device takes the first that it can make. Wire member
        /// `keytypeprios`; `keytypepriors` is read too.
        required pub key_type_prios: Vec<KeyTypePrio> = "keytypeprios" | "keytypepriors",
        /// Places to keep it, best first. Wire member `storageprios`; `storagepriors` is read too.
        required pub storage_prios: Vec<Storage> = "storageprios" | "storagepriors",
        /// The state that the key starts in; wire member `keystate`.
        required pub key_state: KeyState = "keystate" | "key_state",
        /// The template of the certificate request: a PKCS#10 with the right subject and a
        /// throw-away key, DER as base64 of the standard alphabet. Absent or empty: a raw key
        /// without a certificate; [`Self::template`] takes both alike. Wire member `certreq`.
        optional pub cert_req: OpaqueText = "certreq",
    }
}

impl KeyGenRequest {
    /// A raw key, kept in the app, active from the start; assign `cert_req` to ask for a
    /// certificate request.
    #[must_use]
    pub fn new(
        key_id: impl Into<String>,
        usage: KeyUsage,
        key_type_prios: Vec<KeyTypePrio>,
    ) -> Self {
        Self {
            key_id: key_id.into(),
            usage,
            key_type_prios,
            storage_prios: vec![Storage::APP],
            key_state: KeyState::ACTIVE,
            cert_req: None,
            extra: Default::default(),
        }
    }

    /// A raw key of this kind, for signatures, kept in the app, active from the start, which
    /// proves itself with the [default algorithm](Algorithm::default_of) of its kind.
    ///
    /// ```
    /// use keyferry::crypto::{Curve, KeyKind};
    /// use keyferry::hermod::model::{KeyGenRequest, KeyTypePrio};
    ///
    /// let request = KeyGenRequest::of_kind("signer", KeyKind::Ec(Curve::P256)).or_kind(KeyKind::Rsa { bits: 2048 });
    /// assert_eq!(request.key_type_prios, [KeyTypePrio::new("EC", "256", "ES256"), KeyTypePrio::new("RSA", "2048", "RS256")]);
    /// ```
    #[must_use]
    pub fn of_kind(key_id: impl Into<String>, kind: KeyKind) -> Self {
        Self::new(key_id, KeyUsage::SIG, vec![KeyTypePrio::of_kind(kind)])
    }

    /// Adds another acceptable kind with lower preference.
    #[must_use]
    pub fn or_kind(mut self, kind: KeyKind) -> Self {
        self.key_type_prios.push(KeyTypePrio::of_kind(kind));
        self
    }

    /// Sets the usage.
    #[must_use]
    pub fn with_usage(mut self, usage: impl Into<KeyUsage>) -> Self {
        self.usage = usage.into();
        self
    }

    /// Sets the template, so that the answer has a certificate request.
    #[must_use]
    pub fn with_template(mut self, template: &Template) -> Self {
        self.cert_req = Some(template.to_base64().into());
        self
    }

    /// The template as base64 text, if there is one: an empty text counts as none.
    #[must_use]
    pub fn template(&self) -> Option<&str> {
        self.cert_req.as_deref().filter(|text| !text.is_empty())
    }
}

json_object! {
    /// One acceptable key type.
    pub struct KeyTypePrio {
        /// The kind of key; wire member `keytype`.
        required pub key_type: KeyType = "keytype",
        /// Its length; wire member `keylength`.
        required pub key_length: KeyLength = "keylength",
        /// The algorithm with which the key proves itself; wire member `responsemechanism`.
        required pub response_mechanism: ResponseMechanism = "responsemechanism",
    }
}

impl KeyTypePrio {
    /// A type of key.
    #[must_use]
    pub fn new(
        key_type: impl Into<KeyType>,
        key_length: impl Into<KeyLength>,
        response_mechanism: impl Into<ResponseMechanism>,
    ) -> Self {
        Self {
            key_type: key_type.into(),
            key_length: key_length.into(),
            response_mechanism: response_mechanism.into(),
            extra: Default::default(),
        }
    }

    /// This kind of key, which proves itself with the [default algorithm](Algorithm::default_of) of
    /// its kind, in the default [`Dialect`].
    #[must_use]
    pub fn of_kind(kind: KeyKind) -> Self {
        Dialect::standard().key_type_prio(kind, Algorithm::default_of(kind))
    }
}

impl Dialect {
    /// This kind of key in the words of the dialect, with the algorithm with which it proves
    /// itself.
    #[must_use]
    pub fn key_type_prio(&self, kind: KeyKind, mechanism: Algorithm) -> KeyTypePrio {
        let (key_type, key_length) = match kind {
            KeyKind::Rsa { bits } => (&KeyType::RSA, KeyLength::from_bits(u32::from(bits))),
            KeyKind::Ec(curve) => {
                let length = match curve {
                    Curve::P256 => &self.p256_key_length,
                    Curve::P384 => &self.p384_key_length,
                    Curve::P521 => &self.p521_key_length,
                };
                (&self.ec_key_type, length.clone())
            }
            KeyKind::Ed25519 => (&self.okp_key_type, self.ed25519_key_length.clone()),
        };
        KeyTypePrio::new(key_type.clone(), key_length, mechanism.name())
    }
}

json_object! {
    /// The answer to a provision command; wire member `provResponse`.
    ///
    /// Source: Hermod protocol, "Example: Personal Mobile certificate provisioning".
    pub struct ProvisionResponse {
        /// 0 for success; [`ResponseCodes`](crate::hermod::dialect::ResponseCodes) has the others,
        /// which are not documented.
        required pub code: i64 = "code",
        /// The signed answer; absent when the device refused.
        optional pub result: ProvisionResult = "result",
    }
}

impl ProvisionResponse {
    /// Success: `jws` is the compact JWS that the attestation key signed.
    #[must_use]
    pub fn success(jws: impl Into<JwsText>) -> Self {
        let result = ProvisionResult {
            content_type: DataFormat::JWS,
            data: jws.into(),
            extra: Default::default(),
        };
        Self { code: super::SUCCESS, result: Some(result), extra: Default::default() }
    }

    /// A refusal.
    #[must_use]
    pub fn refusal(code: i64) -> Self {
        Self { code, result: None, extra: Default::default() }
    }
}

json_object! {
    /// The answer that a device signed when it made a profile. Nothing in it is verified.
    pub struct ProvisionResult {
        /// The form of `data`; wire member `contenttype`.
        required pub content_type: DataFormat = "contenttype",
        /// The compact JWS as received, at most 256 KiB. It is never re-encoded, because its
        /// signature covers this text.
        required pub data: JwsText = "data",
    }
}

super::json_text!(ProvisionCommand, ProvisionResponse);
