//! The rules for certificate requests, ours and those of others.

mod algorithms;
mod names;
mod pem;

use crate::support::peers::{OpenSsl, Scratch, openssl};
use crate::support::*;
use der::Decode as _;
use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, PrivateKey, Provider, SignatureAlgorithm, Signer};
use keyferry::csr::{MAX_REQUEST, Request, Template};
use x509_cert::request::CertReq;

const PROVIDER: &dyn Provider = &AwsLcRs;
const SHA256_RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];
const SHA1_RSA: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05, 0x05, 0x00];
const ECDSA_SHA1: &[u8] = &[0x30, 0x09, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01];
const ECDSA_SHA256: &[u8] =
    &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const VERSION_0: &[u8] = &[0x02, 0x01, 0x00];
const EMPTY_SET: &[u8] = &[0xa0, 0x00];

/// A request in pieces.
struct Pieces {
    version: Vec<u8>,
    subject: Vec<u8>,
    key: Vec<u8>,
    attributes: Option<Vec<u8>>,
    algorithm: Vec<u8>,
    signature: Vec<u8>,
}

impl Pieces {
    fn new() -> Self {
        Self {
            version: VERSION_0.to_vec(),
            subject: subject(),
            key: rsa2048().public_key().as_spki_der().to_vec(),
            attributes: Some(EMPTY_SET.to_vec()),
            algorithm: SHA256_RSA.to_vec(),
            signature: der(0x03, &[&[0], &[0x55; 256]]),
        }
    }

    fn info(&self) -> Vec<u8> {
        let mut parts = vec![&self.version[..], &self.subject, &self.key];
        parts.extend(self.attributes.as_deref());
        der(0x30, &parts)
    }

    fn to_der(&self) -> Vec<u8> {
        der(0x30, &[&self.info(), &self.algorithm, &self.signature])
    }

    /// Signed by the P-256 key, as a request of that.
    fn signed(mut self) -> Vec<u8> {
        self.key = p256().public_key().as_spki_der().to_vec();
        self.algorithm = ECDSA_SHA256.to_vec();
        self.sign(p256(), Algorithm::Es256)
    }

    fn sign(mut self, signer: &dyn Signer, algorithm: Algorithm) -> Vec<u8> {
        let raw = signer.sign(algorithm, &self.info()).unwrap();
        let signature = if algorithm.curve().is_some() { ecdsa_der(&raw) } else { raw };
        self.signature = der(0x03, &[&[0], &signature]);
        self.to_der()
    }
}

fn ecdsa_der(raw: &[u8]) -> Vec<u8> {
    let number = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let half = &half[zeros..];
        if half[0] >= 0x80 { der(0x02, &[&[0], half]) } else { der(0x02, &[half]) }
    };
    let (r, s) = raw.split_at(raw.len() / 2);
    der(0x30, &[&number(r), &number(s)])
}

fn oid(dotted_tail: &[u8]) -> Vec<u8> {
    der(0x06, &[dotted_tail])
}

fn pair(kind: &[u8], value: &[u8]) -> Vec<u8> {
    der(0x31, &[&der(0x30, &[&oid(kind), value])])
}

/// C=SE, CN=Test.
fn subject() -> Vec<u8> {
    der(
        0x30,
        &[
            &pair(&[0x55, 4, 6], &der(0x13, &[b"SE"])),
            &pair(&[0x55, 4, 3], &der(0x0c, &["Test \u{2019}".as_bytes()])),
        ],
    )
}

/// Subjects that real templates have, and odder ones.
fn subjects() -> Vec<(&'static str, Vec<u8>)> {
    // 1.3.6.1.4.1.188.7.1.1.2, as a template of the vendor's has it.
    let private = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0x3c, 0x07, 0x01, 0x01, 0x02];
    let two = der(
        0x31,
        &[
            &der(0x30, &[&oid(&[0x55, 4, 3]), &der(0x0c, &[b"a"])]),
            &der(0x30, &[&oid(&[0x55, 4, 5]), &der(0x13, &[b"1"])]),
        ],
    );
    vec![
        ("usual", subject()),
        ("empty", der(0x30, &[])),
        ("a private type", der(0x30, &[&pair(&private, &der(0x0c, &[b"x"]))])),
        ("two pairs in one set", der(0x30, &[&two])),
        (
            "old strings",
            der(
                0x30,
                &[
                    &pair(&[0x55, 4, 3], &der(0x14, &[b"teletex \xe5"])),
                    &pair(&[0x55, 4, 3], &der(0x1e, &[&[0x00, 0x41, 0x20, 0x19]])),
                ],
            ),
        ),
        ("a value that is a sequence", der(0x30, &[&pair(&private, &der(0x30, &[&[0x05, 0x00]]))])),
        ("long", der(0x30, &[&pair(&[0x55, 4, 3], &der(0x0c, &[&[b'x'; 300]]))])),
        (
            "e-mail",
            der(
                0x30,
                &[&pair(
                    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x01],
                    &der(0x16, &[b"a@example.com"]),
                )],
            ),
        ),
    ]
}

fn challenge_password() -> Vec<u8> {
    let kind = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x07]);
    der(0x30, &[&kind, &der(0x31, &[&der(0x13, &[b"s3cret"])])])
}

/// keyUsage: digitalSignature, nonRepudiation.
fn extension_request() -> Vec<u8> {
    let usage = der(
        0x30,
        &[&oid(&[0x55, 0x1d, 0x0f]), &[0x01, 0x01, 0xff], &der(0x04, &[&[0x03, 0x02, 0x06, 0xc0]])],
    );
    let kind = oid(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e]);
    der(0x30, &[&kind, &der(0x31, &[&der(0x30, &[&usage])])])
}

fn attributes() -> Vec<(&'static str, Option<Vec<u8>>)> {
    vec![
        ("absent", None),
        ("empty", Some(EMPTY_SET.to_vec())),
        ("challengePassword", Some(der(0xa0, &[&challenge_password()]))),
        ("extensionRequest", Some(der(0xa0, &[&extension_request()]))),
        ("both", Some(der(0xa0, &[&challenge_password(), &extension_request()]))),
    ]
}

fn signers() -> [(&'static dyn PrivateKey, Algorithm); 10] {
    [
        (rsa2048(), Algorithm::Rs256),
        (rsa2048(), Algorithm::Rs384),
        (rsa2048(), Algorithm::Rs512),
        (rsa2048(), Algorithm::Ps256),
        (rsa2048(), Algorithm::Ps384),
        (rsa2048(), Algorithm::Ps512),
        (p256(), Algorithm::Es256),
        (p384(), Algorithm::Es384),
        (p521(), Algorithm::Es512),
        (ed25519(), Algorithm::EdDsa),
    ]
}

/// Everything that is promised of a template with its key replaced.
fn check_replacement(
    name: &str,
    template_der: &[u8],
    signer: &dyn Signer,
    algorithm: Algorithm,
    peer: Option<&OpenSsl>,
) {
    let template =
        Template::from_der(template_der).unwrap_or_else(|error| panic!("{name}: {error}"));
    let der = template.with_key(signer.public_key(), algorithm).unwrap().sign(signer).unwrap();
    let request =
        Request::from_der(&der, &AwsLcRs).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(request.subject_der(), template.subject_der(), "{name}");
    assert_eq!(request.attributes_der(), template.attributes_der().unwrap_or(EMPTY_SET), "{name}");
    assert_eq!(
        (request.public_key(), request.algorithm()),
        (signer.public_key(), SignatureAlgorithm::from(algorithm)),
        "{name}"
    );
    request.matches(&template).unwrap();
    assert_eq!(Template::from_der(&der).unwrap().as_der(), der, "{name}");
    let theirs = CertReq::from_der(&der).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(der::Encode::to_der(&theirs).unwrap(), der, "{name}");
    if let Some(peer) = peer {
        peer.accepts_request(&der).unwrap_or_else(|said| panic!("{name} {algorithm}: {said}"));
    }
}

#[test]
fn replacing_the_key_changes_only_key_and_signature() {
    let peer = openssl();
    for (signer, algorithm) in signers() {
        check_replacement("captured", &captured_template(), signer, algorithm, peer.as_ref());
    }
    for (subject_name, subject) in subjects() {
        for (attributes_name, attributes) in attributes() {
            let template = Pieces {
                subject: subject.clone(),
                attributes: attributes.clone(),
                ..Pieces::new()
            }
            .to_der();
            let name = format!("{subject_name}, {attributes_name}");
            // One peer process a subject is enough, as attributes are parsed by nobody when a
            // signature is verified.
            let peer = if attributes_name == "both" || subject_name == "usual" {
                peer.as_ref()
            } else {
                None
            };
            check_replacement(&name, &template, p256(), Algorithm::Es256, peer);
        }
    }
}

#[test]
fn reads_templates_leniently() {
    for version in 0..=2 {
        let template = Pieces { version: vec![0x02, 0x01, version], ..Pieces::new() }.to_der();
        check_replacement("version", &template, p256(), Algorithm::Es256, None);
    }
    for algorithm in [SHA1_RSA, ECDSA_SHA1, &[0x30, 0x00], &der(0x30, &[&oid(&[0x2a, 0x03])])] {
        let template = Pieces { algorithm: algorithm.to_vec(), ..Pieces::new() }.to_der();
        check_replacement("signature algorithm", &template, rsa2048(), Algorithm::Rs256, None);
    }
    for signature in [vec![0x03, 0x01, 0x00], vec![0x03, 0x03, 0x00, 0xff, 0xff]] {
        let template = Pieces { signature, ..Pieces::new() }.to_der();
        check_replacement("signature", &template, p256(), Algorithm::Es256, None);
    }
    // An elliptic template becomes a request of an RSA key, and one whose own key nobody knows is
    // as good as any.
    let elliptic = Pieces::new().signed();
    check_replacement("EC to RSA", &elliptic, rsa2048(), Algorithm::Rs256, None);
    let template = Pieces { key: der(0x30, &[&[0x05, 0x00]]), ..Pieces::new() }.to_der();
    check_replacement("no key", &template, p256(), Algorithm::Es256, None);
    let lines = standard(captured_template())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect::<Vec<_>>();
    assert_eq!(Template::from_base64(&lines.join("\r\n ")).unwrap().as_der(), captured_template());
    assert_eq!(
        Template::from_base64(&Template::from_der(&captured_template()).unwrap().to_base64())
            .unwrap()
            .as_der(),
        captured_template()
    );
}

#[test]
fn rejects_templates_that_no_request_can_be_made_of() {
    let good = Pieces::new().to_der();
    let mut cases = vec![
        ("nothing", Vec::new()),
        ("a byte after the end", [&good[..], &[0]].concat()),
        ("cut short", good[..good.len() - 1].to_vec()),
        ("indefinite length", [&[0x30, 0x80], &good[4..], &[0, 0]].concat()),
        ("a length in more bytes than it takes", [&[0x30, 0x83, 0x00], &good[2..]].concat()),
        ("twice", [&good[..], &good[..]].concat()),
        ("PEM", b"-----BEGIN CERTIFICATE REQUEST-----".to_vec()),
    ];
    let odd = |name, pieces: Pieces| (name, pieces.to_der());
    cases.extend([
        odd("version 3", Pieces { version: vec![0x02, 0x01, 0x03], ..Pieces::new() }),
        odd("version -1", Pieces { version: vec![0x02, 0x01, 0xff], ..Pieces::new() }),
        odd(
            "version 0 in two bytes",
            Pieces { version: vec![0x02, 0x02, 0x00, 0x00], ..Pieces::new() },
        ),
        odd("no version", Pieces { version: vec![], ..Pieces::new() }),
        odd("no key", Pieces { key: vec![], ..Pieces::new() }),
        odd("no subject", Pieces { subject: vec![], ..Pieces::new() }),
        odd(
            "a subject that is no name",
            Pieces { subject: der(0x30, &[&[0x05, 0x00]]), ..Pieces::new() },
        ),
        odd(
            "an empty set in the subject",
            Pieces { subject: der(0x30, &[&[0x31, 0x00]]), ..Pieces::new() },
        ),
        odd(
            "a type without a value",
            Pieces { subject: der(0x30, &[&pair(&[0x55, 4, 3], &[])]), ..Pieces::new() },
        ),
        odd(
            "two values",
            Pieces {
                subject: der(0x30, &[&pair(&[0x55, 4, 3], &[0x05, 0x00, 0x05, 0x00])]),
                ..Pieces::new()
            },
        ),
        odd(
            "text that is no UTF-8",
            Pieces {
                subject: der(0x30, &[&pair(&[0x55, 4, 3], &[0x0c, 0x01, 0xff])]),
                ..Pieces::new()
            },
        ),
        odd(
            "attributes that are none",
            Pieces { attributes: Some(der(0xa0, &[&[0x05, 0x00]])), ..Pieces::new() },
        ),
        odd(
            "an attribute without values",
            Pieces {
                attributes: Some(der(0xa0, &[&der(0x30, &[&oid(&[0x2a, 3])])])),
                ..Pieces::new()
            },
        ),
        odd(
            "attributes by another number",
            Pieces { attributes: Some(vec![0xa1, 0x00]), ..Pieces::new() },
        ),
        odd(
            "two sets of attributes",
            Pieces { attributes: Some([EMPTY_SET, EMPTY_SET].concat()), ..Pieces::new() },
        ),
        odd(
            "a signature of seven bits",
            Pieces { signature: vec![0x03, 0x02, 0x01, 0x00], ..Pieces::new() },
        ),
        odd(
            "BER inside the attributes",
            Pieces { attributes: Some(vec![0xa0, 0x04, 0x30, 0x80, 0x00, 0x00]), ..Pieces::new() },
        ),
    ]);
    for (name, der) in cases {
        let error = Template::from_der(&der).expect_err(name);
        assert_eq!(error.class(), Class::Malformed, "{name}");
        assert!(Request::from_der(&der, &AwsLcRs).is_err(), "{name}");
    }
    let deep = (0..40).fold(vec![0x05, 0x00], |inside, _| der(0x30, &[&inside]));
    let deep =
        Pieces { subject: der(0x30, &[&pair(&[0x55, 4, 3], &deep)]), ..Pieces::new() }.to_der();
    assert_eq!(Template::from_der(&deep).unwrap_err().class(), Class::TooLarge);
    let long = Pieces {
        subject: der(0x30, &[&pair(&[0x55, 4, 3], &der(0x0c, &[&vec![b'x'; MAX_REQUEST]]))]),
        ..Pieces::new()
    }
    .to_der();
    assert_eq!(Template::from_der(&long).unwrap_err().class(), Class::TooLarge);
    for text in ["", "*", "MAA", "MAA=\u{a0}", &url(&good)] {
        assert_eq!(Template::from_base64(text).unwrap_err().class(), Class::Malformed, "{text}");
    }
}

#[test]
fn rejects_an_algorithm_that_does_not_fit_the_new_key() {
    let template = Template::from_der(&captured_template()).unwrap();
    for (signer, algorithm) in [
        (p256(), Algorithm::Rs256),
        (rsa2048(), Algorithm::Es256),
        (p256(), Algorithm::Es384),
        (ed25519(), Algorithm::Es256),
    ] {
        assert_eq!(
            template.with_key(signer.public_key(), algorithm).map(drop).unwrap_err().class(),
            Class::Algorithm
        );
    }
}

#[test]
fn an_assembled_wrong_signature_does_not_verify() {
    let template = Template::from_der(&captured_template()).unwrap();
    for (signer, algorithm) in signers() {
        for signature in [&[][..], &[0], &[0; 63], &[0; 64], &[0xff; 64], &[0xff; 256], &[1; 1000]]
        {
            let der =
                template.with_key(signer.public_key(), algorithm).unwrap().assemble(signature);
            assert_eq!(
                Request::from_der(&der, &AwsLcRs).unwrap_err().class(),
                Class::Csr,
                "{algorithm}"
            );
        }
    }
}

// Requests, strictly.

#[test]
fn rejects_requests_that_are_not_strict() {
    let good = Pieces::new().signed();
    Request::from_der(&good, &AwsLcRs).unwrap();
    let mut cases = vec![
        (
            "version 1",
            Class::Csr,
            Pieces { version: vec![0x02, 0x01, 0x01], ..Pieces::new() }.signed(),
        ),
        (
            "version 2",
            Class::Csr,
            Pieces { version: vec![0x02, 0x01, 0x02], ..Pieces::new() }.signed(),
        ),
        ("absent attributes", Class::Csr, Pieces { attributes: None, ..Pieces::new() }.signed()),
        ("a byte after the end", Class::Malformed, [&good[..], &[0]].concat()),
        (
            "a length in more bytes than it takes",
            Class::Malformed,
            [&[0x30, 0x82, 0x00], &good[2..]].concat(),
        ),
        ("indefinite length", Class::Malformed, [&[0x30, 0x80], &good[3..], &[0, 0]].concat()),
    ];
    let keyed = |key: Vec<u8>, algorithm: &[u8]| Pieces {
        key,
        algorithm: algorithm.to_vec(),
        ..Pieces::new()
    };
    let own = || p256().public_key().as_spki_der().to_vec();
    let es256 = |pieces: Pieces| pieces.sign(p256(), Algorithm::Es256);
    cases.extend([
        ("SHA-1 with ECDSA", Class::Csr, es256(keyed(own(), ECDSA_SHA1))),
        (
            "SHA-1 with RSA",
            Class::Csr,
            keyed(rsa2048().public_key().as_spki_der().to_vec(), SHA1_RSA)
                .sign(rsa2048(), Algorithm::Rs256),
        ),
        ("an algorithm of RSA for an EC key", Class::Csr, es256(keyed(own(), SHA256_RSA))),
        (
            "ECDSA with parameters",
            Class::Csr,
            es256(keyed(own(), &der(0x30, &[&ECDSA_SHA256[2..], &[0x05, 0x00]]))),
        ),
        (
            "the signature over another digest",
            Class::Csr,
            keyed(p384().public_key().as_spki_der().to_vec(), ECDSA_SHA256)
                .sign(p384(), Algorithm::Es384),
        ),
        (
            "the signature of another key",
            Class::Csr,
            keyed(own(), ECDSA_SHA256).sign(other_p256(), Algorithm::Es256),
        ),
    ]);
    // A raw signature where PKCS#10 has DER.
    let mut raw = keyed(own(), ECDSA_SHA256);
    raw.signature = der(0x03, &[&[0], &p256().sign(Algorithm::Es256, &raw.info()).unwrap()]);
    cases.push(("a raw signature", Class::Csr, raw.to_der()));

    let point = &own()[own().len() - 65..];
    let compressed = [&[0x02 + (point[64] & 1)], &point[1..33]].concat();
    let named = &own()[2..2 + 21];
    let bits = |content: &[u8]| der(0x03, &[&[0], content]);
    let with = |identifier: &[u8], content: &[u8]| {
        es256(keyed(der(0x30, &[identifier, &bits(content)]), ECDSA_SHA256))
    };
    cases.extend([
        ("a compressed point", Class::Algorithm, with(named, &compressed)),
        (
            "a hybrid point",
            Class::Algorithm,
            with(named, &[&[0x06 + (point[64] & 1)], &point[1..]].concat()),
        ),
        ("the point at infinity", Class::Malformed, with(named, &[0x00])),
        (
            "a point that is not on its curve",
            Class::WeakKey,
            with(named, &[&point[..64], &[point[64] ^ 1]].concat()),
        ),
        ("explicit parameters", Class::Algorithm, with(&explicit_p256(), point)),
        (
            "implicit parameters",
            Class::Algorithm,
            with(&der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), &[0x05, 0x00]]), point),
        ),
        (
            "no parameters",
            Class::Algorithm,
            with(&der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1])]), point),
        ),
        (
            "secp256k1",
            Class::Algorithm,
            with(
                &der(
                    0x30,
                    &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), &oid(&[0x2b, 0x81, 4, 0, 10])],
                ),
                point,
            ),
        ),
    ]);
    let rsa = |n: &[u8], e: &[u8]| {
        let number = |bytes: &[u8]| der(0x02, &[if bytes[0] >= 0x80 { &[0] } else { &[] }, bytes]);
        let identifier = [
            0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05,
            0x00,
        ];
        keyed(der(0x30, &[&identifier, &bits(&der(0x30, &[&number(n), &number(e)]))]), SHA256_RSA)
            .to_der()
    };
    cases.extend([
        ("RSA of 1024 bits", Class::WeakKey, rsa(&modulus(1024), &[1, 0, 1])),
        ("RSA of 8193 bits", Class::WeakKey, rsa(&modulus(8193), &[1, 0, 1])),
        ("RSA with the exponent 1", Class::WeakKey, rsa(&modulus(2048), &[1])),
        ("RSA with an even exponent", Class::WeakKey, rsa(&modulus(2048), &[2])),
        ("RSA with a modulus below zero", Class::Malformed, rsa(&modulus(2048), &[1, 0, 1])),
    ]);
    let last = cases.last_mut().unwrap();
    // Without the zero at its front the number is negative.
    let at =
        last.2.windows(5).position(|window| window == [0x02, 0x82, 0x01, 0x01, 0x00]).unwrap() + 4;
    last.2[at] = 0xff;
    for (name, class, der) in cases {
        let error = Request::from_der(&der, &AwsLcRs).expect_err(name);
        assert_eq!(error.class(), class, "{name}: {error}");
    }
}

/// EcParameters of P-256 written out (RFC 3279), which nobody should read: they could say another
/// generator.
fn explicit_p256() -> Vec<u8> {
    let hex = |text: &str| {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    let prime = hex("00ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let a = hex("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc");
    let b = hex("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b");
    let generator = hex(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    );
    let order = hex("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let field = der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 1, 1]), &der(0x02, &[&prime])]);
    let curve = der(0x30, &[&der(0x04, &[&a]), &der(0x04, &[&b])]);
    let parameters = der(
        0x30,
        &[
            &[0x02, 1, 1],
            &field,
            &curve,
            &der(0x04, &[&generator]),
            &der(0x02, &[&order]),
            &[0x02, 1, 1],
        ],
    );
    der(0x30, &[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), &parameters])
}

#[test]
fn no_bit_of_a_request_can_be_changed() {
    for good in [
        Pieces::new().signed(),
        Template::from_der(&captured_template()).unwrap().replace_key(ed25519()).unwrap(),
    ] {
        Request::from_der(&good, &AwsLcRs).unwrap();
        for bit in 0..good.len() * 8 {
            let mut changed = good.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = Request::from_der(&changed, &AwsLcRs).expect_err("a changed request");
            assert!(
                matches!(
                    error.class(),
                    Class::Malformed | Class::Csr | Class::WeakKey | Class::Algorithm
                ),
                "bit {bit}: {error}"
            );
        }
    }
}

#[test]
fn no_byte_of_a_request_can_be_removed_or_doubled() {
    let good = Pieces::new().signed();
    for at in 0..good.len() {
        let mut shorter = good.clone();
        shorter.remove(at);
        assert!(Request::from_der(&shorter, &AwsLcRs).is_err(), "{at}");
        let mut longer = good.clone();
        longer.insert(at, good[at]);
        assert!(Request::from_der(&longer, &AwsLcRs).is_err(), "{at}");
        assert!(Request::from_der(&good[..at], &AwsLcRs).is_err(), "{at}");
    }
}

#[test]
fn names_the_part_that_differs_from_the_template() {
    let template = Template::from_der(&Pieces::new().to_der()).unwrap();
    let request = |pieces: Pieces| Request::from_der(&pieces.signed(), &AwsLcRs).unwrap();
    request(Pieces::new()).matches(&template).unwrap();
    let error = request(Pieces { subject: der(0x30, &[]), ..Pieces::new() })
        .matches(&template)
        .unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Csr, "subject"));
    let error =
        request(Pieces { attributes: Some(der(0xa0, &[&challenge_password()])), ..Pieces::new() })
            .matches(&template)
            .unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Csr, "attributes"));
}

#[test]
fn shows_nothing_of_a_request() {
    let pieces =
        || Pieces { attributes: Some(der(0xa0, &[&challenge_password()])), ..Pieces::new() };
    let der = pieces().signed();
    let shown = format!(
        "{:?} {:?}",
        Request::from_der(&der, &AwsLcRs).unwrap(),
        Template::from_der(&der).unwrap()
    );
    assert!(!shown.contains("s3cret") && !shown.contains("115, 51"), "{shown}");
    let unsigned =
        Template::from_der(&der).unwrap().with_key(p256().public_key(), Algorithm::Es256).unwrap();
    assert!(!format!("{unsigned:?}").contains("115"));
}

// Requests that others make.

fn made_by_openssl(openssl: &OpenSsl, key: &[&str], request: &[&str]) -> Vec<u8> {
    let scratch = Scratch::new();
    let (key_path, out) = (scratch.path("key.pem"), scratch.path("request.der"));
    openssl.run(&[&["genpkey", "-out", &key_path], key].concat());
    let subject = "/C=SE/O=keyferry/CN=\u{c5}sa \u{2019}";
    openssl.run(
        &[
            &[
                "req", "-new", "-utf8", "-key", &key_path, "-subj", subject, "-outform", "DER",
                "-out", &out,
            ],
            request,
        ]
        .concat(),
    );
    scratch.read("request.der")
}

#[test]
fn accepts_requests_that_openssl_makes() {
    let Some(openssl) = openssl() else { return };
    let rsa = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..];
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
    let sha = |name: &'static str| [&[name][..], &pss].concat();
    let (ps256, ps384, ps512) = (sha("-sha256"), sha("-sha384"), sha("-sha512"));
    let extension = ["-sha256", "-addext", "keyUsage = critical, digitalSignature"];
    let cases: [(&[&str], &[&str], Algorithm); 11] = [
        (rsa, &["-sha256"], Algorithm::Rs256),
        (rsa, &["-sha384"], Algorithm::Rs384),
        (rsa, &["-sha512"], Algorithm::Rs512),
        (rsa, &ps256, Algorithm::Ps256),
        (rsa, &ps384, Algorithm::Ps384),
        (rsa, &ps512, Algorithm::Ps512),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            &extension,
            Algorithm::Es256,
        ),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
            &["-sha384"],
            Algorithm::Es384,
        ),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
            &["-sha512"],
            Algorithm::Es512,
        ),
        (&["-algorithm", "ED25519"], &[], Algorithm::EdDsa),
        (rsa, &extension, Algorithm::Rs256),
    ];
    for (key, request, algorithm) in cases {
        let der = made_by_openssl(&openssl, key, request);
        let read = Request::from_der(&der, &AwsLcRs)
            .unwrap_or_else(|error| panic!("{key:?} {request:?}: {error}"));
        assert_eq!(read.algorithm(), algorithm);
        check_replacement("openssl", &der, p256(), Algorithm::Es256, Some(&openssl));
    }
}

#[test]
fn rejects_weak_requests_that_openssl_makes() {
    let Some(openssl) = openssl() else { return };
    let p256 = &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"][..];
    let explicit = &[
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-pkeyopt",
        "ec_param_enc:explicit",
    ][..];
    let rsa1024 = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"][..];
    let cases: [(&[&str], &[&str], Class); 4] = [
        (p256, &["-sha1"], Class::Csr),
        (explicit, &["-sha256"], Class::Algorithm),
        (rsa1024, &["-sha256"], Class::WeakKey),
        (
            &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
            &["-sha256"],
            Class::Algorithm,
        ),
    ];
    for (key, request, class) in cases {
        let der = made_by_openssl(&openssl, key, request);
        let error = Request::from_der(&der, &AwsLcRs).expect_err("a weak request");
        assert_eq!(error.class(), class, "{key:?} {request:?}: {error}");
        // As a template each of them will do.
        check_replacement("weak", &der, crate::support::p256(), Algorithm::Es256, None);
    }
}
