//! The second process: it opens connections, says what it is told to on each, and holds them.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// What tells this program that it is the second process.
pub(crate) const ARGUMENT: &str = "--hold-connections";

/// Reads an address and then requests, one a line in JSON, says each on a connection of its own,
/// says `ready`, and ends with its input.
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

/// The second process, with all its connections made. It ends when it is dropped.
pub(crate) struct Load {
    child: Child,
    /// Gives the input back, whose end ends the process.
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
        // The other side reads as fast as its connections are taken, which is done by the thread
        // that this returns to.
        let writer = std::thread::spawn(move || {
            stdin.write_all(text.as_bytes()).unwrap();
            stdin.flush().unwrap();
            stdin
        });
        Self { child, writer: Some(writer) }
    }

    /// Blocks until all is said.
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
