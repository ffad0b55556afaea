//! Programs that are not ours, where a test can have them.

use std::process::Command;

/// Whether `program` is there. If not, the test says so and ends, or fails where `KEYFERRY_REQUIRE_PEERS=1`.
pub(crate) fn has_peer(program: &str, version: &str) -> bool {
    let required = std::env::var("KEYFERRY_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    let there = Command::new(program).arg(version).output().is_ok_and(|output| output.status.success());
    assert!(there || !required, "{program} is required and not there");
    if !there {
        println!("skipped: no {program}");
    }
    there
}

/// An empty folder of this test's own.
pub(crate) fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("keyferry-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
