//! The most expensive inputs within the limits, for the benches that measure them and the tests
//! that bound them.

use std::sync::LazyLock;

use base64_simd::URL_SAFE_NO_PAD;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, CryptoError, Curve, KeyKind, Provider, PublicKey, Signer};
use keyferry::csr::MAX_REQUEST;
use keyferry::hermod::model::{DeviceInfo, ProvisionCommand};
use keyferry::hermod::proof::{Expectation, KeyRequest, UnsignedAnswer};
use keyferry::jose::{Jwk, MAX_JWS};
use keyferry::json::{MAX_DEPTH, MAX_KEPT, MAX_NAMES, MAX_TEXT};
use num_bigint::BigUint;

/// The number of header bytes that fit into a JWS with an empty payload and a short signature.
const MOST_HEADER: usize = (MAX_JWS - 256) / 4 * 3;

fn jws(header: &str) -> String {
    format!(
        "{}..{}",
        URL_SAFE_NO_PAD.encode_to_string(header),
        URL_SAFE_NO_PAD.encode_to_string([1; 64])
    )
}

/// A header with one more member, filled up to the limit by repeating `element` inside it.
fn filled(front: &str, element: &str, back: &str) -> String {
    let (front, back) = (format!(r#"{{"alg":"ES256","x":{front}"#), format!("{back}}}"));
    let count = (MOST_HEADER - front.len() - back.len()) / (element.len() + 1);
    let inside = vec![element; count].join(",");
    format!("{front}{inside}{back}")
}

/// JWS of nearly 256 KiB whose headers pass every limit of the JSON reader; only their signatures
/// are wrong.
pub fn jws_within_limits() -> Vec<(&'static str, String)> {
    let depth = usize::from(MAX_DEPTH) - 2;
    let deep = filled(&format!("{}[", "[".repeat(depth)), "0", &format!("]{}", "]".repeat(depth)));
    let members = filled("[", "{}", &format!(",{}]", kept_objects()));
    let arrays = filled("[", "[]", "]");
    let texts = filled("[", r#""\u00e9\ud83d\ude00""#, "]");
    let numbers = filled("[", "-1.7976931348623157e308", "]");
    let text = format!(
        r#"{{"alg":"ES256","kid":"{}","typ":"{}","x":"{}"}}"#,
        "\\n".repeat(MAX_TEXT / 2),
        "y".repeat(MAX_TEXT),
        "z".repeat(MOST_HEADER - 2 * MAX_TEXT - 64),
    );
    // Names that differ only at their ends, as each is compared with those before it.
    let names: Vec<String> = (0..MAX_NAMES - 1)
        .map(|at| format!(r#""{}{at:02}":0"#, "n".repeat(MOST_HEADER / MAX_NAMES - 8)))
        .collect();
    let names = format!(r#"{{"alg":"ES256",{}}}"#, names.join(","));
    [
        ("deep", deep),
        ("members", members),
        ("arrays", arrays),
        ("texts", texts),
        ("numbers", numbers),
        ("text", text),
        ("names", names),
    ]
    .map(|(name, header)| (name, jws(&header)))
    .into()
}

/// The largest number of members, in objects with the largest number of names.
fn kept_objects() -> String {
    let object: Vec<String> = (0..MAX_NAMES).map(|at| format!(r#""n{at}":0"#)).collect();
    let full = format!("{{{}}}", object.join(","));
    // One name is the member that contains them.
    let last = format!("{{{}}}", object[1..].join(","));
    let mut objects = vec![full; usize::from(MAX_KEPT) / MAX_NAMES - 1];
    objects.push(last);
    objects.join(",")
}

/// JWS of nearly 256 KiB that are over one limit, or malformed at their very end.
pub fn jws_over_limits() -> Vec<(&'static str, String)> {
    let half = MOST_HEADER / 2 - 16;
    let header = |member: String| jws(&format!(r#"{{"alg":"ES256",{member}}}"#));
    let names: Vec<String> = (0..MOST_HEADER / 12).map(|at| format!(r#""n{at:05}":0"#)).collect();
    let objects = filled("[", r#"{"a":0}"#, "]");
    let twice = format!("{},\"x\":0}}", filled("[", "0", "]").trim_end_matches('}'))
        .replacen(",0]", "]", 4);
    vec![
        ("nested arrays", header(format!(r#""x":{}{}"#, "[".repeat(half), "]".repeat(half)))),
        (
            "nested objects",
            header(format!(r#""x":{}0{}"#, r#"{"a":"#.repeat(half / 3), "}".repeat(half / 3))),
        ),
        ("open arrays", header(format!(r#""x":{}"#, "[".repeat(2 * half)))),
        ("many names", header(names.join(","))),
        ("many names inside", header(format!(r#""x":{{{}}}"#, names.join(",")))),
        ("many members", jws(&objects)),
        ("a member twice at the end", jws(&twice)),
        ("a long text", header(format!(r#""x":"{}""#, "x".repeat(2 * half)))),
        ("a long name", header(format!(r#""{}":0"#, "x".repeat(2 * half)))),
        ("a long number", header(format!(r#""x":{}"#, "1".repeat(2 * half)))),
        ("dots", ".".repeat(MAX_JWS)),
        ("not base64url", "=".repeat(MAX_JWS)),
    ]
}

/// A JWS whose header contains the largest key with the largest exponent. Its signature is a number
/// below the modulus.
pub fn jws_with_largest_rsa_key() -> String {
    let n = &key(0).n;
    let header = format!(
        r#"{{"alg":"RS512","jwk":{}}}"#,
        Jwk::new(PublicKey::rsa(&n.to_bytes_be(), &EXPONENT.to_be_bytes()).unwrap())
    );
    let mut signature = n.to_bytes_be();
    signature[0] = 0;
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    format!("{}.{}.{}", encode(header.as_bytes()), encode(b"x"), encode(&signature))
}

/// A certificate request or template of 64 KiB: many sets in its subject.
pub fn largest_template() -> Vec<u8> {
    let pair = [0x31, 0x0b, 0x30, 0x09, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0c, 0x02, b'x', b'y'];
    template(&pair.repeat((MAX_REQUEST - 128) / pair.len()))
}

fn template(names: &[u8]) -> Vec<u8> {
    let sequence = |content: &[u8]| {
        let length = u32::try_from(content.len()).unwrap().to_be_bytes();
        let skip = length.iter().take_while(|byte| **byte == 0).count();
        let mut out = vec![0x30];
        if content.len() < 0x80 {
            out.push(length[3]);
        } else {
            out.push(0x80 | u8::try_from(4 - skip).unwrap());
            out.extend_from_slice(&length[skip..]);
        }
        out.extend_from_slice(content);
        out
    };
    let info = [&[0x02, 0x01, 0x00], &sequence(names)[..], &[0x30, 0x00], &[0xa0, 0x00]].concat();
    sequence(&[&sequence(&info)[..], &[0x30, 0x00], &[0x03, 0x01, 0x00]].concat())
}

/// A valid answer with 16 keys of the largest modulus and exponent, each with its request, and its
/// command.
pub fn answer_with_largest_keys() -> (Expectation, String) {
    let certreq = base64_simd::STANDARD.encode_to_string(template(&[]));
    let requests: Vec<serde_json::Value> = (0..KEYS)
        .map(|at| {
            serde_json::json!({
                "keyid": format!("k{at}"), "usage": "SIG", "keystate": "ACTIVE", "storageprios": ["APP"], "certreq": certreq,
                "keytypeprios": [{"keytype": "RSA", "keylength": "8192", "responsemechanism": "RS512"}],
            })
        })
        .collect();
    let command = serde_json::json!({
        "nonce": "n", "userid": "u", "responsesignaturekey": "ATTESTATION", "responseformat": "jws",
        "profile": {"servername": "s", "name": "p", "keygenrequests": requests},
    });
    let command = ProvisionCommand::from_json(&command.to_string()).unwrap();
    let asked = KeyRequest::from_command(&command).unwrap();
    let signed: Vec<String> = asked
        .keys
        .iter()
        .enumerate()
        .map(|(at, asked_key)| asked_key.sign("n", Algorithm::Rs512, None, key(at)).unwrap())
        .collect();
    let attestation = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let answer =
        UnsignedAnswer::new(&asked, "id", "https://hub.example/ms/1", DeviceInfo::new("Linux"))
            .with_signed_keys(signed);
    (Expectation::from_command(&command).unwrap(), answer.sign(&*attestation).unwrap())
}

/// The largest exponent that is accepted.
const EXPONENT: u32 = u32::MAX;
const KEYS: usize = 16;
/// 64 bits each.
const PRIMES: usize = 128;

/// An RSA key of 8192 bits that is the product of small primes: useless, but fast to
/// make and to sign with.
struct SmoothKey {
    n: BigUint,
    primes: Vec<u64>,
    public_key: PublicKey,
}

fn key(at: usize) -> &'static SmoothKey {
    static KEYRING: LazyLock<Vec<SmoothKey>> = LazyLock::new(|| {
        let primes = primes(PRIMES - 1 + KEYS);
        (0..KEYS)
            .map(|at| {
                SmoothKey::new(
                    [&primes[..PRIMES - 1], &primes[PRIMES - 1 + at..PRIMES + at]].concat(),
                )
            })
            .collect()
    });
    &KEYRING[at]
}

impl SmoothKey {
    fn new(primes: Vec<u64>) -> Self {
        let n: BigUint = primes.iter().map(|prime| BigUint::from(*prime)).product();
        let public_key = PublicKey::rsa(&n.to_bytes_be(), &EXPONENT.to_be_bytes()).unwrap();
        Self { n, primes, public_key }
    }

    /// The root of `message`, prime by prime, put together again (Garner).
    fn root(&self, message: &BigUint) -> BigUint {
        let (mut root, mut product) = (BigUint::ZERO, BigUint::from(1u32));
        let residue = |number: &BigUint, prime: u64| u64::try_from(number % prime).unwrap();
        for prime in &self.primes {
            // The inverse modulo a prime is a power (Fermat).
            let wanted = power(
                residue(message, *prime),
                inverse(u64::from(EXPONENT) % (prime - 1), prime - 1),
                *prime,
            );
            let missing = (u128::from(wanted) + u128::from(*prime)
                - u128::from(residue(&root, *prime)))
                % u128::from(*prime);
            let factor = missing * u128::from(power(residue(&product, *prime), prime - 2, *prime))
                % u128::from(*prime);
            root += &product * factor;
            product *= *prime;
        }
        root
    }
}

impl Signer for SmoothKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// RSASSA-PKCS1-v1_5 with SHA-512 (RFC 8017 section 8.2.1).
    fn sign(&self, _: Algorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        const SHA512: &[u8] = &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x03, 0x05, 0x00, 0x04, 0x40,
        ];
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, message);
        let length = self.n.to_bytes_be().len();
        let mut encoded = vec![0xff; length - SHA512.len() - 64 - 1];
        (encoded[0], encoded[1]) = (0x00, 0x01);
        encoded.push(0x00);
        encoded.extend_from_slice(SHA512);
        encoded.extend_from_slice(digest.as_ref());
        let root = self.root(&BigUint::from_bytes_be(&encoded)).to_bytes_be();
        Ok([vec![0; length - root.len()], root].concat())
    }
}

/// Primes of 64 bits, from the top, of which the exponent has no factor in common with one less.
fn primes(count: usize) -> Vec<u64> {
    let fits = |candidate: &u64| {
        [3, 5, 17, 257, 65537].iter().all(|factor| !(candidate - 1).is_multiple_of(*factor))
            && is_prime(*candidate)
    };
    (0..).map(|step| u64::MAX - 2 * step).filter(fits).take(count).collect()
}

/// Miller and Rabin with the bases that decide for 64 bits.
fn is_prime(candidate: u64) -> bool {
    let bases = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if bases.iter().any(|base| candidate.is_multiple_of(*base)) {
        return false;
    }
    let twos = (candidate - 1).trailing_zeros();
    bases.iter().all(|base| {
        let mut value = power(*base, (candidate - 1) >> twos, candidate);
        let mut passes = value == 1 || value == candidate - 1;
        for _ in 1..twos {
            value = power(value, 2, candidate);
            passes |= value == candidate - 1;
        }
        passes
    })
}

fn power(base: u64, mut exponent: u64, modulus: u64) -> u64 {
    let (modulus, mut base, mut result) = (u128::from(modulus), u128::from(base % modulus), 1u128);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    u64::try_from(result).unwrap()
}

/// The inverse of `number` modulo `modulus` (Euclid); they have no factor in common.
fn inverse(number: u64, modulus: u64) -> u64 {
    let (mut old, mut new) = ((i128::from(modulus), 0i128), (i128::from(number), 1i128));
    while new.0 != 0 {
        let quotient = old.0 / new.0;
        (old, new) = (new, (old.0 - quotient * new.0, old.1 - quotient * new.1));
    }
    u64::try_from(old.1.rem_euclid(i128::from(modulus))).unwrap()
}
