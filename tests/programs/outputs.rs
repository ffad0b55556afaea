//! What a program does when nobody takes what it prints: fixture 19 of the field.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::parties::{Killer, Site};
use crate::{
    ATTESTATION_KEY, CALLBACK, COMMAND, FQDN, Scratch, assert_no_panic, example, line, other_pin,
};
use serde_json::json;

/// The status of a program whose standard output failed.
const OUTPUT_FAILED: Option<i32> = Some(3);

/// Where standard output leads.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Out {
    /// A pipe whose reader has gone.
    Closed,
    /// A device that is full.
    Full,
}

impl Out {
    /// Those that there are on this system.
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Closed];
        if Path::new("/dev/full").exists() {
            all.push(Self::Full);
        }
        all
    }

    fn open(self) -> Stdio {
        match self {
            Self::Closed => {
                let (reader, writer) = std::io::pipe().unwrap();
                drop(reader);
                writer.into()
            }
            Self::Full => std::fs::File::options().write(true).open("/dev/full").unwrap().into(),
        }
    }
}

fn start(program: &Path, arguments: &[&str], out: Stdio, err: Stdio) -> Child {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("KEYFERRY_API_KEY", crate::parties::API_KEY)
        .env("KEYFERRY_CALLBACK_AUTH", "hub:pa55word")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    command.spawn().unwrap()
}

/// How a program ends; it has a minute.
#[track_caller]
fn end(mut child: Child, what: &str) -> Output {
    let latest = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > latest {
            let _ = child.kill();
            panic!("{what} does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Runs a program with each output: it ends with 3, quietly if the pipe was closed, and otherwise
/// says why.
#[track_caller]
fn assert_output_failed(program: &Path, arguments: &[&str]) {
    for out in Out::all() {
        let what = format!("{} {arguments:?} {out:?}", program.display());
        let output = end(start(program, arguments, out.open(), Stdio::piped()), &what);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_no_panic(&said);
        assert_eq!(output.status.code(), OUTPUT_FAILED, "{what}: {said}");
        let told = said.contains("standard output cannot be written");
        assert_eq!(told, out == Out::Full, "{what}: {said}");
    }
}

/// Runs a program whose standard error takes nothing: that changes nothing else.
#[track_caller]
fn assert_ends_all_the_same(program: &Path, arguments: &[&str], status: i32) {
    for out in Out::all() {
        let what = format!("{} {arguments:?} {out:?}", program.display());
        let output = end(start(program, arguments, Stdio::piped(), out.open()), &what);
        assert_eq!(output.status.code(), Some(status), "{what}");
    }
}

#[test]
fn help_of_every_program_with_a_failed_output_ends_with_3() {
    for name in ["hub", "device", "integrator", "provision", "verify"] {
        let Some(program) = example(name) else { return };
        assert_output_failed(&program, &["--help"]);
    }
}

#[test]
fn wrong_arguments_end_with_2_although_standard_error_is_closed() {
    for name in ["hub", "device", "integrator", "provision", "verify"] {
        let Some(program) = example(name) else { return };
        assert_ends_all_the_same(&program, &["--unknown"], 2);
    }
}

#[test]
fn provision_with_a_failed_output_ends_with_3() {
    let Some(provision) = example("provision") else { return };
    assert_output_failed(&provision, &["--keys", "p256"]);
    assert_output_failed(&provision, &["--keys", "p256", "--json"]);
    assert_ends_all_the_same(&provision, &["--keys", "p256", "--json"], 0);
}

#[test]
fn verify_with_a_failed_output_ends_with_3_whatever_the_verdict() {
    let Some(verify) = example("verify") else { return };
    let scratch = Scratch::new();
    let command = scratch.write("command.json", COMMAND.as_bytes());
    let callback = scratch.write("callback.json", CALLBACK.as_bytes());
    let key = scratch.write("key.json", ATTESTATION_KEY.as_bytes());
    let other = scratch.write("other.json", other_pin().to_string().as_bytes());
    for (status, key) in [(0, &key), (1, &other)] {
        let arguments = [&command, &callback, "--attestation-key", key, "--fqdn", FQDN];
        assert_output_failed(&verify, &arguments);
        assert_output_failed(&verify, &[&arguments[..], &["--json"]].concat());
        assert_ends_all_the_same(&verify, &arguments, status);
    }
    assert_ends_all_the_same(&verify, &[&command, "no such file"], 2);
}

#[test]
fn verify_of_lines_with_a_failed_output_ends_with_3_and_of_unreadable_input_with_2() {
    let Some(verify) = example("verify") else { return };
    let scratch = Scratch::new();
    let lines = scratch.write("lines", format!("{}\n", line(&json!(1))).repeat(300).as_bytes());
    let input = || Stdio::from(std::fs::File::open(&lines).unwrap());
    for out in Out::all() {
        let mut command = Command::new(&verify);
        command.arg("--lines").stdin(input()).stdout(out.open()).stderr(Stdio::piped());
        let output = end(command.spawn().unwrap(), "verify --lines");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_no_panic(&said);
        assert_eq!((output.status.code(), said.is_empty()), (OUTPUT_FAILED, out == Out::Closed));
    }
    if cfg!(unix) {
        // A folder opens, and cannot be read.
        let mut command = Command::new(&verify);
        let folder = std::fs::File::open(scratch.path("")).unwrap();
        command.arg("--lines").stdin(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = end(command.spawn().unwrap(), "verify --lines");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("standard input: "), "{said}");
    }
}

#[test]
fn a_hub_with_a_failed_output_ends_with_3_before_it_serves() {
    let Some(hub) = example("hub") else { return };
    assert_output_failed(&hub, &["--listen", "127.0.0.1:0"]);
    let scratch = Scratch::new();
    let text = crate::parties::config("http://127.0.0.1:1", "http://127.0.0.1:1");
    let file = scratch.write("hub.toml", text.as_bytes());
    assert_output_failed(&hub, &["--config", &file]);
    assert_output_failed(&hub, &["hash-key"]);
    assert_output_failed(&hub, &["hash-key", "shop"]);
    // The key that was made is on standard error, and a digest without its key is of no use.
    assert_ends_all_the_same(&hub, &["hash-key"], 1);
}

#[cfg(unix)]
#[test]
fn a_hub_serves_on_and_ends_well_although_standard_error_is_closed() {
    use std::io::{BufRead as _, BufReader};
    let Some(hub) = example("hub") else { return };
    for out in Out::all() {
        let mut child = start(&hub, &["--listen", "127.0.0.1:0"], Stdio::piped(), out.open());
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut first).unwrap();
        let address = first.trim().strip_prefix("listening on http://").unwrap().to_owned();
        // Each request is logged.
        for _ in 0..3 {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(&address).unwrap();
            let request = b"GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n";
            stream.write_all(request).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let kill = format!("kill -TERM {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(end(child, "hub").status.code(), Some(0));
    }
}

#[test]
fn a_device_with_a_failed_output_ends_with_3_and_keeps_what_it_did() {
    let Some(device) = example("device") else { return };
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    assert_output_failed(&device, &["attestation-key", "--folder", &folder]);
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let hub = format!("{}/hermod/rest/ms", site.of_devices.url);
    for (user, out) in ["closed", "full"].into_iter().zip(Out::all()) {
        let pin = site.attestation_key(user);
        let integrator = site.integrator(user, &["--attestation-key", &pin]);
        site.of_callbacks.to(&integrator.line("listening on "));
        let link = format!("com.{}", integrator.line("com."));
        let folder = site.scratch.path(user);
        let more = ["--yes", "--folder", &folder, "--hub", &hub];
        let with = |words: &[&str]| {
            let arguments = [words, &more[..]].concat();
            let child = start(&device, &arguments, out.open(), Stdio::piped());
            let output = end(child, &format!("{arguments:?}"));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_no_panic(&said);
            assert_eq!(output.status.code(), OUTPUT_FAILED, "{words:?} {out:?}: {said}");
        };
        with(&["activate", &link]);
        with(&["run"]);
        with(&["list"]);
        // The work is done, so the journey ends even though nothing can be printed.
        let device = site.device(user, &["run", "--yes"], "");
        integrator.line("* integrator: the certificates are installed");
        drop(device);
        assert_eq!(integrator.end().0, Some(0));
    }
}

#[test]
fn an_integrator_with_a_failed_output_ends_with_3_and_goes_on_from_its_file() {
    let Some(integrator) = example("integrator") else { return };
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let hub = format!("{}/hermod/rest", site.of_integrator.url);
    let public_url = format!("{}/hermod/rest/ms", site.of_devices.url);
    let pin = site.attestation_key("user");
    for way in [&["--listen", "127.0.0.1:0"][..], &["--blocking"]] {
        let state = site.scratch.path(&format!("{}.json", way[0]));
        let arguments = [
            &["--hub", &hub, "--public-url", &public_url, "--attestation-key", &pin][..],
            &["--state", &state, "--poll-seconds", "1"],
            way,
        ]
        .concat();
        assert_output_failed(&integrator, &arguments);
        let more = ["--attestation-key", &*pin, "--state", &state, way[0]];
        let more = if way[0] == "--listen" { &more[..4] } else { &more[..] };
        let again = site.integrator("user", more);
        if way[0] == "--listen" {
            site.of_callbacks.to(&again.line("listening on "));
        }
        let link = format!("com.{}", again.line("com."));
        assert_eq!(site.device("user", &["activate", &link, "--yes"], "").end().0, Some(0));
        let device = site.device("user", &["run", "--yes"], "");
        again.line("* integrator: the certificates are installed");
        drop(device);
        assert_eq!(again.end().0, Some(0));
    }
}

#[cfg(unix)]
#[test]
fn nobody_agrees_to_a_question_that_could_not_be_shown() {
    let Some(device) = example("device") else { return };
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let hub = format!("{}/hermod/rest/ms", site.of_devices.url);
    let pin = site.attestation_key("user");
    let integrator = site.integrator("user", &["--attestation-key", &pin]);
    site.of_callbacks.to(&integrator.line("listening on "));
    let link = format!("com.{}", integrator.line("com."));
    let folder = site.scratch.path("user");
    let mut command = Command::new(&device);
    command.args(["activate", &link, "--folder", &folder, "--hub", &hub]);
    let yes = site.scratch.write("yes", b"y\n");
    command.stdin(std::fs::File::open(yes).unwrap()).stdout(Out::Closed.open());
    let output = end(command.stderr(Stdio::piped()).spawn().unwrap(), "device activate");
    assert_no_panic(&String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), OUTPUT_FAILED);
    let (status, said) = integrator.end();
    assert_eq!(status, Some(1));
    assert!(said.contains("the user refused"), "{said}");
}
