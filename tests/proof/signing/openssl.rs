//! CMS against OpenSSL: it verifies ours, and we read its.

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Curve, KeyKind, PrivateKey, Provider as _};
use keyferry::csr::{Request, Template};
use keyferry::hermod::model::{DataFormat, SignResponse};
use keyferry::hermod::proof::{
    KnownKey, SignatureExpectation, VerifiedSignature, verify_signature,
};
use keyferry::issuer::issue;
use keyferry::{Certificate, Class, Error};

use crate::signing::support::*;
use crate::support::peers::{Scratch, openssl};
use crate::support::world::{World, refused};
use crate::support::{from_standard, standard};

/// The clock of the world stands in 2023.
const AT: &str = "1700000100";

fn pem(label: &str, der: &[u8]) -> Vec<u8> {
    let text = standard(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n")).into_bytes()
}

#[tokio::test]
async fn openssl_verifies_what_the_device_signs() {
    let Some(openssl) = openssl() else { return };
    let scene = scene().await;
    let scratch = Scratch::new();
    let root =
        scratch.write("root.pem", &pem("CERTIFICATE", scene.world.ca.certificate().as_der()));
    for (key_id, mechanism) in [
        ("rsa", RSA),
        ("rsa", "CKM_SHA384_RSA_PKCS"),
        ("rsa", "CKM_SHA512_RSA_PKCS"),
        ("p256", P256),
        ("p384", P384),
    ] {
        for cades in [false, true] {
            let response = scene.response(Some(user()), sign(DataFormat::PKCS7, mechanism)).await;
            let signed =
                scratch.write("signed.der", &from_standard(&response.result.unwrap().data));
            let (out, signer) = (scratch.path("content"), scratch.path("signer.pem"));
            let mut arguments = vec![
                "cms", "-verify", "-binary", "-inform", "DER", "-in", &signed, "-CAfile", &root,
                "-attime", AT,
            ];
            arguments.extend(["-purpose", "any", "-out", &out, "-signer", &signer]);
            if cades {
                // It holds the certificate against the hash among the signed attributes, too.
                arguments.push("-cades");
            }
            let said = openssl.run(&arguments);
            assert!(said.contains("successful"), "{said}");
            assert_eq!(scratch.read("content"), CONTENT, "{key_id}");
            let certificate =
                scene.profile().await.key(key_id).unwrap().certificate.clone().unwrap();
            let written = openssl.run(&["x509", "-in", &signer, "-noout", "-serial"]);
            let serial: String =
                certificate.serial_number().iter().map(|byte| format!("{byte:02X}")).collect();
            assert!(written.contains(serial.trim_start_matches("00")), "{written} {serial}");
        }
    }
}

/// A key of the user's that OpenSSL has, with its certificate.
struct Peer {
    scratch: Scratch,
    certificate: Certificate,
}

impl Peer {
    async fn new(kind: KeyKind) -> Self {
        let world = World::new();
        let key: Box<dyn PrivateKey> = AwsLcRs.generate(kind).unwrap();
        let request =
            Template::for_subject("CN=Jane,O=Acme", &AwsLcRs).unwrap().replace_key(&*key).unwrap();
        let certificate =
            issue(&world.ca, &Request::from_der(&request, &AwsLcRs).unwrap()).await.unwrap();
        let scratch = Scratch::new();
        scratch.write("key.pem", &pem("PRIVATE KEY", &key.expose_pkcs8_der().unwrap()));
        scratch.write("certificate.pem", &pem("CERTIFICATE", certificate.as_der()));
        scratch.write("content", CONTENT);
        Self { scratch, certificate: certificate.into_certificate() }
    }

    fn sign(
        &self,
        openssl: &crate::support::peers::OpenSsl,
        content: &str,
        options: &[&str],
    ) -> Vec<u8> {
        let (key, certificate) =
            (self.scratch.path("key.pem"), self.scratch.path("certificate.pem"));
        let (content, out) = (self.scratch.path(content), self.scratch.path("signed.der"));
        let mut arguments =
            vec!["cms", "-sign", "-binary", "-in", &content, "-outform", "DER", "-out", &out];
        arguments.extend(["-signer", &certificate, "-inkey", &key]);
        arguments.extend(options);
        openssl.run(&arguments);
        self.scratch.read("signed.der")
    }

    fn verify(&self, mechanism: &'static str, der: &[u8]) -> Result<VerifiedSignature, Error> {
        let expectation =
            SignatureExpectation::for_sign(&sign(DataFormat::PKCS7, mechanism)).unwrap();
        let response = SignResponse::success(DataFormat::PKCS7, standard(der));
        verify_signature(
            &AwsLcRs,
            &expectation,
            &response,
            &[KnownKey::of_certificate(self.certificate.clone()).unwrap()],
        )
    }
}

#[tokio::test]
async fn reads_what_openssl_signs_attached_and_detached() {
    let Some(openssl) = openssl() else { return };
    for (kind, mechanism, digest) in [
        (KeyKind::Rsa { bits: 2048 }, RSA, "sha256"),
        (KeyKind::Rsa { bits: 2048 }, "CKM_SHA512_RSA_PKCS", "sha512"),
        (KeyKind::Ec(Curve::P256), P256, "sha256"),
        (KeyKind::Ec(Curve::P384), P384, "sha384"),
        (KeyKind::Ec(Curve::P521), "CKM_ECDSA_SHA512", "sha512"),
    ] {
        let peer = Peer::new(kind).await;
        for options in [
            &["-nodetach"][..],
            &[],
            &["-nodetach", "-nocerts"],
            &["-nodetach", "-cades"],
            &["-nodetach", "-nosmimecap"],
        ] {
            let der = peer.sign(&openssl, "content", &[&["-md", digest], options].concat());
            let verified = peer
                .verify(mechanism, &der)
                .unwrap_or_else(|error| panic!("{mechanism} {options:?}: {error}"));
            assert_eq!(verified.content(), CONTENT);
        }
        // Another content, attached and detached; another digest than the mechanism's.
        peer.scratch.write("other", b"something else");
        refused(
            peer.verify(mechanism, &peer.sign(&openssl, "other", &["-md", digest, "-nodetach"])),
            Class::NotAsRequested,
        );
        refused(
            peer.verify(mechanism, &peer.sign(&openssl, "other", &["-md", digest])),
            Class::Signature,
        );
        let other = if digest == "sha256" { "sha384" } else { "sha256" };
        refused(
            peer.verify(mechanism, &peer.sign(&openssl, "content", &["-md", other, "-nodetach"])),
            Class::Algorithm,
        );
        refused(
            peer.verify(mechanism, &peer.sign(&openssl, "content", &["-md", "sha1", "-nodetach"])),
            Class::Algorithm,
        );
    }
}

#[tokio::test]
async fn weak_signatures_by_openssl_are_refused() {
    let Some(openssl) = openssl() else { return };
    let peer = Peer::new(KeyKind::Rsa { bits: 2048 }).await;
    // Without signed attributes, what is signed is the content itself.
    let bare = peer.sign(&openssl, "content", &["-md", "sha256", "-nodetach", "-noattr"]);
    assert_eq!(refused(peer.verify(RSA, &bare), Class::Malformed).part(), "signedAttrs");
    // Two signers.
    let second = Peer::new(KeyKind::Ec(Curve::P256)).await;
    let (certificate, key) =
        (second.scratch.path("certificate.pem"), second.scratch.path("key.pem"));
    let two = peer.sign(
        &openssl,
        "content",
        &["-md", "sha256", "-nodetach", "-signer", &certificate, "-inkey", &key],
    );
    assert_eq!(refused(peer.verify(RSA, &two), Class::Malformed).part(), "signerInfos");
    // A content that says it is something else.
    let typed = peer.sign(
        &openssl,
        "content",
        &["-md", "sha256", "-nodetach", "-econtent_type", "1.2.3.4"],
    );
    refused(peer.verify(RSA, &typed), Class::Malformed);
    // BER.
    let stream = peer.sign(&openssl, "content", &["-md", "sha256", "-nodetach", "-stream"]);
    refused(peer.verify(RSA, &stream), Class::Malformed);
    // PSS is not the mechanism that was asked for.
    let pss = peer.sign(
        &openssl,
        "content",
        &["-md", "sha256", "-nodetach", "-keyopt", "rsa_padding_mode:pss"],
    );
    refused(peer.verify(RSA, &pss), Class::Algorithm);
    // Somebody else.
    refused(
        peer.verify(P256, &second.sign(&openssl, "content", &["-md", "sha256", "-nodetach"])),
        Class::Algorithm,
    );
    let stranger = Peer::new(KeyKind::Rsa { bits: 2048 }).await;
    refused(
        peer.verify(RSA, &stranger.sign(&openssl, "content", &["-md", "sha256", "-nodetach"])),
        Class::Signature,
    );
}

#[tokio::test]
async fn reads_a_signer_that_is_named_by_the_identifier_of_his_key() {
    let Some(openssl) = openssl() else { return };
    let peer = Peer::new(KeyKind::Ec(Curve::P256)).await;
    let der = peer.sign(&openssl, "content", &["-md", "sha256", "-nodetach", "-keyid"]);
    peer.verify(P256, &der).unwrap();
}
