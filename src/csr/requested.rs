//! The certificate contents that a template asks for, for display and for a policy.

use std::fmt;

use crate::Error;
use crate::der::{Cursor, Element, Tag, context};
use crate::name;

/// The certificate contents that a template asks for: the subject and the extensions.
///
/// It is meant for display and for a policy. A template with unreadable extensions is [treated as
/// one that may ask for a CA](Self::may_be_for_ca).
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::{crypto::aws_lc_rs::AwsLcRs, csr::Template};
///
/// let requested = Template::for_subject("CN=A,O=Example", &AwsLcRs)?.requested();
/// assert_eq!(requested.subject, "CN=A,O=Example");
/// assert!(requested.extensions.is_empty() && !requested.may_be_for_ca());
/// # }
/// # Ok::<(), keyferry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestedCertificate {
    /// The subject in the form of RFC 4514 if it can be read, otherwise as hexadecimal DER.
    pub subject: String,
    /// The extensions, in the order of the template.
    pub extensions: Vec<RequestedExtension>,
    /// The types of the other attributes, as object identifiers. Their values are not shown,
    /// because one of them may be a challenge password.
    pub other_attributes: Vec<String>,
    /// Whether anything in the place of extensions could not be understood.
    unreadable: bool,
}

/// An extension that a template asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestedExtension {
    /// The object identifier in dotted decimal form.
    pub oid: String,
    /// The name in RFC 5280, if the extension is known here.
    pub name: Option<&'static str>,
    /// Whether it is critical.
    pub critical: bool,
    /// The value in readable form. It comes from the author of the template.
    pub value: String,
    /// Whether a certificate with it could be a CA certificate.
    for_ca: bool,
}

/// PKCS#9 `extensionRequest`, and the attribute that Microsoft's programs write instead.
const EXTENSION_REQUESTS: [&str; 2] = ["1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14"];
/// The names of the bits of a key usage (RFC 5280 section 4.2.1.3).
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];
const KEY_CERT_SIGN: usize = 5;
/// Maximum number of bytes of a value that is shown in hexadecimal.
const MAX_HEX: usize = 256;

const PART: &str = "attributes";

impl RequestedCertificate {
    pub(super) fn read(subject: &[u8], attributes: Option<&[u8]>) -> Self {
        let mut requested = Self {
            subject: name_text(subject),
            extensions: Vec::new(),
            other_attributes: Vec::new(),
            unreadable: false,
        };
        let read = attributes.map_or(Ok(()), |attributes| requested.read_attributes(attributes));
        requested.unreadable |= read.is_err();
        requested
    }

    /// Whether a certificate with these contents could be a CA certificate: the template asks for
    /// `basicConstraints` with `cA`, for the key usage `keyCertSign`, or for something unreadable.
    #[must_use]
    pub fn may_be_for_ca(&self) -> bool {
        self.unreadable || self.extensions.iter().any(|extension| extension.for_ca)
    }

    /// Whether anything in the place of extensions could not be understood.
    #[must_use]
    pub fn has_unreadable_extensions(&self) -> bool {
        self.unreadable
    }

    fn read_attributes(&mut self, attributes: &[u8]) -> Result<(), Error> {
        let mut list = Cursor::new(attributes).require(context(0), PART)?.inside();
        while !list.is_empty() {
            let mut attribute = list.require(Tag::Sequence, PART)?.inside();
            let oid = oid_text(attribute.require(Tag::ObjectIdentifier, PART)?.value);
            let mut values = attribute.require(Tag::Set, PART)?.inside();
            if EXTENSION_REQUESTS.contains(&oid.as_str()) {
                while !values.is_empty() {
                    self.read_extensions(values.next(PART)?)?;
                }
            } else {
                self.other_attributes.push(oid);
            }
            attribute.end(PART)?;
        }
        Ok(())
    }

    fn read_extensions(&mut self, extensions: Element<'_>) -> Result<(), Error> {
        if extensions.tag != Tag::Sequence {
            return Err(Error::malformed(PART, "not a list of extensions"));
        }
        let mut list = extensions.inside();
        while !list.is_empty() {
            let mut extension = list.require(Tag::Sequence, PART)?.inside();
            let oid = oid_text(extension.require(Tag::ObjectIdentifier, PART)?.value);
            let mut critical = false;
            let mut value = extension.next(PART)?;
            if value.tag == Tag::Boolean {
                critical = value.value != [0];
                value = extension.next(PART)?;
            }
            if value.tag != Tag::OctetString {
                return Err(Error::malformed(PART, "not the value of an extension"));
            }
            extension.end(PART)?;
            self.extensions.push(RequestedExtension::read(oid, critical, value.value));
        }
        Ok(())
    }
}

impl RequestedExtension {
    fn read(oid: String, critical: bool, value: &[u8]) -> Self {
        let (name, read): (_, Result<(String, bool), Error>) = match oid.as_str() {
            "2.5.29.19" => (Some("basicConstraints"), basic_constraints(value)),
            "2.5.29.15" => (Some("keyUsage"), key_usage(value)),
            "2.5.29.37" => (Some("extKeyUsage"), purposes(value).map(|text| (text, false))),
            "2.5.29.17" => (Some("subjectAltName"), names(value).map(|text| (text, false))),
            "2.5.29.14" => (Some("subjectKeyIdentifier"), Ok((hex_text(value), false))),
            "2.5.29.32" => (Some("certificatePolicies"), Ok((hex_text(value), false))),
            _ => (None, Ok((hex_text(value), false))),
        };
        // An unreadable extension that could ask for a CA is treated as if it did.
        let decides = matches!(oid.as_str(), "2.5.29.19" | "2.5.29.15");
        let (value, for_ca) =
            read.unwrap_or_else(|_| (format!("unreadable: {}", hex_text(value)), decides));
        Self { oid, name, critical, value, for_ca }
    }
}

impl fmt::Display for RequestedExtension {
    /// Writes, for example, `subjectAltName (2.5.29.17), critical`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            Some(name) => write!(f, "{name} ({})", self.oid)?,
            None => f.write_str(&self.oid)?,
        }
        if self.critical { f.write_str(", critical") } else { Ok(()) }
    }
}

fn basic_constraints(value: &[u8]) -> Result<(String, bool), Error> {
    let mut outer = Cursor::new(value);
    let mut inside = outer.require(Tag::Sequence, PART)?.inside();
    outer.end(PART)?;
    let mut is_ca = false;
    if inside.peek() == Some(Tag::Boolean) {
        is_ca = inside.next(PART)?.value != [0];
    }
    let mut text = String::from(if is_ca { "CA" } else { "not a CA" });
    if !inside.is_empty() {
        let length = inside.unsigned(PART)?;
        text += &format!(
            ", path length {}",
            if length.is_empty() { "0".into() } else { hex_text(length) }
        );
    }
    inside.end(PART)?;
    Ok((text, is_ca))
}

fn key_usage(value: &[u8]) -> Result<(String, bool), Error> {
    let mut outer = Cursor::new(value);
    let bits = outer.require(Tag::BitString, PART)?;
    outer.end(PART)?;
    let [0..=7, bytes @ ..] = bits.value else {
        return Err(Error::malformed(PART, "not a bit string"));
    };
    let is_set =
        |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
    let mut names: Vec<String> = Vec::new();
    for bit in (0..bytes.len() * 8).filter(|bit| is_set(*bit)) {
        names.push(KEY_USAGES.get(bit).map_or_else(|| format!("bit {bit}"), |name| (*name).into()));
    }
    Ok((if names.is_empty() { "none".into() } else { names.join(", ") }, is_set(KEY_CERT_SIGN)))
}

fn purposes(value: &[u8]) -> Result<String, Error> {
    let mut outer = Cursor::new(value);
    let mut list = outer.require(Tag::Sequence, PART)?.inside();
    outer.end(PART)?;
    let mut texts = Vec::new();
    while !list.is_empty() {
        let oid = oid_text(list.require(Tag::ObjectIdentifier, PART)?.value);
        let name = match oid.as_str() {
            "2.5.29.37.0" => "any purpose",
            "1.3.6.1.5.5.7.3.1" => "serverAuth",
            "1.3.6.1.5.5.7.3.2" => "clientAuth",
            "1.3.6.1.5.5.7.3.3" => "codeSigning",
            "1.3.6.1.5.5.7.3.4" => "emailProtection",
            "1.3.6.1.5.5.7.3.8" => "timeStamping",
            "1.3.6.1.5.5.7.3.9" => "OCSPSigning",
            "1.3.6.1.4.1.311.20.2.2" => "smart card logon",
            _ => "",
        };
        texts.push(if name.is_empty() { oid } else { format!("{name} ({oid})") });
    }
    Ok(texts.join(", "))
}

fn names(value: &[u8]) -> Result<String, Error> {
    let mut outer = Cursor::new(value);
    let mut list = outer.require(Tag::Sequence, PART)?.inside();
    outer.end(PART)?;
    let mut texts = Vec::new();
    while !list.is_empty() {
        let name = list.next(PART)?;
        let text = || String::from_utf8_lossy(name.value).into_owned();
        texts.push(match name.tag {
            Tag::ContextSpecific { number: 1, .. } => format!("email {}", text()),
            Tag::ContextSpecific { number: 2, .. } => format!("DNS {}", text()),
            Tag::ContextSpecific { number: 4, .. } => format!("name {}", name_text(name.value)),
            Tag::ContextSpecific { number: 6, .. } => format!("URI {}", text()),
            Tag::ContextSpecific { number: 7, .. } => format!("IP {}", address_text(name.value)),
            Tag::ContextSpecific { number: 8, .. } => format!("OID {}", oid_text(name.value)),
            Tag::ContextSpecific { number: 0, .. } => format!("other {}", other_name(&name)),
            _ => format!("DER {}", hex_text(name.bytes)),
        });
    }
    Ok(texts.join(", "))
}

/// An `otherName`: its type, and its value as text if it is text.
fn other_name(name: &Element<'_>) -> String {
    let read = || -> Result<String, Error> {
        let mut inside = name.inside();
        let oid = oid_text(inside.require(Tag::ObjectIdentifier, PART)?.value);
        let value = inside.require(context(0), PART)?.inside().next(PART)?;
        let text = match value.tag {
            Tag::Utf8String | Tag::Ia5String | Tag::PrintableString => {
                String::from_utf8_lossy(value.value).into_owned()
            }
            _ => hex_text(value.bytes),
        };
        Ok(format!("{oid} {text}"))
    };
    read().unwrap_or_else(|_| hex_text(name.bytes))
}

fn address_text(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        std::net::Ipv4Addr::from(four).to_string()
    } else if let Ok(sixteen) = <[u8; 16]>::try_from(bytes) {
        std::net::Ipv6Addr::from(sixteen).to_string()
    } else {
        hex_text(bytes)
    }
}

/// A name in the form of RFC 4514, otherwise its DER.
fn name_text(der: &[u8]) -> String {
    let read = || -> Result<String, Error> {
        let mut outer = Cursor::new(der);
        let whole = outer.require(Tag::Sequence, PART)?;
        outer.end(PART)?;
        name::check(&whole, PART)?;
        Ok(name::to_text(der))
    };
    read().unwrap_or_else(|_| format!("DER {}", hex_text(der)))
}

/// An object identifier in dotted decimal form.
fn oid_text(value: &[u8]) -> String {
    match der::asn1::ObjectIdentifier::from_bytes(value) {
        Ok(oid) => oid.to_string(),
        Err(_) => format!("OID {}", hex_text(value)),
    }
}

/// Hexadecimal, truncated to a readable length.
fn hex_text(bytes: &[u8]) -> String {
    let shown = crate::encoding::hex::encode(&bytes[..bytes.len().min(MAX_HEX)]);
    if bytes.len() > MAX_HEX { format!("{shown}… ({} bytes)", bytes.len()) } else { shown }
}
