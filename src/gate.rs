//! Authentication: a valid credential becomes a handle that is limited to its caller's objects.

use crate::Error;

/// Authenticates a credential and returns a handle.
///
/// Wire traits carry no caller identity: a handle *is* one caller, and cannot name another caller's
/// object. The gate is called before anything but the credential is read. Any closure
/// `Fn(Credential) -> Result<Handle, Error>` is a gate.
///
/// ```
/// use keyferry::{Class, Error, Gate};
///
/// struct Handle(&'static str);
///
/// async fn open<G: Gate<String, Handle = Handle>>(gate: G) -> Result<&'static str, Error> {
///     Ok(gate.open(String::from("s3cret")).await?.0)
/// }
///
/// let gate = |credential: String| match credential.as_str() {
///     "s3cret" => Ok(Handle("tenant")),
///     _ => Err(Error::new(Class::Unauthorized, "credential", "does not fit")),
/// };
/// let _ = open(gate);
/// ```
pub trait Gate<Credential>: Send + Sync {
    /// The handle for an authenticated caller.
    type Handle: Send + Sync;

    /// Authenticates this credential.
    ///
    /// # Errors
    /// Class `unauthorized`, identical for every reason; `storage` or `unavailable` if the
    /// credential cannot be checked.
    fn open(
        &self,
        credential: Credential,
    ) -> impl Future<Output = Result<Self::Handle, Error>> + Send;
}

impl<Credential, Handle, F> Gate<Credential> for F
where
    F: Fn(Credential) -> Result<Handle, Error> + Send + Sync,
    Credential: Send,
    Handle: Send + Sync,
{
    type Handle = Handle;

    async fn open(&self, credential: Credential) -> Result<Handle, Error> {
        self(credential)
    }
}
