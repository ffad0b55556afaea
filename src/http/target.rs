//! Which addresses may be called.

use crate::{BaseUrl, Class, Error};

/// Which addresses a hub may call for an integrator: https, and nothing that is inside or special, unless it is allowed by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    plain_http: bool,
    hosts: Vec<String>,
}

impl TargetPolicy {
    /// https only, and nothing that is inside or special.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows http too: for development.
    #[must_use]
    pub fn with_plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Allows this host, as it is written in addresses, wherever it is.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into().to_ascii_lowercase());
        self
    }

    /// Whether an address may be registered.
    ///
    /// # Errors
    /// Class `target-refused`.
    pub fn check(&self, address: &BaseUrl) -> Result<(), Error> {
        if !address.is_https() && !self.plain_http {
            return Err(Error::new(Class::TargetRefused, "address", "not https"));
        }
        Ok(())
    }
}
