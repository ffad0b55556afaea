//! A server of HTTP/1.1 on loopback, by hand, so that it can do what no good one does. It runs on a
//! thread of its own until it is dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The values of a header, in the order they came in.
    pub fn header(&self, name: &str) -> Vec<&[u8]> {
        self.headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
            .collect()
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A right answer.
    Answer { status: u16, headers: Vec<(&'static str, Vec<u8>)>, body: Vec<u8> },
    /// These bytes; then the connection is kept.
    Bytes(Vec<u8>),
    /// These bytes; then the connection is closed.
    Cut(Vec<u8>),
    /// These bytes; then nothing more comes.
    Silence(Vec<u8>),
    /// These bytes; then one by one, without an end.
    Drops(Vec<u8>),
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status: 200, headers: Vec::new(), body: body.into() }
    }

    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Answer { status, headers, body } => {
                let mut bytes = format!("HTTP/1.1 {status} Said\r\n").into_bytes();
                for (name, value) in headers {
                    bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
                }
                // These two have no body, and say so by what they are.
                if !matches!(status, 204 | 304) {
                    bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
                }
                [bytes, b"\r\n".to_vec(), body.clone()].concat()
            }
            Self::Bytes(bytes) | Self::Cut(bytes) | Self::Silence(bytes) | Self::Drops(bytes) => {
                bytes.clone()
            }
        }
    }
}

/// What a server does with each request.
pub type Behaviour = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// A server that runs.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    accepted: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub fn new(behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Arc::new(behaviour), None)
    }

    pub fn start(behaviour: Behaviour, tls: Option<TlsAcceptor>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (send_address, address) = mpsc::channel();
        let (accepted, ended, seen) = (
            Arc::<AtomicUsize>::default(),
            Arc::<AtomicUsize>::default(),
            Arc::<Mutex<Vec<Seen>>>::default(),
        );
        let scheme = if tls.is_some() { "https" } else { "http" };
        let counts = (accepted.clone(), ended.clone(), seen.clone());
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                send_address.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = accept(listener, behaviour, tls, counts) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), scheme, accepted, ended, seen, _stop: stop }
    }

    /// The address of a path, by this name of the machine.
    pub fn url_at(&self, host: &str, path: &str) -> String {
        format!("{}://{host}:{}{path}", self.scheme, self.address.port())
    }

    pub fn url(&self, path: &str) -> String {
        self.url_at("127.0.0.1", path)
    }

    /// Connections that were accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that were cut, and endless answers that the other side did not wait for.
    pub fn ended(&self) -> usize {
        self.ended.load(Ordering::SeqCst)
    }

    /// The requests that came, whole ones only.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

type Counts = (Arc<AtomicUsize>, Arc<AtomicUsize>, Arc<Mutex<Vec<Seen>>>);

async fn accept(
    listener: TcpListener,
    behaviour: Behaviour,
    tls: Option<TlsAcceptor>,
    (accepted, ended, seen): Counts,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        accepted.fetch_add(1, Ordering::SeqCst);
        let (behaviour, tls, ended, seen) =
            (behaviour.clone(), tls.clone(), ended.clone(), seen.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, behaviour, ended, seen).await,
                Some(tls) => match tls.accept(stream).into_fallible().await {
                    Ok(stream) => serve(stream, behaviour, ended, seen).await,
                    // With bytes unread the connection would be reset, and the words of the
                    // refusal lost.
                    Err((_, mut stream)) => {
                        let _ = stream.shutdown().await;
                        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    }
                },
            }
        });
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    behaviour: Behaviour,
    ended: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    let mut input = Input(VecDeque::new());
    while let Some(request) = input.request(&mut stream).await {
        seen.lock().unwrap().push(request.clone());
        let reply = behaviour(&request);
        if stream.write_all(&reply.to_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        match reply {
            Reply::Answer { .. } | Reply::Bytes(_) => {}
            Reply::Cut(_) => {
                let _ = stream.shutdown().await;
                ended.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Reply::Silence(_) => std::future::pending().await,
            Reply::Drops(_) => {
                while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                ended.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
}

/// What came and was not read yet.
struct Input(VecDeque<u8>);

impl Input {
    async fn byte(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Option<u8> {
        if self.0.is_empty() {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).await.ok()?;
            self.0.extend(&buffer[..count]);
        }
        self.0.pop_front()
    }

    async fn line(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.byte(stream).await?);
        }
        line.truncate(line.len() - 2);
        Some(line)
    }

    async fn exactly(
        &mut self,
        count: usize,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            bytes.push(self.byte(stream).await?);
        }
        Some(bytes)
    }

    async fn request(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Option<Seen> {
        let first = String::from_utf8(self.line(stream).await?).ok()?;
        let mut words = first.split(' ').map(str::to_owned);
        let mut seen = Seen { method: words.next()?, target: words.next()?, ..Seen::default() };
        loop {
            let line = self.line(stream).await?;
            if line.is_empty() {
                break;
            }
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = String::from_utf8(line[..colon].to_vec()).ok()?;
            seen.headers.push((name, line[colon + 1..].trim_ascii().to_vec()));
        }
        assert!(
            seen.header("transfer-encoding").is_empty(),
            "the length of a body is known, and said"
        );
        let length = seen
            .header("content-length")
            .first()
            .map_or(0, |value| String::from_utf8_lossy(value).parse().unwrap());
        seen.body = self.exactly(length, stream).await?;
        Some(seen)
    }
}
