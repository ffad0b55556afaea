//! A [`Signer`](crate::crypto::Signer) in the form that x509-cert's builder takes. The builder
//! never signs with it.

use der::Decode as _;
use der::asn1::BitString;
use signature::Keypair;
use x509_cert::spki::{
    self, AlgorithmIdentifierOwned, Document, DynSignatureAlgorithmIdentifier, EncodePublicKey,
};

use crate::crypto::algorithm_identifier::identifier;
use crate::crypto::{Algorithm, PublicKey, raw_to_der};
use crate::issuer::IssuerError;

#[derive(Clone)]
pub(super) struct Adapter<'a> {
    pub(super) public_key: &'a PublicKey,
    pub(super) algorithm: Algorithm,
}

impl Adapter<'_> {
    /// The signature in the form of a certificate: ECDSA as DER, the others as they are.
    pub(super) fn bit_string(&self, signature: &[u8]) -> Result<BitString, IssuerError> {
        if self.algorithm.curve().is_some() {
            BitString::from_bytes(&raw_to_der(signature))
        } else {
            BitString::from_bytes(signature)
        }
        .map_err(IssuerError::failed)
    }
}

impl Keypair for Adapter<'_> {
    type VerifyingKey = Self;

    fn verifying_key(&self) -> Self {
        self.clone()
    }
}

impl EncodePublicKey for Adapter<'_> {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.public_key.as_spki_der())?)
    }
}

impl DynSignatureAlgorithmIdentifier for Adapter<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned::from_der(identifier(self.algorithm))?)
    }
}
