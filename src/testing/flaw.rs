//! The flaws of an answer.

use std::time::Duration;

use crate::Class;

/// One flaw of a [`Device`](super::Device)'s answer to a provision command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// The attestation key signs another nonce.
    Nonce,
    /// A new key signs another nonce.
    KeyNonce,
    /// One byte of the outer signature is changed.
    Signature,
    /// Another key signs the statement of a new key.
    Proof,
    /// The type or length of a key was not requested.
    NotAsRequested,
    /// The last requested key is missing.
    MissingKey,
    /// The answer has a key that was not requested.
    ExtraKey,
    /// The same key occurs twice, under two names. It needs a command that asks for two keys of one
    /// type.
    SameKey,
    /// The request is for another key. It needs a command with a template.
    RequestKey,
    /// The request's signature does not verify. It needs a command with a template.
    RequestSignature,
    /// The request is missing. It needs a command with a template.
    MissingRequest,
    /// The profile belongs to another user.
    User,
    /// The host name differs.
    Channel,
    /// The mailbox is on another host.
    Mailbox,
    /// An unknown attestation key signs the answer. Only a verifier with a pin refuses it.
    Attestation,
    /// The device fetches the message and never answers.
    Silent,
    /// The device answers after this time.
    Late(Duration),
}

impl Flaw {
    /// Every flaw in the answer itself.
    pub const OF_ANSWERS: &'static [Self] = &[
        Self::Nonce,
        Self::KeyNonce,
        Self::Signature,
        Self::Proof,
        Self::NotAsRequested,
        Self::MissingKey,
        Self::ExtraKey,
        Self::SameKey,
        Self::RequestKey,
        Self::RequestSignature,
        Self::MissingRequest,
        Self::User,
        Self::Channel,
        Self::Mailbox,
        Self::Attestation,
    ];

    /// The class with which a correct verifier refuses the answer; `None` if there is no answer, or
    /// none in time.
    #[must_use]
    pub fn class(self) -> Option<Class> {
        Some(match self {
            Self::Nonce | Self::KeyNonce => Class::Nonce,
            Self::Signature => Class::Signature,
            Self::Proof | Self::SameKey => Class::Proof,
            Self::NotAsRequested => Class::NotAsRequested,
            Self::MissingKey | Self::ExtraKey => Class::KeyId,
            Self::RequestKey | Self::RequestSignature | Self::MissingRequest => Class::Csr,
            Self::User => Class::User,
            Self::Channel | Self::Mailbox => Class::Channel,
            Self::Attestation => Class::Attestation,
            Self::Silent | Self::Late(_) => return None,
        })
    }
}
