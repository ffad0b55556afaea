//! The SignedData that a device writes: version 1 with the content, the signer's certificate, and
//! its chain if the device has one.

use super::{
    CONTENT_HINTS, CONTENT_TYPE, DATA, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_CERTIFICATE, digest,
    digest_algorithm,
};
use crate::Certificate;
use crate::crypto::algorithm_identifier::identifier;
use crate::crypto::{Algorithm, CryptoError, Provider, Signer, raw_to_der};
use crate::der::{self, Tag, element};

/// A SignedData that lacks only its signature.
pub(crate) struct Unsigned<'a> {
    /// The certificate of the signing key.
    pub(crate) certificate: &'a Certificate,
    /// The certificates of its authorities, as far as they are known.
    pub(crate) chain: &'a [Certificate],
    pub(crate) algorithm: Algorithm,
    /// The description of the content for the content hints.
    pub(crate) hint: &'a str,
    pub(crate) content: &'a [u8],
}

impl Unsigned<'_> {
    /// Signs, and returns the ContentInfo in DER.
    ///
    /// The signed attributes are contentType, messageDigest, contentHint and signingCertificateV2
    /// with SHA-256. There is no signingTime, because a device has no trustworthy clock.
    pub(crate) fn sign(
        &self,
        provider: &dyn Provider,
        signer: &dyn Signer,
    ) -> Result<Vec<u8>, CryptoError> {
        let attributes = self.attributes(provider);
        // The signed bytes have the tag of a SET OF, the sent bytes an implicit tag (RFC 5652
        // section 5.4).
        let mut signature = signer.sign(self.algorithm, &element(Tag::Set, &[&attributes]))?;
        if self.algorithm.curve().is_some() {
            signature = raw_to_der(&signature);
        }

        let version = element(Tag::Integer, &[&[1]]);
        let serial = element(Tag::Integer, &[self.certificate.serial_number()]);
        let digest_algorithm = element(Tag::Sequence, &[digest_algorithm(self.algorithm).oid()]);
        let signer_info = element(
            Tag::Sequence,
            &[
                &version,
                &element(Tag::Sequence, &[self.certificate.issuer_der(), &serial]),
                &digest_algorithm,
                &element(der::context(0), &[&attributes]),
                identifier(self.algorithm),
                &element(Tag::OctetString, &[&signature]),
            ],
        );
        let content = element(der::context(0), &[&element(Tag::OctetString, &[self.content])]);
        // DER sorts the elements of a SET OF.
        let mut certificates: Vec<&[u8]> = self.chain.iter().map(Certificate::as_der).collect();
        certificates.push(self.certificate.as_der());
        certificates.sort_unstable();
        certificates.dedup();
        let signed_data = element(
            Tag::Sequence,
            &[
                &version,
                &element(Tag::Set, &[&digest_algorithm]),
                &element(Tag::Sequence, &[DATA, &content]),
                &element(der::context(0), &certificates),
                &element(Tag::Set, &[&signer_info]),
            ],
        );
        Ok(element(Tag::Sequence, &[SIGNED_DATA, &element(der::context(0), &[&signed_data])]))
    }

    /// The signed attributes in the order that DER requires for a SET OF, without a header.
    fn attributes(&self, provider: &dyn Provider) -> Vec<u8> {
        let attribute =
            |oid: &[u8], value: &[u8]| element(Tag::Sequence, &[oid, &element(Tag::Set, &[value])]);
        let digest = digest(provider, digest_algorithm(self.algorithm), self.content);
        let hints =
            element(Tag::Sequence, &[&element(Tag::Utf8String, &[self.hint.as_bytes()]), DATA]);
        // An ESSCertIDv2 with SHA-256 omits the hash algorithm, because it is the default.
        let certificate_id = element(
            Tag::Sequence,
            &[&element(Tag::OctetString, &[&self.certificate.fingerprint(provider)])],
        );
        let signing_certificate =
            element(Tag::Sequence, &[&element(Tag::Sequence, &[&certificate_id])]);
        let mut attributes = [
            attribute(CONTENT_TYPE, DATA),
            attribute(MESSAGE_DIGEST, &element(Tag::OctetString, &[&digest])),
            attribute(CONTENT_HINTS, &hints),
            attribute(SIGNING_CERTIFICATE, &signing_certificate),
        ];
        attributes.sort();
        attributes.concat()
    }
}
