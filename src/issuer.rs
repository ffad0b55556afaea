//! The interface to a certificate authority: it takes a verified request and returns a certificate,
//! which is compared with the request before it is used.
//!
//! An authority implements [`Issuer`]. Callers use [`issue`], which asks the authority and checks
//! its answer.
#![cfg_attr(
    feature = "ca",
    doc = "[`LocalCa`] is a small self-contained authority for tests and closed systems."
)]

#[cfg(feature = "ca")]
mod local;

#[cfg(feature = "ca")]
pub use local::{KeyUse, LeafProfile, LocalCa};

use std::ops::Deref;

use crate::certificate::MAX_CHAIN;
use crate::csr::Request;
use crate::{BoxFuture, Certificate, Class, Error, Remark};

/// A certificate authority, or a client of one.
///
/// It is meant to be shared: `&dyn Issuer`, `Arc<dyn Issuer>`.
///
/// # Security
/// A [`Request`] proves that somebody holds its key, and nothing else. An authority must not grant
/// names, extensions or rights because the request contains them: it takes key usage, basic
/// constraints and validity from its own rules, and the caller must have compared the subject with
/// its knowledge of the user (the [proof](crate::hermod::proof) compares it with the template).
pub trait Issuer: Send + Sync {
    /// Issues a certificate for the key and the subject of `request`. Callers use [`issue`], which
    /// checks the result.
    ///
    /// # Errors
    /// [`IssuerError::Refused`] if the authority declines, [`IssuerError::Failed`] if it could not
    /// be asked or failed.
    fn issue_unchecked<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Issuance, IssuerError>>;
}

impl<T: Issuer + ?Sized> Issuer for std::sync::Arc<T> {
    fn issue_unchecked<'a>(
        &'a self,
        request: &'a Request,
    ) -> BoxFuture<'a, Result<Issuance, IssuerError>> {
        (**self).issue_unchecked(request)
    }
}

/// The unchecked answer of an authority: a certificate and the certificates above it.
///
/// An authority that returns only certificates can create it with `From<Certificate>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuance {
    certificate: Certificate,
    chain: Vec<Certificate>,
}

impl Issuance {
    /// Creates an answer without certificates above it.
    #[must_use]
    pub fn new(certificate: Certificate) -> Self {
        Self { certificate, chain: Vec::new() }
    }

    /// Adds the certificates above it: the issuer's first, then upward. The root may be omitted,
    /// because everyone who trusts it has it.
    #[must_use]
    pub fn with_chain(mut self, chain: Vec<Certificate>) -> Self {
        self.chain = chain;
        self
    }
}

impl From<Certificate> for Issuance {
    fn from(certificate: Certificate) -> Self {
        Self::new(certificate)
    }
}

/// Has a certificate issued and checks that it is for the request's key and that its subject is the
/// request's name, compared as RFC 5280 section 7.1 compares names. Permitted differences from the
/// request are among the [remarks](Issued::remarks).
///
/// The certificate's signature, dates and issuer are not checked, nor is the chain: the authority
/// is trusted with those. If the chain contains the certificate itself, as some authorities have
/// it, that entry is removed.
///
/// ```
/// # #[cfg(all(feature = "aws-lc-rs", feature = "ca"))] {
/// use std::{sync::Arc, time::{Duration, SystemTime}};
/// use keyferry::crypto::{Curve, KeyKind, Provider, aws_lc_rs::AwsLcRs};
/// use keyferry::csr::{Request, Template};
/// use keyferry::issuer::{LocalCa, issue};
/// use keyferry::{BoxFuture, Clock, MonotonicTime};
///
/// struct Fixed;
///
/// impl Clock for Fixed {
///     fn now(&self) -> SystemTime {
///         SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
///     }
///
///     fn monotonic(&self) -> MonotonicTime {
///         MonotonicTime::default()
///     }
///
///     fn sleep_until(&self, _: MonotonicTime) -> BoxFuture<'_, ()> {
///         Box::pin(std::future::pending())
///     }
/// }
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let root_key = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let year = Duration::from_secs(365 * 24 * 3600);
/// let (signer, provider, clock) = (Arc::new(root_key), Arc::new(AwsLcRs), Arc::new(Fixed));
/// let ca = LocalCa::new_root("CN=Example root,O=Example", signer, provider, clock, year)?;
///
/// let text = include_str!("../tests/fixtures/hermod/provision-command.json");
/// let command: serde_json::Value = serde_json::from_str(text)?;
/// let certreq = &command["provCommand"]["profile"]["keygenrequests"][0]["certreq"];
/// let template = Template::from_base64(certreq.as_str().unwrap())?;
/// let pair = AwsLcRs.generate(KeyKind::Ec(Curve::P256))?;
/// let request = Request::from_der(&template.replace_key(&*pair)?, &AwsLcRs)?;
///
/// let certificate = issue(&ca, &request).await?;
/// assert_eq!(certificate.public_key()?, *pair.public_key());
/// assert_eq!(certificate.subject_der(), template.subject_der());
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(run())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of the authority; [`IssuerError::Certificate`] of class `proof` if the certificate is for
/// another key, of class `csr` if its subject is not the request's name.
pub async fn issue(issuer: &dyn Issuer, request: &Request) -> Result<Issued, IssuerError> {
    let Issuance { certificate, mut chain } = issuer.issue_unchecked(request).await?;
    let remarks = certificate.matches(request).map_err(IssuerError::Certificate)?;
    chain.retain(|above| *above != certificate);
    if chain.len() >= MAX_CHAIN {
        return Err(IssuerError::Certificate(Error::too_large("chain", "too many certificates")));
    }
    // Receivers find the certificate by its key, so a second copy would be ambiguous.
    if chain.iter().any(|above| above.is_for(request.public_key())) {
        return Err(IssuerError::Certificate(Error::new(
            Class::KeyId,
            "chain",
            "another certificate for the same key",
        )));
    }
    Ok(Issued { certificate, chain, remarks })
}

/// An issued certificate that [`issue`] compared with the request.
///
/// It dereferences to its [`Certificate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    certificate: Certificate,
    chain: Vec<Certificate>,
    remarks: Vec<Remark>,
}

impl Issued {
    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificates above it, as the authority returned them, usually without the root.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The certificate and those above it, for
    /// [`Enrollment::issued`](crate::hermod::integrator::Enrollment::issued).
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.certificate).chain(&self.chain)
    }

    /// Permitted differences to report. Usually there are none.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The certificate without its chain.
    #[must_use]
    pub fn into_certificate(self) -> Certificate {
        self.certificate
    }
}

impl Deref for Issued {
    type Target = Certificate;

    fn deref(&self) -> &Certificate {
        &self.certificate
    }
}

/// The reason why no certificate was issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The authority does not issue this certificate. A retry does not help.
    #[error("the authority refused the request")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The authority could not be asked, or failed. A retry may help.
    #[error("the authority failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The check of the authority's certificate failed.
    #[error("the certificate was refused")]
    Certificate(#[source] Error),
}

impl IssuerError {
    /// A refusal with a reason: an error or a text.
    pub fn refused(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Refused(reason.into())
    }

    /// A failure with a reason: an error or a text.
    pub fn failed(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(reason.into())
    }
}
