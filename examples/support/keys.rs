//! Keys: those that a program has in a file, and those that are asked for.

use std::path::Path;
use std::sync::Arc;

use keyferry::Certificate;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, PrivateKey, Provider, PublicKeyParts};
use keyferry::csr::Template;
use keyferry::hermod::model::{KeyGenRequest, KeyTypePrio, KeyUsage};

use super::files::{Place, named, put_private, read};
use super::program::Failed;

/// The private key in a file (PKCS#8, DER), which is made at the first start.
pub fn key_in(path: &Path, provider: &dyn Provider) -> Result<Arc<dyn PrivateKey>, Failed> {
    if let Some(pkcs8) = read(path).map_err(|error| named(path, &error))? {
        let pkcs8 = zeroize::Zeroizing::new(pkcs8);
        let key = provider.private_key_from_pkcs8_der(&pkcs8);
        return Ok(key
            .map_err(|_| format!("{}: not a private key as PKCS#8 in DER", path.display()))?
            .into());
    }
    let key = provider.generate(KeyKind::Ec(Curve::P256))?;
    put_private(path, &key.expose_pkcs8_der()?, Place::Free)
        .map_err(|error| named(path, &error))?;
    Ok(key.into())
}

/// The keys to ask for: `rsa2048`, `rsa3072`, `rsa4096`, `p256`, `p384`, `p521`, comma between.
pub fn key_requests(
    keys: &str,
    subject: &str,
    provider: &dyn Provider,
) -> Result<Vec<KeyGenRequest>, Failed> {
    let template = Template::for_subject(subject, provider)?.to_base64();
    let request = |name: &str| {
        let (key_type, length, mechanism) = match name {
            "rsa2048" => ("RSA", "2048", Algorithm::Rs256),
            "rsa3072" => ("RSA", "3072", Algorithm::Rs256),
            "rsa4096" => ("RSA", "4096", Algorithm::Rs256),
            "p256" => ("EC", "256", Algorithm::Es256),
            "p384" => ("EC", "384", Algorithm::Es384),
            "p521" => ("EC", "521", Algorithm::Es512),
            _ => {
                return Err(super::program::usage(format!(
                    "--keys: {} is none of rsa2048, rsa3072, rsa4096, p256, p384, p521",
                    name.escape_debug()
                )));
            }
        };
        let mut request = KeyGenRequest::new(
            name,
            KeyUsage::SIG,
            vec![KeyTypePrio::new(key_type, length, mechanism.name())],
        );
        request.cert_req = Some(template.as_str().into());
        Ok(request)
    };
    keys.split(',').map(|name| request(name.trim())).collect()
}

/// What a certificate says, as JSON.
pub fn printed(key_id: &str, certificate: &Certificate) -> serde_json::Value {
    let fingerprint: Vec<String> =
        certificate.fingerprint(&AwsLcRs).iter().map(|octet| format!("{octet:02x}")).collect();
    let public_key = certificate.public_key();
    let key = match public_key.as_ref().map(|key| (key.parts(), key.bits())) {
        Ok((PublicKeyParts::Rsa { .. }, bits)) => format!("RSA {bits}"),
        Ok((PublicKeyParts::Ec { curve, .. }, _)) => format!("EC {}", curve.name()),
        Ok((PublicKeyParts::Ed25519 { .. }, _)) => String::from("Ed25519"),
        Ok((other, _)) => format!("{other:?}"),
        Err(_) => String::from("of a kind that is not known here"),
    };
    serde_json::json!({
        "keyid": key_id,
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "validity": certificate.validity().to_string(),
        "key": key,
        "fingerprint": fingerprint.concat(),
    })
}
