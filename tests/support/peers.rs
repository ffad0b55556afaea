//! Programs that are not ours.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory of one test, removed at its end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("keyferry-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
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

/// The program `openssl`; `None`, with the reason printed, if it is not there. A missing one fails the test if `KEYFERRY_REQUIRE_PEERS` is 1.
pub fn openssl() -> Option<OpenSsl> {
    let found = Command::new("openssl").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(OpenSsl);
    }
    assert!(std::env::var_os("KEYFERRY_REQUIRE_PEERS").is_none_or(|value| value != "1"), "the program openssl is required and not there");
    eprintln!("skipped: the program openssl is not there");
    None
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
