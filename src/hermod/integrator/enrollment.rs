//! The journey of one profile, from the provision command to the installed certificates.

mod delivery;
mod proving;
mod stored;

use std::fmt;
use std::sync::Arc;

use super::evidence::Exchange;
use super::{EventOutcome, Failure, Next};
use crate::crypto::{CryptoError, Provider};
use crate::encoding::base64::encode_url;
use crate::hermod::Dialect;
use crate::hermod::model::{
    Address, Callback, Command, CommandHeader, CommandId, CommandKind, CommandType, ProfileRequest,
    Progress, ProvisionCommand, Response, SUCCESS, Submitted,
};
use crate::hermod::proof::KeyRequest;
use crate::{Class, Error};

/// The journey of one profile: provision, verify, have certificates issued, deliver them.
///
/// An enrollment does no I/O. [`next`](Self::next) returns the caller's next task, and the caller
/// reports the result; events may arrive twice and in any order. Store [`to_json`](Self::to_json)
/// after each step, so that the journey survives a crash.
///
/// An enrollment stores evidence, never a verdict: the command as sent, the answer as received, and
/// the certificates being delivered. After loading, the answer must be verified again, and
/// [`issued`](Self::issued) requires the proof. The id of the enrollment is the `externalId` of its
/// commands, so that a callback finds its journey even if the answer to the POST is late or lost.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::hermod::integrator::{Enrollment, Next};
/// use keyferry::hermod::model::{CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest};
///
/// let key = KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("RSA", "2048", "RS256")]);
/// let profile = ProfileRequest::new("Example", "Card of A", vec![key]);
/// let mut enrollment = Enrollment::begin(&AwsLcRs, CommandHeader::new(300, 300), "userA", profile)?;
///
/// let Next::Submit(command) = enrollment.next() else { unreachable!() };
/// let command = command.clone();
/// enrollment.sending(&command)?;              // store it, then send
/// let stored = enrollment.to_json();
///
/// // After a crash, it is not known whether the command was sent, so it is not sent again.
/// let enrollment = Enrollment::from_json(&stored)?;
/// assert!(matches!(enrollment.next(), Next::AwaitDevice { submitted: None, .. }));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # After a crash
///
/// Load the journey and do what [`next`](Self::next) says. Two steps wait for something that a
/// crash may have prevented, because `submitted` is `None`:
///
/// - [`Next::AwaitDelivery`]: call [`deliver_again`](Self::deliver_again). The device installs the
///   same certificates twice with the same result as once.
/// - [`Next::AwaitDevice`]: the activation link is lost with the hub's answer, and a provision
///   command must not be sent twice, as each makes keys. Begin another journey; keep this one until
///   its command has timed out if a callback could still bring an answer.
///
/// # Two tasks with one journey
///
/// A callback receiver and the task that sends commands often hold the same journey, in one process
/// or in several. Each change increments [`revision`](Self::revision), so that a store can compare
/// and set: write the changed journey only if the stored revision is still the one that was loaded.
/// In SQL that is `UPDATE journeys SET revision = :new, json = :json WHERE id = :id AND revision =
/// :loaded`, which has to change one row. The task whose write fails loads the journey again and
/// applies its event again, which is safe because every event may come twice.
///
/// Three rules follow:
///
/// - Call [`sending`](Self::sending), store the journey, and send the command only if that write
///   succeeded. Of two tasks that are given the same command only one sends it.
/// - Acknowledge a callback only after the journey with it was stored.
/// - Never write a journey without the comparison: it would undo what another task stored.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::collections::HashMap;
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::hermod::integrator::{Enrollment, Next, EventOutcome};
/// use keyferry::hermod::model::{CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest};
///
/// /// Journeys by id: the revision and the text.
/// #[derive(Default)]
/// struct Journeys(HashMap<String, (u64, String)>);
///
/// impl Journeys {
///     /// Stores `changed` if nobody has stored another change since `loaded`.
///     fn compare_and_set(&mut self, loaded: u64, changed: &Enrollment) -> bool {
///         match self.0.get_mut(changed.id()) {
///             Some(stored) if stored.0 == loaded => {
///                 *stored = (changed.revision(), changed.to_json());
///                 true
///             }
///             _ => false,
///         }
///     }
/// }
///
/// # let key = KeyGenRequest::new("signer", KeyUsage::SIG, vec![KeyTypePrio::new("RSA", "2048", "RS256")]);
/// # let profile = ProfileRequest::new("Example", "Card of A", vec![key]);
/// let enrollment = Enrollment::begin(&AwsLcRs, CommandHeader::new(300, 300), "userA", profile)?;
/// let mut journeys = Journeys::default();
/// journeys.0.insert(enrollment.id().to_owned(), (enrollment.revision(), enrollment.to_json()));
///
/// // Two tasks load the same journey, and each is told to send the same command.
/// let mut tasks = [enrollment.clone(), enrollment];
/// let mut sent = 0;
/// for task in &mut tasks {
///     let loaded = task.revision();
///     let Next::Submit(command) = task.next() else { unreachable!() };
///     let command = command.clone();
///     assert_eq!(task.sending(&command)?, EventOutcome::New);
///     if journeys.compare_and_set(loaded, task) {
///         sent += 1; // This task sends the command; the other loads the journey again.
///     }
/// }
/// assert_eq!(sent, 1);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Enrollment {
    id: String,
    provision: Exchange,
    certificate: Option<Exchange>,
    given_up: Option<String>,
    revision: u64,
    dialect: Arc<Dialect>,
}

impl Enrollment {
    /// Begins a journey with a fresh id and a fresh nonce.
    ///
    /// # Errors
    /// The errors of [`KeyRequest::from_command`]; class `unavailable` if the provider's random
    /// generator fails.
    pub fn begin(
        provider: &dyn Provider,
        mut header: CommandHeader,
        user_id: impl Into<String>,
        profile: ProfileRequest,
    ) -> Result<Self, Error> {
        let random = || {
            fresh(provider)
                .map_err(|_| Error::new(Class::Unavailable, "nonce", "the random generator failed"))
        };
        header.external_id = Some(random()?);
        Self::from_command(Command::new(header, ProvisionCommand::new(random()?, user_id, profile)))
    }

    /// Begins a journey with a provision command that the caller made. Its `externalId` becomes the
    /// journey's id; its nonce must be fresh.
    ///
    /// # Errors
    /// Class `malformed` or `too-large` if it is not a provision command, has no `externalId`,
    /// names a user to whom no certificate could be sent, or could not be read again after storing
    /// it; and the errors of [`KeyRequest::from_command`].
    pub fn from_command(command: Command) -> Result<Self, Error> {
        Self::from_command_in(command, Arc::default())
    }

    /// Does the same in the given dialect.
    ///
    /// # Errors
    /// As [`from_command`](Self::from_command).
    pub fn from_command_in(command: Command, dialect: Arc<Dialect>) -> Result<Self, Error> {
        let id = command.header.external_id.clone().filter(|id| !id.is_empty());
        let id =
            id.ok_or_else(|| Error::malformed("commandHeader.externalId", "absent or empty"))?;
        dialect.check_header(&command.header)?;
        let enrollment = Self {
            id,
            provision: Exchange::new(command),
            certificate: None,
            given_up: None,
            revision: 0,
            dialect,
        };
        let command = enrollment.command()?;
        KeyRequest::from_command_in(command, &enrollment.dialect)?;
        Address::user(&command.user_id).map_err(|_| {
            Error::malformed("provCommand.userid", "empty, or one that no command can be sent to")
        })?;
        enrollment.provision.check(&enrollment.dialect)?;
        Ok(enrollment)
    }

    /// The id of the journey: the `externalId` of its commands.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The number of changes: it starts at 0 and increases by one with each event that is
    /// [`EventOutcome::New`]. It is stored with the journey, so that a store can compare and set;
    /// see [above](Self#two-tasks-with-one-journey).
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn changed(&mut self) -> EventOutcome {
        self.revision = self.revision.saturating_add(1);
        EventOutcome::New
    }

    /// Returns the caller's next task.
    #[must_use]
    pub fn next(&self) -> Next<'_> {
        if let Some(reason) = &self.given_up {
            return Next::Failed(Failure::GivenUp { reason: reason.clone() });
        }
        if let Some(failure) = self.failure(CommandKind::Provision, &self.provision) {
            return Next::Failed(failure);
        }
        let waits = |exchange: &Exchange| exchange.sent || exchange.submitted.is_some();
        match (&self.provision.ended, &self.certificate) {
            (None, _) if !waits(&self.provision) => Next::Submit(&self.provision.command),
            (None, _) => Next::AwaitDevice {
                command: &self.provision.command,
                submitted: self.provision.submitted.as_ref(),
            },
            (Some(_), None) if self.wants_certificates() => Next::Prove,
            (Some(_), None) => Next::Done,
            (Some(_), Some(delivery)) => {
                match (self.failure(CommandKind::Certificate, delivery), &delivery.ended) {
                    (Some(failure), _) => Next::Failed(failure),
                    (None, Some(_)) => Next::Done,
                    (None, None) if waits(delivery) => Next::AwaitDelivery {
                        command: &delivery.command,
                        submitted: delivery.submitted.as_ref(),
                    },
                    (None, None) => Next::Deliver(&delivery.command),
                }
            }
        }
    }

    /// Records that `command`, which [`next`](Self::next) returned, is about to be sent. From now
    /// on `next` does not return it again.
    ///
    /// # Errors
    /// Class `not-found` if it is not a command of this journey or was replaced since; `conflict`
    /// if the journey was given up.
    pub fn sending(&mut self, command: &Command) -> Result<EventOutcome, Error> {
        if self.given_up.is_some() {
            return Err(Error::new(Class::Conflict, "", "the journey was given up"));
        }
        self.set_sent(command, true)
    }

    /// Records that `command`, which was about to be sent, certainly did not reach the hub: no
    /// connection was made, or the hub refused it. [`next`](Self::next) then returns it again. If
    /// the hub has already reported the command, nothing changes. For an error of an HTTP client,
    /// `Error::was_not_taken` tells whether this holds.
    ///
    /// If it is not known whether the hub has the command, use
    /// [`deliver_again`](Self::deliver_again) for the command that delivers certificates. A
    /// provision command cannot be repeated, because each makes keys.
    ///
    /// # Errors
    /// Class `not-found` as for [`sending`](Self::sending).
    pub fn not_sent(&mut self, command: &Command) -> Result<EventOutcome, Error> {
        self.set_sent(command, false)
    }

    fn set_sent(&mut self, command: &Command, sent: bool) -> Result<EventOutcome, Error> {
        let exchanges = [Some(&mut self.provision), self.certificate.as_mut()];
        let exchange =
            exchanges.into_iter().flatten().find(|exchange| exchange.command == *command);
        let exchange = exchange.ok_or_else(|| {
            Error::new(Class::NotFound, "command", "not a command of this journey")
        })?;
        if exchange.sent == sent || exchange.command_id().is_some() {
            return Ok(EventOutcome::Known);
        }
        exchange.sent = sent;
        Ok(self.changed())
    }

    /// Requests another delivery of the certificates. Use it if it is not known whether the hub has
    /// the command, as after a crash between [`sending`](Self::sending) and
    /// [`submitted`](Self::submitted), or if the command ended without success.
    /// [`next`](Self::next) returns the same command again as [`Next::Deliver`], and the hub
    /// assigns a new id.
    ///
    /// This is safe at any time, because installing the same certificates twice is idempotent. An
    /// earlier delivery that succeeds still counts; its other outcomes are [`EventOutcome::Known`].
    /// Afterwards, a delivery that ends without success only counts if
    /// [`submitted`](Self::submitted) has reported its id: poll after that, and do not rely on a
    /// callback that arrived before it.
    ///
    /// Returns [`EventOutcome::Known`] if the command is still to be sent or the certificates are
    /// installed.
    ///
    /// ```
    /// # use keyferry::{Error, hermod::integrator::{Enrollment, Next}};
    /// /// After loading a journey.
    /// fn recover(enrollment: &mut Enrollment) -> Result<(), Error> {
    ///     if let Next::AwaitDelivery { submitted: None, .. } = enrollment.next() {
    ///         enrollment.deliver_again()?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Class `not-found` if no certificates were issued yet, `conflict` if the journey was given
    /// up.
    pub fn deliver_again(&mut self) -> Result<EventOutcome, Error> {
        if self.given_up.is_some() {
            return Err(Error::new(Class::Conflict, "", "the journey was given up"));
        }
        let Some(delivery) = &self.certificate else {
            return Err(Error::new(Class::NotFound, "certificates", "none were issued yet"));
        };
        let is_installed =
            delivery.ended.is_some() && self.failure(CommandKind::Certificate, delivery).is_none();
        let is_under_way =
            delivery.sent || delivery.submitted.is_some() || delivery.ended.is_some();
        if is_installed || !is_under_way {
            return Ok(EventOutcome::Known);
        }
        let command = delivery.command.clone();
        self.certificate = Some(Exchange { repeated: true, ..Exchange::new(command) });
        Ok(self.changed())
    }

    /// Ends the journey without success for a reason that the integrator states, such as an answer
    /// that fails verification, an authority that does not issue, or a command that the hub
    /// refuses. Later events are still recorded as evidence but do not change the outcome. A
    /// journey that has already failed stays unchanged.
    ///
    /// The reason is text for a person and is stored: at most 1024 bytes, without secrets.
    ///
    /// # Errors
    /// Class `too-large` for a longer reason, `conflict` if the device has installed the
    /// certificates.
    pub fn give_up(&mut self, reason: impl Into<String>) -> Result<EventOutcome, Error> {
        let reason = checked_reason(reason.into())?;
        match self.next() {
            Next::Failed(_) => Ok(EventOutcome::Known),
            Next::Done if self.certificate.is_some() => {
                Err(Error::new(Class::Conflict, "", "the journey has ended with success already"))
            }
            _ => {
                self.given_up = Some(reason);
                Ok(self.changed())
            }
        }
    }

    /// Records the hub's answer to a command.
    ///
    /// # Errors
    /// Class `not-found` if it is not an answer to a command of this journey, `conflict` if the
    /// command is known by another id, from an answer or from its callback; `malformed` or
    /// `too-large` if it could not be read again once it is stored.
    pub fn submitted(&mut self, submitted: &Submitted) -> Result<EventOutcome, Error> {
        let dialect = self.dialect.clone();
        let (_, exchange) =
            self.exchange(&submitted.command_type, submitted.external_id.as_deref())?;
        if exchange.command_id().is_some_and(|known| *known != submitted.command_id) {
            // An earlier delivery succeeded while this one was being sent.
            if exchange.repeated && exchange.submitted.is_none() {
                return Ok(EventOutcome::Known);
            }
            return Err(Error::new(
                Class::Conflict,
                "commandId",
                "the command has another id already",
            ));
        }
        if exchange.submitted.is_some() {
            return Ok(EventOutcome::Known);
        }
        exchange.set(&dialect, |exchange| exchange.submitted = Some(submitted.clone()))?;
        Ok(self.changed())
    }

    /// Records that the hub does not know the command with this id: a poll returned an error for
    /// which `wire::is_unknown_command` is true, or waiting returned `WaitError::Forgotten`. The
    /// journey ends with [`Failure::Forgotten`].
    ///
    /// A callback about the command that arrives later still counts. After a forgotten delivery of
    /// certificates, [`deliver_again`](Self::deliver_again) is possible: the hub may still know the
    /// mailbox.
    ///
    /// Returns [`EventOutcome::Known`] if the command has ended.
    ///
    /// # Errors
    /// Class `not-found` if [`submitted`](Self::submitted) has not reported a command with this id.
    pub fn forgotten(&mut self, id: &CommandId) -> Result<EventOutcome, Error> {
        let dialect = self.dialect.clone();
        let has_id = |exchange: &&mut Exchange| {
            exchange.submitted.as_ref().is_some_and(|submitted| submitted.command_id == *id)
        };
        let exchanges = [self.certificate.as_mut(), Some(&mut self.provision)];
        let exchange = exchanges.into_iter().flatten().find(has_id).ok_or_else(|| {
            Error::new(Class::NotFound, "commandId", "not a command of this journey")
        })?;
        if exchange.ended.is_some() || exchange.forgotten {
            return Ok(EventOutcome::Known);
        }
        exchange.set(&dialect, |exchange| exchange.forgotten = true)?;
        Ok(self.changed())
    }

    /// Records a callback or the result of a poll.
    ///
    /// The callback is not trusted: only the answer to the provision command counts, after its
    /// verification.
    ///
    /// # Errors
    /// Class `not-found` if it is not about a command of this journey, `malformed` if a device
    /// answered and its answer is not there, `conflict` if another answer is known; `malformed` or
    /// `too-large` if it could not be read again once it is stored.
    pub fn received(&mut self, callback: &Callback) -> Result<EventOutcome, Error> {
        let dialect = self.dialect.clone();
        let (kind, exchange) =
            self.exchange(&callback.command_type, callback.external_id.as_deref())?;
        let known_id = exchange.command_id();
        if !exchange.repeated && known_id.is_some_and(|known| *known != callback.command_id) {
            return Err(Error::new(Class::NotFound, "commandId", "not the id of this command"));
        }
        let succeeded = match dialect.progress(&callback.state) {
            Progress::Waiting | Progress::Unknown => return Ok(EventOutcome::Known),
            Progress::Answered => {
                check_answer(kind, callback)?;
                callback.response.as_ref().and_then(Response::code) == Some(SUCCESS)
            }
            Progress::TimedOut | Progress::Cancelled => false,
        };
        if exchange.repeated {
            // Any delivery that installed the certificates ends the journey. One that did not
            // counts only if it is the newest: another may be under way.
            let is_newest = exchange
                .submitted
                .as_ref()
                .is_some_and(|known| known.command_id == callback.command_id);
            let installed = exchange.ended.as_ref().is_some_and(|ended| {
                ended.response.as_ref().and_then(Response::code) == Some(SUCCESS)
            });
            if installed || !succeeded && !is_newest {
                return Ok(EventOutcome::Known);
            }
            if succeeded && exchange.ended.is_some() {
                exchange.set(&dialect, |exchange| exchange.ended = Some(callback.clone()))?;
                return Ok(self.changed());
            }
        }
        match &exchange.ended {
            Some(known) if known.response == callback.response && known.state == callback.state => {
                Ok(EventOutcome::Known)
            }
            Some(_) => Err(Error::new(
                Class::Conflict,
                "state",
                "the command has ended with another answer already",
            )),
            None => {
                exchange.set(&dialect, |exchange| exchange.ended = Some(callback.clone()))?;
                Ok(self.changed())
            }
        }
    }

    fn command(&self) -> Result<&ProvisionCommand, Error> {
        self.provision.command.provision().ok_or_else(|| Error::malformed("provCommand", "absent"))
    }

    /// Returns the answer that the device signed, if it did not refuse.
    fn answer(&self) -> Option<&str> {
        let ended = self.provision.ended.as_ref()?;
        match self.failure(CommandKind::Provision, &self.provision) {
            None => ended.jws(),
            Some(_) => None,
        }
    }

    fn wants_certificates(&self) -> bool {
        self.command().is_ok_and(|command| {
            command.profile.key_gen_requests.iter().any(|key| key.template().is_some())
        })
    }

    /// Returns the exchange of one of the two commands.
    fn exchange(
        &mut self,
        command_type: &CommandType,
        external_id: Option<&str>,
    ) -> Result<(CommandKind, &mut Exchange), Error> {
        if external_id != Some(&self.id) {
            return Err(Error::new(Class::NotFound, "externalId", "not this journey's"));
        }
        match (self.dialect.kind_of_type(command_type), &mut self.certificate) {
            (Some(CommandKind::Provision), _) => Ok((CommandKind::Provision, &mut self.provision)),
            (Some(CommandKind::Certificate), Some(exchange)) => {
                Ok((CommandKind::Certificate, exchange))
            }
            _ => Err(Error::new(Class::NotFound, "commandType", "not a command of this journey")),
        }
    }

    fn failure(&self, command: CommandKind, exchange: &Exchange) -> Option<Failure> {
        let Some(callback) = &exchange.ended else {
            return exchange.forgotten.then_some(Failure::Forgotten { command });
        };
        match self.dialect.progress(&callback.state) {
            Progress::Answered => match callback.response.as_ref()?.code()? {
                SUCCESS => None,
                code => Some(Failure::Refused { command, code }),
            },
            progress => Some(Failure::Ended { command, progress }),
        }
    }
}

/// Checks that a callback that reports an answer of a device contains it.
fn check_answer(kind: CommandKind, callback: &Callback) -> Result<(), Error> {
    let absent = |part| Err(Error::malformed(part, "absent, though the command was answered"));
    let Some(response) =
        callback.response.as_ref().filter(|response| response.kind() == Some(kind))
    else {
        return absent("response");
    };
    match (kind, response.code()) {
        (_, None) => absent("code"),
        (CommandKind::Provision, Some(SUCCESS)) if callback.jws().is_none() => {
            absent("provResponse.result.data")
        }
        _ => Ok(()),
    }
}

fn checked_reason(reason: String) -> Result<String, Error> {
    /// The maximum size of a reason in bytes.
    const MOST: usize = 1024;
    if reason.len() > MOST {
        Err(Error::too_large("reason", "more than 1024 bytes"))
    } else {
        Ok(reason)
    }
}

/// 128 random bits in base64url.
fn fresh(provider: &dyn Provider) -> Result<String, CryptoError> {
    let mut bytes = [0; 16];
    provider.fill_random(&mut bytes)?;
    Ok(encode_url(&bytes))
}

impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrollment").field("id", &self.id).finish_non_exhaustive()
    }
}
