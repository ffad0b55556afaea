//! Programs that are not ours, where a test can have them.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of one test, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("keyferry-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether `program` runs with these arguments. If not, the test says that it was skipped, or fails
/// where `KEYFERRY_REQUIRE_PEERS` is 1.
pub fn has_peer(program: &str, arguments: &[&str]) -> bool {
    let found = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    let required = std::env::var_os("KEYFERRY_REQUIRE_PEERS").is_some_and(|value| value == "1");
    assert!(found || !required, "the program {program} is required and not there");
    if !found {
        eprintln!("skipped: the program {program} is not there");
    }
    found
}

/// The program `openssl`; `None` as for [`has_peer`].
pub fn openssl() -> Option<OpenSsl> {
    has_peer("openssl", &["version"]).then_some(OpenSsl)
}

pub struct OpenSsl;

impl OpenSsl {
    /// Runs a command that has to succeed.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        let (success, said) = self.try_run(arguments);
        assert!(success, "openssl {arguments:?}: {said}");
        said
    }

    /// Whether the command succeeds, and all that it says.
    pub fn try_run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("openssl").args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Whether `openssl req -verify` accepts this request.
    pub fn accepts_request(&self, der: &[u8]) -> Result<(), String> {
        let scratch = Scratch::new();
        let path = scratch.write("request.der", der);
        match self.try_run(&["req", "-inform", "DER", "-in", &path, "-noout", "-verify"]) {
            (true, said) if said.contains("verify OK") => Ok(()),
            (_, said) => Err(said),
        }
    }
}
