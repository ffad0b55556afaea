//! Private files, which are replaced atomically, and text files that people write.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// What may exist at the path of a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nothing: an existing file belongs to something else and is not changed.
    Free,
    /// A file that this program wrote, or has read as such.
    Own,
}

/// Writes a file atomically: writes a temporary file beside it, syncs it and renames it. Its mode
/// is 0600 where the system has modes.
///
/// # Errors
/// `AlreadyExists` if something exists at a path that has to be free.
pub fn put_private(path: &Path, bytes: &[u8], place: Place) -> io::Result<()> {
    let is_taken = || path.symlink_metadata().is_ok();
    if place == Place::Free && is_taken() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // Only these programs use this name, so an existing file was left by one that was killed.
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".keyferry-tmp");
    let temporary = path.with_file_name(name);
    // An existing temporary file may be readable by others or be a link, so remove it first.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if place == Place::Free {
        // A second name, unlike a new one, never replaces what came there in the meantime. Where
        // a file system has no second names, a look has to do.
        let named = match std::fs::hard_link(&temporary, path) {
            Err(_) if !is_taken() => std::fs::rename(&temporary, path),
            named => named.and_then(|()| std::fs::remove_file(&temporary)),
        };
        if named.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        named?;
    } else {
        std::fs::rename(&temporary, path)?;
    }
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The bytes of a file; `None` if it does not exist.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// The text of a file that a person wrote, without its byte order mark. The error names the file.
pub fn read_text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| named(path, &error))?;
    text_of(bytes).map_err(|why| format!("{}: {why}", path.display()))
}

/// The text in these bytes, without its byte order mark.
pub fn text_of(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(String::from("the text is UTF-16; save it as UTF-8"));
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// An error with the name of its file.
pub fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
