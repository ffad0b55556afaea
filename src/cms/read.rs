//! A strict reader for SignedData from any source.

use super::{
    CONTENT_HINTS, CONTENT_TYPE, DATA, MESSAGE_DIGEST, SIGNED_DATA, SIGNING_CERTIFICATE, digest,
    digest_algorithm,
};
use crate::crypto::algorithm_identifier::{Identified, read_digest};
use crate::crypto::{
    Algorithm, Curve, DigestAlgorithm, Provider, SignatureAlgorithm, VerifyKey, der_to_raw, verify,
};
use crate::der::{self, Cursor, Element, Tag};
use crate::name::{self, Likeness};
use crate::{Certificate, Class, Error};

/// Maximum size of a ContentInfo in bytes.
const MAX: usize = 1024 * 1024;
/// rsaEncryption, which means RSASSA-PKCS1-v1_5 with the digest of the SignerInfo (RFC 5754 section
/// 3.2). Its parameters are NULL; absent ones are accepted as well (RFC 3370 section 3.2).
const RSA: [&[u8]; 2] = [
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00],
    &[0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01],
];

/// A parsed but unverified SignedData: id-data, one signer, signed attributes.
pub(crate) struct SignedData<'a> {
    /// The content; `None` if it is detached.
    pub(crate) content: Option<&'a [u8]>,
    pub(crate) algorithm: Algorithm,
    signer: SignerId<'a>,
    /// The signed attributes in their signed form: with the tag of a SET OF.
    attributes: Vec<u8>,
    message_digest: &'a [u8],
    /// SHA-256 of the signer's certificate, if the signed attributes state it.
    certificate_sha256: Option<&'a [u8]>,
    /// The signer's description of the content, if the signed attributes state it.
    pub(crate) hint: Option<&'a str>,
    /// The signature as received: DER for ECDSA.
    signature: &'a [u8],
}

/// The identification of the signer's certificate.
enum SignerId<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    SubjectKeyIdentifier(&'a [u8]),
}

impl<'a> SignedData<'a> {
    /// Reads a ContentInfo.
    ///
    /// # Errors
    /// Class `malformed` for its form, a content type other than id-data, no signer or several, or
    /// missing signed attributes; `algorithm` for an unsupported digest or signature algorithm, or
    /// a digest that does not belong to the signature algorithm; `too-large`.
    pub(crate) fn read(der: &'a [u8]) -> Result<Self, Error> {
        if der.len() > MAX {
            return Err(Error::too_large("contentInfo", "more than 1 MiB"));
        }
        let mut outer = Cursor::new(der);
        let mut info = outer.require(Tag::Sequence, "contentInfo")?.inside();
        outer.end("contentInfo")?;
        expect_oid(&mut info, SIGNED_DATA, "contentType", "not SignedData")?;
        let mut explicit = info.require(der::context(0), "content")?.inside();
        info.end("contentInfo")?;
        let mut fields = explicit.require(Tag::Sequence, "signedData")?.inside();
        explicit.end("content")?;

        fields.require(Tag::Integer, "version")?;
        fields.require(Tag::Set, "digestAlgorithms")?;
        let content = read_content(&fields.require(Tag::Sequence, "encapContentInfo")?)?;
        // Certificates and revocation lists are skipped: the caller knows the key.
        for number in [0, 1] {
            if fields.peek() == Some(der::context(number)) {
                fields.next("signedData")?;
            }
        }
        let mut signers = fields.require(Tag::Set, "signerInfos")?.inside();
        fields.end("signedData")?;
        let signer = signers.require(Tag::Sequence, "signerInfos")?;
        signers
            .end("signerInfos")
            .map_err(|_| Error::malformed("signerInfos", "more than one signer"))?;
        Self::read_signer(content, &signer)
    }

    fn read_signer(content: Option<&'a [u8]>, signer: &Element<'a>) -> Result<Self, Error> {
        let mut fields = signer.inside();
        fields.require(Tag::Integer, "signerInfo.version")?;
        let signer = SignerId::read(&fields.next("sid")?)?;
        let hash =
            read_digest(&fields.require(Tag::Sequence, "digestAlgorithm")?, "digestAlgorithm")?;
        if fields.peek() != Some(der::context(0)) {
            return Err(Error::malformed(
                "signedAttrs",
                "absent: what was signed is the content itself",
            ));
        }
        let attributes = fields.require(der::context(0), "signedAttrs")?;
        attributes.check("signedAttrs")?;
        let algorithm =
            read_algorithm(fields.require(Tag::Sequence, "signatureAlgorithm")?.bytes, hash)?;
        let signature = fields.require(Tag::OctetString, "signature")?.value;
        if fields.peek() == Some(der::context(1)) {
            fields.next("unsignedAttrs")?;
        }
        fields.end("signerInfo")?;

        let values = Attributes::read(&attributes)?;
        if values.content_type.is_none_or(|content_type| content_type.bytes != DATA) {
            return Err(Error::malformed(
                "signedAttrs.contentType",
                "absent, or not that of the content",
            ));
        }
        let digest = values
            .message_digest
            .ok_or_else(|| Error::malformed("signedAttrs.messageDigest", "absent"))?;
        let certificate_sha256 = values
            .signing_certificate
            .map(|value| read_certificate_hash(&value))
            .transpose()?
            .flatten();
        let hint = values.content_hints.map(|value| read_hint(&value)).transpose()?.flatten();
        let mut attributes = attributes.bytes.to_vec();
        if let Some(tag) = attributes.first_mut() {
            *tag = 0x31;
        }
        Ok(Self {
            content,
            algorithm,
            signer,
            attributes,
            message_digest: digest.value,
            certificate_sha256,
            hint,
            signature,
        })
    }

    /// Verifies the signature over the attributes.
    ///
    /// # Errors
    /// Class `signature` if it does not verify; `malformed` if it is not in its only valid
    /// encoding.
    pub(crate) fn verify(&self, key: &dyn VerifyKey) -> Result<(), Error> {
        match self.algorithm.curve() {
            Some(curve) => verify(key, &self.attributes, &der_to_raw(curve, self.signature)?),
            None => verify(key, &self.attributes, self.signature),
        }
    }

    /// Checks that the signed attributes are about this content.
    ///
    /// # Errors
    /// Class `signature` if they are not.
    pub(crate) fn is_about(&self, provider: &dyn Provider, content: &[u8]) -> Result<(), Error> {
        if digest(provider, digest_algorithm(self.algorithm), content) == self.message_digest {
            Ok(())
        } else {
            Err(Error::new(
                Class::Signature,
                "signedAttrs.messageDigest",
                "not that of the content",
            ))
        }
    }

    /// Checks that the signer identifies this certificate as its own.
    ///
    /// # Errors
    /// Class `keyid` if it does not.
    pub(crate) fn names(
        &self,
        provider: &dyn Provider,
        certificate: &Certificate,
    ) -> Result<(), Error> {
        let named = match self.signer {
            SignerId::IssuerAndSerial { issuer, serial } => {
                serial == certificate.serial_number()
                    && name::compare(issuer, certificate.issuer_der()) != Likeness::Different
            }
            SignerId::SubjectKeyIdentifier(identifier) => {
                key_identifier(certificate).is_some_and(|known| known == identifier)
            }
        };
        if !named {
            return Err(Error::new(
                Class::KeyId,
                "sid",
                "another certificate than the one that is known",
            ));
        }
        if self.certificate_sha256.is_some_and(|sha256| sha256 != certificate.fingerprint(provider))
        {
            return Err(Error::new(
                Class::KeyId,
                "signedAttrs.signingCertificateV2",
                "another certificate than the one that is known",
            ));
        }
        Ok(())
    }
}

impl<'a> SignerId<'a> {
    fn read(element: &Element<'a>) -> Result<Self, Error> {
        const KEY_IDENTIFIER: Tag = Tag::ContextSpecific { constructed: false, number: 0 };
        match element.tag {
            Tag::Sequence => {
                let mut fields = element.inside();
                let issuer = fields.require(Tag::Sequence, "sid")?.bytes;
                let serial = fields.require(Tag::Integer, "sid")?.value;
                fields.end("sid")?;
                Ok(Self::IssuerAndSerial { issuer, serial })
            }
            KEY_IDENTIFIER => Ok(Self::SubjectKeyIdentifier(element.value)),
            _ => {
                Err(Error::malformed("sid", "another type of element stands here")
                    .at(element.offset))
            }
        }
    }
}

/// The signed attributes that are evaluated here, each with its only value.
#[derive(Default)]
struct Attributes<'a> {
    content_type: Option<Element<'a>>,
    message_digest: Option<Element<'a>>,
    content_hints: Option<Element<'a>>,
    signing_certificate: Option<Element<'a>>,
}

impl<'a> Attributes<'a> {
    fn read(element: &Element<'a>) -> Result<Self, Error> {
        const PART: &str = "signedAttrs";
        let (mut read, mut list) = (Self::default(), element.inside());
        while !list.is_empty() {
            let mut attribute = list.require(Tag::Sequence, PART)?.inside();
            let oid = attribute.require(Tag::ObjectIdentifier, PART)?;
            let mut values = attribute.require(Tag::Set, PART)?.inside();
            attribute.end(PART)?;
            let (slot, tag) = match oid.bytes {
                CONTENT_TYPE => (&mut read.content_type, Tag::ObjectIdentifier),
                MESSAGE_DIGEST => (&mut read.message_digest, Tag::OctetString),
                CONTENT_HINTS => (&mut read.content_hints, Tag::Sequence),
                SIGNING_CERTIFICATE => (&mut read.signing_certificate, Tag::Sequence),
                _ => continue,
            };
            let value = values.require(tag, PART)?;
            values.end(PART)?;
            if slot.replace(value).is_some() {
                return Err(Error::malformed(PART, "an attribute twice").at(oid.offset));
            }
        }
        Ok(read)
    }
}

/// EncapsulatedContentInfo.
fn read_content<'a>(element: &Element<'a>) -> Result<Option<&'a [u8]>, Error> {
    const PART: &str = "encapContentInfo";
    let mut fields = element.inside();
    expect_oid(&mut fields, DATA, PART, "not id-data")?;
    if fields.is_empty() {
        return Ok(None);
    }
    let mut explicit = fields.require(der::context(0), PART)?.inside();
    fields.end(PART)?;
    let content = explicit.require(Tag::OctetString, PART)?;
    explicit.end(PART)?;
    Ok(Some(content.value))
}

/// The signature algorithm that matches this digest. A command must be able to ask for it, because
/// any other is not the command's mechanism. For ECDSA, the digest determines the curve.
fn read_algorithm(identifier: &[u8], digest: DigestAlgorithm) -> Result<Algorithm, Error> {
    let refuse = |detail| Error::new(Class::Algorithm, "signatureAlgorithm", detail);
    let algorithm = if RSA.contains(&identifier) {
        SignatureAlgorithm::RsaPkcs1 { digest }
    } else {
        match Identified::read(identifier)? {
            Identified::RsaPkcs1(digest) => SignatureAlgorithm::RsaPkcs1 { digest },
            Identified::RsaPss { digest, mgf1, salt_length } => {
                SignatureAlgorithm::RsaPss { digest, mgf1, salt_length }
            }
            Identified::Ecdsa(digest) => {
                let curve = match digest {
                    DigestAlgorithm::Sha256 => Curve::P256,
                    DigestAlgorithm::Sha384 => Curve::P384,
                    DigestAlgorithm::Sha512 => Curve::P521,
                };
                SignatureAlgorithm::Ecdsa { curve, digest }
            }
            Identified::Ed25519 => SignatureAlgorithm::Ed25519,
        }
    };
    let algorithm = algorithm.to_jose().ok_or_else(|| {
        refuse("RSASSA-PSS with another salt length or mask digest than a mechanism has")
    })?;
    if digest_algorithm(algorithm) == digest {
        Ok(algorithm)
    } else {
        Err(refuse("not with the digest that is named beside it"))
    }
}

/// The hash of the first certificate of a SigningCertificateV2, if it is SHA-256, the default.
fn read_certificate_hash<'a>(element: &Element<'a>) -> Result<Option<&'a [u8]>, Error> {
    const PART: &str = "signedAttrs.signingCertificateV2";
    let mut certificate = element
        .inside()
        .require(Tag::Sequence, PART)?
        .inside()
        .require(Tag::Sequence, PART)?
        .inside();
    if certificate.peek() == Some(Tag::Sequence) {
        return Ok(None);
    }
    Ok(Some(certificate.require(Tag::OctetString, PART)?.value))
}

/// The description in ContentHints, if there is one.
fn read_hint<'a>(element: &Element<'a>) -> Result<Option<&'a str>, Error> {
    const PART: &str = "signedAttrs.contentHint";
    let mut fields = element.inside();
    if fields.peek() != Some(Tag::Utf8String) {
        return Ok(None);
    }
    let text = fields.next(PART)?;
    std::str::from_utf8(text.value)
        .map(Some)
        .map_err(|_| Error::malformed(PART, "not UTF-8").at(text.offset))
}

/// The content of the extension subjectKeyIdentifier (RFC 5280 section 4.2.1.2).
fn key_identifier(certificate: &Certificate) -> Option<&[u8]> {
    const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
    let mut value = Cursor::new(certificate.extension(SUBJECT_KEY_IDENTIFIER)?);
    let identifier = value.require(Tag::OctetString, "subjectKeyIdentifier").ok()?;
    value.is_empty().then_some(identifier.value)
}

fn expect_oid(
    cursor: &mut Cursor<'_>,
    oid: &[u8],
    part: &'static str,
    detail: &'static str,
) -> Result<(), Error> {
    let element = cursor.require(Tag::ObjectIdentifier, part)?;
    if element.bytes == oid {
        Ok(())
    } else {
        Err(Error::malformed(part, detail).at(element.offset))
    }
}
