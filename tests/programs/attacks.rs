//! What surrounds the example programs: other users of the machine.

use crate::program::files::{Place, put_private};

#[cfg(unix)]
#[test]
fn a_private_file_is_never_written_into_what_somebody_put_there_before() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    let folder = std::env::temp_dir().join(format!("keyferry-attacks-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let (place, temporary, elsewhere) = (
        folder.join("state.json"),
        folder.join("state.json.keyferry-tmp"),
        folder.join("elsewhere"),
    );
    let is_private = || std::fs::symlink_metadata(&place).unwrap().mode() & 0o170_777 == 0o100_600;

    // Open to all, and held open by who made it.
    std::fs::write(&temporary, "old").unwrap();
    std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o666)).unwrap();
    let mut held = std::fs::File::open(&temporary).unwrap();
    put_private(&place, b"secret", Place::Free).unwrap();
    let mut seen = String::new();
    std::io::Read::read_to_string(&mut held, &mut seen).unwrap();
    assert_eq!((seen.as_str(), is_private()), ("old", true));

    // A link to a file of the user's own.
    std::fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, &temporary).unwrap();
    put_private(&place, b"secret again", Place::Own).unwrap();
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"precious");
    assert_eq!(
        (std::fs::read(&place).unwrap().as_slice(), is_private()),
        (&b"secret again"[..], true)
    );

    // What is somebody's stays, and nothing is left beside it.
    std::fs::write(&place, "theirs").unwrap();
    let refused = put_private(&place, b"secret", Place::Free).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(&place).unwrap(), b"theirs");
    assert!(!temporary.exists());
    std::fs::remove_dir_all(folder).unwrap();
}
