//! The proof: that these public keys were made in that device, for this command, of the type and
//! length asked for.
//!
//! The integrator makes an [`Expectation`] from the command that it sent and hands it, with the
//! answer as received, to a [`Verifier`]. What passes every check is a [`Verified`] answer:
//! `Verified<Attested>` if the attestation key was pinned, `Verified<Consistent>` if not. There is
//! no other way to either.
//!
//! The device builds what is verified here: [`RequestedKey::sign`] makes the proof of possession of one
//! key, [`UnsignedAnswer`] the attested answer.
//!
//! # The checks
//!
//! They run in one fixed order, that of [`Check::OUTER`] and then, for each key in the order of the
//! command, that of [`Check::PER_KEY`]. The first that fails gives the class of the refusal; the
//! later ones are `not-reached`. A [`Report`] lists them all, also on refusal.
//!
//! | check | passes if | class |
//! |---|---|---|
//! | `form` | one compact JWS within the limits, header and payload as they have to be | `malformed`, `too-large` |
//! | `algorithm` | `alg` is one that the verifier allows | `algorithm` |
//! | `attestation-key` | the header's key is one, is public, strong and not refused by the caller, and agrees with `alg`; its `use` and `key_ops` are for verifying | `malformed`, `private-key`, `weak-key`, `algorithm` |
//! | `signature` | the header's key verifies the text as received | `signature` |
//! | `pin` | the header's key is one of the pinned ones; `not-asked` without pins | `attestation` |
//! | `nonce` | the header's nonce is the command's | `nonce` |
//! | `fqdn` | the header's host name is the one that the caller gave | `channel` |
//! | `fqdn-envelope` | the host name of the callback's envelope, which nobody signed, is the header's | `channel` |
//! | `sch` | the header's certificate hash is one that the caller gave; one that is missing is refused | `channel` |
//! | `boxurl` | the mailbox lies under the base address that the caller gave | `channel` |
//! | `user` | the user is the command's | `user` |
//! | `profile` | name, server name and, where the command has one, id of the profile are the command's | `user` |
//! | `keyids` | each key asked for is there once, and no other | `keyid` |
//! | `key-form` | one compact JWS, header and payload as they have to be | `malformed`, `too-large`, `algorithm` |
//! | `key-kid` | header and payload name the same key | `keyid` |
//! | `key-nonce` | the header's nonce is the command's | `nonce` |
//! | `key-private` | no private member is there | `private-key` |
//! | `key-type` | one and the same offered priority has the key's type, exactly its length, and the mechanism; the usage is the one asked for; its `key_ops` are for verifying; the caller does not refuse it; it is where it was asked for, if that is required | `weak-key`, `algorithm`, `not-as-requested` |
//! | `key-state` | the state is the one asked for, ignoring case | `not-as-requested` |
//! | `key-signature` | the key verifies its own statement | `proof` |
//! | `key-reuse` | it is neither the attestation key nor a key of this answer already, nor one that has the same private half: the same modulus with another exponent, the negative of the same point; the caller has not seen it in another answer | `proof` |
//! | `key-request` | the request is there if and only if a template was sent, is strict, of version 0, for this key, verifies, and has the template's bytes | `csr`, `malformed` |
//!
//! Three switches accept more, and the report says of each check what was accepted:
//! [`accept_longer_keys`](Verifier::accept_longer_keys),
//! [`accept_template_versions`](Verifier::accept_template_versions) and
//! [`accept_other_key_states`](Verifier::accept_other_key_states).
//!
//! # Signatures of the user
//!
//! What a device answers to a sign or an authenticate command is signed with a key that was proven
//! before. [`verify_signature`] holds it against a [`SignatureExpectation`], made from the command,
//! and the [`KnownKey`]s of the user. A signature in one role is none in another:
//!
//! | object | what is signed begins with | told apart by |
//! |---|---|---|
//! | signed key, attested answer (JWS) | `e` | no `typ` of a user's signature; the nonce stands in the protected header, which nobody but the device writes |
//! | answer to sign or authenticate, `jws` | `e` | the `typ` of its role; no nonce in the header; the content is the payload |
//! | answer to sign or authenticate, `pkcs7` | the tag of a SET, 0x31 | the content hint of its role; what the integrator chose stands in the attributes as a digest only |
//! | certificate request | the tag of a SEQUENCE, 0x30 | |
//!
//! The [`Verifier`] refuses a `typ` of the two roles wherever it stands, as `malformed`;
//! [`verify_signature`] refuses every other than its own. A CMS without a content hint, which
//! another device may have made, is taken in either role: that it is about this command, its
//! content has to say, as that of [`SignatureExpectation::fresh_authentication`] does.

mod expectation;
mod key_request;
mod pins;
mod report;
mod seen;
mod signature;
mod signed;
mod to_sign;
mod unsigned;
mod verified;
mod verifier;

pub use expectation::Expectation;
pub use key_request::{Choice, KeyRequest, Priority, RequestedKey};
pub use pins::{Pinned, Pins, Unpinned};
pub use report::{Check, Entry, Outcome, Refusal, Report};
pub use seen::SeenKeys;
pub use signature::{KnownKey, SignatureExpectation, VerifiedSignature, verify_signature};
#[cfg(feature = "hub")]
pub(crate) use signed::unverified_profile;
#[cfg(feature = "hub")]
pub(crate) use to_sign::is_content_id;
#[cfg(feature = "device")]
pub(crate) use to_sign::{Form, Role, ToSign, bytes_of};
pub use to_sign::{MAX_TBS_JWS, MAX_TBS_PKCS7};
pub use unsigned::UnsignedAnswer;
pub use verified::{Attested, Consistent, Verified, VerifiedKey};
pub use verifier::Verifier;
