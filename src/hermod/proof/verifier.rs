//! The verifier, which runs the checks in their order.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::expectation::channel;
use super::pins::{Pinned, Pins, Unpinned};
use super::report::Steps;
use super::signed::{self, AnswerHeader, AnswerPayload, KeyHeader, KeyPayload};
use super::verified::Parts;
use super::{
    Check, Expectation, Priority, Refusal, Report, RequestedKey, SeenKeys, Verified, VerifiedKey,
};
use crate::crypto::{
    Algorithm, KeyKind, MIN_RSA_BITS, Provider, PublicKey, PublicKeyParts, RsaModulusCheck,
    VerifyKey, VerifyingKey, import, import_for, verify,
};
use crate::csr::{Request, UnverifiedRequest};
use crate::encoding::base64::decode_standard;
use crate::jose::{Compact, Decoded, KeyOps, Padding, agree, may_verify};
use crate::json::Text;
use crate::transport::base_url::BaseUrl;
use crate::{Class, Error};

/// Verifies answers to provision commands.
///
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use keyferry::crypto::aws_lc_rs::AwsLcRs;
/// use keyferry::hermod::model::{Callback, Command};
/// use keyferry::hermod::proof::{Attested, Expectation, Verified, Verifier};
/// use keyferry::jose::Jwk;
///
/// // What was sent, what came back, and the attestation key of the app.
/// let command = Command::from_json(include_str!("../../../tests/fixtures/hermod/provision-command.json"))?;
/// let callback = Callback::from_json(include_str!("../../../tests/fixtures/hermod/provision-callback.json"))?;
/// let pin = Jwk::from_json(include_str!("../../../tests/fixtures/hermod/attestation-key.json"))?;
///
/// let expectation = Expectation::from_command(command.provision().unwrap())?.with_fqdn("ext-cod1.test.nexusgroup.com");
/// let verifier = Verifier::pinned(AwsLcRs, [pin.public_key()])?;
/// let answer: Verified<Attested> = verifier.verify(&expectation, callback.jws().unwrap())?;
///
/// let key = answer.key("signer").unwrap();
/// assert_eq!(key.public_key().bits(), 2048);
/// assert!(key.request().is_some());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Verifier<P> {
    provider: Arc<dyn Provider>,
    pins: P,
    algorithms: Vec<Algorithm>,
    min_rsa_bits: u32,
    rsa_modulus: Option<RsaModulusCheck>,
    padding: Padding,
    accepts: Accepts,
    requires_storage: bool,
    key_check: Option<Arc<KeyCheck>>,
    seen_keys: Option<Arc<dyn SeenKeys>>,
}

type KeyCheck = dyn Fn(&PublicKey) -> Result<(), Error> + Send + Sync;

/// The deviations from the command that the verifier accepts.
#[derive(Clone, Copy, Debug, Default)]
struct Accepts {
    other_states: bool,
    longer_keys: bool,
    template_versions: bool,
}

impl Verifier<Pinned> {
    /// Makes a verifier that trusts these attestation keys: those compiled into the app, or made
    /// for it. With no keys it refuses every answer. Each key is imported once for its [default
    /// algorithm](Algorithm::default_for); for other algorithms it is imported at each call.
    ///
    /// The verifier owns its provider: `AwsLcRs`, an `Arc<dyn Provider>`, or a `&'static` one.
    ///
    /// # Errors
    /// Class `weak-key` if the provider refuses a key, `algorithm` if it does not support the key
    /// type.
    pub fn pinned<'k>(
        provider: impl Provider + 'static,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Result<Self, Error> {
        let import = |key| VerifyingKey::new(&provider, Algorithm::default_for(key), key);
        let pins = Pinned::new(keys.into_iter().map(import).collect::<Result<_, _>>()?);
        Ok(Self::new(provider, pins))
    }
}

impl Verifier<Unpinned> {
    /// Makes a verifier that accepts any attestation key.
    ///
    /// # Security
    /// A verified answer then matches this command, and its author has the keys. It does not prove
    /// that the author is a genuine app.
    #[must_use]
    pub fn danger_unpinned(provider: impl Provider + 'static) -> Self {
        Self::new(provider, Unpinned::new())
    }
}

impl<P: Pins> Verifier<P> {
    fn new(provider: impl Provider + 'static, pins: P) -> Self {
        Self {
            provider: Arc::new(provider),
            pins,
            algorithms: Algorithm::ALL.to_vec(),
            min_rsa_bits: MIN_RSA_BITS,
            rsa_modulus: None,
            padding: Padding::Refused,
            accepts: Accepts::default(),
            requires_storage: false,
            key_check: None,
            seen_keys: None,
        }
    }

    /// Restricts the algorithms of the attestation key; the default is [`Algorithm::ALL`]. The
    /// command determines the algorithms of the other keys.
    #[must_use]
    pub fn with_algorithms(mut self, allowed: &[Algorithm]) -> Self {
        self.algorithms = allowed.to_vec();
        self
    }

    /// Refuses RSA keys of fewer bits, including attestation keys. Values below [`MIN_RSA_BITS`]
    /// are raised to it.
    #[must_use]
    pub fn with_min_rsa_bits(mut self, bits: u32) -> Self {
        self.min_rsa_bits = bits.max(MIN_RSA_BITS);
        self
    }

    /// Refuses RSA keys, including attestation keys, whose modulus fails the given check for
    /// factorable values. By default only length and parity of a modulus are checked.
    #[must_use]
    pub fn with_rsa_modulus_check(mut self, check: RsaModulusCheck) -> Self {
        self.rsa_modulus = Some(check);
        self
    }

    /// Accepts `=` padding at the end of the parts of a JWS, which older apps wrote.
    #[must_use]
    pub fn with_padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Accepts a key whose state is not the requested one, and says so in the report. By default
    /// such a key is refused. A hub that verifies answers itself may refuse it earlier.
    #[must_use]
    pub fn accept_other_key_states(mut self) -> Self {
        self.accepts.other_states = true;
        self
    }

    /// Accepts an RSA key that is longer than every requested length, and says so in the report. By
    /// default the exact length is required. A hub that verifies answers itself may refuse it
    /// earlier.
    #[must_use]
    pub fn accept_longer_keys(mut self) -> Self {
        self.accepts.longer_keys = true;
        self
    }

    /// Accepts a certificate request that has the version of its template, and says so in the
    /// report. By default only version 0 is accepted, the only version of PKCS#10 (RFC 2986 section
    /// 4.1), which this crate always writes. A certificate authority may refuse any other version,
    /// and a hub that verifies answers itself may refuse it earlier.
    #[must_use]
    pub fn accept_template_versions(mut self) -> Self {
        self.accepts.template_versions = true;
        self
    }

    /// Refuses a key as `not-as-requested` unless the device claims to keep it in one of the
    /// requested storages; see [`VerifiedKey::claimed_storage`]. Devices of this crate make this
    /// claim, but the protocol documents do not show the member.
    #[must_use]
    pub fn require_claimed_storage(mut self) -> Self {
        self.requires_storage = true;
        self
    }

    /// Adds a check by the caller to every key, including the attestation key, for example against
    /// a list of keys known to be weak or stolen. Its error becomes the refusal; use class
    /// `weak-key`.
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// use std::collections::HashSet;
    /// use keyferry::{Class, Error, crypto::aws_lc_rs::AwsLcRs, hermod::proof::Verifier};
    ///
    /// let listed: HashSet<[u8; 32]> = HashSet::new();
    /// let verifier = Verifier::danger_unpinned(AwsLcRs).with_key_check(move |key| {
    ///     if listed.contains(&key.private_half_digest(&AwsLcRs)) {
    ///         return Err(Error::new(Class::WeakKey, "", "a key that is known to be stolen"));
    ///     }
    ///     Ok(())
    /// });
    /// # }
    /// ```
    #[must_use]
    pub fn with_key_check(
        mut self,
        check: impl Fn(&PublicKey) -> Result<(), Error> + Send + Sync + 'static,
    ) -> Self {
        self.key_check = Some(Arc::new(check));
        self
    }

    /// Refuses a key that was seen in another answer with class `proof`. The attestation key is not
    /// looked up because all devices may share it.
    #[must_use]
    pub fn with_seen_keys(mut self, seen: impl SeenKeys + 'static) -> Self {
        self.seen_keys = Some(Arc::new(seen));
        self
    }

    /// Verifies an answer, the compact JWS of `result.data` as received.
    ///
    /// # Errors
    /// A [`Refusal`] with the class of the first check that failed and the report of all checks.
    pub fn verify(
        &self,
        expected: &Expectation,
        answer: &str,
    ) -> Result<Verified<P::Trust>, Refusal> {
        let mut report = Report::new(expected.key_ids().clone());
        match self.run(expected, answer, &mut report) {
            Ok(parts) => Ok(Verified { parts, report, trust: PhantomData }),
            Err(error) => Err(Refusal::new(error, report)),
        }
    }

    fn run(
        &self,
        expected: &Expectation,
        answer: &str,
        report: &mut Report,
    ) -> Result<Parts, Error> {
        let asked = expected.request();
        let mut steps = report.steps(None);

        let mut compact = steps.run(Check::Form, || Compact::read(answer, self.padding))?;
        let (header, payload) = steps.run(Check::Form, || {
            let header: AnswerHeader<'_> = signed::header(&compact)?;
            expected.check_type(header.typ.as_deref())?;
            let payload: AnswerPayload<'_> = signed::payload(compact.payload())?;
            Ok((header, payload))
        })?;
        let profile = payload.profile;
        // The inner objects are parsed here, but their errors are reported by the checks of each
        // key, so that the order of the checks stays fixed.
        let mut texts: Vec<Result<Compact<'_>, Error>> =
            profile.signedkeys.0.iter().map(|text| Compact::read(text, self.padding)).collect();
        let mut given: Vec<Option<Result<GivenKey<'_>, Error>>> = texts
            .iter()
            .map(|text| Some(text.as_ref().map_err(Clone::clone).and_then(GivenKey::read)))
            .collect();

        // Attestation: the key in the header must have signed everything that follows.
        let algorithm = steps.run(Check::Algorithm, || {
            let algorithm = signed::algorithm(&header.alg)?;
            if self.algorithms.contains(&algorithm) {
                Ok(algorithm)
            } else {
                Err(Error::new(Class::Algorithm, "header.alg", "not an algorithm that is allowed"))
            }
        })?;

        let (attestation_key, verify_key) = steps.run(Check::AttestationKey, || {
            let jwk = header.jwk.members();
            jwk.refuse_private().map_err(|error| error.within("header.jwk"))?;
            let key = jwk.to_public_key().map_err(|error| error.within("header.jwk"))?;
            self.strong(&key)?;
            self.not_refused(&key).map_err(|error| error.within("header.jwk"))?;
            let key_ops = header.jwk.key_ops.as_ref().map(KeyOps::iter);
            agree(algorithm, header.jwk.alg.as_deref(), header.jwk.usage.as_deref(), key_ops)
                .map_err(|error| error.within("header"))?;
            let verify_key = match self.pins.imported(algorithm, &key) {
                Some(pin) => Ready::Before(pin),
                None => Ready::Now(import(&*self.provider, algorithm, &key)?),
            };
            Ok((key, verify_key))
        })?;

        steps.run(Check::Signature, || {
            verify(verify_key.as_ref(), compact.signing_input.as_bytes(), compact.signature())
        })?;
        steps.run_if_asked(Check::Pin, self.pins.check(&attestation_key), |pinned| pinned)?;
        // Binding: the signed contents must belong to this command and, if it is known, to this
        // hub.
        steps.run(Check::Nonce, || same_nonce(header.nonce.as_deref(), &asked.nonce))?;

        let signed_fqdn = header.fqdn.as_deref();
        steps.run_if_asked(Check::Fqdn, expected.fqdn(), |fqdn| same_host(signed_fqdn, fqdn))?;
        steps.run_if_asked(Check::FqdnEnvelope, expected.envelope_fqdn(), |fqdn| {
            same_host(signed_fqdn, fqdn)
        })?;
        steps.run_if_asked(Check::Sch, expected.sch(), |sch| {
            match header.sch.as_deref().map(|sch| decode_standard(sch, "header.sch")) {
                Some(Ok(signed)) if sch.iter().any(|sch| signed == *sch) => Ok(()),
                Some(_) => {
                    Err(channel("header.sch", "not the hash of the certificate that was given"))
                }
                None => Err(channel("header.sch", "absent")),
            }
        })?;
        steps.run_if_asked(Check::BoxUrl, expected.mailbox_base(), |base| match BaseUrl::parse(
            &profile.boxurl,
        ) {
            Ok(address) if base.contains(&address) => Ok(()),
            _ => {
                Err(channel("payload.profile.boxurl", "not under the base address that was given"))
            }
        })?;

        let same = |signed: &str, asked: &str, part| {
            if signed == asked {
                Ok(())
            } else {
                Err(Error::new(Class::User, part, "not the one asked for"))
            }
        };
        steps
            .run(Check::User, || same(&profile.userid, &asked.user_id, "payload.profile.userid"))?;
        steps.run(Check::Profile, || {
            same(&profile.name, &asked.name, "payload.profile.name")?;
            same(&profile.servername, &asked.server_name, "payload.profile.servername")?;
            asked
                .profile_id
                .as_deref()
                .map_or(Ok(()), |id| same(&profile.id, id, "payload.profile.id"))
        })?;

        // Keys: each is checked in the order of the command, whatever the order of the answer.
        let order = steps.run(Check::KeyIds, || assign(expected.keys(), &given))?;

        let mut keys: Vec<VerifiedKey> = Vec::with_capacity(order.len());
        for (index, at) in order.iter().copied().enumerate() {
            let missing = || {
                Err(Error::new(
                    Class::KeyId,
                    "payload.profile.signedkeys",
                    "a key that was asked for is missing",
                ))
            };
            let given = given.get_mut(at).and_then(Option::take).unwrap_or_else(missing);
            let key = self.key(
                expected,
                index,
                given,
                &attestation_key,
                &keys,
                &mut report.steps(Some(index)),
            );
            keys.push(key.map_err(|error| error.within(&format!("signedkeys[{at}]")))?);
        }

        // The decoded texts are moved into the result only now, as the checks borrowed them.
        drop(given);
        for (key, at) in keys.iter_mut().zip(order) {
            if let Some(Ok(text)) = texts.get_mut(at) {
                key.content = text.take_decoded();
            }
        }
        let owned = |text: Text<'_>| text.0.into_owned();
        Ok(Parts {
            profile_id: owned(profile.id),
            user_id: owned(profile.userid),
            name: owned(profile.name),
            server_name: owned(profile.servername),
            mailbox: owned(profile.boxurl),
            fqdn: header.fqdn.map(owned),
            device: payload.deviceinfo,
            attestation_key,
            keys,
            content: compact.take_decoded(),
        })
    }

    fn key(
        &self,
        expected: &Expectation,
        index: usize,
        given: Result<GivenKey<'_>, Error>,
        attestation_key: &PublicKey,
        before: &[VerifiedKey],
        steps: &mut Steps<'_>,
    ) -> Result<VerifiedKey, Error> {
        let asked = &expected.keys()[index];
        let key_ids = (expected.key_ids().clone(), index);
        // The parts of the key are large, so they are borrowed.
        let (mechanism, public_key, claimed_storage) = steps.run(Check::KeyForm, || {
            let given = given.as_ref().map_err(Clone::clone)?;
            expected.check_type(given.header.typ.as_deref())?;
            let mechanism = signed::algorithm(&given.header.alg)?;
            let public_key = match given.payload.members().to_public_key() {
                Err(error) if error.class() == Class::Malformed => {
                    return Err(error.within("payload"));
                }
                other => other,
            };
            let claimed_storage = given.claimed_storage(&asked.storage_member)?;
            Ok((mechanism, public_key, claimed_storage))
        })?;
        let GivenKey { compact, header, payload, request } = given?;
        steps.run(Check::KeyKid, || {
            if header.kid == payload.kid {
                Ok(())
            } else {
                Err(Error::new(Class::KeyId, "payload.kid", "not the keyid of the header"))
            }
        })?;
        steps.run(Check::KeyNonce, || {
            same_nonce(header.nonce.as_deref(), &expected.request().nonce)
        })?;
        steps.run(Check::KeyPrivate, || {
            payload.members().refuse_private().map_err(|error| error.within("payload"))
        })?;
        // Properties: type, length, usage and state must be as requested.
        let (public_key, priority, verify_key) = steps.run(Check::KeyType, || {
            let public_key = public_key.map_err(|error| error.within("payload"))?;
            self.strong(&public_key)?;
            let priority = self.as_asked(asked, &public_key, mechanism, &payload)?;
            if self.requires_storage {
                kept_as_asked(asked, claimed_storage.as_deref())?;
            }
            self.not_refused(&public_key).map_err(|error| error.within("payload"))?;
            let verify_key = import(&*self.provider, mechanism, &public_key)?;
            Ok((public_key, priority, verify_key))
        })?;
        if let Some(Some(met @ Priority { kind: KeyKind::Rsa { bits }, .. })) =
            asked.priorities.get(priority)
            && met.is_exceeded_by(&public_key, mechanism)
        {
            steps.remark(
                Check::KeyType,
                format!(
                    "{} bits, {bits} asked for; accepted as the verifier was told to",
                    public_key.bits()
                ),
            );
        }
        let same_state = payload.keystate.eq_ignore_ascii_case(&asked.state);
        steps.run(Check::KeyState, || {
            let accepted = same_state || self.accepts.other_states;
            if accepted {
                Ok(())
            } else {
                Err(Error::new(
                    Class::NotAsRequested,
                    "payload.keystate",
                    "not the state asked for",
                ))
            }
        })?;
        if !same_state {
            steps.remark(
                Check::KeyState,
                String::from("not the state asked for; accepted as the verifier was told to"),
            );
        }
        // Possession: the key must have signed its own statement and must not be used elsewhere.
        steps.run(Check::KeySignature, || {
            let verified =
                verify(&*verify_key, compact.signing_input.as_bytes(), compact.signature());
            verified.map_err(|error| match error.class() {
                Class::Signature => error.with_class(Class::Proof),
                _ => error,
            })
        })?;
        steps.run(Check::KeyReuse, || {
            if public_key.is_bound_to(attestation_key) {
                return Err(Error::new(Class::Proof, "payload", "the attestation key"));
            }
            if before.iter().any(|key| key.public_key().is_bound_to(&public_key)) {
                return Err(Error::new(Class::Proof, "payload", "a key of this answer already"));
            }
            match &self.seen_keys {
                Some(seen) if seen.is_seen_elsewhere(&public_key, &expected.request().nonce)? => {
                    Err(Error::new(Class::Proof, "payload", "a key of another answer"))
                }
                _ => Ok(()),
            }
        })?;
        let request = self.request(asked, request, mechanism, &public_key, &*verify_key, steps)?;
        let state = payload.keystate.0.into_owned();
        Ok(VerifiedKey {
            key_ids,
            public_key,
            mechanism,
            state,
            claimed_storage,
            priority,
            request,
            content: Decoded::default(),
        })
    }

    fn request(
        &self,
        asked: &RequestedKey,
        request: Option<Result<UnverifiedRequest, Error>>,
        mechanism: Algorithm,
        public_key: &PublicKey,
        verify_key: &dyn VerifyKey,
        steps: &mut Steps<'_>,
    ) -> Result<Option<Request>, Error> {
        if asked.template.is_none() && request.is_none() {
            steps.run_if_asked(Check::KeyRequest, None::<()>, |()| Ok(()))?;
            return Ok(None);
        }
        let mut odd_version = false;
        let request = steps.run(Check::KeyRequest, || {
            let about = |error: Error| error.within("payload.certreq");
            let template = asked.template.as_ref().ok_or_else(|| {
                Error::new(Class::Csr, "payload.certreq", "a request that nobody asked for")
            })?;
            let request = request
                .ok_or_else(|| {
                    Error::new(Class::Csr, "payload.certreq", "absent, though a template was sent")
                })?
                .map_err(about)?;
            odd_version = request.check_version().is_err();
            if odd_version && !(self.accepts.template_versions && request.has_version_of(template))
            {
                request.check_version().map_err(about)?;
            }
            if !request.is_for(public_key) {
                return Err(Error::new(
                    Class::Csr,
                    "payload.certreq.subjectPKInfo",
                    "not the key that was proven",
                ));
            }
            request.matches(template).map_err(about)?;
            // The algorithm of a certificate request may differ from the JOSE mechanism of the key.
            let algorithm = request.algorithm(public_key).map_err(about)?;
            let verify_key = if algorithm == mechanism {
                Ready::Before(verify_key)
            } else {
                Ready::Now(
                    import_for(&*self.provider, algorithm, public_key)
                        .map_err(|error| about(error.of_part("alg", "signatureAlgorithm")))?,
                )
            };
            request
                .verify(algorithm, verify_key.as_ref(), public_key.clone())
                .map(Some)
                .map_err(about)
        })?;
        if odd_version {
            steps.remark(
                Check::KeyRequest,
                String::from("the version of the template; accepted as the verifier was told to"),
            );
        }
        Ok(request)
    }

    /// Returns the priority that the key meets. The usage must also be the requested one, header
    /// and payload must name the same mechanism, and `key_ops` must allow verifying.
    fn as_asked(
        &self,
        asked: &RequestedKey,
        key: &PublicKey,
        mechanism: Algorithm,
        payload: &KeyPayload<'_>,
    ) -> Result<usize, Error> {
        let refuse = |part, detail| Err(Error::new(Class::NotAsRequested, part, detail));
        if *payload.alg != *mechanism.name() {
            return refuse("payload.alg", "not the algorithm of the header");
        }
        let priority = match (asked.met_by(key, mechanism), asked.exceeded_by(key, mechanism)) {
            (Some(priority), _) => priority,
            (None, Some(priority)) if self.accepts.longer_keys => priority,
            (None, Some(_)) => return refuse("payload", "longer than asked for"),
            (None, None) => {
                return refuse(
                    "payload",
                    "type, length and mechanism are not those of any one priority",
                );
            }
        };
        if !payload.usage.eq_ignore_ascii_case(&asked.usage) {
            return refuse("payload.use", "not the usage asked for");
        }
        let key_ops = payload.key_ops.as_ref().map(KeyOps::iter);
        may_verify(Some(&payload.usage), key_ops)
            .or_else(|detail| refuse("payload.key_ops", detail).map(drop))?;
        Ok(priority)
    }

    fn not_refused(&self, key: &PublicKey) -> Result<(), Error> {
        self.key_check.as_ref().map_or(Ok(()), |check| check(key))
    }

    fn strong(&self, key: &PublicKey) -> Result<(), Error> {
        match key.parts() {
            PublicKeyParts::Rsa { .. } if key.bits() < self.min_rsa_bits => Err(Error::new(
                Class::WeakKey,
                "n",
                "the modulus has fewer bits than the verifier was told to take",
            )),
            _ => self.rsa_modulus.map_or(Ok(()), |policy| policy.check(key)),
        }
    }
}

/// A signed key that was parsed but not checked.
struct GivenKey<'a> {
    compact: &'a Compact<'a>,
    header: KeyHeader<'a>,
    payload: KeyPayload<'a>,
    request: Option<Result<UnverifiedRequest, Error>>,
}

impl<'a> GivenKey<'a> {
    fn read(compact: &'a Compact<'a>) -> Result<Self, Error> {
        let (header, payload): (KeyHeader<'_>, KeyPayload<'_>) =
            (signed::header(compact)?, signed::payload(compact.payload())?);
        let request = payload
            .certreq
            .as_deref()
            .filter(|certreq| !certreq.is_empty())
            .map(UnverifiedRequest::from_base64);
        Ok(Self { compact, header, payload, request })
    }

    /// Returns the storage in which the device claims to keep the key.
    fn claimed_storage(&self, member: &str) -> Result<Option<String>, Error> {
        let wrong = |_| Error::malformed("payload.storage", "not a text");
        let claim = self.payload.extra.get(member);
        claim.map(|claim| serde_json::from_str(claim.get()).map_err(wrong)).transpose()
    }
}

/// An imported key, either borrowed or imported for one verification.
enum Ready<'k> {
    Before(&'k dyn VerifyKey),
    Now(Box<dyn VerifyKey>),
}

impl Ready<'_> {
    fn as_ref(&self) -> &dyn VerifyKey {
        match self {
            Self::Before(key) => *key,
            Self::Now(key) => &**key,
        }
    }
}

/// Matches each requested key to a received one. An unreadable key takes the first unmatched
/// request, so that its error is reported in order.
fn assign(
    asked: &[RequestedKey],
    given: &[Option<Result<GivenKey<'_>, Error>>],
) -> Result<Vec<usize>, Error> {
    let refuse = |detail| Err(Error::new(Class::KeyId, "payload.profile.signedkeys", detail));
    for (at, key) in given.iter().enumerate() {
        let Some(Ok(key)) = key else { continue };
        if !asked.iter().any(|asked| *asked.key_id == *key.header.kid) {
            return refuse("a key that was not asked for");
        }
        if given[..at].iter().flatten().flatten().any(|other| other.header.kid == key.header.kid) {
            return refuse("a keyid twice");
        }
    }
    if given.len() < asked.len() {
        return refuse("a key that was asked for is missing");
    }
    if given.len() > asked.len() {
        return refuse("more keys than were asked for");
    }
    let mut unreadable =
        given.iter().enumerate().filter(|(_, key)| !matches!(key, Some(Ok(_)))).map(|(at, _)| at);
    let named = |asked: &RequestedKey| {
        given
            .iter()
            .position(|key| matches!(key, Some(Ok(key)) if *key.header.kid == *asked.key_id))
    };
    let order: Vec<usize> =
        asked.iter().filter_map(|key| named(key).or_else(|| unreadable.next())).collect();
    if order.len() == asked.len() {
        Ok(order)
    } else {
        refuse("a key that was asked for is missing")
    }
}

/// Refuses a key unless the device claims that it is in a requested storage.
fn kept_as_asked(asked: &RequestedKey, claimed: Option<&str>) -> Result<(), Error> {
    let refuse = |detail| Err(Error::new(Class::NotAsRequested, "payload.storage", detail));
    match claimed {
        Some(claimed) if asked.storages.iter().any(|storage| storage == claimed) => Ok(()),
        Some(_) => refuse("not a storage asked for"),
        None => refuse("absent"),
    }
}

fn same_nonce(signed: Option<&str>, asked: &str) -> Result<(), Error> {
    match signed {
        Some(nonce) if nonce == asked => Ok(()),
        Some(_) => Err(Error::new(Class::Nonce, "header.nonce", "not the command's")),
        None => Err(Error::new(Class::Nonce, "header.nonce", "absent")),
    }
}

/// Compares host names, ignoring case and a trailing dot.
fn same_host(signed: Option<&str>, known: &str) -> Result<(), Error> {
    fn bare(name: &str) -> &str {
        name.strip_suffix('.').unwrap_or(name)
    }
    match signed {
        Some(signed) if bare(signed).eq_ignore_ascii_case(bare(known)) => Ok(()),
        Some(_) => Err(channel("header.fqdn", "another host")),
        None => Err(channel("header.fqdn", "absent")),
    }
}

impl<P: fmt::Debug> fmt::Debug for Verifier<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("pins", &self.pins)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}
