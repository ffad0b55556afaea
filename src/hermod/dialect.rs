//! The undocumented parts of the Hermod protocol, which this crate had to decide: words, codes and
//! limits. All can be replaced.
//!
//! Documented words are constants next to the models that use them. [`CommandWords`] repeats some
//! of them, so that all commands can be handled alike. The members inside the messages that this
//! crate designed (mailbox, delete, PIN reset) are fixed; another spelling of such a member is kept
//! in `extra`.

use std::borrow::Cow;

use crate::crypto::Algorithm;
use crate::hermod::model::{
    CommandKind, CommandType, FilterOp, FilterParam, KeyLength, KeyState, KeyType, KeyUsage,
    SignMechanism, State, TextColor,
};

type Word = Cow<'static, str>;

const fn word(text: &'static str) -> Word {
    Cow::Borrowed(text)
}

/// The words of one command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandWords {
    /// The path below `…/command/` that it is posted to.
    pub path: Cow<'static, str>,
    /// The path below `…/callback/` that its answer is posted to.
    pub callback_path: Cow<'static, str>,
    /// The member of the command's envelope: `provCommand`.
    pub command_member: Cow<'static, str>,
    /// The member of the callback's envelope: `provResponse`.
    pub response_member: Cow<'static, str>,
    /// Its `commandType`: `PROV`.
    pub command_type: CommandType,
}

const fn words(
    path: &'static str,
    command_member: &'static str,
    response_member: &'static str,
    command_type: &'static str,
) -> CommandWords {
    CommandWords {
        path: word(path),
        callback_path: word(path),
        command_member: word(command_member),
        response_member: word(response_member),
        command_type: CommandType::from_static(command_type),
    }
}

/// All undocumented choices. [`Dialect::default`] is this crate's choice; assign other values to
/// match a real service.
///
/// ```
/// use keyferry::hermod::{Dialect, model::CommandKind};
///
/// let mut dialect = Dialect::default();
/// assert_eq!(dialect.words(CommandKind::StartPinReset).command_member, "spinCommand");
/// dialect.start_pin_reset.command_member = "startPinResetCommand".into();
/// let text = r#"{"commandHeader":{"lifespan":60,"timeout":60},"startPinResetCommand":{}}"#;
/// let command = dialect.read_command(text)?;
/// assert_eq!(command.body.kind(), Some(CommandKind::StartPinReset));
/// assert_eq!(dialect.write_command(&command), text);
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dialect {
    /// Documented in full.
    pub provision: CommandWords,
    /// Documented in full.
    pub certificate: CommandWords,
    /// `authCommand` is documented; type `AUTH` and `authResponse` are inferred.
    pub authenticate: CommandWords,
    /// `signCommand` and `SIGN` are documented; `signResponse` is inferred.
    pub sign: CommandWords,
    /// The path is documented; `pingCommand`, `pingResponse` and `PING` are inferred.
    pub ping: CommandWords,
    /// This crate's choice, after the command's short name: `startpinreset`, `spinCommand`,
    /// `spinResponse`, `SPIN`.
    pub start_pin_reset: CommandWords,
    /// This crate's choice, after the command's short name: `endpinreset`, `epinCommand`,
    /// `epinResponse`, `EPIN`.
    pub end_pin_reset: CommandWords,
    /// This crate's choice: `delete`, `deleteCommand`, `deleteResponse`, `DELETE`.
    pub delete: CommandWords,

    /// State of a command that nobody answered in time: `TIMEOUT`.
    pub timeout_state: State,
    /// State of a command that the integrator withdrew: `CANCELLED`.
    pub cancelled_state: State,

    /// Key type of elliptic curves, `EC`; the key length tells the curve.
    pub ec_key_type: KeyType,
    /// Key type of Ed25519: `OKP`.
    pub okp_key_type: KeyType,
    /// Key length that means P-256: `256`.
    pub p256_key_length: KeyLength,
    /// Key length that means P-384: `384`.
    pub p384_key_length: KeyLength,
    /// Key length that means P-521: `521`.
    pub p521_key_length: KeyLength,
    /// Key length that means Ed25519, of the type [`Self::okp_key_type`]: `256`.
    pub ed25519_key_length: KeyLength,
    /// Usage of a key for authentication: `AUTH`.
    pub authentication_usage: KeyUsage,
    /// Usage of a key for encryption: `ENC`.
    pub encryption_usage: KeyUsage,
    /// State of a key that is not in use: `INACTIVE`.
    pub inactive_key_state: KeyState,
    /// Black texts on a card: `BLACK`. The documents mention the value but not its spelling.
    pub black_text_color: TextColor,

    /// Mechanisms of sign commands.
    pub mechanisms: SignMechanisms,
    /// The `typ` of a JWS that answers a sign or an authenticate command.
    pub signature_types: SignatureTypes,
    /// The member of a signed key in which a device may say where it keeps the key, in a word of
    /// the command's `storageprios`.
    pub storage_member: Cow<'static, str>,
    /// Operators and parameters of filters.
    pub filter: FilterWords,
    /// Codes of a device's responses.
    pub codes: ResponseCodes,
    /// Codes in the hub's error bodies.
    pub errors: ErrorCodes,
    /// Pieces of paths.
    pub paths: PathNames,
    /// Names of HTTP headers.
    pub headers: HeaderNames,
    /// The statuses with which a receiver refuses a callback permanently.
    pub callback_statuses: CallbackStatuses,
    /// Numbers: limits, attempts, times.
    pub limits: Limits,
}

/// Mechanisms of sign commands, beside the documented [`SignMechanism::CKM_SHA256_RSA_PKCS`]: names
/// of PKCS#11.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignMechanisms {
    /// RSASSA-PKCS1-v1_5 with SHA-384: `CKM_SHA384_RSA_PKCS`.
    pub sha384_rsa_pkcs: SignMechanism,
    /// RSASSA-PKCS1-v1_5 with SHA-512: `CKM_SHA512_RSA_PKCS`.
    pub sha512_rsa_pkcs: SignMechanism,
    /// ECDSA with SHA-256: `CKM_ECDSA_SHA256`.
    pub ecdsa_sha256: SignMechanism,
    /// ECDSA with SHA-384: `CKM_ECDSA_SHA384`.
    pub ecdsa_sha384: SignMechanism,
    /// ECDSA with SHA-512: `CKM_ECDSA_SHA512`.
    pub ecdsa_sha512: SignMechanism,
    /// EdDSA, with a key of Ed25519: `CKM_EDDSA`.
    pub eddsa: SignMechanism,
}

/// The `typ` in the header of a JWS that a device makes for a user. It distinguishes the roles from
/// each other and from a proof, which has no `typ`. A CMS has it in its content hints, without the
/// last plus sign and the text after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureTypes {
    /// Of the answer to a sign command: `hermod-sign+jws`.
    pub sign: Cow<'static, str>,
    /// Of the answer to an authenticate command: `hermod-auth+jws`.
    pub authenticate: Cow<'static, str>,
}

/// Operators and parameters of filters, beside the documented `eq` and `key.type`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterWords {
    /// Not equal: `ne`.
    pub ne: FilterOp,
    /// One of several, `value` being an array: `in`.
    pub one_of: FilterOp,
    /// All of `args`: `and`.
    pub and: FilterOp,
    /// Any of `args`: `or`.
    pub or: FilterOp,
    /// Not the one of `args`: `not`.
    pub not: FilterOp,
    /// The keyid: `key.id`.
    pub key_id: FilterParam,
    /// The usage: `key.usage`.
    pub key_usage: FilterParam,
    /// The state, whatever its case: `key.state`.
    pub key_state: FilterParam,
    /// The profile: `profile.id`.
    pub profile_id: FilterParam,
    /// The certificate's issuer: `cert.issuer`.
    pub cert_issuer: FilterParam,
    /// The certificate's subject: `cert.subject`.
    pub cert_subject: FilterParam,
    /// The certificate's serial number: `cert.serial`.
    pub cert_serial: FilterParam,
}

/// Codes of a device's responses, beside 0 for success.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseCodes {
    /// The user refused: 1.
    pub user_cancelled: i64,
    /// Wrong or blocked PIN: 2.
    pub wrong_pin: i64,
    /// No key matches the filter: 3.
    pub no_key: i64,
    /// Key type, mechanism or format that the device does not support: 4.
    pub unsupported: i64,
    /// Unknown profile: 5.
    pub unknown_profile: i64,
    /// Bad certificate: 6.
    pub bad_certificate: i64,
    /// The key store failed: 7.
    pub storage: i64,
    /// Against the device's policy: 8.
    pub not_allowed: i64,
    /// Any other error: 99.
    pub other: i64,
}

/// Codes in the hub's error bodies ([`ErrorBody`](crate::hermod::model::ErrorBody)). A 422 carries
/// the class in upper snake case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorCodes {
    /// 400: `INVALID_REQUEST`.
    pub invalid_request: Cow<'static, str>,
    /// 401: `UNAUTHORIZED`.
    pub unauthorized: Cow<'static, str>,
    /// 404 for a command: `UNKNOWN_COMMAND`.
    pub unknown_command: Cow<'static, str>,
    /// 404 for a user without a mailbox: `NO_DESTINATION`.
    pub no_destination: Cow<'static, str>,
    /// 404 for an address that the server does not have: `UNKNOWN_ADDRESS`. It says nothing about
    /// the object that a caller asks for.
    pub unknown_address: Cow<'static, str>,
    /// 404 for anything else: `NOT_FOUND`.
    pub not_found: Cow<'static, str>,
    /// 405: `METHOD_NOT_ALLOWED`.
    pub method_not_allowed: Cow<'static, str>,
    /// 408: `TIMEOUT`.
    pub timeout: Cow<'static, str>,
    /// 409: `CONFLICT`.
    pub conflict: Cow<'static, str>,
    /// 410: `GONE`.
    pub gone: Cow<'static, str>,
    /// 413: `TOO_LARGE`.
    pub too_large: Cow<'static, str>,
    /// 415: `UNSUPPORTED_MEDIA_TYPE`.
    pub unsupported_media_type: Cow<'static, str>,
    /// 429: `RATE_LIMITED`.
    pub rate_limited: Cow<'static, str>,
    /// 431: `HEADERS_TOO_LARGE`.
    pub headers_too_large: Cow<'static, str>,
    /// 501: `NOT_IMPLEMENTED`.
    pub not_implemented: Cow<'static, str>,
    /// 502: `CONTENT_PROVIDER`.
    pub content_provider: Cow<'static, str>,
    /// 503: `UNAVAILABLE`.
    pub unavailable: Cow<'static, str>,
}

/// Pieces of paths beside those of the [commands](CommandWords).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathNames {
    /// Documented; below the address of the commands: `poll`.
    pub poll: Cow<'static, str>,
    /// Inferred; between the base of the callbacks and the path of one: `callback`. Empty: nothing
    /// is between them.
    pub callback: Cow<'static, str>,
    /// Documented; below the address of the content provider: `getcontent`.
    pub content: Cow<'static, str>,
}

/// The statuses with which a receiver refuses a callback permanently. Any 2xx is success, and a
/// callback that was answered with any other status is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallbackStatuses {
    /// Final whatever the body: 410 and 422, which concern the callback itself and not the
    /// availability of the receiver.
    pub refused: Cow<'static, [u16]>,
    /// Final if the body has the form of this crate's receiver
    /// ([`ErrorBody`](crate::hermod::model::ErrorBody)): 400, 409, 413 and 415. Without that form
    /// they may come from a proxy in front of the receiver.
    pub refused_by_our_receiver: Cow<'static, [u16]>,
}

/// Names of HTTP headers that this crate chose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeaderNames {
    /// The hub's id of a request, with every answer: `X-Request-Id`.
    pub request_id: Cow<'static, str>,
    /// The secret that an activation token is bound to, 32 bytes as base64url: `X-Claim`.
    pub claim: Cow<'static, str>,
    /// The id of a callback, the same on each repeat: `webhook-id`, as all of the next three from
    /// the Standard Webhooks specification.
    pub delivery_id: Cow<'static, str>,
    /// When a callback was sent, in Unix seconds: `webhook-timestamp`.
    pub delivery_timestamp: Cow<'static, str>,
    /// The signatures of a callback, separated by spaces: `webhook-signature`.
    pub delivery_signature: Cow<'static, str>,
    /// The version before a signature and its comma: `v1`.
    pub delivery_signature_version: Cow<'static, str>,
}

/// Limits, attempts and times that this crate chose.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Minimum `lifespan` and `timeout`: 1 second.
    pub min_lifespan_secs: u64,
    /// Maximum `lifespan` and `timeout`: 2,592,000 seconds, 30 days.
    pub max_lifespan_secs: u64,
    /// Maximum number of attempts to send a callback: 5.
    pub callback_attempts: u32,
    /// The first pause between two of them: 30 seconds, as in the vendor's sample configuration. It
    /// grows from there.
    pub callback_retry_delay_secs: u64,
    /// Maximum time that a device may wait for messages in one request: 60 seconds.
    pub max_wait_secs: u64,
    /// Length of a mailbox token before it is encoded: 32 bytes.
    pub mailbox_token_bytes: usize,
    /// Length of a claim before it is encoded: 32 bytes.
    pub claim_bytes: usize,
    /// Maximum number of mailboxes that one activation token may reserve: 8.
    pub max_reserved_mailboxes: u32,
    /// Time for which a token still identifies its message after the end: 86,400 seconds, 24 hours.
    pub ended_token_secs: u64,
}

static STANDARD: Dialect = Dialect::new();

impl Default for Dialect {
    fn default() -> Self {
        Self::new()
    }
}

impl Dialect {
    /// The default dialect, shared.
    #[must_use]
    pub fn standard() -> &'static Self {
        &STANDARD
    }

    /// The words of one command.
    #[must_use]
    pub fn words(&self, kind: CommandKind) -> &CommandWords {
        match kind {
            CommandKind::Provision => &self.provision,
            CommandKind::Certificate => &self.certificate,
            CommandKind::Authenticate => &self.authenticate,
            CommandKind::Sign => &self.sign,
            CommandKind::Ping => &self.ping,
            CommandKind::StartPinReset => &self.start_pin_reset,
            CommandKind::EndPinReset => &self.end_pin_reset,
            CommandKind::Delete => &self.delete,
        }
    }

    /// The command that is posted to this path below `…/command/`.
    #[must_use]
    pub fn kind_of_path(&self, path: &str) -> Option<CommandKind> {
        CommandKind::ALL.iter().copied().find(|kind| self.words(*kind).path == path)
    }

    /// The command whose answer is posted to this path below `…/callback/`.
    #[must_use]
    pub fn kind_of_callback_path(&self, path: &str) -> Option<CommandKind> {
        CommandKind::ALL.iter().copied().find(|kind| self.words(*kind).callback_path == path)
    }

    /// The command of this type.
    #[must_use]
    pub fn kind_of_type(&self, command_type: &CommandType) -> Option<CommandKind> {
        CommandKind::ALL
            .iter()
            .copied()
            .find(|kind| self.words(*kind).command_type == *command_type)
    }

    /// Returns the algorithm of a sign command's mechanism; `None` if it is unknown. Each ECDSA
    /// digest implies its curve (RFC 7518 section 3.4).
    #[must_use]
    pub fn algorithm_of(&self, mechanism: &SignMechanism) -> Option<Algorithm> {
        let SignMechanisms {
            sha384_rsa_pkcs,
            sha512_rsa_pkcs,
            ecdsa_sha256,
            ecdsa_sha384,
            ecdsa_sha512,
            eddsa,
        } = &self.mechanisms;
        let known = [
            (&SignMechanism::CKM_SHA256_RSA_PKCS, Algorithm::Rs256),
            (sha384_rsa_pkcs, Algorithm::Rs384),
            (sha512_rsa_pkcs, Algorithm::Rs512),
            (ecdsa_sha256, Algorithm::Es256),
            (ecdsa_sha384, Algorithm::Es384),
            (ecdsa_sha512, Algorithm::Es512),
            (eddsa, Algorithm::EdDsa),
        ];
        known.into_iter().find(|(known, _)| *known == mechanism).map(|(_, algorithm)| algorithm)
    }

    const fn new() -> Self {
        Self {
            provision: words("provision", "provCommand", "provResponse", "PROV"),
            certificate: words("certificate", "certCommand", "certResponse", "CERT"),
            authenticate: words("authenticate", "authCommand", "authResponse", "AUTH"),
            sign: words("sign", "signCommand", "signResponse", "SIGN"),
            ping: words("ping", "pingCommand", "pingResponse", "PING"),
            start_pin_reset: words("startpinreset", "spinCommand", "spinResponse", "SPIN"),
            end_pin_reset: words("endpinreset", "epinCommand", "epinResponse", "EPIN"),
            delete: words("delete", "deleteCommand", "deleteResponse", "DELETE"),
            timeout_state: State::from_static("TIMEOUT"),
            cancelled_state: State::from_static("CANCELLED"),
            ec_key_type: KeyType::from_static("EC"),
            okp_key_type: KeyType::from_static("OKP"),
            p256_key_length: KeyLength::from_static("256"),
            p384_key_length: KeyLength::from_static("384"),
            p521_key_length: KeyLength::from_static("521"),
            ed25519_key_length: KeyLength::from_static("256"),
            authentication_usage: KeyUsage::from_static("AUTH"),
            encryption_usage: KeyUsage::from_static("ENC"),
            inactive_key_state: KeyState::from_static("INACTIVE"),
            black_text_color: TextColor::from_static("BLACK"),
            mechanisms: SignMechanisms {
                sha384_rsa_pkcs: SignMechanism::from_static("CKM_SHA384_RSA_PKCS"),
                sha512_rsa_pkcs: SignMechanism::from_static("CKM_SHA512_RSA_PKCS"),
                ecdsa_sha256: SignMechanism::from_static("CKM_ECDSA_SHA256"),
                ecdsa_sha384: SignMechanism::from_static("CKM_ECDSA_SHA384"),
                ecdsa_sha512: SignMechanism::from_static("CKM_ECDSA_SHA512"),
                eddsa: SignMechanism::from_static("CKM_EDDSA"),
            },
            signature_types: SignatureTypes {
                sign: word("hermod-sign+jws"),
                authenticate: word("hermod-auth+jws"),
            },
            storage_member: word("storage"),
            filter: FilterWords {
                ne: FilterOp::from_static("ne"),
                one_of: FilterOp::from_static("in"),
                and: FilterOp::from_static("and"),
                or: FilterOp::from_static("or"),
                not: FilterOp::from_static("not"),
                key_id: FilterParam::from_static("key.id"),
                key_usage: FilterParam::from_static("key.usage"),
                key_state: FilterParam::from_static("key.state"),
                profile_id: FilterParam::from_static("profile.id"),
                cert_issuer: FilterParam::from_static("cert.issuer"),
                cert_subject: FilterParam::from_static("cert.subject"),
                cert_serial: FilterParam::from_static("cert.serial"),
            },
            codes: ResponseCodes {
                user_cancelled: 1,
                wrong_pin: 2,
                no_key: 3,
                unsupported: 4,
                unknown_profile: 5,
                bad_certificate: 6,
                storage: 7,
                not_allowed: 8,
                other: 99,
            },
            errors: ErrorCodes {
                invalid_request: word("INVALID_REQUEST"),
                unauthorized: word("UNAUTHORIZED"),
                unknown_command: word("UNKNOWN_COMMAND"),
                no_destination: word("NO_DESTINATION"),
                unknown_address: word("UNKNOWN_ADDRESS"),
                not_found: word("NOT_FOUND"),
                method_not_allowed: word("METHOD_NOT_ALLOWED"),
                timeout: word("TIMEOUT"),
                conflict: word("CONFLICT"),
                gone: word("GONE"),
                too_large: word("TOO_LARGE"),
                unsupported_media_type: word("UNSUPPORTED_MEDIA_TYPE"),
                rate_limited: word("RATE_LIMITED"),
                headers_too_large: word("HEADERS_TOO_LARGE"),
                not_implemented: word("NOT_IMPLEMENTED"),
                content_provider: word("CONTENT_PROVIDER"),
                unavailable: word("UNAVAILABLE"),
            },
            paths: PathNames {
                poll: word("poll"),
                callback: word("callback"),
                content: word("getcontent"),
            },
            headers: HeaderNames {
                request_id: word("X-Request-Id"),
                claim: word("X-Claim"),
                delivery_id: word("webhook-id"),
                delivery_timestamp: word("webhook-timestamp"),
                delivery_signature: word("webhook-signature"),
                delivery_signature_version: word("v1"),
            },
            callback_statuses: CallbackStatuses {
                refused: Cow::Borrowed(&[410, 422]),
                refused_by_our_receiver: Cow::Borrowed(&[400, 409, 413, 415]),
            },
            limits: Limits {
                min_lifespan_secs: 1,
                max_lifespan_secs: 2_592_000,
                callback_attempts: 5,
                callback_retry_delay_secs: 30,
                max_wait_secs: 60,
                mailbox_token_bytes: 32,
                claim_bytes: 32,
                max_reserved_mailboxes: 8,
                ended_token_secs: 86_400,
            },
        }
    }
}
