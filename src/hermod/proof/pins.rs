//! The attestation keys that a verifier trusts.

use std::sync::Arc;

use super::{Attested, Consistent};
use crate::crypto::{Algorithm, PublicKey, VerifyKey, VerifyingKey};
use crate::{Class, Error};

/// The attestation keys that a verifier trusts: [`Pinned`] or [`Unpinned`].
pub trait Pins: sealed::Pins {
    /// The marker of an answer that passes: [`Attested`] or [`Consistent`].
    type Trust;
}

mod sealed {
    use crate::Error;
    use crate::crypto::{Algorithm, PublicKey, VerifyKey};

    #[expect(unnameable_types, reason = "nobody else is to implement it")]
    pub trait Pins: Send + Sync {
        /// The key in imported form, if it is pinned and was imported for this algorithm.
        fn imported(&self, algorithm: Algorithm, key: &PublicKey) -> Option<&dyn VerifyKey>;

        /// Returns `None` without pins; otherwise an error if the key is not pinned.
        fn check(&self, key: &PublicKey) -> Option<Result<(), Error>>;
    }
}

/// The attestation keys that are trusted, parsed once.
#[derive(Clone, Debug)]
pub struct Pinned(Arc<[VerifyingKey]>);

impl Pinned {
    pub(super) fn new(keys: Vec<VerifyingKey>) -> Self {
        Self(keys.into())
    }
}

/// No attestation key is pinned: an answer only has to be consistent with the key in its header.
#[derive(Clone, Copy, Debug)]
pub struct Unpinned(());

impl Unpinned {
    pub(super) fn new() -> Self {
        Self(())
    }
}

impl Pins for Pinned {
    type Trust = Attested;
}

impl Pins for Unpinned {
    type Trust = Consistent;
}

impl sealed::Pins for Pinned {
    fn imported(&self, algorithm: Algorithm, key: &PublicKey) -> Option<&dyn VerifyKey> {
        let pin =
            self.0.iter().find(|pin| pin.algorithm() == algorithm && pin.public_key() == key)?;
        Some(pin.as_verify_key())
    }

    fn check(&self, key: &PublicKey) -> Option<Result<(), Error>> {
        let known = self.0.iter().any(|pin| pin.public_key() == key);
        Some(if known {
            Ok(())
        } else {
            Err(Error::new(
                Class::Attestation,
                "header.jwk",
                "not one of the pinned attestation keys",
            ))
        })
    }
}

impl sealed::Pins for Unpinned {
    fn imported(&self, _: Algorithm, _: &PublicKey) -> Option<&dyn VerifyKey> {
        None
    }

    fn check(&self, _: &PublicKey) -> Option<Result<(), Error>> {
        None
    }
}
