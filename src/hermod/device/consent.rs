//! Questions to the user.

use std::fmt;

use crate::BoxFuture;
use crate::csr::RequestedCertificate;
use crate::hermod::proof::Priority;

/// An action that needs the user's consent.
///
/// # Security
/// All texts come from the author of the command, except [`hub`](Self::hub). The question's
/// `Display` writes them so that none can be mistaken for another, or for a text of the program:
/// each stands on separate lines behind a label, invisible characters are escaped, and the signed
/// data is in a block that no description can imitate. Show this text, or take the same care.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// The action.
    pub action: Action,
    /// The public address of the hub that sent the command, one of those in the policy.
    pub hub: String,
    /// The user the profile is for.
    pub user_id: String,
    /// The name of the profile.
    pub profile_name: String,
    /// The issuer shown with the profile; it may be any text.
    pub server_name: String,
    /// The keys that will be made; empty for other actions.
    pub keys: Vec<QuestionKey>,
}

/// The action that the user is asked to allow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Make a new profile.
    Create,
    /// Replace the keys of an existing profile.
    Overwrite {
        /// The profile.
        profile_id: String,
    },
    /// Delete a profile with its keys.
    Delete {
        /// The profile.
        profile_id: String,
    },
    /// Sign data with a key of a profile.
    Sign(Signing),
    /// Authenticate by signing data with a key of a profile.
    Authenticate(Signing),
}

/// The data to be signed, the key, and the descriptions shown with it.
///
/// Nothing is truncated: data that is too long to be shown is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signing {
    /// The profile of the key. The device chose it if the command came by a link.
    pub profile_id: String,
    /// The key.
    pub key_id: String,
    /// The descriptions of the command in their order, such as the requester or a picture.
    pub description: Vec<Shown>,
    /// The signed data; `None` if the command says that it is not to be shown.
    pub tbs: Option<Shown>,
    /// The number of signed bytes, whether shown or not.
    pub tbs_bytes: usize,
}

/// An item to show the user. It comes from the author of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// The role of the item, a word of the protocol: `requester`, `tbs`, `auth_image`.
    pub role: String,
    /// The label, if there is one.
    pub label: Option<String>,
    /// The media type, if it is stated.
    pub content_type: Option<String>,
    /// The content.
    pub content: ShownContent,
}

/// Decoded content to show.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShownContent {
    /// A text.
    Text(String),
    /// Other content, such as an image.
    Bytes(Vec<u8>),
}

impl ShownContent {
    /// Returns its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

impl fmt::Debug for ShownContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShownContent({} bytes)", self.bytes())
    }
}

/// A key that will be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuestionKey {
    /// Its name in the profile.
    pub key_id: String,
    /// The usage, a word of the protocol.
    pub usage: String,
    /// Type, length and mechanism, as the device chose them.
    pub priority: Priority,
    /// The contents of its certificate request according to the command's template; `None` if the
    /// key gets no certificate.
    pub request: Option<RequestedCertificate>,
}

/// The user's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user agrees.
    Accept,
    /// The user refuses; the integrator is told.
    Refuse,
}

/// Asks the user: a dialogue, a terminal, a rule.
///
/// Any closure `Fn(&Question) -> Decision` implements this trait; it must not block for long. It is
/// called once per command, and again if the device stopped before it made the keys or stored the
/// signature.
pub trait Consent: Send + Sync {
    /// Asks, and resolves when the user has decided.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision>;
}

impl<F: Fn(&Question) -> Decision + Send + Sync> Consent for F {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision> {
        Box::pin(async move { self(question) })
    }
}
