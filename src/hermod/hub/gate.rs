//! The gates that turn credentials into handles.

use base64ct::{Base64UrlUnpadded, Encoding};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::mailbox::Scope;
use super::{Digest, Hub, Integrator, Mailbox, unauthorized};
use crate::hermod::wire::{ApiKey, MailboxKey};
use crate::{Error, Gate, Secret};

impl Gate<ApiKey> for Hub {
    type Handle = Integrator;

    /// # Errors
    /// Class `unauthorized`, whether the id or the key is wrong.
    async fn open(&self, credential: ApiKey) -> Result<Integrator, Error> {
        let digest = Digest::of(&*self.0.provider, &credential.key);
        let integrator = self.0.integrator(&credential.id);
        // An unknown id takes the same time as a known one: the same digest, and one or two
        // comparisons.
        let nobody = [Digest::from_bytes([0; 32])];
        let keys = integrator.as_ref().map_or(&nobody[..], |integrator| &integrator.keys);
        let fits = keys.iter().fold(Choice::from(0), |fits, key| fits | key.is(&digest));
        match integrator {
            Some(integrator) if bool::from(fits) => {
                Ok(Integrator::new(self.0.clone(), &integrator))
            }
            _ => Err(unauthorized()),
        }
    }
}

impl Gate<MailboxKey> for Hub {
    type Handle = Mailbox;

    /// Opens a mailbox, or one message in it. The token of a message opens it until 24 hours after
    /// its deadline, and the token of a mailbox until 24 hours after its removal; by then the
    /// handle returns `expired`.
    ///
    /// # Errors
    /// Class `unauthorized` for an unknown mailbox and for every wrong token; `malformed` if the
    /// token is that of a message and the claim is not 32 bytes as base64url, or there is a claim
    /// with a mailbox's own token; `storage`.
    async fn open(&self, credential: MailboxKey) -> Result<Mailbox, Error> {
        let token = Digest::of(&*self.0.provider, &credential.token);
        let record = self.0.store.find_token(&token).await?.ok_or_else(unauthorized)?;
        let unnamed = Choice::from(u8::from(credential.bid.is_empty()));
        let fits = record.token.is(&token)
            & (unnamed | record.bid.as_bytes().ct_eq(credential.bid.as_bytes()));
        if !bool::from(fits) || record.until.is_some_and(|until| until <= self.0.now()) {
            return Err(unauthorized());
        }
        let scope = match (record.mid, credential.claim) {
            (Some(mid), Some(claim)) => {
                check_claim(&claim, self.0.config.dialect.limits.claim_bytes)?;
                Scope::Message { mid, claim: Digest::of(&*self.0.provider, &claim) }
            }
            (Some(_), None) => {
                return Err(Error::malformed("claim", "absent, with the token of a message"));
            }
            (None, None) => Scope::Mailbox,
            (None, Some(_)) => {
                return Err(Error::malformed("claim", "present, with the token of a mailbox"));
            }
        };
        Ok(Mailbox::new(self.0.clone(), record.bid, scope))
    }
}

fn check_claim(claim: &Secret, length: usize) -> Result<(), Error> {
    let bad = || {
        Error::malformed(
            "claim",
            "not so many bytes as base64url without padding as it has to have",
        )
    };
    if claim.expose().len() != (length * 4).div_ceil(3) {
        return Err(bad());
    }
    let bytes =
        Base64UrlUnpadded::decode_vec(claim.expose()).map(Zeroizing::new).map_err(|_| bad())?;
    if bytes.len() == length { Ok(()) } else { Err(bad()) }
}
