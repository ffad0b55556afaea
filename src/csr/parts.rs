//! Positions of the parts of a CertificationRequest.

use std::ops::Range;

use super::MAX_REQUEST;
use super::values::{check_in_attributes, check_in_name};
use crate::Error;
use crate::der::{self, Tag};

/// Positions of the parts. Their contents are not examined.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// The version number.
    pub(super) version: Range<usize>,
    /// CertificationRequestInfo: the signed bytes.
    pub(super) info: Range<usize>,
    /// Name, with its header.
    pub(super) subject: Range<usize>,
    /// SubjectPublicKeyInfo, with its header.
    pub(super) spki: Range<usize>,
    /// `[0] Attributes`, with its header, if it is there.
    pub(super) attributes: Option<Range<usize>>,
    /// AlgorithmIdentifier, with its header.
    pub(super) signature_algorithm: Range<usize>,
    /// The content of the BIT STRING.
    pub(super) signature: Range<usize>,
}

impl Parts {
    /// The encoding of absent attributes: the empty set.
    pub(super) const NO_ATTRIBUTES: &[u8] = &[0xa0, 0x00];

    pub(super) fn read(der: &[u8]) -> Result<Self, Error> {
        if der.len() > MAX_REQUEST {
            return Err(Error::too_large("certificationRequest", "more than 64 KiB"));
        }
        let mut outer = der::Cursor::new(der);
        let mut request = outer.require(Tag::Sequence, "certificationRequest")?.inside();
        outer.end("certificationRequest")?;
        let info = request.require(Tag::Sequence, "certificationRequestInfo")?;
        let signature_algorithm = request.require(Tag::Sequence, "signatureAlgorithm")?;
        let signature = request.bit_string("signature")?;
        request.end("certificationRequest")?;

        let mut fields = info.inside();
        let version = fields.require(Tag::Integer, "version")?;
        let subject = fields.require(Tag::Sequence, "subject")?;
        let spki = fields.require(Tag::Sequence, "subjectPKInfo")?;
        let attributes = if fields.is_empty() {
            None
        } else {
            Some(fields.require(der::context(0), "attributes")?)
        };
        fields.end("certificationRequestInfo")?;
        Ok(Self {
            version: version.value_range(),
            info: info.range(),
            subject: subject.range(),
            spki: spki.range(),
            attributes: attributes.map(|attributes| attributes.range()),
            signature_algorithm: signature_algorithm.range(),
            signature: signature.value_range(),
        })
    }

    /// Checks that subject and attributes have the right structure and are DER throughout, to a
    /// bounded depth.
    pub(super) fn check_inside(&self, der: &[u8]) -> Result<(), Error> {
        check_subject(&der::Cursor::new(&der[self.subject.clone()]).next("subject")?)?;
        if let Some(place) = self.attributes.clone() {
            check_attributes(&der::Cursor::new(&der[place]).next("attributes")?)?;
        }
        Ok(())
    }

    /// The attributes in `der`, or the empty set if they are absent.
    pub(super) fn attributes_or_none<'a>(&self, der: &'a [u8]) -> &'a [u8] {
        self.attributes.clone().map_or(Self::NO_ATTRIBUTES, |place| &der[place])
    }
}

/// Checks a Name: sets of one or more pairs of type and value, DER throughout. Each value must be
/// one that names have, so that receivers of the name can read it.
fn check_subject(subject: &der::Element<'_>) -> Result<(), Error> {
    const PART: &str = "subject";
    let mut names = subject.inside();
    while !names.is_empty() {
        let mut pairs = names.require(Tag::Set, PART)?.inside();
        loop {
            let mut pair = pairs.require(Tag::Sequence, PART)?.inside();
            let oid = pair.require(Tag::ObjectIdentifier, PART)?;
            oid.check(PART)?;
            let value = pair.next(PART)?;
            pair.end(PART)?;
            check_in_name(oid.value, &value, PART)?;
            if pairs.is_empty() {
                break;
            }
        }
    }
    Ok(())
}

/// Checks attributes: each a type of any kind and a set of values, DER throughout.
fn check_attributes(attributes: &der::Element<'_>) -> Result<(), Error> {
    const PART: &str = "attributes";
    let mut list = attributes.inside();
    while !list.is_empty() {
        let mut attribute = list.require(Tag::Sequence, PART)?.inside();
        let oid = attribute.require(Tag::ObjectIdentifier, PART)?;
        oid.check(PART)?;
        let mut values = attribute.require(Tag::Set, PART)?.inside();
        attribute.end(PART)?;
        while !values.is_empty() {
            check_in_attributes(oid.value, &values.next(PART)?, PART)?;
        }
    }
    Ok(())
}
