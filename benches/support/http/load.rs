//! The second process: it opens connections, sends a request on each, and holds them.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// The argument that makes this program the second process.
pub(crate) const ARGUMENT: &str = "--hold-connections";

/// Reads an address and then requests, one a line in JSON. Sends each on a separate connection,
/// prints `ready`, and ends when its input ends.
pub(crate) fn hold() {
    let mut lines = std::io::stdin().lock().lines();
    let address: SocketAddr = lines.next().unwrap().unwrap().parse().unwrap();
    let count: usize = lines.next().unwrap().unwrap().parse().unwrap();
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let request: String = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        connections.push(stream);
    }
    println!("ready");
    let _ = lines.next();
}

/// The second process with its open connections. It ends when this is dropped.
pub(crate) struct Load {
    child: Child,
    /// Returns the input, whose end ends the process.
    writer: Option<JoinHandle<ChildStdin>>,
}

impl Load {
    pub(crate) fn begin(address: SocketAddr, requests: &[String]) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let mut text = format!("{address}\n{}\n", requests.len());
        for request in requests {
            text += &serde_json::to_string(request).unwrap();
            text.push('\n');
        }
        // The second process reads as fast as its connections are accepted, which the calling
        // thread does.
        let writer = std::thread::spawn(move || {
            stdin.write_all(text.as_bytes()).unwrap();
            stdin.flush().unwrap();
            stdin
        });
        Self { child, writer: Some(writer) }
    }

    /// Blocks until all requests are sent.
    pub(crate) fn wait(&mut self) {
        let mut said = [0; 6];
        self.child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        assert_eq!(&said, b"ready\n");
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        drop(self.writer.take().map(JoinHandle::join));
        let _ = self.child.wait();
    }
}
