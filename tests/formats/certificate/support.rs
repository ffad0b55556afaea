//! Certificates built field by field, so that each field can be odd.

use std::sync::OnceLock;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, PrivateKey, Provider};
use keyferry::csr::{Request, Template};

pub(crate) const CN: &[u8] = &[0x55, 0x04, 0x03];
pub(crate) const O: &[u8] = &[0x55, 0x04, 0x0a];
pub(crate) const OU: &[u8] = &[0x55, 0x04, 0x0b];
pub(crate) const C: &[u8] = &[0x55, 0x04, 0x06];
pub(crate) const DC: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19];
pub(crate) const EMAIL: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01];
/// 1.3.6.1.4.1.99999.7
pub(crate) const PRIVATE: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x86, 0x8d, 0x1f, 0x07];

pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const TELETEX: u8 = 0x14;
pub(crate) const IA5: u8 = 0x16;
pub(crate) const VISIBLE: u8 = 0x1a;
pub(crate) const UNIVERSAL: u8 = 0x1c;
pub(crate) const BMP: u8 = 0x1e;

pub(crate) use crate::support::der;

pub(crate) fn oid(content: &[u8]) -> Vec<u8> {
    der(0x06, &[content])
}

/// One attribute of a name.
pub(crate) fn attribute(kind: &[u8], tag: u8, text: impl AsRef<[u8]>) -> Vec<u8> {
    der(0x30, &[&oid(kind), &der(tag, &[text.as_ref()])])
}

/// A name of sets of attributes.
pub(crate) fn name(sets: &[&[Vec<u8>]]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = sets.iter().map(|set| der(0x31, &[&set.concat()])).collect();
    der(0x30, &[&sets.concat()])
}

pub(crate) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

pub(crate) fn utf32(text: &str) -> Vec<u8> {
    text.chars().flat_map(|character| u32::from(character).to_be_bytes()).collect()
}

pub(crate) fn key() -> &'static dyn PrivateKey {
    static KEY: OnceLock<Box<dyn PrivateKey>> = OnceLock::new();
    &**KEY.get_or_init(|| AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap())
}

/// The fields of a certificate, each whole.
#[derive(Clone)]
pub(crate) struct Fields {
    /// `[0] Version`, or nothing.
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) spki: Vec<u8>,
    /// Unique identifiers and `[3] Extensions`, or nothing.
    pub(crate) rest: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Fields {
    pub(crate) fn new() -> Self {
        Self {
            version: der(0xa0, &[&[0x02, 0x01, 0x02]]),
            serial: vec![0x02, 0x01, 0x07],
            algorithm: der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])]),
            issuer: name(&[&[attribute(CN, UTF8, "Field CA")]]),
            validity: validity("240101000000Z", "300101000000Z"),
            subject: name(&[&[attribute(O, UTF8, "Acme")], &[attribute(CN, UTF8, "Jane")]]),
            spki: key().public_key().as_spki_der().to_vec(),
            rest: Vec::new(),
            signature: der(0x03, &[&[0], &der(0x30, &[&[0x02, 0x01, 0x01, 0x02, 0x01, 0x01]])]),
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let signed = [
            &self.version,
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.spki,
            &self.rest,
        ];
        let signed: Vec<&[u8]> = signed.into_iter().map(Vec::as_slice).collect();
        der(0x30, &[&der(0x30, &signed), &self.algorithm, &self.signature])
    }
}

pub(crate) fn validity(not_before: &str, not_after: &str) -> Vec<u8> {
    let time = |text: &str| der(if text.len() == 13 { 0x17 } else { 0x18 }, &[text.as_bytes()]);
    der(0x30, &[&time(not_before), &time(not_after)])
}

/// `[3] Extensions` of these.
pub(crate) fn extensions(list: &[Vec<u8>]) -> Vec<u8> {
    der(0xa3, &[&der(0x30, &[&list.concat()])])
}

pub(crate) fn extension(kind: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 0x01, 0xff] } else { &[] };
    der(0x30, &[&oid(kind), critical, &der(0x04, &[value])])
}

/// A request for [`key`] with this subject.
pub(crate) fn request(subject: &[u8]) -> Request {
    let spki = der(0x30, &[&der(0x30, &[&oid(&[0x2a, 0x03])]), &der(0x03, &[&[0, 1]])]);
    let info = der(0x30, &[&[0x02, 0x01, 0x00], subject, &spki, &[0xa0, 0x00]]);
    let template = der(0x30, &[&info, &der(0x30, &[&oid(&[0x2a, 0x03])]), &der(0x03, &[&[0, 1]])]);
    let template = Template::from_der(&template).unwrap();
    Request::from_der(&template.replace_key(key()).unwrap(), &AwsLcRs).unwrap()
}
