//! The integrator's journey, which is stored in a file after each step.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Provider, PublicKey, Signer};
use keyferry::hermod::Dialect;
use keyferry::hermod::integrator::{
    Enrollment, EventOutcome, Failure, HubIdentity, Next, NotProven, Proven,
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

/// The validity of the example authority.
const CA_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// The attestation keys that are trusted.
pub enum Trust {
    /// Only these.
    Pinned(Vec<PublicKey>),
    /// Any, so that the answer is consistent but not attested. `accepted` continues all the same.
    Unpinned { accepted: bool },
}

/// A journey, with everything that its steps need.
pub struct Journey {
    enrollment: Enrollment,
    state: Option<PathBuf>,
    /// What is in the place of that file.
    place: Place,
    trust: Trust,
    hub: HubIdentity,
    authority: LocalCa,
    quiet: bool,
    /// A failure to print, until [`Journey::step`] returns it.
    unsaid: Mutex<Option<OutputFailed>>,
    report: Option<Report>,
    certificates: Vec<(String, Certificate)>,
}

/// What to do next.
pub enum Step {
    /// Send this command, and give the outcome to [`Journey::sent`].
    Send(Box<Command>),
    /// Wait for the end of a command, and give it to [`Journey::received`].
    Wait(CommandId),
    /// Call [`Journey::prove`].
    Prove,
    /// Nothing.
    Done,
}

impl Journey {
    /// Continues the journey in the file, or begins a new one if there is none. With `quiet` it
    /// prints nothing.
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
                    format!("{}: not a stored journey: {error}", path.display())
                })?)
            }
            _ => None,
        };
        // A file that was there was read as a journey, or the program has ended with its name.
        let place = if stored.is_some() { Place::Own } else { Place::Free };
        let (enrollment, is_new) = match stored {
            // The hub may have the command, but its activation link is lost, so nobody can answer
            // it.
            Some(stored) if matches!(stored.next(), Next::AwaitDevice { submitted: None, .. }) => {
                if !quiet {
                    said("integrator: the last journey lost its link; beginning another")?;
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
            journey.say("integrator: continuing the journey in the file");
        }
        // The hub's answer is missing, so the hub may have the certificates or not. A device that
        // installs them twice ends in the same state.
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

    /// The next step. A command is stored as being sent before it is returned. A failure to print
    /// ends the program here, when everything is stored.
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
            // The program ends when sending fails, and `new` handles these states.
            Next::AwaitDevice { .. } | Next::AwaitDelivery { .. } => {
                return Err(
                    "it is unknown whether the hub has the command; start the program again".into(),
                );
            }
            Next::Prove => Step::Prove,
            Next::Done => Step::Done,
            Next::Failed(failure) => {
                return Err(format!("{}; remove its file to begin another", why(failure)).into());
            }
            _ => return Err("an unknown step".into()),
        };
        if let Step::Send(command) = &step {
            self.enrollment.sending(command)?;
            self.store()?;
        }
        Ok(step)
    }

    /// Records the outcome of sending a command.
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

    /// Records a callback or the result of a poll. It is stored when this returns, so that the
    /// callback can be acknowledged.
    pub fn received(&mut self, callback: &Callback) -> Result<EventOutcome, Failed> {
        let received = self.enrollment.received(callback)?;
        if received == EventOutcome::New {
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
        if self.enrollment.forgotten(id)? == EventOutcome::New {
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
                    "integrator: the answer is verified, and a pinned key attests it:\n{}",
                    proven.answer().report()
                ));
                let certificates = issue_all(&self.authority, proven.answer().keys()).await?;
                self.enrollment.issued(&proven, &named(&certificates))?;
                (proven.answer().report().clone(), certificates)
            }
            Trust::Unpinned { accepted } => {
                let proven = self.proven(&Verifier::danger_unpinned(AwsLcRs))?;
                self.say(&format!(
                    "integrator: the answer is consistent, but no pinned key attests it:\n{}",
                    proven.answer().report()
                ));
                if !accepted {
                    return Err(
                        "without --attestation-key the answer counts only with --accept-unpinned"
                            .into(),
                    );
                }
                let certificates = issue_all(&self.authority, proven.answer().keys()).await?;
                self.enrollment.danger_issue_unattested(&proven, &named(&certificates))?;
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

    /// A command that has the user sign a text with a key of the answer, and the check of its
    /// result.
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

    /// The activation links, while the journey waits for the device.
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

    /// The report and the issued certificates, after [`prove`](Self::prove).
    pub fn into_proof(self) -> Option<(Report, Vec<(String, Certificate)>)> {
        Some((self.report?, self.certificates))
    }

    fn proven<P: Pins>(&self, verifier: &Verifier<P>) -> Result<Proven<P::Trust>, Failed> {
        self.enrollment.prove_through(verifier, &self.hub).map_err(|error| {
            if let NotProven::Refused(refusal) = &error {
                self.say(&format!("integrator: the answer was refused:\n{}", refusal.report()));
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

    /// Prints a line about the journey.
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

/// The check of the answer to a sign command.
pub struct Signature {
    expected: SignatureExpectation,
    keys: Vec<KnownKey>,
}

impl Signature {
    /// Verifies the final state of the command.
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

/// The certificate authority, with its key in a file or a new key for this run.
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

/// The mechanism of a sign command for this algorithm.
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

/// Prints a line about the journey.
pub fn said(text: &str) -> Result<(), OutputFailed> {
    print(format_args!("* {text}"))
}

/// Why a journey failed, as a sentence.
fn why(failure: Failure) -> String {
    match failure {
        Failure::Refused { command, code: 1 } => {
            let name = format!("{command:?}").to_lowercase();
            format!("the journey ended: the user refused the {name} command")
        }
        other => format!("the journey ended: {other}"),
    }
}
