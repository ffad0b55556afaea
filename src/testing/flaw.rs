//! What can be wrong with an answer.

use std::time::Duration;

use crate::Class;

/// One thing that is wrong with a [`Device`](super::Device)'s answer to a provision command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// Another nonce in what the attestation key signs.
    Nonce,
    /// Another nonce in what a new key signs.
    KeyNonce,
    /// A byte of the outer signature is another.
    Signature,
    /// A new key's statement is signed by another key.
    Proof,
    /// The type or length of a key is not among those asked for.
    NotAsRequested,
    /// The last key that was asked for is missing.
    MissingKey,
    /// There is a key that nobody asked for.
    ExtraKey,
    /// The same key twice, under two names: needs a command that asks for two keys of one type.
    SameKey,
    /// The request is for another key. Needs a command with a template.
    RequestKey,
    /// The request's signature does not verify. Needs a command with a template.
    RequestSignature,
    /// The request that was asked for is missing. Needs a command with a template.
    MissingRequest,
    /// The profile is another user's.
    User,
    /// Another host name.
    Channel,
    /// A mailbox on another host.
    Mailbox,
    /// Signed by an attestation key that nobody knows: refused only by a verifier with a pin.
    Attestation,
    /// The device fetches the message and never answers.
    Silent,
    /// The device answers after this time.
    Late(Duration),
}

impl Flaw {
    /// Every flaw that is one of the answer itself.
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

    /// The class that a right verifier refuses such an answer with; `None` if there is no answer to
    /// refuse, or none in time.
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
