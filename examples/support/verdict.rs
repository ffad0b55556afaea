//! One verification, from texts to a verdict as JSON.

use keyferry::crypto::Provider;
use keyferry::hermod::model::{
    Callback, Command, CommandBody, DeviceInfo, ProvisionCommand, ProvisionResponse,
};
use keyferry::hermod::proof::{
    Attested, Consistent, Expectation, Pinned, Refusal, Report, Unpinned, Verified, VerifiedKey,
    Verifier,
};
use keyferry::jose::Jwk;
use keyferry::{Class, Error};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the integrator knows besides command and answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knowledge {
    pub pins: Vec<Jwk>,
    /// Without pins: whether any attestation key is accepted.
    pub allow_unpinned: bool,
    pub fqdn: Option<String>,
    /// Hashes of the hub's certificate: several while one replaces another.
    pub sch: Vec<[u8; 32]>,
    /// The `fqdn` of the callback's envelope, which is not signed.
    pub envelope_fqdn: Option<String>,
}

/// An object with one member.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, rename = "provCommand", alias = "provResponse")]
    value: &'a RawValue,
}

/// The value of the only member, or the text itself.
fn bare(text: &str) -> &str {
    serde_json::from_str::<Named<'_>>(text).map_or(text, |named| named.value.get())
}

/// A text without its byte order mark.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Reads a whole command, or only its `provCommand`.
pub fn read_command(text: &str) -> Result<ProvisionCommand, Error> {
    let text = without_mark(text);
    match Command::from_json(text) {
        Ok(command) => match command.body {
            CommandBody::Provision(command) => Ok(command),
            _ => Err(Error::new(Class::Malformed, "provCommand", "absent")),
        },
        Err(whole) if text.contains("\"commandHeader\"") => Err(whole),
        Err(_) => ProvisionCommand::from_json(bare(text)),
    }
}

/// Reads an answer from a callback, from its `provResponse`, or from a JWS alone. Returns the
/// compact JWS, and the host name of the envelope if there is one.
pub fn read_answer(text: &str) -> Result<(String, Option<String>), Error> {
    let text = without_mark(text);
    let absent = || Error::new(Class::Malformed, "provResponse.result.data", "absent");
    if !text.trim_start().starts_with('{') {
        return Ok((text.trim().to_owned(), None));
    }
    match Callback::from_json(text) {
        Ok(callback) => Ok((callback.jws().ok_or_else(absent)?.to_owned(), callback.fqdn)),
        Err(whole) if text.contains("\"commandId\"") => Err(whole),
        Err(_) => Ok((
            ProvisionResponse::from_json(bare(text))?.result.ok_or_else(absent)?.data.into_string(),
            None,
        )),
    }
}

/// The outcome of a verification.
pub enum Verdict {
    Attested(Verified<Attested>),
    Consistent(Verified<Consistent>),
    Refused(Refusal),
}

/// A verifier with pins, or without.
pub enum Checker {
    Pinned(Verifier<Pinned>),
    Unpinned(Verifier<Unpinned>),
}

impl Checker {
    /// With pins, only they are trusted. Without pins, every answer is refused unless
    /// `allow_unpinned` is set.
    pub fn new(
        provider: &'static dyn Provider,
        pins: &[Jwk],
        allow_unpinned: bool,
    ) -> Result<Self, Error> {
        if pins.is_empty() && allow_unpinned {
            return Ok(Self::Unpinned(Verifier::danger_unpinned(provider)));
        }
        Verifier::pinned(provider, pins.iter().map(Jwk::public_key)).map(Self::Pinned)
    }

    fn verify(&self, expectation: &Expectation, answer: &str) -> Verdict {
        match self {
            Self::Pinned(verifier) => verifier
                .verify(expectation, answer)
                .map_or_else(Verdict::Refused, Verdict::Attested),
            Self::Unpinned(verifier) => verifier
                .verify(expectation, answer)
                .map_or_else(Verdict::Refused, Verdict::Consistent),
        }
    }
}

/// Verifies one answer.
pub fn judge(
    provider: &'static dyn Provider,
    command: &ProvisionCommand,
    answer: &str,
    known: &Knowledge,
) -> Result<Verdict, Error> {
    judge_with(&Checker::new(provider, &known.pins, known.allow_unpinned)?, command, answer, known)
}

/// Verifies one answer with an existing verifier, which holds the pins.
pub fn judge_with(
    checker: &Checker,
    command: &ProvisionCommand,
    answer: &str,
    known: &Knowledge,
) -> Result<Verdict, Error> {
    let mut expectation = Expectation::from_command(command)?;
    if let Some(fqdn) = &known.fqdn {
        expectation = expectation.with_fqdn(fqdn);
    } else if let Some(fqdn) = &known.envelope_fqdn {
        expectation = expectation.with_envelope_fqdn(fqdn);
    }
    for sch in &known.sch {
        expectation = expectation.with_sch(*sch);
    }
    Ok(checker.verify(&expectation, answer))
}

/// The verdict as one JSON object.
#[derive(Serialize)]
pub struct Printed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a RawValue>,
    verified: bool,
    error: Option<PrintedError>,
    /// Empty if nothing was checked.
    #[serde(serialize_with = "report_or_nothing")]
    report: Option<&'a Report>,
    #[serde(flatten)]
    answer: Option<PrintedAnswer<'a>>,
}

#[derive(Serialize)]
struct PrintedError {
    class: &'static str,
    /// The part at fault and what is wrong with it.
    detail: String,
}

#[derive(Serialize)]
struct PrintedAnswer<'a> {
    /// `attested` or `consistent`.
    trust: &'static str,
    profile: PrintedProfile<'a>,
    device: &'a DeviceInfo,
    keys: Vec<PrintedKey<'a>>,
}

#[derive(Serialize)]
struct PrintedProfile<'a> {
    id: &'a str,
    userid: &'a str,
    name: &'a str,
    servername: &'a str,
    boxurl: &'a str,
}

#[derive(Serialize)]
struct PrintedKey<'a> {
    keyid: &'a str,
    thumbprint: String,
    /// SubjectPublicKeyInfo, DER in base64.
    spki: String,
    /// CertificationRequest, DER in base64.
    certreq: Option<String>,
    mechanism: &'static str,
    state: &'a str,
    /// The index of the priority that the key meets.
    priority: usize,
}

impl<'a> Printed<'a> {
    /// The verdict on an answer that could be read.
    pub fn of(verdict: &'a Verdict, provider: &dyn Provider) -> Self {
        let (verified, error, report, answer) = match verdict {
            Verdict::Attested(answer) => {
                (true, None, answer.report(), Some(PrintedAnswer::of("attested", answer, provider)))
            }
            Verdict::Consistent(answer) => (
                true,
                None,
                answer.report(),
                Some(PrintedAnswer::of("consistent", answer, provider)),
            ),
            Verdict::Refused(refusal) => {
                (false, Some(PrintedError::of(refusal.error())), refusal.report(), None)
            }
        };
        Self { id: None, verified, error, report: Some(report), answer }
    }

    /// The verdict on an answer that could not be read.
    pub fn unreadable(error: &Error) -> Self {
        Self {
            id: None,
            verified: false,
            error: Some(PrintedError::of(error)),
            report: None,
            answer: None,
        }
    }
}

fn report_or_nothing<S: serde::Serializer>(
    report: &Option<&Report>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match report {
        Some(report) => report.serialize(serializer),
        None => serializer.collect_seq(std::iter::empty::<()>()),
    }
}

impl PrintedError {
    fn of(error: &Error) -> Self {
        let detail = if error.part().is_empty() {
            error.detail().to_owned()
        } else {
            format!("{}: {}", error.part(), error.detail())
        };
        Self { class: error.class().as_str(), detail }
    }
}

impl<'a> PrintedAnswer<'a> {
    fn of<T>(trust: &'static str, answer: &'a Verified<T>, provider: &dyn Provider) -> Self {
        let profile = PrintedProfile {
            id: answer.profile_id(),
            userid: answer.user_id(),
            name: answer.name(),
            servername: answer.server_name(),
            boxurl: answer.mailbox(),
        };
        let keys = answer.keys().iter().map(|key| PrintedKey::of(key, provider)).collect();
        Self { trust, profile, device: answer.device(), keys }
    }
}

impl<'a> PrintedKey<'a> {
    fn of(key: &'a VerifiedKey, provider: &dyn Provider) -> Self {
        Self {
            keyid: key.key_id(),
            thumbprint: key.thumbprint(provider).to_string(),
            spki: base64_simd::STANDARD.encode_to_string(key.public_key().as_spki_der()),
            certreq: key.request().map(keyferry::csr::Request::to_base64),
            mechanism: key.mechanism().name(),
            state: key.state(),
            priority: key.priority(),
        }
    }
}
