//! What the user is asked.

use crate::BoxFuture;
use crate::hermod::proof::Priority;

/// Something that is not done without the user.
///
/// # Security
/// All texts come from whoever wrote the command. Show them as plain text, and beside them [`hub`](Self::hub), which does not.
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
    /// The keys that will be made; none for a deletion.
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
/// Any closure `Fn(&Question) -> Decision` is one; it must not block for long. It is asked once a command, and once more if the device stopped
/// before it made the keys.
pub trait Consent: Send + Sync {
    /// Asks, and resolves when the user has decided.
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision>;
}

impl<F: Fn(&Question) -> Decision + Send + Sync> Consent for F {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Decision> {
        Box::pin(async move { self(question) })
    }
}
