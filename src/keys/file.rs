//! A key store in a folder.

mod error;
mod folder;
mod state;

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use error::FileStoreError;

use self::folder::Folder;
use self::state::{KEY_SUFFIX, key_file};
use super::steps::{self, PendingKeys, State, as_signer, key_store_of_steps};
use super::{
    CertificateInstall, Channel, KeptAnswer, KeyStoreError, MessageId, Pending, Profile,
    Provisioning,
};
use crate::BoxFuture;
use crate::crypto::{KeyKind, PrivateKey, Provider, Signer};

/// A key store in a folder, for devices whose keys must outlive the program and have no more secure
/// place.
///
/// | file | holds |
/// |---|---|
/// | `{64 hex digits}.p8` | one private key: PKCS#8 (RFC 5958), DER, unencrypted. The name is the SHA-256 of its public key |
/// | `state.json` | everything else: profiles, certificates, links, answers, and the tokens and claims that open mailboxes |
/// | `lock` | nothing; it is locked while a store is open |
/// | `….tmp` | a file that was being written when the power failed; it is removed when the folder is opened |
///
/// The folder has mode 0700 and each file 0600 on systems with file modes. Anyone who can read the
/// files has the keys. Other files in the folder are left alone.
///
/// Every step is durable when its future resolves, and completed entirely or not at all: a file is
/// written next to its final place, synced and renamed, and the folder is synced. A private key is
/// written before the state that names it, and removed after the state that no longer names it.
/// Leftover files are removed at the next opening, unless the state cannot be read: then nothing is
/// removed.
///
/// The provider generates the keys: RSA of 2048, 3072 and 4096 bits, EC and Ed25519, all of them in
/// the storage `APP`. They are read when the folder is opened. Their provider wipes them from
/// memory when the store and every [`Signer`] that it returned are dropped. The content of a
/// removed file is not overwritten.
///
/// Every call blocks while the disk works, usually for milliseconds; generating an RSA key takes
/// longer. A call that failed with [`KeyStoreError::Failed`] may have been completed: the next call
/// reads the folder again and continues with what it contains.
/// ```
/// # #[cfg(feature = "aws-lc-rs")] {
/// use std::sync::Arc;
/// use keyferry::Secret;
/// use keyferry::crypto::{Curve, KeyKind, aws_lc_rs::AwsLcRs};
/// use keyferry::keys::{Channel, FileKeyStore, KeySpec, KeyStore};
/// use keyferry::keys::{MessageId, ProfileNames, Provisioning};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("keyferry-doc-{}", std::process::id()));
/// let message = MessageId::new("https://hub.example/ms/b1", "m1");
/// let id = "3051e9f3-0e4d-436b-a512-2e18d8afe134";
/// let names = ProfileNames::new(id, "userA", "Profile", "Example");
/// let spec = KeySpec::new("signer", "SIG", KeyKind::Ec(Curve::P256));
/// {
///     let store = FileKeyStore::open(&folder, Arc::new(AwsLcRs))?;
///     store.begin(Provisioning::new(message.clone(), [0; 32], names, vec![spec])).await?;
/// }
/// // The power fails, and comes back.
/// let store = FileKeyStore::open(&folder, Arc::new(AwsLcRs))?;
/// let mailbox = Channel::of_mailbox("https://hub.example/ms/b2", Secret::new("t"));
/// store.record_answer(&message, mailbox, "{}").await?;
/// let profile = store.commit(&message).await?.unwrap();
/// assert_eq!(profile.keys[0].key_id, "signer");
/// # drop(store);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok(()) }
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(run())?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileKeyStore {
    provider: Arc<dyn Provider>,
    kept: Mutex<UnknownMembers>,
}

/// The open folder and its contents.
struct UnknownMembers {
    folder: Folder,
    /// Absent after a failure, when it is unknown which of two states is in the folder.
    state: Option<State>,
}

impl FileKeyStore {
    /// Opens the store in a folder, and creates the folder if it does not exist; its parent must
    /// exist. The folder stays locked until the store is dropped.
    ///
    /// An existing folder is changed only if it belongs to the store: it must be a directory of the
    /// user who runs the program (compared on Linux), not a symbolic link, and either be empty,
    /// hold a store's state, or hold only files that a store creates.
    ///
    /// # Errors
    /// [`FileStoreError::NotOwn`] if the path is anything else; [`FileStoreError::InUse`] if a
    /// store is open in that folder, in this process or another; [`FileStoreError::Damaged`] if the
    /// contents cannot be read or are inconsistent; [`FileStoreError::Io`]. After `NotOwn` and
    /// `Damaged`, nothing was changed.
    pub fn open(
        folder: impl AsRef<Path>,
        provider: Arc<dyn Provider>,
    ) -> Result<Self, FileStoreError> {
        Self::open_in(Folder::open(folder.as_ref(), None)?, provider)
    }

    /// Like [`open`](Self::open), with a function that is called before each file operation that
    /// changes something: `create`, `write`, `sync`, `rename`, `remove`, and `sync-folder`. If it
    /// returns an error, the operation is not performed; a `write` is performed by half. It is
    /// meant for failure tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    #[cfg(feature = "testing")]
    pub fn open_with_faults(
        folder: impl AsRef<Path>,
        provider: Arc<dyn Provider>,
        before: impl Fn(&'static str) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Result<Self, FileStoreError> {
        let faults: folder::Faults = Box::new(before);
        Self::open_in(Folder::open(folder.as_ref(), Some(faults))?, provider)
    }

    fn open_in(folder: Folder, provider: Arc<dyn Provider>) -> Result<Self, FileStoreError> {
        let state = state::load(&folder, &*provider)?;
        Ok(Self { provider, kept: Mutex::new(UnknownMembers { folder, state: Some(state) }) })
    }

    fn kept(&self) -> MutexGuard<'_, UnknownMembers> {
        // A state is always put in its place as a whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, KeyStoreError> {
        self.kept().known(&*self.provider).map(look).map_err(KeyStoreError::failed)
    }

    fn step<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, KeyStoreError>,
    ) -> Result<T, KeyStoreError> {
        let mut kept = self.kept();
        let mut changed = kept.known(&*self.provider).map_err(KeyStoreError::failed)?.clone();
        let given = change(&mut changed)?;
        kept.keep(changed, &*self.provider).map_err(KeyStoreError::failed)?;
        Ok(given)
    }
}

key_store_of_steps!(FileKeyStore);

impl UnknownMembers {
    /// The state, read again after a failure.
    fn known(&mut self, provider: &dyn Provider) -> Result<&State, FileStoreError> {
        let state = match self.state.take() {
            Some(state) => state,
            None => state::load(&self.folder, provider)?,
        };
        Ok(self.state.insert(state))
    }

    /// Saves a changed state: first the added keys, then the state, then the removal of keys that
    /// it no longer names.
    fn keep(&mut self, changed: State, provider: &dyn Provider) -> Result<(), FileStoreError> {
        let text = state::write(&changed)?;
        let old = self.known(provider)?;
        if *text == *state::write(old)? {
            return Ok(());
        }
        let (before, after) = (key_files(old, provider), key_files(&changed, provider));
        let mut added = Vec::new();
        for key in private_keys(&changed) {
            let name = key_file(key.public_key(), provider);
            if !before.contains(&name) {
                added.push((name, key.expose_pkcs8_der().map_err(FileStoreError::Key)?));
            }
        }
        let gone: Vec<&String> = before.difference(&after).collect();

        // From here until every file is in its place, the contents of the folder are unknown.
        self.state = None;
        if !added.is_empty() {
            added.iter().try_for_each(|(name, pkcs8)| self.folder.put(name, pkcs8))?;
            self.folder.sync()?;
        }
        self.folder.put(state::FILE, text.as_bytes())?;
        self.folder.sync()?;
        if !gone.is_empty() {
            gone.into_iter().try_for_each(|name| self.folder.remove(name))?;
            self.folder.sync()?;
        }
        self.state = Some(changed);
        Ok(())
    }
}

fn private_keys(state: &State) -> impl Iterator<Item = &Arc<dyn PrivateKey>> {
    let pending = state.pending.iter().flat_map(|pending| pending.private.values());
    pending.chain(state.profiles.iter().flat_map(|profile| profile.private.values()))
}

/// The file names of a state's keys.
fn key_files(state: &State, provider: &dyn Provider) -> HashSet<String> {
    private_keys(state).map(|key| key_file(key.public_key(), provider)).collect()
}

/// Whether a store gives this name to a key file.
fn is_key_file(name: &str) -> bool {
    let digest = name.strip_suffix(KEY_SUFFIX);
    digest.is_some_and(|digest| {
        digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

impl fmt::Debug for FileKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeyStore").finish_non_exhaustive()
    }
}
