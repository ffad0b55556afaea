//! The list of checks and their outcomes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::json::json_object;
use crate::{Class, Error};

macro_rules! checks {
    ($( $name:ident = $text:literal, )*) => {
        /// One check of an answer. The [module documentation](super) describes each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[allow(missing_docs)]
        pub enum Check { $( $name, )* }

        impl Check {
            /// Its name: `key-signature`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => $text, )* }
            }
        }

        impl FromStr for Check {
            type Err = Error;

            /// Reads the exact name.
            ///
            /// # Errors
            /// Class `malformed`.
            fn from_str(text: &str) -> Result<Self, Error> {
                Ok(match text {
                    $( $text => Self::$name, )*
                    _ => return Err(Error::malformed("check", "not the name of a check")),
                })
            }
        }
    };
}

checks! {
    Form = "form",
    Algorithm = "algorithm",
    AttestationKey = "attestation-key",
    Signature = "signature",
    Pin = "pin",
    Nonce = "nonce",
    Fqdn = "fqdn",
    FqdnEnvelope = "fqdn-envelope",
    Sch = "sch",
    BoxUrl = "boxurl",
    User = "user",
    Profile = "profile",
    KeyIds = "keyids",
    KeyForm = "key-form",
    KeyKid = "key-kid",
    KeyNonce = "key-nonce",
    KeyPrivate = "key-private",
    KeyType = "key-type",
    KeyState = "key-state",
    KeySignature = "key-signature",
    KeyReuse = "key-reuse",
    KeyRequest = "key-request",
}

impl Check {
    /// The checks of the answer as a whole, in their order.
    pub const OUTER: &'static [Self] = &[
        Self::Form,
        Self::Algorithm,
        Self::AttestationKey,
        Self::Signature,
        Self::Pin,
        Self::Nonce,
        Self::Fqdn,
        Self::FqdnEnvelope,
        Self::Sch,
        Self::BoxUrl,
        Self::User,
        Self::Profile,
        Self::KeyIds,
    ];

    /// The checks of each key, in their order.
    pub const PER_KEY: &'static [Self] = &[
        Self::KeyForm,
        Self::KeyKid,
        Self::KeyNonce,
        Self::KeyPrivate,
        Self::KeyType,
        Self::KeyState,
        Self::KeySignature,
        Self::KeyReuse,
        Self::KeyRequest,
    ];
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It failed, so the answer was refused.
    Failed,
    /// The caller did not ask for it: no pins, no host name, no template.
    NotAsked,
    /// An earlier check failed.
    NotReached,
}

impl Outcome {
    /// Its name: `passed`, `failed`, `not-asked`, `not-reached`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotAsked => "not-asked",
            Self::NotReached => "not-reached",
        }
    }
}

impl FromStr for Outcome {
    type Err = Error;

    /// Reads the exact name.
    ///
    /// # Errors
    /// Class `malformed`.
    fn from_str(text: &str) -> Result<Self, Error> {
        Ok(match text {
            "passed" => Self::Passed,
            "failed" => Self::Failed,
            "not-asked" => Self::NotAsked,
            "not-reached" => Self::NotReached,
            _ => return Err(Error::malformed("outcome", "not the name of an outcome")),
        })
    }
}

/// Writes and reads them by their names.
macro_rules! by_name {
    ($($name:ident)*) => { $(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|error: Error| D::Error::custom(error))
            }
        }
    )* };
}
by_name! { Check Outcome }

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All checks of one verification with their outcomes, in the order in which they run.
///
/// As JSON, a report is an array of `{"check","outcome","detail"}` objects; those of a key also
/// have its `"key"`. Reading a written report gives an equal one. A check that is unknown, missing
/// or out of order is an error; unknown members are ignored. A report that was read from JSON
/// proves nothing.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// # use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// # use keyferry::hermod::model::Command;
/// use keyferry::hermod::proof::{Expectation, Report, Verifier};
///
/// # let command = Command::from_json(include_str!("../../../tests/fixtures/hermod/provision-command.json"))?;
/// let expectation = Expectation::from_command(command.provision().unwrap())?;
/// let refusal = Verifier::danger_unpinned(AwsLcRs).verify(&expectation, "no answer").unwrap_err();
/// let kept = serde_json::to_string(refusal.report())?;
/// assert_eq!(serde_json::from_str::<Report>(&kept)?, *refusal.report());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Report {
    /// The keyids of the requested keys, in the order of the command.
    key_ids: Arc<[String]>,
    outcomes: Vec<Outcome>,
    /// Details about single checks, by their index.
    details: Vec<(usize, String)>,
}

/// One line of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The check.
    pub check: Check,
    /// The keyid, for a check of a key.
    pub key_id: Option<&'a str>,
    /// The outcome.
    pub outcome: Outcome,
    /// Why the check failed, or which deviation from the command it accepted.
    pub detail: Option<&'a str>,
}

impl Report {
    pub(super) fn new(key_ids: Arc<[String]>) -> Self {
        let length = Check::OUTER.len() + key_ids.len() * Check::PER_KEY.len();
        Self { key_ids, outcomes: vec![Outcome::NotReached; length], details: Vec::new() }
    }

    /// Iterates over all checks in order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let outer = Check::OUTER.iter().map(|check| (None, *check));
        let keys = self.key_ids.iter().flat_map(|key_id| {
            Check::PER_KEY.iter().map(move |check| (Some(key_id.as_str()), *check))
        });
        outer.chain(keys).zip(self.outcomes.iter()).enumerate().map(
            |(at, ((key_id, check), outcome))| {
                let detail = self
                    .details
                    .iter()
                    .find(|(of, _)| *of == at)
                    .map(|(_, detail)| detail.as_str());
                Entry { check, key_id, outcome: *outcome, detail }
            },
        )
    }

    /// The check that failed, if one did.
    #[must_use]
    pub fn failed(&self) -> Option<Entry<'_>> {
        self.entries().find(|entry| entry.outcome == Outcome::Failed)
    }

    /// Returns the outcome of a check of the answer as a whole, or of the key `key_id`.
    #[must_use]
    pub fn outcome(&self, check: Check, key_id: Option<&str>) -> Option<Outcome> {
        self.entries()
            .find(|entry| entry.check == check && entry.key_id == key_id)
            .map(|entry| entry.outcome)
    }

    /// The checks of the answer as a whole, or of the key at index `key` of the command.
    pub(super) fn steps(&mut self, key: Option<usize>) -> Steps<'_> {
        let base = key.map_or(0, |key| Check::OUTER.len() + key * Check::PER_KEY.len());
        let first = if key.is_some() { Check::KeyForm } else { Check::Form } as usize;
        Steps { base, first, report: self }
    }
}

/// Runs checks and records their outcomes.
pub(super) struct Steps<'r> {
    report: &'r mut Report,
    base: usize,
    first: usize,
}

impl Steps<'_> {
    fn at(&self, check: Check) -> usize {
        self.base + (check as usize - self.first)
    }

    pub(super) fn run<T>(
        &mut self,
        check: Check,
        ran: impl FnOnce() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let result = ran();
        let at = self.at(check);
        self.report.outcomes[at] = match &result {
            Ok(_) => Outcome::Passed,
            Err(error) => {
                self.report.details.push((at, describe(error)));
                Outcome::Failed
            }
        };
        result
    }

    /// Runs a check if the caller asked for it.
    pub(super) fn run_if_asked<A>(
        &mut self,
        check: Check,
        asked: Option<A>,
        ran: impl FnOnce(A) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match asked {
            Some(asked) => self.run(check, || ran(asked)),
            None => {
                let at = self.at(check);
                self.report.outcomes[at] = Outcome::NotAsked;
                Ok(())
            }
        }
    }

    /// Records a remark about a check that passed.
    pub(super) fn remark(&mut self, check: Check, detail: String) {
        let at = self.at(check);
        self.report.details.push((at, detail));
    }
}

/// Writes part and detail; the refusal already states the class.
fn describe(error: &Error) -> String {
    let mut text = if error.part().is_empty() {
        error.detail().to_owned()
    } else {
        format!("{}: {}", error.part(), error.detail())
    };
    if let Some(offset) = error.offset() {
        text.push_str(&format!(" (at byte {offset})"));
    }
    text
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

impl fmt::Display for Report {
    /// Writes one line per check.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.entries() {
            write!(f, "{:<11} {}", entry.outcome.as_str(), entry.check)?;
            if let Some(key_id) = entry.key_id {
                write!(f, " [{}]", key_id.escape_debug())?;
            }
            if let Some(detail) = entry.detail {
                write!(f, ": {detail}")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl PartialEq for Report {
    fn eq(&self, other: &Self) -> bool {
        self.entries().eq(other.entries())
    }
}

impl Eq for Report {}

json_object! {
    /// An entry as it is stored.
    struct StoredEntry {
        required check: String = "check",
        optional key: String = "key",
        required outcome: String = "outcome",
        optional detail: String = "detail",
    }
}

impl<'de> Deserialize<'de> for Report {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<StoredEntry>::deserialize(deserializer)?;
        Self::from_entries(entries).map_err(D::Error::custom)
    }
}

impl Report {
    /// Restores a report from its stored entries.
    fn from_entries(entries: Vec<StoredEntry>) -> Result<Self, Error> {
        let mut key_ids: Vec<String> = Vec::new();
        let (mut outcomes, mut details) = (Vec::with_capacity(entries.len()), Vec::new());
        for (at, entry) in entries.into_iter().enumerate() {
            let about = |error: Error| error.within(&format!("[{at}]"));
            let misplaced = || about(Error::malformed("check", "not the one that is due here"));
            let check: Check = entry.check.parse().map_err(about)?;
            let due = match (at.checked_sub(Check::OUTER.len()), entry.key) {
                (None, None) => Check::OUTER.get(at),
                (Some(after), Some(key_id)) => {
                    let (key, check) = (after / Check::PER_KEY.len(), after % Check::PER_KEY.len());
                    if check == 0 && !key_ids.contains(&key_id) {
                        key_ids.push(key_id);
                    } else if key_ids.get(key) != Some(&key_id) {
                        return Err(misplaced());
                    }
                    Check::PER_KEY.get(check)
                }
                _ => return Err(misplaced()),
            };
            if due != Some(&check) {
                return Err(misplaced());
            }
            outcomes.push(entry.outcome.parse().map_err(about)?);
            details.extend(entry.detail.map(|detail| (at, detail)));
        }
        let length = Check::OUTER.len() + key_ids.len() * Check::PER_KEY.len();
        if outcomes.len() != length {
            return Err(Error::malformed("", "checks are missing"));
        }
        Ok(Self { key_ids: key_ids.into(), outcomes, details })
    }
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("check", self.check.as_str())?;
        if let Some(key_id) = self.key_id {
            map.serialize_entry("key", key_id)?;
        }
        map.serialize_entry("outcome", self.outcome.as_str())?;
        map.serialize_entry("detail", &self.detail)?;
        map.end()
    }
}

/// The refusal of an answer: the first check that failed, and the report of all checks. It contains
/// no data of the answer.
#[derive(Clone, Debug)]
pub struct Refusal {
    error: Error,
    report: Box<Report>,
}

impl Refusal {
    pub(super) fn new(error: Error, report: Report) -> Self {
        Self { error, report: Box::new(report) }
    }

    /// The class of the first check that failed.
    #[must_use]
    pub fn class(&self) -> Class {
        self.error.class()
    }

    /// The error of the first check that failed.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Every check with its outcome.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the answer was refused as `{}`", self.error.class())
    }
}

impl std::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
