//! The issuer trait and the local certificate authority.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use der::Decode as _;
use keyferry::Remark;
use keyferry::crypto::{Curve, KeyKind, PrivateKey, Provider, aws_lc_rs::AwsLcRs};
use keyferry::csr::{Request, Template};
use keyferry::issuer::{Issuance, Issuer, IssuerError, KeyUse, LeafProfile, LocalCa, issue};
use keyferry::{BoxFuture, Certificate, Class, MAX_CHAIN, ManualClock};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
const NOW: Duration = Duration::from_secs(1_800_000_000);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOW
}

fn ca(kind: KeyKind) -> LocalCa {
    let key: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(kind).unwrap());
    LocalCa::new_root(
        "CN=Example root,O=Example",
        Arc::new(key),
        Arc::new(AwsLcRs),
        Arc::new(ManualClock::new(now())),
        3650 * DAY,
    )
    .unwrap()
}

fn template() -> Template {
    let command: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/hermod/provision-command.json")).unwrap();
    Template::from_base64(
        command["provCommand"]["profile"]["keygenrequests"][0]["certreq"].as_str().unwrap(),
    )
    .unwrap()
}

fn request(kind: KeyKind) -> Request {
    let pair = AwsLcRs.generate(kind).unwrap();
    Request::from_der(&template().replace_key(&*pair).unwrap(), &AwsLcRs).unwrap()
}

const KINDS: [KeyKind; 5] = [
    KeyKind::Rsa { bits: 2048 },
    KeyKind::Ec(Curve::P256),
    KeyKind::Ec(Curve::P384),
    KeyKind::Ec(Curve::P521),
    KeyKind::Ed25519,
];

/// An issuer that returns fixed certificates.
struct Answers(Issuance);

impl Issuer for Answers {
    fn issue_unchecked<'a>(
        &'a self,
        _: &'a Request,
    ) -> BoxFuture<'a, Result<Issuance, IssuerError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

#[tokio::test]
async fn a_certificate_for_another_key_is_refused_before_delivery() {
    let authority = ca(KeyKind::Ec(Curve::P256));
    let (mine, other) = (request(KeyKind::Ec(Curve::P256)), request(KeyKind::Ec(Curve::P256)));
    let wrong = Answers(issue(&authority, &other).await.unwrap().into_certificate().into());
    let IssuerError::Certificate(error) = issue(&wrong, &mine).await.unwrap_err() else { panic!() };
    assert_eq!(error.class(), Class::Proof);
    assert!(issue(&wrong, &other).await.is_ok());
}

#[tokio::test]
async fn a_certificate_for_another_subject_is_refused_before_delivery() {
    let pair: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    let mine = Request::from_der(&template().replace_key(&pair).unwrap(), &AwsLcRs).unwrap();
    // The certificate has the right key but another name, so it is a separate root.
    let wrong = LocalCa::new_root(
        "CN=Mallory",
        Arc::new(pair),
        Arc::new(AwsLcRs),
        Arc::new(ManualClock::new(now())),
        DAY,
    )
    .unwrap();
    let IssuerError::Certificate(error) =
        issue(&Answers(wrong.certificate().clone().into()), &mine).await.unwrap_err()
    else {
        panic!()
    };
    assert_eq!((error.class(), error.part()), (Class::Csr, "certificate.subject"));
}

#[tokio::test]
async fn a_name_in_another_encoding_is_reported_and_not_refused() {
    let authority = ca(KeyKind::Ec(Curve::P256));
    let name = |tag, text: &[u8]| tlv(0x30, &[&tlv(0x31, &[&attribute(CN, tag, text)])]);
    let pair: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    let request = |subject: &[u8]| {
        let template = template_for(subject, &[]);
        Request::from_der(&template.replace_key(&pair).unwrap(), &AwsLcRs).unwrap()
    };
    let (asked, rewritten) = (request(&name(0x0c, b"Jane")), request(&name(0x13, b"JANE")));
    let issued = issue(&authority, &rewritten).await.unwrap();
    assert_eq!(issued.remarks(), []);
    let issued = issue(&Answers(issued.into_certificate().into()), &asked).await.unwrap();
    assert_eq!(issued.remarks(), [Remark::SubjectEncoding]);
    assert!(issued.remarks()[0].to_string().contains("certificate.subject"));
}

#[tokio::test]
async fn the_chain_of_an_authority_is_handed_on_and_bounded() {
    let (below, above) = (ca(KeyKind::Ec(Curve::P256)), ca(KeyKind::Ec(Curve::P384)));
    let request = request(KeyKind::Ec(Curve::P256));
    let leaf = issue(&below, &request).await.unwrap();
    assert_eq!(leaf.chain(), [], "a root is not given");
    let leaf = leaf.into_certificate();
    let chain = [below.certificate().clone(), above.certificate().clone()];
    let answer = |chain: Vec<Certificate>| Answers(Issuance::new(leaf.clone()).with_chain(chain));

    let issued = issue(&answer(chain.to_vec()), &request).await.unwrap();
    assert_eq!((issued.certificate(), issued.chain()), (&leaf, &chain[..]));
    let all: Vec<&Certificate> = issued.certificates().collect();
    assert_eq!(all, [&leaf, &chain[0], &chain[1]]);
    // The issued certificate counts once if the chain repeats it.
    let with_leaf = vec![leaf.clone(), chain[0].clone()];
    assert_eq!(issue(&answer(with_leaf), &request).await.unwrap().chain(), &chain[..1]);

    let class = |error| match error {
        IssuerError::Certificate(error) => error.class(),
        other => panic!("{other:?}"),
    };
    let longest = vec![chain[0].clone(); MAX_CHAIN - 1];
    assert!(issue(&answer(longest.clone()), &request).await.is_ok());
    let longer = [longest, chain.to_vec()].concat();
    assert_eq!(class(issue(&answer(longer), &request).await.unwrap_err()), Class::TooLarge);
    let second = issue(&below, &request).await.unwrap().into_certificate();
    let two = issue(&answer(vec![second]), &request).await.unwrap_err();
    assert_eq!(class(two), Class::KeyId);
}

#[tokio::test]
async fn a_subordinate_authority_returns_its_whole_chain() {
    let root = ca(KeyKind::Ec(Curve::P256));
    let key: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    // The certificate is not signed; the caller vouches for it.
    let name = |text: &[u8]| tlv(0x30, &[&tlv(0x31, &[&attribute(CN, 0x0c, text)])]);
    let algorithm = tlv(0x30, &[&tlv(0x06, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]])]);
    let constraints = tlv(
        0x30,
        &[&tlv(0x06, &[&[0x55, 0x1d, 0x13]]), &tlv(0x04, &[&[0x30, 0x03, 0x01, 0x01, 0xff]])],
    );
    let info = tlv(
        0x30,
        &[
            &[0xa0, 0x03, 0x02, 0x01, 0x02, 0x02, 0x01, 0x01],
            &algorithm,
            &name(b"Root"),
            &tlv(0x30, &[&tlv(0x17, &[b"260101000000Z"]), &tlv(0x17, &[b"460101000000Z"])]),
            &name(b"Below"),
            key.public_key().as_spki_der(),
            &tlv(0xa3, &[&tlv(0x30, &[&constraints])]),
        ],
    );
    let below = tlv(0x30, &[&info, &algorithm, &tlv(0x03, &[&[0, 1]])]);
    let below = Certificate::from_der(&below).unwrap();
    let authority = LocalCa::from_root(
        below.clone(),
        Arc::new(key),
        Arc::new(AwsLcRs),
        Arc::new(ManualClock::new(now())),
    )
    .unwrap()
    .with_chain(vec![root.certificate().clone()]);
    let issued = issue(&authority, &request(KeyKind::Ec(Curve::P256))).await.unwrap();
    assert_eq!(issued.chain(), [below, root.certificate().clone()]);
    assert_eq!(issued.issuer(), "CN=Below");
}

#[tokio::test]
async fn only_subject_and_key_are_copied_from_the_request() {
    for root in KINDS {
        let authority = ca(root)
            .with_profile(LeafProfile::new(90 * DAY).with_key_uses(&[KeyUse::DigitalSignature]));
        for leaf in KINDS {
            let request = request(leaf);
            let certificate = issue(&authority, &request).await.unwrap();
            assert_eq!(certificate.subject_der(), template().subject_der());
            assert_eq!(certificate.public_key().unwrap(), *request.public_key());
            assert_eq!(certificate.issuer(), authority.certificate().subject());

            let read = x509_cert::Certificate::from_der(certificate.as_der()).unwrap();
            let tbs = read.tbs_certificate();
            assert_eq!(
                tbs.validity().not_before.to_unix_duration(),
                NOW - Duration::from_secs(300)
            );
            assert_eq!(tbs.validity().not_after.to_unix_duration(), NOW + 90 * DAY);
            let (critical, constraints) = tbs.get_extension::<BasicConstraints>().unwrap().unwrap();
            assert!(critical && !constraints.ca);
            let (critical, usage) = tbs.get_extension::<KeyUsage>().unwrap().unwrap();
            assert!(critical);
            assert_eq!(usage, KeyUsage(KeyUsages::DigitalSignature.into()));
            assert_eq!(tbs.extensions().unwrap().len(), 4);

            let root = x509_cert::Certificate::from_der(authority.certificate().as_der()).unwrap();
            let (_, root_id) =
                root.tbs_certificate().get_extension::<SubjectKeyIdentifier>().unwrap().unwrap();
            let (_, authority_id) = tbs.get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
            assert_eq!(authority_id.key_identifier.unwrap(), root_id.0);
        }
    }
}

#[tokio::test]
async fn serial_numbers_are_positive_random_and_long() {
    let authority = ca(KeyKind::Ec(Curve::P256));
    let request = request(KeyKind::Ec(Curve::P256));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        let certificate = issue(&authority, &request).await.unwrap();
        let read = x509_cert::Certificate::from_der(certificate.as_der()).unwrap();
        let serial = read.tbs_certificate().serial_number().as_bytes().to_vec();
        assert_eq!(serial.len(), 16);
        assert!(serial[0] < 0x80);
        assert!(seen.insert(serial));
    }
}

#[tokio::test]
async fn no_certificate_outlives_the_root_or_follows_its_expiry() {
    let key: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    let root = LocalCa::new_root(
        "CN=Short",
        Arc::new(key.clone()),
        Arc::new(AwsLcRs),
        Arc::new(ManualClock::new(now())),
        DAY,
    )
    .unwrap();
    let request = request(KeyKind::Ec(Curve::P256));
    let certificate = issue(&root, &request).await.unwrap();
    let read = x509_cert::Certificate::from_der(certificate.as_der()).unwrap();
    assert_eq!(read.tbs_certificate().validity().not_after.to_unix_duration(), NOW + DAY);

    let later = LocalCa::from_root(
        root.certificate().clone(),
        Arc::new(key),
        Arc::new(AwsLcRs),
        Arc::new(ManualClock::new(now() + DAY)),
    )
    .unwrap();
    assert!(matches!(issue(&later, &request).await, Err(IssuerError::Failed(_))));
}

#[tokio::test]
async fn a_root_is_loaded_only_with_its_own_key_and_only_as_a_ca() {
    let authority = ca(KeyKind::Ec(Curve::P256));
    let other: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    let clock = Arc::new(ManualClock::new(now()));
    let wrong = LocalCa::from_root(
        authority.certificate().clone(),
        Arc::new(other.clone()),
        Arc::new(AwsLcRs),
        clock.clone(),
    );
    assert!(matches!(wrong, Err(IssuerError::Refused(_))));
    let request = Request::from_der(&template().replace_key(&other).unwrap(), &AwsLcRs).unwrap();
    let leaf = issue(&authority, &request).await.unwrap().into_certificate();
    assert!(matches!(
        LocalCa::from_root(leaf, Arc::new(other), Arc::new(AwsLcRs), clock),
        Err(IssuerError::Refused(_))
    ));
}

fn tlv(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut out = vec![tag];
    match content.len() {
        0..=0x7f => out.push(length[1]),
        0x80..=0xff => out.extend([0x81, length[1]]),
        _ => out.extend([0x82, length[0], length[1]]),
    }
    out.extend(content);
    out
}

/// A template with this subject.
fn template_for(subject: &[u8], attributes: &[u8]) -> Template {
    let spki = tlv(0x30, &[&tlv(0x30, &[&tlv(0x06, &[&[0x2a, 0x03]])]), &tlv(0x03, &[&[0, 1]])]);
    let info = tlv(0x30, &[&[0x02, 0x01, 0x00], subject, &spki, &tlv(0xa0, &[attributes])]);
    let template =
        tlv(0x30, &[&info, &tlv(0x30, &[&tlv(0x06, &[&[0x2a, 0x03]])]), &tlv(0x03, &[&[0, 1]])]);
    Template::from_der(&template).unwrap()
}

/// A request with this subject, signed by a new key.
fn request_for(subject: &[u8], attributes: &[u8]) -> Request {
    let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let request = template_for(subject, attributes).replace_key(&*pair).unwrap();
    Request::from_der(&request, &AwsLcRs).unwrap()
}

fn attribute(oid: &[u8], tag: u8, text: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&tlv(0x06, &[oid]), &tlv(tag, &[text])])
}

const CN: &[u8] = &[0x55, 0x04, 0x03];
const O: &[u8] = &[0x55, 0x04, 0x0a];

#[tokio::test]
async fn odd_subjects_are_taken_byte_for_byte() {
    let authority = ca(KeyKind::Ec(Curve::P256));
    let (cn, o) = (attribute(CN, 0x0c, b"Jane"), attribute(O, 0x0c, b"Acme"));
    let private = attribute(
        &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x81, 0x3c, 0x07, 0x01, 0x01, 0x02],
        0x13,
        b"4711",
    );
    for (what, subject) in [
        ("empty", tlv(0x30, &[])),
        ("several attributes in one", tlv(0x30, &[&tlv(0x31, &[&cn, &o])])),
        ("a private attribute", tlv(0x30, &[&tlv(0x31, &[&cn]), &tlv(0x31, &[&private])])),
        ("a name twice", tlv(0x30, &[&tlv(0x31, &[&cn]), &tlv(0x31, &[&cn])])),
        ("T61String", tlv(0x30, &[&tlv(0x31, &[&attribute(CN, 0x14, &[0xe9])])])),
        ("BMPString", tlv(0x30, &[&tlv(0x31, &[&attribute(CN, 0x1e, &[0x20, 0x19])])])),
        ("IA5String", tlv(0x30, &[&tlv(0x31, &[&attribute(CN, 0x16, b"jane@acme.example")])])),
    ] {
        let request = request_for(&subject, &[]);
        let certificate =
            issue(&authority, &request).await.unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(certificate.subject_der(), subject, "{what}");
    }
    // The order is not that of DER, and it stays unchanged.
    let unordered = tlv(0x30, &[&tlv(0x31, &[&o, &cn])]);
    let certificate = issue(&authority, &request_for(&unordered, &[])).await.unwrap();
    assert_eq!(certificate.subject_der(), unordered);
}

/// `Zoë`, or a similar text, in every string type of a name, as tag and content.
const STRINGS: [(&str, u8, &[u8]); 8] = [
    ("UTF8String", 0x0c, "Zoë".as_bytes()),
    ("NumericString", 0x12, b"2 0 6"),
    ("PrintableString", 0x13, b"Zoe"),
    ("TeletexString", 0x14, b"Zo\xeb"),
    ("IA5String", 0x16, b"zoe@example.org"),
    ("VisibleString", 0x1a, b"Zoe!"),
    ("UniversalString", 0x1c, b"\0\0\0Z\0\0\0o\0\0\0\xeb"),
    ("BMPString", 0x1e, b"\0Z\0o\0\xeb"),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn issues_for_and_by_names_of_every_string_type() {
    let openssl = crate::support::peers::openssl();
    let (scratch, at) = (crate::support::peers::Scratch::new(), NOW.as_secs().to_string());
    let (root_pem, leaf_pem) = (scratch.path("root.pem"), scratch.path("leaf.pem"));
    for (root_type, root_tag, root_text) in STRINGS {
        let key: Arc<dyn PrivateKey> =
            Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
        let value = tlv(root_tag, &[root_text]);
        let name = format!("CN=#{},O=Example", hex(&value));
        let new = LocalCa::new_root(
            &name,
            Arc::new(key.clone()),
            Arc::new(AwsLcRs),
            Arc::new(ManualClock::new(now())),
            3650 * DAY,
        );
        let root = new.unwrap().certificate().clone();
        let in_name = attribute(CN, root_tag, root_text);
        assert!(root.subject_der().windows(in_name.len()).any(|part| part == in_name));
        // The authority is read again from its certificate, as after a restart.
        let authority = LocalCa::from_root(
            root,
            Arc::new(key),
            Arc::new(AwsLcRs),
            Arc::new(ManualClock::new(now())),
        )
        .unwrap_or_else(|error| panic!("{root_type}: {error:?}"));
        for (leaf_type, leaf_tag, leaf_text) in STRINGS {
            let subject = tlv(0x30, &[&tlv(0x31, &[&attribute(CN, leaf_tag, leaf_text)])]);
            let issued = issue(&authority, &request_for(&subject, &[])).await;
            let leaf = issued.unwrap_or_else(|error| panic!("{root_type}, {leaf_type}: {error:?}"));
            assert_eq!(leaf.subject_der(), subject);
            assert_eq!(leaf.issuer_der(), authority.certificate().subject_der());
            // OpenSSL cannot read a name with a VisibleString, because that is not a
            // DirectoryString.
            let is_read = ![root_type, leaf_type].contains(&"VisibleString");
            let Some(openssl) = openssl.as_ref().filter(|_| is_read) else { continue };
            std::fs::write(&root_pem, authority.certificate().to_pem()).unwrap();
            std::fs::write(&leaf_pem, leaf.to_pem()).unwrap();
            openssl.run(&["x509", "-text", "-noout", "-in", &leaf_pem]);
            let arguments = ["verify", "-x509_strict", "-check_ss_sig", "-attime", &at];
            let files = ["-CAfile", &root_pem, &leaf_pem];
            let (verified, said) = openssl.try_run(&[&arguments[..], &files].concat());
            assert!(verified, "{root_type}, {leaf_type}: {said}");
        }
    }
}

#[tokio::test]
async fn dates_after_2049_are_generalized_time() {
    let key: Arc<dyn PrivateKey> = Arc::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap());
    let last_of_2049 = Duration::from_secs(2_524_607_999);
    for (until, tag) in [(last_of_2049, 0x17), (last_of_2049 + Duration::from_secs(1), 0x18)] {
        let clock = Arc::new(ManualClock::new(now()));
        let root = LocalCa::new_root(
            "CN=Long",
            Arc::new(key.clone()),
            Arc::new(AwsLcRs),
            clock,
            until - NOW,
        );
        let root = root.unwrap().certificate().clone();
        assert_eq!(root.validity().not_after_unix_secs().unsigned_abs(), until.as_secs());
        let text: &[u8] = if tag == 0x17 { b"491231235959Z" } else { b"20500101000000Z" };
        let time = tlv(tag, &[text]);
        assert!(root.as_der().windows(time.len()).any(|part| part == time));
    }
}

#[tokio::test]
async fn nothing_that_a_request_asks_for_is_granted() {
    // extensionRequest { basicConstraints critical CA:TRUE }
    let constraints = tlv(
        0x30,
        &[
            &tlv(0x06, &[&[0x55, 0x1d, 0x13]]),
            &[0x01, 0x01, 0xff],
            &tlv(0x04, &[&[0x30, 0x03, 0x01, 0x01, 0xff]]),
        ],
    );
    let oid = tlv(0x06, &[&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e]]);
    let wanted = tlv(0x30, &[&oid, &tlv(0x31, &[&tlv(0x30, &[&constraints])])]);
    let request = request_for(&tlv(0x30, &[&tlv(0x31, &[&attribute(CN, 0x0c, b"Jane")])]), &wanted);
    let certificate = issue(&ca(KeyKind::Ec(Curve::P256)), &request).await.unwrap();
    let read = x509_cert::Certificate::from_der(certificate.as_der()).unwrap();
    let (_, constraints) =
        read.tbs_certificate().get_extension::<BasicConstraints>().unwrap().unwrap();
    assert!(!constraints.ca);
    assert_eq!(read.tbs_certificate().extensions().unwrap().len(), 4);
}

#[tokio::test]
async fn openssl_verifies_the_chain_and_reads_the_leaf() {
    let Some(openssl) = crate::support::peers::openssl() else { return };
    let (scratch, at) = (crate::support::peers::Scratch::new(), NOW.as_secs().to_string());
    let (root_pem, leaf_pem) = (scratch.path("root.pem"), scratch.path("leaf.pem"));
    for root in KINDS {
        let authority = ca(root);
        let root_path = scratch.write("root.der", authority.certificate().as_der());
        openssl.run(&["x509", "-inform", "DER", "-in", &root_path, "-out", &root_pem]);
        for leaf in KINDS {
            let certificate = issue(&authority, &request(leaf)).await.unwrap();
            let leaf_path = scratch.write("leaf.der", certificate.as_der());
            openssl.run(&["x509", "-inform", "DER", "-text", "-in", &leaf_path, "-out", &leaf_pem]);
            let (verified, said) = openssl.try_run(&[
                "verify",
                "-x509_strict",
                "-check_ss_sig",
                "-attime",
                &at,
                "-CAfile",
                &root_pem,
                &leaf_pem,
            ]);
            assert!(verified, "{root:?} {leaf:?}: {said}");
        }
    }
}

#[test]
fn errors_have_sources_and_no_input() {
    let error = LocalCa::new_root(
        "not a name",
        Arc::new(Arc::<dyn PrivateKey>::from(AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap())),
        Arc::new(AwsLcRs),
        Arc::new(ManualClock::new(now())),
        DAY,
    )
    .unwrap_err();
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(error.to_string(), "the authority refused the request");
    fn shared<T: Send + Sync + 'static>() {}
    shared::<IssuerError>();
    shared::<LocalCa>();
}
