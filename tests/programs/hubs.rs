//! The hub as a program: its configuration, its signals, its arguments.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::parties::{API_KEY, Killer, Program, Site, config};
use crate::support::peers;
use crate::support::pki::Leaf;
use crate::{Scratch, end_of, example};

/// The status of a poll for a command that is not there: 404 for who is known, 401 for who is not.
#[cfg(unix)]
fn status(url: &str, api_key: &str) -> u16 {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let key = base64_simd::STANDARD.encode_to_string(api_key);
    write!(stream, "GET /{path}/command/poll/1 HTTP/1.1\r\nHost: {host}\r\nX-Api-Key: {key}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[cfg(unix)]
#[test]
fn a_hangup_reads_the_integrators_again_and_a_file_with_faults_changes_nothing() {
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let added = "added:ffffffffffffffffffffffffffffffff";
    assert_eq!((status(&site.direct, API_KEY), status(&site.direct, added)), (404, 401));
    let digest = hashed("ffffffffffffffffffffffffffffffff").unwrap();
    let text = config(&site.of_devices.url, &site.of_callbacks.url)
        + &format!("[[integrators]]\nclient-id = \"added\"\n{digest}");
    site.scratch.write("hub.toml", text.as_bytes());
    site.hub.signal("HUP");
    while !site.hub.line("").contains("were read again") {}
    assert_eq!((status(&site.direct, API_KEY), status(&site.direct, added)), (404, 404));

    site.scratch
        .write("hub.toml", text.replace("client-id = \"added\"", "client-id = 7").as_bytes());
    site.hub.signal("HUP");
    let told = loop {
        let line = site.hub.line("");
        if line.contains("stay as they were") {
            break line;
        }
    };
    let line = text.lines().position(|line| line == "client-id = \"added\"").unwrap() + 1;
    assert!(told.contains(&format!("line {line}: integrators[1].client-id: not a text")), "{told}");
    assert_eq!((status(&site.direct, API_KEY), status(&site.direct, added)), (404, 404));
}

#[cfg(unix)]
#[test]
fn a_hub_that_is_told_to_stop_ends_long_polls_and_then_itself() {
    for signal in ["TERM", "INT"] {
        let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
        let pin = site.attestation_key("user");
        let integrator = site.integrator("user", &["--attestation-key", &pin]);
        site.of_callbacks.to(&integrator.line("listening on "));
        let link = format!("com.{}", integrator.line("com."));
        site.device("user", &["activate", &link, "--yes"], "").end();
        let waiting = site.device("user", &["run", "--yes"], "");
        waiting.line("certificate: done");
        site.hub.signal(signal);
        let Site { hub, .. } = site;
        let (status, said) = hub.end();
        assert_eq!(status, Some(0), "{said}");
    }
}

#[test]
fn connections_without_a_whole_head_are_closed_and_make_room() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let text = config("http://127.0.0.1:1", "http://127.0.0.1:1")
        + "[connections]\nhead-seconds = 1\nmax = 3\n";
    let hub =
        Program::start(&hub, &["--config", &scratch.write("hub.toml", text.as_bytes())], &[], "");
    let url = hub.line("listening on ");
    let connect = |said: &[u8]| {
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(said).unwrap();
        stream
    };
    let health = b"GET /health HTTP/1.1\r\nHost: hub\r\n\r\n";
    let mut taken = [connect(b""), connect(b"GET /health HT"), connect(health)];
    // A fourth waits until there is room.
    let mut answer = [0; 12];
    connect(health).read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    for stream in &mut taken {
        // The end comes, after an answer or without one.
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
    }
}

#[test]
fn a_configuration_with_faults_ends_it_with_the_line_of_each() {
    let Some(hub) = example("hub") else { return };
    let scratch = Scratch::new();
    let text = config("http://127.0.0.1:1", "http://127.0.0.1:1")
        .replace("shop", "sh:op")
        .replace("hub:pa55word", "pa55word");
    let file = scratch.write("bad.toml", text.as_bytes());
    let output = end_of(&hub, &["--config", &file], "");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.is_empty(), said.lines().count()),
        (Some(1), true, 1),
        "{said}"
    );
    assert!(
        said.contains("line 10: integrators[0].client-id: ")
            && said.contains("line 13: integrators[0].callback-basic-auth: "),
        "{said}"
    );
    assert!(!said.contains("pa55word"), "{said}");

    let missing = end_of(&hub, &["--config", "no such file"], "");
    assert_eq!(missing.status.code(), Some(1));
    let text = config("https://127.0.0.1:1", "http://127.0.0.1:1")
        + "[tls]\ncertificate = \"none.pem\"\nkey = \"none.key\"\n";
    let tls = end_of(&hub, &["--config", &scratch.write("tls.toml", text.as_bytes())], "");
    let said = String::from_utf8(tls.stderr).unwrap();
    assert!(tls.status.code() == Some(1) && said.contains("none.pem"), "{said}");
}

/// The digest line for a key.
fn hashed(key: &str) -> Option<String> {
    let output = end_of(&example("hub")?, &["hash-key"], &format!("{key}\n"));
    assert_eq!(output.status.code(), Some(0));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn hash_key_prints_the_line_for_the_file_and_a_key_that_it_makes_elsewhere() {
    let Some(hub) = example("hub") else { return };
    let known = "key-digests = [\"a2e8bb3ee1cb8fe80f4abdd2e8ed5b3c";
    let line = hashed("0123456789abcdef0123456789abcdef").unwrap();
    assert_eq!(line.len(), known.len() + 32 + 3, "{line}");
    assert!(line.starts_with("key-digests = [\"") && line.ends_with("\"]\n"));

    let made = end_of(&hub, &["hash-key", "shop"], "");
    let (out, error) =
        (String::from_utf8(made.stdout).unwrap(), String::from_utf8(made.stderr).unwrap());
    assert!(out.starts_with("client-id = \"shop\"\nkey-digests = [\""), "{out}");
    let key = error.trim().strip_prefix("export KEYFERRY_API_KEY=shop:").unwrap();
    assert!(!out.contains(key) && out.ends_with(&hashed(key).unwrap()));
    assert_eq!(
        end_of(&hub, &["hash-key"], "password\n").status.code(),
        Some(1),
        "what can be guessed is no key"
    );
}

#[test]
fn a_hub_speaks_tls_with_the_files_of_its_configuration() {
    let (Some(hub), Some(integrator), Some(device)) =
        (example("hub"), example("integrator"), example("device"))
    else {
        return;
    };
    let scratch = Scratch::new();
    let leaf = Leaf::self_signed("127.0.0.1", 2000, 2200);
    scratch.write("hub.pem", leaf.to_pem().as_bytes());
    scratch.write("hub.key", leaf.key.serialize_pem().as_bytes());
    // The port is known once it listens; the device's way to it goes through a port that is known
    // before.
    let way = crate::parties::Forwarder::new(Killer::default());
    let public = way.url.replace("http://", "https://");
    let text = config(&public, "http://127.0.0.1:1")
        + "[tls]\ncertificate = \"hub.pem\"\nkey = \"hub.key\"\n";
    let hub =
        Program::start(&hub, &["--config", &scratch.write("hub.toml", text.as_bytes())], &[], "");
    way.to(&hub.line("listening on ").replace("https://", "http://"));

    let (base, roots, folder) =
        (format!("{public}/hermod/rest"), scratch.path("hub.pem"), scratch.path("device"));
    let run = |arguments: &[&str]| {
        Program::start(
            &device,
            &[arguments, &["--folder", &folder, "--hub", &base, "--roots", &roots, "--yes"]]
                .concat(),
            &[],
            "",
        )
        .end()
    };
    let pin = scratch.write("pin.json", run(&["attestation-key"]).1.as_bytes());
    for blocking in [&["--blocking"][..], &["--listen", "127.0.0.1:0"]] {
        let arguments = [
            &["--hub", &base, "--roots", &roots, "--attestation-key", &pin, "--poll-seconds", "1"],
            blocking,
        ]
        .concat();
        let integrator =
            Program::start(&integrator, &arguments, &[("KEYFERRY_API_KEY", API_KEY)], "");
        let link = format!("com.{}", integrator.line("com."));
        assert_eq!(run(&["activate", &link]).0, Some(0));
        integrator.line("* integrator: the certificates are with the hub");
        while integrator.ended().is_none() {
            run(&["run", "--once"]);
        }
        let (status, said) = integrator.end();
        assert_eq!(status, Some(0), "{said}");
    }
}

#[test]
fn each_program_says_how_it_is_called_and_ends_with_2_if_it_is_not() {
    /// Anyone who reaches it could end its commands.
    const OPEN: &[&str] = &["--hub", "http://127.0.0.1:1", "--key", "a:b", "--listen", "0.0.0.0:0"];
    let wrong: [(&str, &[&[&str]]); 4] = [
        (
            "hub",
            &[
                &["--unknown"],
                &["--config"],
                &["x"],
                &["--config", "a", "--listen", "b"],
                &["--listen", "0.0.0.0:0"],
                &["hash-key", "a", "b"],
            ],
        ),
        (
            "integrator",
            &[
                &[],
                &["--hub"],
                &["--hub", "ftp://x"],
                &["x"],
                &["--unknown"],
                &["--hub", "http://127.0.0.1:1"],
                OPEN,
            ],
        ),
        (
            "device",
            &[
                &[],
                &["fly"],
                &["run"],
                &["activate"],
                &["run", "--hub", "http://hub.example/"],
                &["--unknown"],
            ],
        ),
        (
            "provision",
            &[
                &["x"],
                &["--keys"],
                &["--keys", "p255"],
                &["--framework", "x"],
                &["--transport", "x"],
            ],
        ),
    ];
    for (name, cases) in wrong {
        let Some(program) = example(name) else { return };
        let help = end_of(&program, &["--help"], "");
        assert_eq!((help.status.code(), help.stderr.is_empty()), (Some(0), true));
        assert!(String::from_utf8(help.stdout).unwrap().contains(name));
        for arguments in cases {
            let (status, said) = Program::start(&program, arguments, &[], "").end();
            assert_eq!(status, Some(2), "{name} {arguments:?}: {said}");
        }
    }
}

/// Where a program that is started from a shell writes its log. It is asked for on the way: a log
/// that wants colours needs what they are made with.
#[cfg(target_os = "linux")]
#[test]
fn a_hub_runs_on_a_terminal() {
    let Some(hub) = example("hub") else { return };
    if !peers::has_peer("script", &["--version"]) {
        return;
    }
    let command = format!("{} --listen 127.0.0.1:0", hub.display());
    let program = Program::start(
        std::path::Path::new("script"),
        &["--quiet", "--return", "--flush", "--command", &command, "/dev/null"],
        &[],
        "",
    );
    assert!(program.line("listening on http://127.0.0.1:").trim_end().parse::<u16>().is_ok());
    program.signal("TERM");
}
