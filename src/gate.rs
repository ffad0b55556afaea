//! Who may do what: a proved credential becomes a handle that acts for that caller and nobody else.

use crate::Error;

/// Turns a credential into a handle.
///
/// Wires know no caller: a handle *is* one caller, and cannot name another's object. A gate is
/// asked before anything but the credential is read. Any closure `Fn(Credential) -> Result<Handle,
/// Error>` is one.
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
    /// What it opens to.
    type Handle: Send + Sync;

    /// Opens for this credential.
    ///
    /// # Errors
    /// Class `unauthorized`, the same for every reason; `storage` or `unavailable` if it cannot be
    /// found out.
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
