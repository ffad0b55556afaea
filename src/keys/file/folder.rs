//! File operations, each of them atomic, and durable once the folder is synced.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{FileStoreError, is_key_file, state};

/// Called before each operation that changes something, with its name.
pub(super) type Faults = Box<dyn Fn(&'static str) -> io::Result<()> + Send + Sync>;

/// A folder that is locked against other stores.
pub(super) struct Folder {
    path: PathBuf,
    faults: Option<Faults>,
    /// Held open to keep the lock.
    lock: File,
}

/// The suffix of a file that is being written.
pub(super) const TEMPORARY: &str = ".tmp";
const LOCK: &str = "lock";

impl Folder {
    /// Creates the folder if it does not exist, and locks it. An existing folder is inspected
    /// first, and is not changed if it does not belong to a store.
    pub(super) fn open(path: &Path, faults: Option<Faults>) -> Result<Self, FileStoreError> {
        let made = match private_folder().create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            made => made.map(|()| true).map_err(failed("the folder could not be made"))?,
        };
        if !made {
            inspect(path)?;
        }
        if made {
            let parent = path
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            sync_folder(parent).map_err(failed("the folder around it could not be synced"))?;
        } else {
            make_private(path).map_err(failed("the folder could not be made private"))?;
        }
        let lock = private_file()
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(failed("the lock could not be opened"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), faults, lock }),
            Err(TryLockError::WouldBlock) => Err(FileStoreError::InUse),
            Err(TryLockError::Error(error)) => Err(failed("the folder could not be locked")(error)),
        }
    }

    /// The names of the files. Names that are not UTF-8 are skipped, because no store creates them.
    pub(super) fn names(&self) -> Result<Vec<String>, FileStoreError> {
        let names = list(&self.path)?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// Reads at most `max + 1` bytes of a file; `None` if it does not exist.
    pub(super) fn read(
        &self,
        name: &str,
        max: usize,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FileStoreError> {
        read_in(&self.path, name, max)
    }

    /// Writes a file atomically, replacing an existing one. It is durable once the folder is
    /// synced.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), FileStoreError> {
        let temporary = self.path.join(format!("{name}{TEMPORARY}"));
        let put = || {
            self.before("create")?;
            let mut file = private_file().create_new(true).open(&temporary)?;
            if let Err(error) = self.before("write") {
                file.write_all(&bytes[..bytes.len() / 2])?;
                return Err(error);
            }
            file.write_all(bytes)?;
            self.before("sync")?;
            file.sync_all()?;
            self.before("rename")?;
            std::fs::rename(&temporary, self.path.join(name))
        };
        put().map_err(failed("a file could not be written"))
    }

    /// Removes a file if it exists.
    pub(super) fn remove(&self, name: &str) -> Result<(), FileStoreError> {
        let removed =
            self.before("remove").and_then(|()| std::fs::remove_file(self.path.join(name)));
        match removed {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(failed("a file could not be removed")),
        }
    }

    /// Makes earlier writes and removals durable.
    pub(super) fn sync(&self) -> Result<(), FileStoreError> {
        self.before("sync-folder")
            .and_then(|()| sync_folder(&self.path))
            .map_err(failed("the folder could not be synced"))
    }

    fn before(&self, operation: &'static str) -> io::Result<()> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults(operation))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A process that is being started may briefly have the file open too, so closing it would
        // not release the lock.
        let _ = self.lock.unlock();
    }
}

fn list(folder: &Path) -> Result<Vec<OsString>, FileStoreError> {
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.file_name())).collect())
        .map_err(failed("the folder could not be listed"))
}

fn read_in(
    folder: &Path,
    name: &str,
    max: usize,
) -> Result<Option<Zeroizing<Vec<u8>>>, FileStoreError> {
    let read = || {
        let file = match File::open(folder.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        // Reserve the full size at once: a buffer that grows leaves copies behind.
        let length = file.metadata()?.len().min(max as u64 + 1);
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(max) + 1));
        file.take(max as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    };
    read().map_err(failed("a file could not be read"))
}

/// Whether an existing folder belongs to a store, determined without changing anything: it must be
/// a directory of this user that holds a readable state, or only files that a store creates.
fn inspect(path: &Path) -> Result<(), FileStoreError> {
    let not_own = |why| Err(FileStoreError::NotOwn { why });
    // A trailing slash would follow a symbolic link, so it is removed.
    let path = path.components().as_path();
    let found =
        std::fs::symlink_metadata(path).map_err(failed("the folder could not be looked at"))?;
    if !found.is_dir() {
        return not_own("it is a file or a symbolic link");
    }
    if is_of_another_user(&found) {
        return not_own("it belongs to another user");
    }
    let (mut has_state, mut has_keys, mut has_others) = (false, false, false);
    for name in list(path)? {
        let Some(name) = name.to_str().filter(|name| is_own_name(name)) else {
            has_others = true;
            continue;
        };
        has_state |= name == state::FILE;
        has_keys |= is_key_file(name);
        let file = match std::fs::symlink_metadata(path.join(name)) {
            // Another store that has the folder open may have removed the file.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            file => file.map_err(failed("a file could not be looked at"))?,
        };
        if !file.is_file() || (name == LOCK && file.len() != 0) {
            return not_own("what has the name of a file of the store is something else");
        }
    }
    if has_state {
        // A state that is not a store's, or has an unknown version, is an error.
        return state::check(read_in(path, state::FILE, state::MAX_STATE)?.as_deref());
    }
    if has_others {
        return not_own("it holds other files and no state of a store");
    }
    if has_keys { Err(state::lost()) } else { Ok(()) }
}

/// Whether a store creates files of that name.
fn is_own_name(name: &str) -> bool {
    let whole = name.strip_suffix(TEMPORARY).unwrap_or(name);
    name == LOCK || whole == state::FILE || is_key_file(whole)
}

/// On Linux, the `/proc` directory of a process belongs to its effective user. Without it, the user
/// is not compared: only the owner and root can change the mode of a folder.
#[cfg(unix)]
fn is_of_another_user(folder: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    cfg!(target_os = "linux")
        && std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() != folder.uid())
}

#[cfg(not(unix))]
fn is_of_another_user(_: &Metadata) -> bool {
    false
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> FileStoreError {
    move |source| FileStoreError::Io { doing, source }
}

#[cfg(unix)]
fn private_folder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn private_folder() -> DirBuilder {
    DirBuilder::new()
}

/// Removes other users' access to an existing folder.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        Ok(())
    } else {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
    }
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// On other systems a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
