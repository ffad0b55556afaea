//! What a program says at its start when that is not safe, and what it says of files.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use keyferry::hermod::hub::Digest;

use crate::parties::{API_KEY, Program, config};
use crate::support::pki::Leaf;
use crate::{AwsLcRs, Output, Scratch, end_of, example};

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A program that is refused: its status, and what it says.
#[track_caller]
fn assert_refused(program: &Path, arguments: &[&str], status: i32, words: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .env("KEYFERRY_API_KEY", API_KEY)
        .env_remove("KEYFERRY_CALLBACK_AUTH")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?}: {word}: {said}");
    }
}

/// Everything that a hub says until it listens and has printed all of its warnings.
fn start_of(hub: &Path, file: &str) -> (Program, String) {
    let program = Program::start(hub, &["--config", file], &[], "");
    let said = wait_for(&program, &["listening on ", LAST_WARNING]);
    (program, said)
}

/// The last warning of every hub over the store in memory.
const LAST_WARNING: &str = "hub: warning: the store is in memory";

/// What a program has said once all of these words are in it.
#[track_caller]
fn wait_for(program: &Program, words: &[&str]) -> String {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let said = program.said();
        if words.iter().all(|word| said.contains(word)) {
            return said;
        }
        assert!(std::time::Instant::now() < end && program.ended().is_none(), "{words:?}: {said}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

const LOOPBACK: &str = "listen = \"127.0.0.1:0\"";
const ANYWHERE: &str = "listen = \"0.0.0.0:0\"";

fn plain() -> String {
    config("http://127.0.0.1:1", "http://127.0.0.1:1")
}

#[test]
fn plain_http_beyond_loopback_needs_the_switch_by_name() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let text = plain().replace(LOOPBACK, ANYWHERE);
    let file = scratch.write("hub.toml", text.as_bytes());
    assert_refused(&hub, &["--config", &file], 1, &["line 1: listen: ", "danger-plain-http"]);
    let v6 = scratch.write("v6.toml", plain().replace("127.0.0.1:0", "[::]:0").as_bytes());
    assert_refused(&hub, &["--config", &v6], 1, &["listen: ", "danger-plain-http"]);

    let allowed =
        scratch.write("allowed.toml", format!("danger-plain-http = true\n{text}").as_bytes());
    let (_hub, said) = start_of(&hub, &allowed);
    assert!(said.contains("hub: warning: plain http at 0.0.0.0:0"), "{said}");
    assert_refused(&hub, &["--listen", "0.0.0.0:0"], 2, &["loopback only"]);
}

#[test]
fn an_integrator_does_not_show_its_key_on_the_way_without_the_switch() {
    let Some(integrator) = example("integrator") else { return };
    let far = "http://hub.example/hermod/rest";
    assert_refused(&integrator, &["--hub", far], 2, &["--hub", "--danger-plain-http"]);
    let near = "http://127.0.0.1:1/hermod/rest";
    let listen = ["--hub", near, "--listen", "0.0.0.0:0"];
    assert_refused(&integrator, &listen, 2, &["--listen", "--danger-plain-http"]);
    // Who may send a callback has to be known as well.
    let listen = [&listen[..], &["--danger-plain-http"]].concat();
    assert_refused(&integrator, &listen, 2, &["KEYFERRY_CALLBACK_AUTH"]);
    let on_loopback = ["--hub", near, "--listen", "127.0.0.1:0"];
    assert_refused(&integrator, &on_loopback, 1, &["warning: without KEYFERRY_CALLBACK_AUTH"]);
    let shown = ["--hub", near, "--blocking", "--key", API_KEY];
    assert_refused(&integrator, &shown, 1, &["every user of this machine can read --key"]);
}

#[test]
fn a_device_does_not_show_its_token_on_the_way_without_the_switch() {
    let Some(device) = example("device") else { return };
    let scratch = Scratch::new();
    let folder = scratch.path("keys");
    let far = ["run", "--once", "--folder", &folder, "--hub", "http://hub.example/hermod/rest/ms"];
    assert_refused(&device, &far, 2, &["--hub", "--danger-plain-http"]);
    let allowed = [&far[..], &["--danger-plain-http"]].concat();
    assert_eq!(end_of(&device, &allowed, "").status.code(), Some(0));
}

#[test]
fn a_memory_store_and_what_is_not_set_up_are_warnings() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let none = "listen = \"127.0.0.1:0\"\npublic-url = \"http://127.0.0.1:1/ms\"\n";
    let (_none, said) = start_of(&hub, &scratch.write("none.toml", none.as_bytes()));
    assert!(said.contains("warning: there is no [[integrators]]"), "{said}");
    assert!(said.contains("warning: the store is in memory"), "{said}");

    let sample =
        include_str!("../../examples/hub.toml").replace("127.0.0.1:8080\"", "127.0.0.1:0\"");
    let (_sample, said) = start_of(&hub, &scratch.write("sample.toml", sample.as_bytes()));
    assert!(said.contains("warning: integrator shop has the key digest of the sample"), "{said}");

    // A good one has the one warning that every hub over this store has.
    let (_good, said) = start_of(&hub, &scratch.write("good.toml", plain().as_bytes()));
    let with_password = "integrator shop has a secret of the sample";
    assert!(said.contains(with_password), "{said}");
    let own = plain().replace("hub:pa55word", "hub:0123456789");
    let file = scratch.write("own.toml", own.as_bytes());
    private(&file);
    let (_own, said) = start_of(&hub, &file);
    assert_eq!(said.matches("warning").count(), 1, "{said}");
}

/// Takes the file from everybody else's sight.
fn private(file: &str) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = file;
}

#[cfg(unix)]
#[test]
fn integrators_that_are_read_again_are_warned_of_again() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let text = plain();
    let file = scratch.write("hub.toml", text.as_bytes());
    let (hub, _) = start_of(&hub, &file);
    scratch.write("hub.toml", text.split_once("[[integrators]]").unwrap().0.as_bytes());
    hub.signal("HUP");
    wait_for(&hub, &["hub: warning: there is no [[integrators]]"]);
}

// ---- TLS and other files

/// A certificate for `name` from `from` to `to` (years) and its key, as PEM.
fn certificate(name: &str, from: i32, to: i32) -> (String, String) {
    let leaf = Leaf::self_signed(name, from, to);
    (leaf.to_pem(), leaf.key.serialize_pem())
}

fn with_tls(certificate: &str, key: &str) -> String {
    plain().replace("http://127.0.0.1:1/hermod/rest/ms", "https://hub.example/hermod/rest/ms")
        + &format!("\n[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n")
}

#[test]
fn a_certificate_that_clients_refuse_is_a_warning() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    for (name, from, to, words) in [
        ("hub.example", 2001, 2002, Some("hub.pem: certificate 1 has expired")),
        ("hub.example", 2200, 2201, Some("hub.pem: certificate 1 is not valid yet")),
        (
            "other.example",
            2001,
            2200,
            Some("hub.pem: clients refuse the certificate: it is not for hub.example"),
        ),
        ("hub.example", 2001, 2200, None),
    ] {
        let (pem, key) = certificate(name, from, to);
        scratch.write("hub.pem", pem.as_bytes());
        private(&scratch.write("hub.key", key.as_bytes()));
        let file = scratch.write("hub.toml", with_tls("hub.pem", "hub.key").as_bytes());
        let (_hub, said) = start_of(&hub, &file);
        match words {
            Some(words) => assert!(said.contains(words), "{words}: {said}"),
            None => assert!(!said.contains("hub.pem") && !said.contains("hub.key"), "{said}"),
        }
    }
}

#[test]
fn tls_files_that_cannot_be_used_are_named_with_the_cause() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let (pem, key) = certificate("hub.example", 2001, 2200);
    let (other_pem, other_key) = certificate("hub.example", 2001, 2200);
    scratch.write("hub.pem", pem.as_bytes());
    scratch.write("hub.key", key.as_bytes());
    scratch.write("other.key", other_key.as_bytes());
    scratch.write("marked.pem", format!("\u{feff}{pem}").as_bytes());
    scratch.write("marked.key", format!("\u{feff}{key}").replace('\n', "\r\n").as_bytes());
    scratch.write("both.pem", format!("{other_pem}{pem}").as_bytes());
    scratch.write("empty", b"");
    scratch.write("text", b"what is this");
    scratch.write("cut.pem", &pem.as_bytes()[..pem.len() / 2]);
    scratch.write("damaged.pem", pem.replacen("MII", "M!I", 1).as_bytes());
    scratch.write("der", &[0x30, 0x82, 1, 1]);
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    scratch.write("locked.key", locked.as_bytes());
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n\
               AAAA\n-----END RSA PRIVATE KEY-----\n";
    scratch.write("old.key", old.as_bytes());
    std::fs::create_dir(scratch.path("folder")).unwrap();
    for (certificate, key, file, why) in [
        ("hub.pem", "other.key", "other.key: not the key of the first certificate", "hub.pem"),
        ("both.pem", "hub.key", "hub.key: not the key of the first certificate", "both.pem"),
        ("hub.key", "hub.pem", "hub.key: it contains no certificate", "swapped"),
        ("hub.pem", "hub.pem", "hub.pem: it contains no usable private key", "swapped"),
        ("no.pem", "hub.key", "no.pem: ", "No such file"),
        ("hub.pem", "no.key", "no.key: ", "No such file"),
        ("folder", "hub.key", "folder: ", "directory"),
        ("empty", "hub.key", "empty: it contains no certificate", "it is empty"),
        ("hub.pem", "empty", "empty: it contains no usable private key", "it is empty"),
        ("text", "hub.key", "text: it contains no certificate", "not PEM"),
        ("der", "hub.key", "der: it contains no certificate", "DER"),
        ("cut.pem", "hub.key", "cut.pem: ", "-----END"),
        ("damaged.pem", "hub.key", "damaged.pem: ", "damaged"),
        ("hub.pem", "locked.key", "locked.key: ", "encrypted"),
        ("hub.pem", "old.key", "old.key: ", "encrypted"),
    ] {
        let file_with = scratch.write("hub.toml", with_tls(certificate, key).as_bytes());
        assert_refused(&hub, &["--config", &file_with], 1, &[file, why]);
    }
    // A byte order mark and line ends of another system are no fault.
    let marked = scratch.write("hub.toml", with_tls("marked.pem", "marked.key").as_bytes());
    start_of(&hub, &marked);
}

#[cfg(unix)]
#[test]
fn a_key_that_every_user_can_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let (pem, key) = certificate("hub.example", 2001, 2200);
    scratch.write("hub.pem", pem.as_bytes());
    let key = scratch.write("hub.key", key.as_bytes());
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = scratch.write("hub.toml", with_tls("hub.pem", "hub.key").as_bytes());
    let (_hub, said) = start_of(&hub, &file);
    assert!(said.contains("hub.key: every user of this machine can read"), "{said}");
}

#[test]
fn roots_without_a_certificate_are_refused_by_name() {
    let (Some(integrator), Some(device)) = (example("integrator"), example("device")) else {
        return;
    };
    let scratch = Scratch::new();
    let (pem, key) = certificate("root", 2001, 2200);
    let empty = scratch.write("empty.pem", b"");
    let key = scratch.write("root.key", key.as_bytes());
    let cut = scratch.write("cut.pem", &pem.as_bytes()[..pem.len() / 2]);
    let folder = scratch.path("keys");
    let hub = ["--hub", "https://127.0.0.1:1/hermod/rest"];
    for (roots, why) in [
        (&*empty, "empty.pem: it contains no certificate"),
        (&key, "root.key: it contains no certificate; it holds a private key"),
        (&cut, "cut.pem: "),
        ("no such file", "no such file: "),
    ] {
        let integrators = [&hub[..], &["--roots", roots, "--listen", "127.0.0.1:0"]].concat();
        assert_refused(&integrator, &integrators, 1, &[why]);
        let blocking = [&hub[..], &["--roots", roots, "--blocking"]].concat();
        assert_refused(&integrator, &blocking, 1, &[why]);
        let devices =
            [&hub[..], &["run", "--once", "--folder", &folder, "--roots", roots]].concat();
        assert_refused(&device, &devices, 1, &[why]);
    }
}

#[test]
fn key_files_and_state_files_are_named_with_the_cause() {
    let (Some(integrator), Some(device), Some(verify)) =
        (example("integrator"), example("device"), example("verify"))
    else {
        return;
    };
    let scratch = Scratch::new();
    let hub = ["--hub", "http://127.0.0.1:1/hermod/rest", "--blocking"];
    let of_integrator = |more: &[&str]| [&hub[..], more].concat().join("\0");
    let refused = |more: &[&str], words: &[&str]| {
        let arguments = of_integrator(more);
        assert_refused(&integrator, &arguments.split('\0').collect::<Vec<_>>(), 1, words);
    };
    let bad = scratch.write("bad.json", b"{\xff}");
    refused(&["--attestation-key", &bad], &["bad.json: not UTF-8 at byte 1"]);
    refused(&["--state", &bad], &["bad.json: not UTF-8 at byte 1"]);
    let wide = scratch.write("wide.json", b"\xff\xfe{\0}\0");
    refused(&["--attestation-key", &wide], &["wide.json: ", "UTF-16"]);
    let empty = scratch.write("empty.json", b"{}");
    refused(&["--state", &empty], &["empty.json: "]);
    scratch.write("new.ca.p8", b"-----BEGIN PRIVATE KEY-----");
    refused(&["--state", &scratch.path("new.json")], &["new.ca.p8: not a private key as PKCS#8"]);

    std::fs::create_dir(scratch.path("keys")).unwrap();
    scratch.write("keys/attestation.p8", b"x");
    let folder = scratch.path("keys");
    let words = ["attestation.p8: not a private key as PKCS#8 in DER"];
    assert_refused(&device, &["list", "--folder", &folder], 1, &words);
    assert_refused(&verify, &[&wide, &wide], 2, &["wide.json: ", "UTF-16"]);
    assert_refused(&verify, &[&bad, &bad], 2, &["bad.json: not UTF-8 at byte 1"]);
}

// ---- Secrets and variables

#[test]
fn secrets_of_the_environment_are_trimmed_as_hash_key_trims_them() {
    let (Some(hub), Some(integrator)) = (example("hub"), example("integrator")) else { return };
    let key = "0123456789abcdef0123456789abcdef";
    let digest = Digest::of(&AwsLcRs, &keyferry::Secret::new(key)).to_hex();
    for text in [key.to_owned(), format!(" {key}\r\n"), format!("\u{feff}{key}\n")] {
        let hashed = end_of(&hub, &["hash-key"], &text);
        assert_eq!(said(&hashed), format!("key-digests = [\"{digest}\"]\n"));
    }
    assert_eq!(end_of(&hub, &["hash-key"], &"k".repeat(70_000)).status.code(), Some(1));
    // What the program takes up to its first call shows what it made of them.
    for (api_key, callback_auth, status) in [
        (format!("{API_KEY}\n"), "hub:pa55word\r\n", 1),
        (format!(" {API_KEY} "), " hub:pa55word ", 1),
        (String::from(" "), "hub:pa55word", 2),
        (API_KEY.to_owned(), "", 2),
        (API_KEY.to_owned(), "pa55word", 2),
    ] {
        let output = Command::new(&integrator)
            .args(["--hub", "http://127.0.0.1:1/hermod/rest", "--listen", "127.0.0.1:0"])
            .envs([("KEYFERRY_API_KEY", &*api_key), ("KEYFERRY_CALLBACK_AUTH", callback_auth)])
            .output()
            .unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{api_key:?} {callback_auth:?}: {said}");
        assert!(!said.contains("pa55word"), "{said}");
    }
}

#[cfg(unix)]
#[test]
fn rust_log_chooses_what_is_logged_and_a_wrong_one_is_refused() {
    let Some(hub) = example("hub") else { return };
    let log_of = |filter: &str| {
        let program =
            Program::start(&hub, &["--listen", "127.0.0.1:0"], &[("RUST_LOG", filter)], "");
        wait_for(&program, &[LAST_WARNING]);
        let url = program.line("listening on http://");
        let address: SocketAddr = url.parse().unwrap();
        assert_eq!(address.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let request = b"GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        // The end is logged at `info`.
        program.signal("TERM");
        program.end().1
    };
    assert!(log_of("info").contains(" INFO "));
    assert!(log_of("").contains(" INFO "));
    for less in ["off", "warn", "keyferry=info"] {
        assert!(!log_of(less).contains(" INFO hub: "), "{less}");
    }
    assert!(log_of("info").contains("stopped: no work is left"));
    let output = Command::new(&hub)
        .args(["--listen", "127.0.0.1:0"])
        .env("RUST_LOG", "keyferry=loud")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("RUST_LOG"), "{}", said(&output));
}

#[cfg(unix)]
#[test]
fn a_hub_that_ends_says_how_many_requests_it_cut_short() {
    use std::io::{Read as _, Write as _};
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let text = plain() + "[connections]\ndrain-seconds = 1\n";
    let file = scratch.write("hub.toml", text.as_bytes());
    let (hub, _) = start_of(&hub, &file);
    let address = hub.line("listening on http://");
    // A body that never comes to its end; that the hub asks for it shows that it is under way.
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let key = base64_simd::STANDARD.encode_to_string(API_KEY);
    let head = format!(
        "POST /hermod/rest/command/ping HTTP/1.1\r\nHost: hub\r\nX-Api-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    hub.signal("TERM");
    let (status, said) = hub.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("stopping in_progress=1"), "{said}");
    assert!(said.contains("requests were cut short") && said.contains("requests=1"), "{said}");
}

#[test]
fn help_names_every_exit_status_and_every_subcommand() {
    for (name, commands) in [
        ("hub", &["hash-key", "--config", "--listen"][..]),
        ("device", &["activate", "run", "list", "attestation-key"]),
        ("integrator", &["--hub", "--danger-plain-http"]),
        ("provision", &["--keys"]),
        ("verify", &["--lines", "--json"]),
    ] {
        let Some(program) = example(name) else { return };
        for arguments in [&["--help"][..], &["-h"], &[commands[0], "--help"]] {
            let output = end_of(&program, arguments, "");
            let said = said(&output);
            assert_eq!(output.status.code(), Some(0), "{said}");
            for word in commands.iter().chain(&["exit status: 0 ", "1 ", "2 ", "3 standard output"])
            {
                assert!(said.contains(word), "{word}: {said}");
            }
        }
        let output = end_of(&program, &["--unknown"], "");
        assert_eq!(output.status.code(), Some(2));
        assert!(said(&output).contains("invalid option '--unknown'"), "{}", said(&output));
    }
}

#[test]
fn a_hub_that_ends_counts_the_commands_and_callbacks_that_are_left() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let file = scratch.write("hub.toml", plain().as_bytes());
    let (hub, _) = start_of(&hub, &file);
    let url = format!("http://{}/hermod/rest/command/ping", hub.line("listening on http://"));
    let key = base64_simd::STANDARD.encode_to_string(API_KEY);
    let body =
        r#"{"commandHeader":{"lifespan":60,"timeout":60},"pingCommand":{"confirmation":false}}"#;
    let answer = ureq::post(&url)
        .header("x-api-key", &key)
        .header("content-type", "application/json")
        .send(body)
        .unwrap();
    assert_eq!(answer.status(), 200);
    hub.signal("TERM");
    let (status, said) = hub.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("commands=1 callbacks=0"), "{said}");
}
