//! What the user is asked.

use std::fmt;

use crate::BoxFuture;
use crate::csr::RequestedCertificate;
use crate::hermod::proof::Priority;

/// Something that is not done without the user.
///
/// # Security
/// All texts come from the author of the command, except [`hub`](Self::hub). The question's
/// `Display` writes them so that none can be mistaken for another, or for a text of the program:
/// each stands on lines of its own behind a label, with what cannot be seen escaped, and what is
/// signed is in a block that no description can imitate. Show that, or take the same care.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Question {
    /// What is to be done.
    pub action: Action,
    /// The public address of the hub that it comes from, one of those the device was set up for.
    pub hub: String,
    /// The user the profile is for.
    pub user_id: String,
    /// The name of the profile.
    pub profile_name: String,
    /// The issuer that is shown with the profile, any text.
    pub server_name: String,
    /// The keys that will be made; none for anything but making them.
    pub keys: Vec<QuestionKey>,
}

/// What the user is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Make a new profile.
    Create,
    /// Put new keys in place of those of a profile that is there.
    Overwrite {
        /// The profile.
        profile_id: String,
    },
    /// Delete a profile with its keys.
    Delete {
        /// The profile.
        profile_id: String,
    },
    /// Sign something with a key of a profile.
    Sign(Signing),
    /// Authenticate, by signing something with a key of a profile.
    Authenticate(Signing),
}

/// What is to be signed, with which key, and what is shown beside it.
///
/// Nothing of it is cut: what is too long to be shown is not signed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signing {
    /// The profile whose key it is. The device chose it, if the command came by a link.
    pub profile_id: String,
    /// The key.
    pub key_id: String,
    /// What describes the command, in its order: who asks, a picture.
    pub description: Vec<Shown>,
    /// What is signed; `None` if the command says that it is not to be shown.
    pub tbs: Option<Shown>,
    /// How many bytes are signed, shown or not.
    pub tbs_bytes: usize,
}

/// Something to show the user. It comes from whoever wrote the command.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shown {
    /// What it is there for, a word of the protocol: `requester`, `tbs`, `auth_image`.
    pub role: String,
    /// A label; absent: none.
    pub label: Option<String>,
    /// Its media type; absent: not said.
    pub content_type: Option<String>,
    /// What it is.
    pub content: ShownContent,
}

/// A content to show, decoded.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShownContent {
    /// A text.
    Text(String),
    /// Anything else, an image for one.
    Bytes(Vec<u8>),
}

impl ShownContent {
    /// How many bytes it has.
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
    /// What it is for, a word of the protocol.
    pub usage: String,
    /// Type, length and mechanism, as the device chose them.
    pub priority: Priority,
    /// What its certificate request will ask for, as the command's template says; `None` if the
    /// key is to have no certificate.
    pub request: Option<RequestedCertificate>,
}

/// What the user says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Accept,
    /// No. The integrator is told.
    Refuse,
}

/// Asks the user: a dialogue, a terminal, a rule.
///
/// Any closure `Fn(&Question) -> Decision` is one; it must not block for long. It is asked once a
/// command, and once more if the device stopped before it made the keys, or before it kept what it
/// signed.
pub trait Consent: Send + Sync {
    /// Asks, and resolves when the user has decided.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision>;
}

impl<F: Fn(&Question) -> Decision + Send + Sync> Consent for F {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision> {
        Box::pin(async move { self(question) })
    }
}
