//! A device that answers correctly or with one flaw.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Flaw;
use crate::crypto::{
    Algorithm, CryptoError, Curve, KeyKind, PrivateKey, Provider, PublicKey, PublicKeyParts, Signer,
};
use crate::hermod::Dialect;
use crate::hermod::model::{
    Answer, CertificateResponse, CommandBody, DeleteResponse, DeviceInfo, Message, PingResponse,
    ProvisionCommand, ProvisionResponse, Response, SUCCESS,
};
use crate::hermod::proof::{KeyRequest, RequestedKey, UnsignedAnswer};
use crate::hermod::wire::MailboxApi;
use crate::{Class, Clock, Error};

/// The outcome of one visit to a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Served {
    /// The device answered, and the hub accepted the answer.
    Answered,
    /// The device fetched a message and did not answer.
    Silent,
    /// The mailbox was empty.
    Nothing,
}

/// A device without state that answers correctly or with one [`Flaw`]. It consents to everything
/// and keeps no key.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use keyferry::crypto::{Signer as _, aws_lc_rs::AwsLcRs};
/// use keyferry::hermod::model::Command;
/// use keyferry::hermod::proof::{Expectation, Verifier};
/// use keyferry::testing::{Device, Flaw};
///
/// let text = include_str!("../../tests/fixtures/hermod/provision-command.json");
/// let command = Command::from_json(text)?;
/// let command = command.provision().unwrap();
/// let device = Device::new(Arc::new(AwsLcRs))?.with_flaw(Flaw::User);
/// let answer = device.provision(command, "https://hub.example/ms/1", "hub.example")?;
///
/// let expectation = Expectation::from_command(command)?.with_fqdn("hub.example");
/// let refusal = Verifier::danger_unpinned(AwsLcRs).verify(&expectation, &answer).unwrap_err();
/// assert_eq!(Some(refusal.class()), Flaw::User.class());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Device {
    provider: Arc<dyn Provider>,
    attestation: Arc<dyn Signer>,
    flaw: Option<Flaw>,
    clock: Option<Arc<dyn Clock>>,
    dialect: Dialect,
}

impl Device {
    /// Creates a device without a flaw, with a new attestation key (P-256).
    ///
    /// # Errors
    /// The errors of the provider.
    pub fn new(provider: Arc<dyn Provider>) -> Result<Self, CryptoError> {
        let attestation: Arc<dyn Signer> = Arc::new(provider.generate(KeyKind::Ec(Curve::P256))?);
        Ok(Self { provider, attestation, flaw: None, clock: None, dialect: Dialect::default() })
    }

    /// Sets the attestation key.
    #[must_use]
    pub fn with_attestation(mut self, attestation: Arc<dyn Signer>) -> Self {
        self.attestation = attestation;
        self
    }

    /// Sets the flaw.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    /// Sets the clock, which [`Flaw::Late`] waits on.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Sets the dialect.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// The attestation key, to be pinned.
    #[must_use]
    pub fn attestation_key(&self) -> &PublicKey {
        self.attestation.public_key()
    }

    /// Fetches the first message of a mailbox and answers it.
    ///
    /// # Errors
    /// The errors of the hub. A flaw should be refused; the class tells whether the hub detected
    /// it.
    pub async fn serve(&self, mailbox: &impl MailboxApi) -> Result<Served, Error> {
        let listing = mailbox.list(Duration::ZERO).await?;
        let Some(listed) = listing.messages.first() else { return Ok(Served::Nothing) };
        let message = mailbox.fetch(&listed.mid).await?;
        let reserved = if matches!(message.body, CommandBody::Provision(_)) {
            Some(mailbox.reserve().await?.box_url)
        } else {
            None
        };
        match self.flaw {
            Some(Flaw::Silent) => return Ok(Served::Silent),
            Some(Flaw::Late(time)) => {
                let clock = self
                    .clock
                    .as_ref()
                    .ok_or_else(|| Error::new(Class::Malformed, "clock", "none to be late by"))?;
                clock.sleep(time).await;
            }
            _ => {}
        }
        let answer = self.answer(&message, reserved.as_deref().unwrap_or_default())?;
        mailbox.answer(&listed.mid, &self.dialect.write_answer(&answer)).await?;
        Ok(Served::Answered)
    }

    /// Builds the successful answer to a message. `mailbox` is the address that the answer gives
    /// for the mailbox of the new profile.
    ///
    /// # Errors
    /// Class `not-as-requested` for a command that this device has no answer to; as
    /// [`provision`](Self::provision).
    pub fn answer(&self, message: &Message, mailbox: &str) -> Result<Answer, Error> {
        let response = match &message.body {
            CommandBody::Provision(command) => Response::Provision(ProvisionResponse::success(
                self.provision(command, mailbox, &message.header.fqdn)?,
            )),
            CommandBody::Certificate(_) => Response::Certificate(CertificateResponse::new(SUCCESS)),
            CommandBody::Ping(_) => Response::Ping(PingResponse::new(SUCCESS)),
            CommandBody::Delete(_) => Response::Delete(DeleteResponse::new(SUCCESS)),
            _ => {
                return Err(Error::new(
                    Class::NotAsRequested,
                    "",
                    "a command that this device has no answer to",
                ));
            }
        };
        Ok(Answer::new(message.header.location.clone(), response))
    }

    /// Builds `result.data` of the answer to a provision command.
    ///
    /// # Errors
    /// As [`KeyRequest::from_command_in`]; class `not-as-requested` if no requested type of key can
    /// be generated, or the flaw needs a member that the command does not have; `unavailable` if
    /// the provider fails.
    pub fn provision(
        &self,
        command: &ProvisionCommand,
        mailbox: &str,
        fqdn: &str,
    ) -> Result<String, Error> {
        let mut asked = KeyRequest::from_command_in(command, &self.dialect)?;
        let mut signed_keys = Vec::with_capacity(asked.keys.len());
        let mut first: Option<Box<dyn PrivateKey>> = None;
        for (index, key) in asked.keys.iter().enumerate() {
            let (pair, mechanism) = match first.take() {
                Some(pair) if self.flaw == Some(Flaw::SameKey) => {
                    let mechanism = Algorithm::default_for(pair.public_key());
                    (pair, mechanism)
                }
                _ => self.make(key)?,
            };
            signed_keys.push(self.sign_key(key, &asked.nonce, &*pair, mechanism)?);
            if index == 0 {
                first = Some(pair);
            }
        }
        match self.flaw {
            Some(Flaw::MissingKey) => drop(signed_keys.pop()),
            Some(Flaw::ExtraKey) => {
                let mut extra = asked.keys.first().ok_or_else(nothing_to_break)?.clone();
                extra.key_id.push_str("-extra");
                let (pair, mechanism) = self.make(&extra)?;
                signed_keys
                    .push(extra.sign(&asked.nonce, mechanism, None, &*pair).map_err(failed)?);
            }
            Some(Flaw::SameKey) if signed_keys.len() < 2 => return Err(nothing_to_break()),
            Some(Flaw::Nonce) => asked.nonce.push('x'),
            Some(Flaw::User) => asked.user_id.push('x'),
            _ => {}
        }
        let (fqdn, mailbox) = match self.flaw {
            Some(Flaw::Channel) => ("elsewhere.invalid", mailbox),
            Some(Flaw::Mailbox) => (fqdn, "https://elsewhere.invalid/ms/1"),
            _ => (fqdn, mailbox),
        };
        let answer = UnsignedAnswer::new(
            &asked,
            crate::encoding::uuid::new(&*self.provider).map_err(failed)?,
            mailbox,
            DeviceInfo::new("a device for tests"),
        )
        .with_fqdn(fqdn)
        .with_signed_keys(signed_keys);
        let signed = match self.flaw {
            Some(Flaw::Attestation) => {
                answer.sign(&*self.provider.generate(KeyKind::Ec(Curve::P256)).map_err(failed)?)
            }
            _ => answer.sign(&*self.attestation),
        };
        let mut text = signed.map_err(failed)?;
        if self.flaw == Some(Flaw::Signature) {
            // The first character of the signature, all of whose bits count.
            let at = text.rfind('.').map_or(0, |dot| dot + 1);
            let other = if text.get(at..=at) == Some("A") { "B" } else { "A" };
            text.replace_range(at..=at, other);
        }
        Ok(text)
    }

    /// Generates a key pair of the first type that can be generated, or, with the flaw, of a type
    /// that was not requested.
    fn make(&self, key: &RequestedKey) -> Result<(Box<dyn PrivateKey>, Algorithm), Error> {
        if self.flaw == Some(Flaw::NotAsRequested) {
            let is_asked = |curve| {
                key.priorities.iter().flatten().any(|priority| priority.kind == KeyKind::Ec(curve))
            };
            let other = [Curve::P256, Curve::P384]
                .into_iter()
                .find(|curve| !is_asked(*curve))
                .ok_or_else(nothing_to_break)?;
            let pair = self.provider.generate(KeyKind::Ec(other)).map_err(failed)?;
            let mechanism = Algorithm::default_for(pair.public_key());
            return Ok((pair, mechanism));
        }
        let made = key.priorities.iter().flatten().find_map(|priority| {
            Some((self.provider.generate(priority.kind).ok()?, priority.mechanism))
        });
        made.ok_or_else(|| {
            Error::new(Class::NotAsRequested, "keytypeprios", "none that can be made here")
        })
    }

    /// Signs a key's own statement, with its flaws.
    fn sign_key(
        &self,
        key: &RequestedKey,
        nonce: &str,
        pair: &dyn PrivateKey,
        mechanism: Algorithm,
    ) -> Result<String, Error> {
        let public = pair.public_key();
        let stranger = || self.provider.generate(kind_of(public)).map_err(failed);
        let request = match key.unsigned_request(public, mechanism)? {
            None if matches!(
                self.flaw,
                Some(Flaw::RequestKey | Flaw::RequestSignature | Flaw::MissingRequest)
            ) =>
            {
                return Err(nothing_to_break());
            }
            None => None,
            Some(_) if self.flaw == Some(Flaw::MissingRequest) => None,
            Some(_) if self.flaw == Some(Flaw::RequestKey) => {
                let other = stranger()?;
                let request = key.unsigned_request(other.public_key(), mechanism)?;
                request.map(|request| request.sign(&*other)).transpose().map_err(failed)?
            }
            Some(request) if self.flaw == Some(Flaw::RequestSignature) => {
                let signature =
                    stranger()?.sign(mechanism, request.to_be_signed()).map_err(failed)?;
                Some(request.assemble(&signature))
            }
            Some(request) => Some(request.sign(pair).map_err(failed)?),
        };
        let nonce = if self.flaw == Some(Flaw::KeyNonce) { "another" } else { nonce };
        let statement = key.unsigned_key(nonce, public, mechanism, request.as_deref(), None);
        if self.flaw == Some(Flaw::Proof) {
            let signature =
                stranger()?.sign(mechanism, statement.to_be_signed()).map_err(failed)?;
            return Ok(statement.assemble(&signature));
        }
        statement.sign(pair).map_err(failed)
    }
}

fn kind_of(key: &PublicKey) -> KeyKind {
    match key.parts() {
        PublicKeyParts::Rsa { .. } => {
            KeyKind::Rsa { bits: u16::try_from(key.bits()).unwrap_or(u16::MAX) }
        }
        PublicKeyParts::Ec { curve, .. } => KeyKind::Ec(curve),
        PublicKeyParts::Ed25519 { .. } => KeyKind::Ed25519,
    }
}

fn failed(_: CryptoError) -> Error {
    Error::new(Class::Unavailable, "", "the provider failed")
}

fn nothing_to_break() -> Error {
    Error::new(Class::NotAsRequested, "flaw", "the command has nothing that it could be in")
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("flaw", &self.flaw).finish_non_exhaustive()
    }
}
