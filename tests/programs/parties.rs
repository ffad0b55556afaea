//! Hub, integrator and device as processes, and what lies between them.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::{Scratch, example};

/// No step of a program takes so long.
const LONG: Duration = Duration::from_secs(60);

/// A program that runs; it is killed when this is dropped.
pub(crate) struct Program {
    child: Arc<Mutex<Child>>,
    lines: Receiver<String>,
    /// What it has said, on both outputs.
    said: Arc<Mutex<String>>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Program {
    pub(crate) fn start(
        path: &Path,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &str,
    ) -> Self {
        let mut command = Command::new(path);
        command
            .args(arguments)
            .env_remove("KEYFERRY_API_KEY")
            .env_remove("KEYFERRY_CALLBACK_AUTH")
            .envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // One that reads nothing may have ended by now.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let (sender, lines) = channel();
        let said = Arc::new(Mutex::new(String::new()));
        let outputs: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        let readers = outputs.map(|output| {
            let (sender, said) = (sender.clone(), said.clone());
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    *said.lock().unwrap() += &format!("{line}\n");
                    let _ = sender.send(line);
                }
            })
        });
        Self { child: Arc::new(Mutex::new(child)), lines, said, readers: readers.into() }
    }

    /// What follows `prefix` in the next line that begins with it.
    #[track_caller]
    pub(crate) fn line(&self, prefix: &str) -> String {
        let end = Instant::now() + LONG;
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return rest.to_owned();
                    }
                }
                Err(_) => panic!("no line begins with {prefix}: {}", self.said()),
            }
        }
    }

    /// A line that it has said, if there is one.
    pub(crate) fn next_line(&self) -> Option<String> {
        self.lines.recv_timeout(Duration::from_millis(20)).ok()
    }

    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    /// Its status and what it said, once it has ended.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + LONG;
        let status = loop {
            match self.ended() {
                Some(status) => break status,
                None if Instant::now() > end => panic!("it does not end: {}", self.said()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        (status.code(), self.said())
    }

    /// Sends it a signal, by name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.lock().unwrap().id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Kills a program when so many pieces have come by on its connections.
#[derive(Clone, Default)]
pub(crate) struct Killer(Arc<Mutex<Armed>>);

#[derive(Default)]
struct Armed {
    /// Pieces until then; `None`: never.
    left: Option<usize>,
    child: Option<Arc<Mutex<Child>>>,
}

impl Killer {
    /// From now on, `left` more pieces pass.
    pub(crate) fn arm(&self, left: usize) {
        *self.0.lock().unwrap() = Armed { left: Some(left), child: None };
    }

    /// The program that is meant from now on.
    pub(crate) fn aim(&self, program: &Program) {
        self.0.lock().unwrap().child = Some(program.child.clone());
    }

    /// Whether it has not come to that.
    pub(crate) fn is_armed(&self) -> bool {
        self.0.lock().unwrap().left.is_some()
    }

    fn piece(&self) {
        let mut armed = self.0.lock().unwrap();
        let Armed { left: Some(left), child: Some(child) } = &mut *armed else { return };
        if *left > 0 {
            *left -= 1;
            return;
        }
        let mut child = child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        drop(child);
        armed.left = None;
    }
}

/// Passes connections on to an address that may change.
pub(crate) struct Forwarder {
    pub(crate) url: String,
    target: Arc<Mutex<Option<SocketAddr>>>,
}

impl Forwarder {
    pub(crate) fn new(killer: Killer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let target = Arc::new(Mutex::new(None::<SocketAddr>));
        let to = target.clone();
        // Ends with the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let target = *to.lock().unwrap();
                let Some(other) = target.and_then(|target| TcpStream::connect(target).ok()) else {
                    continue;
                };
                for (from, to) in [(&stream, &other), (&other, &stream)] {
                    let (from, to, killer) =
                        (from.try_clone().unwrap(), to.try_clone().unwrap(), killer.clone());
                    std::thread::spawn(move || pass(from, to, &killer));
                }
            }
        });
        Self { url, target }
    }

    /// From now on to this address, `http://…`.
    pub(crate) fn to(&self, url: &str) {
        *self.target.lock().unwrap() =
            Some(url.trim().strip_prefix("http://").unwrap().parse().unwrap());
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, killer: &Killer) {
    let mut piece = [0; 64 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut piece) {
        killer.piece();
        if to.write_all(&piece[..bytes]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// A hub with one integrator, and the ways to and from it.
pub(crate) struct Site {
    pub(crate) hub: Program,
    /// Where the hub listens, `…/hermod/rest`.
    pub(crate) direct: String,
    /// The way of devices, which links lead to.
    pub(crate) of_devices: Forwarder,
    /// The way of the integrator.
    pub(crate) of_integrator: Forwarder,
    /// The way of callbacks.
    pub(crate) of_callbacks: Forwarder,
    pub(crate) scratch: Scratch,
    integrator: std::path::PathBuf,
    device: std::path::PathBuf,
}

const KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const API_KEY: &str = "shop:0123456789abcdef0123456789abcdef";

impl Site {
    /// `None` if the programs are not built. The killers are on the ways of the device, and of the
    /// integrator with its callbacks.
    pub(crate) fn start(of_device: &Killer, of_integrator: &Killer) -> Option<Self> {
        let (hub, integrator, device) =
            (example("hub")?, example("integrator")?, example("device")?);
        let scratch = Scratch::new();
        let of_devices = Forwarder::new(of_device.clone());
        let (to_hub, of_callbacks) =
            (Forwarder::new(of_integrator.clone()), Forwarder::new(of_integrator.clone()));
        let config =
            scratch.write("hub.toml", config(&of_devices.url, &of_callbacks.url).as_bytes());
        let hub = Program::start(&hub, &["--config", &config], &[], "");
        let url = hub.line("listening on ");
        of_devices.to(&url);
        to_hub.to(&url);
        Some(Self {
            hub,
            direct: format!("{url}/hermod/rest"),
            of_devices,
            of_integrator: to_hub,
            of_callbacks,
            scratch,
            integrator,
            device,
        })
    }

    /// An integrator for a user and a device that keeps its keys in a folder of that name.
    pub(crate) fn integrator(&self, user: &str, more: &[&str]) -> Program {
        let (hub, public_url) = (
            format!("{}/hermod/rest", self.of_integrator.url),
            format!("{}/hermod/rest/ms", self.of_devices.url),
        );
        let listen = ["--listen", "127.0.0.1:0", "--poll-seconds", "1"];
        let arguments =
            [&["--hub", &hub, "--public-url", &public_url, "--user", user], &listen[..], more]
                .concat();
        Program::start(
            &self.integrator,
            &arguments,
            &[("KEYFERRY_API_KEY", API_KEY), ("KEYFERRY_CALLBACK_AUTH", "hub:pa55word")],
            "",
        )
    }

    /// A device with its own folder.
    pub(crate) fn device(&self, user: &str, arguments: &[&str], input: &str) -> Program {
        let folder = self.scratch.path(user);
        let hub = format!("{}/hermod/rest/ms", self.of_devices.url);
        Program::start(
            &self.device,
            &[arguments, &["--folder", &folder, "--hub", &hub]].concat(),
            &[],
            input,
        )
    }

    /// The file with the attestation key of a device.
    pub(crate) fn attestation_key(&self, user: &str) -> String {
        let (status, key) = self.device(user, &["attestation-key"], "").end();
        assert_eq!(status, Some(0), "{key}");
        self.scratch.write(&format!("{user}.json"), key.as_bytes())
    }
}

pub(crate) fn config(devices: &str, callbacks: &str) -> String {
    let digest: String = keyferry::crypto::Provider::sha256(&crate::AwsLcRs, KEY.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        r#"listen = "127.0.0.1:0"
public-url = "{devices}/hermod/rest/ms"

[callbacks]
attempts = 50
first-delay-seconds = 1
max-delay-seconds = 1

[[integrators]]
client-id = "shop"
key-digests = ["{digest}"]
callback-url = "{callbacks}"
callback-basic-auth = "hub:pa55word"
allow-plain-http-callbacks = true
allow-callback-hosts = ["127.0.0.1"]
"#
    )
}
