//! Verification of provision answers: it proves that the public keys were made in the device for
//! this command, with the requested type and length.
//!
//! The integrator makes an [`Expectation`] from the command that it sent and hands it, with the
//! answer as received, to a [`Verifier`]. An answer that passes every check becomes
//! `Verified<Attested>` if the attestation key was pinned and `Verified<Consistent>` if not. Only
//! the verifier creates [`Verified`] values.
//!
//! The device builds the answer: [`RequestedKey::sign`] makes the proof of possession of one key,
//! and [`UnsignedAnswer`] builds the attested answer.
//!
//! # The checks
//!
//! The checks run in a fixed order: first [`Check::OUTER`], then [`Check::PER_KEY`] for each key in
//! the order of the command. The first check that fails determines the class of the refusal; the
//! checks after it are `not-reached`. A [`Report`] lists all checks, also on refusal.
//!
//! | check | passes if | class |
//! |---|---|---|
//! | `form` | the answer is one compact JWS within the limits, with a valid header and payload | `malformed`, `too-large` |
//! | `algorithm` | the verifier allows the `alg` | `algorithm` |
//! | `attestation-key` | the header's key is valid, public, strong, not refused by the caller, and agrees with `alg`; its `use` and `key_ops` allow verifying | `malformed`, `private-key`, `weak-key`, `algorithm` |
//! | `signature` | the header's key verifies the text as received | `signature` |
//! | `pin` | the header's key is one of the pinned ones; `not-asked` without pins | `attestation` |
//! | `nonce` | the header's nonce is the command's | `nonce` |
//! | `fqdn` | the header's host name is the one that the caller gave | `channel` |
//! | `fqdn-envelope` | the host name of the callback's envelope, which nobody signed, is the header's | `channel` |
//! | `sch` | the header's certificate hash is one that the caller gave; a missing hash is refused | `channel` |
//! | `boxurl` | the mailbox lies under the base address that the caller gave | `channel` |
//! | `user` | the user is the command's | `user` |
//! | `profile` | name, server name and, where the command has one, id of the profile are the command's | `user` |
//! | `keyids` | each requested key is present once, and there is no other key | `keyid` |
//! | `key-form` | the key is one compact JWS with a valid header and payload | `malformed`, `too-large`, `algorithm` |
//! | `key-kid` | header and payload name the same key | `keyid` |
//! | `key-nonce` | the header's nonce is the command's | `nonce` |
//! | `key-private` | the key has no private member | `private-key` |
//! | `key-type` | a single offered priority has the key's type, exact length and mechanism; the usage is the requested one; its `key_ops` allow verifying; the caller does not refuse the key; the claimed storage was requested, if the verifier requires that | `weak-key`, `algorithm`, `not-as-requested` |
//! | `key-state` | the state is the requested one, ignoring case | `not-as-requested` |
//! | `key-signature` | the key verifies its own statement | `proof` |
//! | `key-reuse` | the key shares its private key neither with the attestation key nor with another key of this answer (the same modulus with another exponent, or a negated point, counts as reuse); the caller has not seen it in another answer | `proof` |
//! | `key-request` | a request is present if and only if a template was sent; it is strict DER, has version 0, is for this key, verifies, and has the template's bytes | `csr`, `malformed` |
//!
//! Three switches accept more; the report then says what each check accepted:
//! [`accept_longer_keys`](Verifier::accept_longer_keys),
//! [`accept_template_versions`](Verifier::accept_template_versions) and
//! [`accept_other_key_states`](Verifier::accept_other_key_states).
//!
//! # Signatures of the user
//!
//! A device answers a sign or authenticate command with a signature by a key that was proven
//! before. [`verify_signature`] checks it against a [`SignatureExpectation`], made from the
//! command, and the [`KnownKey`]s of the user. A signature made in one role is not valid in
//! another:
//!
//! | object | first byte of the signed data | distinguished by |
//! |---|---|---|
//! | signed key, attested answer (JWS) | `e` | it has no `typ` of a user's signature; the nonce stands in the protected header, which only the device writes |
//! | answer to sign or authenticate, `jws` | `e` | the `typ` of its role; no nonce in the header; the content is the payload |
//! | answer to sign or authenticate, `pkcs7` | the tag of a SET, 0x31 | the content hint of its role; the attributes contain the integrator's data only as a digest |
//! | certificate request | the tag of a SEQUENCE, 0x30 | |
//!
//! The [`Verifier`] refuses a `typ` of the two roles wherever it stands, as `malformed`;
//! [`verify_signature`] refuses every `typ` except that of its own role. A CMS without a content
//! hint, which another device may have made, is accepted in either role. Its content then has to
//! identify the command, as that of [`SignatureExpectation::fresh_authentication`] does.

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
