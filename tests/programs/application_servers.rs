//! The example application server, which stores its journeys in SQLite and is killed on the way.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::example;
use crate::parties::{API_KEY, Killer, Program, Site};

/// The server, and the address at which it listens.
struct Server {
    program: Program,
    address: String,
}

impl Server {
    fn start(site: &Site, path: &Path, user: &str, pin: &str) -> Self {
        let (hub, public_url) = (
            format!("{}/hermod/rest", site.of_integrator.url),
            format!("{}/hermod/rest/ms", site.of_devices.url),
        );
        let database = site.scratch.path(&format!("{user}.db"));
        let arguments = ["--hub", &hub, "--public-url", &public_url, "--attestation-key", pin];
        let own = ["--database", &database, "--listen", "127.0.0.1:0", "--poll-seconds", "1"];
        let variables = [("KEYFERRY_API_KEY", API_KEY), ("KEYFERRY_CALLBACK_AUTH", "hub:pa55word")];
        let program = Program::start(path, &[&arguments[..], &own].concat(), &variables, "");
        let listening = program.line("listening on ");
        site.of_callbacks.to(&listening);
        let address = listening.strip_prefix("http://").unwrap().to_owned();
        Self { program, address }
    }

    /// What it answers; `None` if it was killed.
    fn call(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let (host, length) = (&self.address, "content-length: 0\r\nconnection: close");
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: {host}\r\n{length}\r\n\r\n").ok()?;
        let mut response = String::new();
        stream.read_to_string(&mut response).ok()?;
        let (head, body) = response.split_once("\r\n\r\n")?;
        assert!(head.starts_with("HTTP/1.1 200"), "{response}");
        Some(body.to_owned())
    }
}

/// The state of a journey once it begins with `state`.
#[track_caller]
fn reaches(server: &Server, id: &str, state: &str) -> String {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let now = server.call("GET", &format!("/enrollments/{id}")).unwrap();
        if let Some(rest) = now.strip_prefix(state) {
            return rest.to_owned();
        }
        assert!(Instant::now() < end, "{now}: {}", server.program.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_application_server_that_is_killed_half_way_ends_with_an_installed_certificate() {
    let Some(path) = example("application_server") else { return };
    let Some(site) = Site::start(&Killer::default(), &Killer::default()) else { return };
    let pin = site.attestation_key("user");
    let start = || Server::start(&site, &path, "user", &pin);

    // The device answers while the server is down.
    let server = start();
    let id = server.call("POST", "/enrollments/user").unwrap();
    let link = reaches(&server, &id, "open this link on the device: ");
    drop(server);
    let (status, said) = site.device("user", &["activate", &link, "--yes"], "").end();
    assert_eq!(status, Some(0), "{said}");

    // The next process has the answer verified and the certificate delivered, and is killed too.
    let server = start();
    reaches(&server, &id, "being delivered");
    drop(server);

    let server = start();
    let end = Instant::now() + Duration::from_secs(60);
    while server.call("GET", &format!("/enrollments/{id}")).unwrap() != "installed" {
        assert!(Instant::now() < end, "{}", server.program.said());
        site.device("user", &["run", "--once", "--yes"], "").end();
    }
    let (_, listed) = site.device("user", &["list"], "").end();
    assert!(listed.contains("fingerprint"), "{listed}");
}

#[test]
fn an_application_server_that_is_killed_at_any_exchange_continues() {
    let Some(path) = example("application_server") else { return };
    let killer = Killer::default();
    let Some(site) = Site::start(&Killer::default(), &killer) else { return };
    for pieces in 0.. {
        let user = format!("user{pieces}");
        let pin = site.attestation_key(&user);
        killer.arm(pieces);
        let mut server = Server::start(&site, &path, &user, &pin);
        killer.aim(&server.program);
        let begin = format!("/enrollments/{user}");
        let (mut id, mut opened) = (None, String::new());
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            assert!(Instant::now() < end, "killed at {pieces}: {}", server.program.said());
            id = id.or_else(|| server.call("POST", &begin));
            let state = id
                .as_ref()
                .and_then(|id: &String| server.call("GET", &format!("/enrollments/{id}")));
            match state.as_deref().map(|state| state.split_once(": ").unwrap_or((state, ""))) {
                Some(("installed", _)) => break,
                Some(("open this link on the device", link)) if link != opened => {
                    site.device(&user, &["activate", link, "--yes"], "").end();
                    opened = link.to_owned();
                }
                // The link was lost with the answer of the hub: the user begins again.
                Some(("failed", _)) => id = None,
                Some(_) => {
                    site.device(&user, &["run", "--once", "--yes"], "").end();
                }
                None => server = Server::start(&site, &path, &user, &pin),
            }
        }
        let (_, listed) = site.device(&user, &["list"], "").end();
        assert!(listed.contains("fingerprint"), "killed at {pieces}: {listed}");
        if killer.is_armed() {
            assert!(pieces > 5, "{pieces}");
            return;
        }
    }
}
