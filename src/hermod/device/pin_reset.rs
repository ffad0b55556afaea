//! PIN reset by a card driver.

use super::Agent;
use crate::BoxFuture;
use crate::hermod::model::{
    EndPinResetCommand, EndPinResetResponse, SUCCESS, StartPinResetCommand, StartPinResetResponse,
};
use crate::keys::Profile;

/// Resets PINs, or changes admin keys, of smart cards: a card driver.
/// [`AgentBuilder::with_pin_reset`](super::AgentBuilder::with_pin_reset) takes it.
///
/// The first step returns a nonce; in the second step the server proves that it knows the card's
/// admin key. The driver chooses the cipher, makes the nonce, which is valid for one second step,
/// and asks the user for the new PIN.
///
/// `profile` is the profile whose mailbox the command came to; `None` if it came by an activation
/// link. A command names a card or a profile. If it names both, the card takes precedence;
/// otherwise a named profile other than `profile` was already refused.
///
/// A device that stops before it stores the answer calls again with the same command.
pub trait PinReset: Send + Sync {
    /// The first step.
    ///
    /// # Errors
    /// The reason of the refusal, which the server is told.
    fn start<'a>(
        &'a self,
        profile: Option<&'a Profile>,
        command: &'a StartPinResetCommand,
    ) -> BoxFuture<'a, Result<PinNonce, PinResetRefusal>>;

    /// The second step: the PIN is set, or the admin key changed, if
    /// [`EndPinResetCommand::new_admin_key`] is there. That key is a secret.
    ///
    /// # Errors
    /// The reason of the refusal, which the server is told.
    fn end<'a>(
        &'a self,
        profile: Option<&'a Profile>,
        command: &'a EndPinResetCommand,
    ) -> BoxFuture<'a, Result<(), PinResetRefusal>>;
}

/// The result of the first step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PinNonce {
    /// The nonce, to be encrypted with the admin key.
    pub nonce: String,
    /// A one-time RSA public key to encrypt a new admin key with; before version 2.0 only.
    pub transported_key: Option<String>,
}

impl PinNonce {
    /// Makes a result with a nonce.
    #[must_use]
    pub fn new(nonce: impl Into<String>) -> Self {
        Self { nonce: nonce.into(), transported_key: None }
    }

    /// Adds a key to encrypt a new admin key with.
    #[must_use]
    pub fn with_transported_key(mut self, key: impl Into<String>) -> Self {
        self.transported_key = Some(key.into());
        self
    }
}

/// The reason why a PIN was not reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PinResetRefusal {
    /// The user refused. Code 1.
    #[error("the user said no")]
    Cancelled,
    /// The nonce is not encrypted with the card's admin key, was used before, or the card is
    /// blocked. Code 2.
    #[error("no proof of the admin key")]
    Unproven,
    /// The driver or the card does not support it. Code 4.
    #[error("not supported")]
    Unsupported,
    /// There is no such card. Code 5.
    #[error("no such card")]
    UnknownCard,
    /// The card or its driver failed. Code 7.
    #[error("the card failed")]
    Failed,
    /// A rule of the device forbids it. Code 8.
    #[error("not allowed")]
    NotAllowed,
}

impl Agent {
    pub(super) async fn start_pin_reset(
        &self,
        command: &StartPinResetCommand,
        owner: Option<&Profile>,
    ) -> StartPinResetResponse {
        let named = if command.driver.is_none() { command.profile_id.as_deref() } else { None };
        match self.card(named, command.smart_card_id.as_deref(), owner) {
            Err(code) => StartPinResetResponse::refusal(code),
            Ok(cards) => match cards.start(owner, command).await {
                Err(refusal) => StartPinResetResponse::refusal(self.code_of_refusal(refusal)),
                Ok(PinNonce { nonce, transported_key }) => {
                    let mut response = StartPinResetResponse::success(nonce);
                    response.transported_key = transported_key.map(Into::into);
                    response
                }
            },
        }
    }

    pub(super) async fn end_pin_reset(
        &self,
        command: &EndPinResetCommand,
        owner: Option<&Profile>,
    ) -> EndPinResetResponse {
        EndPinResetResponse::new(
            match self.card(command.profile_id.as_deref(), command.smart_card_id.as_deref(), owner)
            {
                Err(code) => code,
                Ok(cards) => cards
                    .end(owner, command)
                    .await
                    .map_or_else(|refusal| self.code_of_refusal(refusal), |()| SUCCESS),
            },
        )
    }

    /// Returns the card driver if there is one and the command is not about another profile.
    fn card(
        &self,
        profile_id: Option<&str>,
        smart_card_id: Option<&str>,
        owner: Option<&Profile>,
    ) -> Result<&dyn PinReset, i64> {
        let codes = &self.dialect.codes;
        let cards = self.pin_reset.as_deref().ok_or(codes.unsupported)?;
        let is_owner = |id: &str| {
            owner.is_some_and(|owner| owner.names.id.eq_ignore_ascii_case(id) && !owner.retired)
        };
        match (smart_card_id, profile_id) {
            (None, Some(id)) if !is_owner(id) => Err(codes.unknown_profile),
            _ => Ok(cards),
        }
    }

    fn code_of_refusal(&self, refusal: PinResetRefusal) -> i64 {
        let codes = &self.dialect.codes;
        match refusal {
            PinResetRefusal::Cancelled => codes.user_cancelled,
            PinResetRefusal::Unproven => codes.wrong_pin,
            PinResetRefusal::Unsupported => codes.unsupported,
            PinResetRefusal::UnknownCard => codes.unknown_profile,
            PinResetRefusal::Failed => codes.storage,
            PinResetRefusal::NotAllowed => codes.not_allowed,
        }
    }
}
