//! The integrator's journey, kept in a file between its steps: one way for every example.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Provider, PublicKey, Signer};
use keyferry::hermod::Dialect;
use keyferry::hermod::integrator::{
    Enrollment, Failure, HubIdentity, Next, NotProven, Proven, Received,
};
use keyferry::hermod::model::{
    Address, Callback, Command, CommandHeader, CommandId, DataFormat, Item, Response, SignCommand,
    SignMechanism, SignParams, Submitted,
};
use keyferry::hermod::proof::{
    KnownKey, Pins, Report, SignatureExpectation, VerifiedKey, Verifier, verify_signature,
};
use keyferry::hermod::qr::{ActivationQr, Background};
use keyferry::issuer::{LocalCa, issue};
use keyferry::{Certificate, Class, Error, SystemClock};

use super::console::{OutputFailed, print};
use super::files::{Place, named as named_file, put_private, read_text};
use super::keys::{key_in, printed};
use super::program::Failed;

/// How long the certificate authority of these examples is valid.
const CA_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// Which attestation keys count.
pub enum Trust {
    /// These.
    Pinned(Vec<PublicKey>),
    /// Any: the answer is consistent, and nobody vouches for the device. Whether to go on with
    /// that.
    Unpinned { accepted: bool },
}

/// A journey, with all that its steps need.
pub struct Journey {
    enrollment: Enrollment,
    state: Option<PathBuf>,
    /// What is in the place of that file.
    place: Place,
    trust: Trust,
    hub: HubIdentity,
    authority: LocalCa,
    quiet: bool,
    /// That something could not be printed, until [`Journey::step`] tells.
    unsaid: Mutex<Option<OutputFailed>>,
    report: Option<Report>,
    certificates: Vec<(String, Certificate)>,
}

/// What to do next.
pub enum Step {
    /// Send this, and tell [`Journey::sent`] what came of it.
    Send(Box<Command>),
    /// Wait for the end of a command, and tell [`Journey::received`].
    Wait(CommandId),
    /// Call [`Journey::prove`].
    Prove,
    /// Nothing.
    Done,
}

impl Journey {
    /// Goes on with the journey in the file, if there is one that can go on, or begins the one that
    /// is given. Nothing is printed if it is to be `quiet`.
    pub fn new(
        begin: impl FnOnce() -> Result<Enrollment, Failed>,
        state: Option<PathBuf>,
        trust: Trust,
        hub: HubIdentity,
        authority: LocalCa,
        quiet: bool,
    ) -> Result<Self, Failed> {
        let stored = match &state {
            Some(path) if path.try_exists().map_err(|error| named_file(path, &error))? => {
                let stored = Enrollment::from_json(&read_text(path)?);
                Some(stored.map_err(|error| {
                    format!("{}: no journey that can be gone on with: {error}", path.display())
                })?)
            }
            _ => None,
        };
        // A file that was there was read as a journey, or the program has ended with its name.
        let place = if stored.is_some() { Place::Own } else { Place::Free };
        let (enrollment, is_new) = match stored {
            // Whether the hub has the command is not known, and its link is lost: nobody can answer
            // it.
            Some(stored) if matches!(stored.next(), Next::AwaitDevice { submitted: None, .. }) => {
                if !quiet {
                    said("integrator: the last journey lost its link; another is begun")?;
                }
                (begin()?, true)
            }
            Some(stored) => (stored, false),
            None => (begin()?, true),
        };
        let mut journey = Self {
            enrollment,
            state,
            place,
            trust,
            hub,
            authority,
            quiet,
            unsaid: Mutex::new(None),
            report: None,
            certificates: Vec::new(),
        };
        if !is_new {
            journey.say("integrator: going on with the journey in the file");
        }
        // The answer of the hub is missing: the certificates may be on their way or not. A device
        // that installs them twice has installed them once.
        if let Next::AwaitDelivery { submitted: None, .. } = journey.enrollment.next() {
            journey.say("integrator: the certificates are delivered again");
            journey.enrollment.deliver_again()?;
        }
        journey.store()?;
        if let Next::AwaitDevice { submitted: Some(submitted), .. } = journey.enrollment.next() {
            journey.show(submitted)?;
        }
        Ok(journey)
    }

    /// What to do next. A command that is to be sent is stored as under way before it is given.
    /// That something could not be printed ends the program here, where everything is stored.
    pub fn step(&mut self) -> Result<Step, Failed> {
        if let Some(failed) = self.unsaid.get_mut().ok().and_then(Option::take) {
            return Err(failed.into());
        }
        let step = match self.enrollment.next() {
            Next::Submit(command) | Next::Deliver(command) => Step::Send(Box::new(command.clone())),
            Next::AwaitDevice { submitted: Some(submitted), .. }
            | Next::AwaitDelivery { submitted: Some(submitted), .. } => {
                Step::Wait(submitted.command_id.clone())
            }
            // The program ends when sending fails, and `new` deals with what is left.
            Next::AwaitDevice { .. } | Next::AwaitDelivery { .. } => {
                return Err("whether the hub has the command is not known; start again".into());
            }
            Next::Prove => Step::Prove,
            Next::Done => Step::Done,
            Next::Failed(failure) => {
                return Err(format!("{}; to begin another, remove its file", why(failure)).into());
            }
            _ => return Err("a step that is not known here".into()),
        };
        if let Step::Send(command) = &step {
            self.enrollment.sending(command)?;
            self.store()?;
        }
        Ok(step)
    }

    /// What came of sending a command.
    pub fn sent(
        &mut self,
        command: &Command,
        result: Result<Submitted, Error>,
    ) -> Result<(), Failed> {
        let submitted = match result {
            Ok(submitted) => submitted,
            Err(error) => {
                if error.was_not_taken() {
                    self.enrollment.not_sent(command)?;
                    self.store()?;
                }
                if error.class() == Class::NotFound && command.provision().is_none() {
                    return Err(
                        "the hub knows no mailbox of this profile: the profile was deleted, or \
                                the hub has lost what it stored; remove the file to begin another \
                                journey"
                            .into(),
                    );
                }
                return Err(error.into());
            }
        };
        self.enrollment.submitted(&submitted)?;
        self.store()?;
        if command.provision().is_some() {
            self.say(&format!(
                "integrator: command {} is with the hub",
                submitted.command_id.as_str().escape_debug()
            ));
            self.show(&submitted)
        } else {
            self.say("integrator: the certificates are with the hub");
            Ok(())
        }
    }

    /// What a callback or a poll says. It is stored when this returns, so that the hub can be told
    /// that it arrived.
    pub fn received(&mut self, callback: &Callback) -> Result<Received, Failed> {
        let received = self.enrollment.received(callback)?;
        if received == Received::New {
            self.store()?;
            self.say(&format!(
                "integrator: command {} has ended: {}",
                callback.command_id.as_str().escape_debug(),
                callback.state
            ));
        }
        Ok(received)
    }

    /// The hub says that it does not know a command. What follows from it is the next
    /// [`step`](Self::step).
    pub fn forgotten(&mut self, id: &CommandId) -> Result<(), Failed> {
        if self.enrollment.forgotten(id)? == Received::New {
            self.store()?;
        }
        Ok(())
    }

    /// Verifies the answer and has certificates issued.
    pub async fn prove(&mut self) -> Result<(), Failed> {
        let (report, certificates) = match &self.trust {
            Trust::Pinned(pins) => {
                let proven = self.proven(&Verifier::pinned(AwsLcRs, pins)?)?;
                self.say(&format!(
                    "integrator: the answer proves itself, and a pinned key attests it:\n{}",
                    proven.answer().report()
                ));
                let certificates = issue_all(&self.authority, proven.answer().keys()).await?;
                self.enrollment.issued(&proven, &named(&certificates))?;
                (proven.answer().report().clone(), certificates)
            }
            Trust::Unpinned { accepted } => {
                let proven = self.proven(&Verifier::danger_unpinned(AwsLcRs))?;
                self.say(&format!(
                    "integrator: the answer is consistent only, nobody vouches for the device:\n{}",
                    proven.answer().report()
                ));
                if !accepted {
                    return Err(
                        "without --attestation-key the answer counts only with --accept-unpinned"
                            .into(),
                    );
                }
                let certificates = issue_all(&self.authority, proven.answer().keys()).await?;
                self.enrollment.danger_issued_unpinned(&proven, &named(&certificates))?;
                (proven.answer().report().clone(), certificates)
            }
        };
        self.store()?;
        for (key_id, certificate) in &certificates {
            self.say(&format!("authority: {}", printed(key_id, certificate)));
        }
        (self.report, self.certificates) = (Some(report), certificates);
        Ok(())
    }

    /// A command that has the user sign a text, and what its answer has to be. The keys are those
    /// that the answer proves.
    pub fn sign(&self, text: &str) -> Result<(Command, Signature), Failed> {
        let (user_id, keys): (String, Vec<VerifiedKey>) = match &self.trust {
            Trust::Pinned(pins) => {
                let proven = self.proven(&Verifier::pinned(AwsLcRs, pins)?)?;
                (proven.answer().user_id().to_owned(), proven.answer().keys().to_vec())
            }
            Trust::Unpinned { .. } => {
                let proven = self.proven(&Verifier::danger_unpinned(AwsLcRs))?;
                (proven.answer().user_id().to_owned(), proven.answer().keys().to_vec())
            }
        };
        let mechanism = mechanism(keys.first().ok_or("no key")?.mechanism())
            .ok_or("no mechanism for that key")?;
        let tbs = Item::base64("tbs", "text/plain", base64_simd::STANDARD.encode_to_string(text));
        let body = SignCommand::new(SignParams::new(vec![tbs], DataFormat::JWS, mechanism));
        let expected = SignatureExpectation::for_sign(&body)?;
        let mut header = CommandHeader::new(300, 300);
        header.to = Some(vec![Address::user(user_id)?]);
        Ok((
            Command::new(header, body),
            Signature { expected, keys: keys.iter().map(KnownKey::from).collect() },
        ))
    }

    /// The activation links that the device can open, while it is waited for.
    pub fn links(&self) -> Vec<String> {
        match self.enrollment.next() {
            Next::AwaitDevice { submitted: Some(submitted), .. } => submitted
                .destinations
                .iter()
                .map(|destination| destination.uri.expose().to_owned())
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What was checked, and the certificates that were issued, once [`prove`](Self::prove) has
    /// done so.
    pub fn into_proof(self) -> Option<(Report, Vec<(String, Certificate)>)> {
        Some((self.report?, self.certificates))
    }

    fn proven<P: Pins>(&self, verifier: &Verifier<P>) -> Result<Proven<P::Trust>, Failed> {
        self.enrollment.prove_through(verifier, &self.hub).map_err(|error| {
            if let NotProven::Refused(refusal) = &error {
                self.say(&format!(
                    "integrator: the answer does not prove itself:\n{}",
                    refusal.report()
                ));
            }
            error.into()
        })
    }

    /// The link, as text and as a QR code.
    fn show(&self, submitted: &Submitted) -> Result<(), Failed> {
        let link = submitted.destinations.first().ok_or("no destination")?.activation()?;
        self.say(&format!(
            "integrator: the activation link:\n{}\n\n{}",
            link.to_uri().expose(),
            ActivationQr::new(&link)?.to_terminal(Background::Dark)
        ));
        Ok(())
    }

    /// Tells of the journey.
    pub fn say(&self, text: &str) {
        if !self.quiet
            && let Err(failed) = said(text)
            && let Ok(mut unsaid) = self.unsaid.lock()
        {
            *unsaid = Some(failed);
        }
    }

    fn store(&mut self) -> Result<(), Failed> {
        if let Some(path) = &self.state {
            put_private(path, self.enrollment.to_json().as_bytes(), self.place)
                .map_err(|error| named_file(path, &error))?;
            self.place = Place::Own;
        }
        Ok(())
    }
}

/// What the answer to a sign command has to be.
pub struct Signature {
    expected: SignatureExpectation,
    keys: Vec<KnownKey>,
}

impl Signature {
    /// Verifies the last state of the command.
    pub fn verify(&self, ended: &Callback) -> Result<(), Failed> {
        let Some(Response::Sign(response)) = &ended.response else {
            return Err(format!("the command ended without a signature: {}", ended.state).into());
        };
        let verified = verify_signature(&AwsLcRs, &self.expected, response, &self.keys)?;
        let text = String::from_utf8_lossy(verified.content()).escape_debug().to_string();
        said(&format!(
            "integrator: \"{text}\" is signed with the key {}",
            verified.key_id().unwrap_or("without a name")
        ))?;
        Ok(())
    }
}

/// The certificate authority: its key in a file, or a new one for this run.
pub fn authority(key: Option<&Path>) -> Result<LocalCa, Failed> {
    let provider: Arc<dyn Provider> = Arc::new(AwsLcRs);
    let key: Arc<dyn Signer> = match key {
        Some(path) => Arc::new(key_in(path, &*provider)?),
        None => Arc::new(
            provider.generate(keyferry::crypto::KeyKind::Ec(keyferry::crypto::Curve::P256))?,
        ),
    };
    Ok(LocalCa::new_root(
        "CN=Example root,O=Example",
        key,
        provider,
        Arc::new(SystemClock),
        CA_VALIDITY,
    )?)
}

async fn issue_all(
    authority: &LocalCa,
    keys: &[VerifiedKey],
) -> Result<Vec<(String, Certificate)>, Failed> {
    let mut certificates = Vec::new();
    for key in keys {
        if let Some(request) = key.request() {
            let issued = issue(authority, request).await?;
            let all = issued.certificates().cloned();
            certificates.extend(all.map(|certificate| (key.key_id().to_owned(), certificate)));
        }
    }
    Ok(certificates)
}

fn named(certificates: &[(String, Certificate)]) -> Vec<(&str, &Certificate)> {
    certificates.iter().map(|(key_id, certificate)| (key_id.as_str(), certificate)).collect()
}

/// The mechanism of a sign command that means this algorithm.
fn mechanism(algorithm: Algorithm) -> Option<SignMechanism> {
    let others = &Dialect::standard().mechanisms;
    let known = [
        &SignMechanism::CKM_SHA256_RSA_PKCS,
        &others.ecdsa_sha256,
        &others.ecdsa_sha384,
        &others.ecdsa_sha512,
        &others.eddsa,
    ];
    known
        .into_iter()
        .find(|mechanism| Dialect::standard().algorithm_of(mechanism) == Some(algorithm))
        .cloned()
}

/// Tells of the journey.
pub fn said(text: &str) -> Result<(), OutputFailed> {
    print(format_args!("* {text}"))
}

/// Why a journey came to nothing, for a person.
fn why(failure: Failure) -> String {
    match failure {
        Failure::Refused { command, code: 1 } => {
            let name = format!("{command:?}").to_lowercase();
            format!("the journey ended: the user said no to the {name} command")
        }
        other => format!("the journey ended: {other}"),
    }
}
