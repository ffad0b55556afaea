//! Services on loopback, in both frameworks, and a client that says exactly what it is told to.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use keyferry::hermod::server::HermodService;
use keyferry::transport::Body;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_service::Service;

/// How long anything may take before the test is given up.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What runs a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// A router, with the service nested below `/hermod/rest` (where it does not see that) and as
    /// its fallback (where it does). It gives the head of a request all the time of the world.
    Axum,
    /// One connection after the other; the head of a request has [`HEAD_TIME`].
    Hyper,
}

/// How long the head of a request may take on hyper.
pub const HEAD_TIME: Duration = Duration::from_millis(500);

/// A service that is being served.
pub struct Served {
    /// `http://127.0.0.1:port`
    pub base: String,
    pub addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Served {
    /// Serves on a free port of loopback.
    pub async fn start<S>(framework: Framework, service: S) -> Self
    where
        S: Service<Request<axum::body::Body>, Response = Response<Body>, Error = Infallible>
            + Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        <S as Service<Request<axum::body::Body>>>::Future: Send,
        <S as Service<Request<Incoming>>>::Future: Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let task = match framework {
            Framework::Axum => {
                let app = axum::Router::new()
                    .nest_service("/hermod/rest", service.clone())
                    .fallback_service(service);
                tokio::spawn(async move {
                    axum::serve(listener, app).with_graceful_shutdown(stopped).await.unwrap()
                })
            }
            Framework::Hyper => tokio::spawn(on_hyper(listener, service, stopped)),
        };
        Self { base: format!("http://{addr}"), addr, stop, task }
    }

    /// Takes no more connections, and waits until those that are there have ended.
    pub async fn shutdown(self) {
        let _ = self.stop.send(());
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("connections that do not end")
            .unwrap();
    }

    /// A connection.
    pub async fn connect(&self) -> Raw {
        Raw { stream: TcpStream::connect(self.addr).await.unwrap(), received: Vec::new() }
    }

    /// One request on a connection of its own.
    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut raw = self.connect().await;
        raw.request(method, path, headers, body).await;
        raw.answer().await
    }
}

async fn on_hyper<S>(listener: TcpListener, service: S, stopped: impl Future<Output = ()>)
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send,
{
    let graceful = GracefulShutdown::new();
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            () = &mut stopped => break,
        };
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(64 * 1024);
        let connection = server
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service.clone()));
        tokio::spawn(graceful.watch(connection));
    }
    drop(listener);
    graceful.shutdown().await;
}

/// A connection on which anything can be said.
pub struct Raw {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The code of an error body.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The same without what differs from request to request: its id, and the date.
    pub fn without_request_id(mut self) -> Self {
        let id = self.header("x-request-id").unwrap().to_owned();
        self.body = self.body.replace(&id, "");
        self.headers.remove("x-request-id");
        self.headers.remove("date");
        self
    }
}

impl Raw {
    pub fn of(stream: TcpStream) -> Self {
        Self { stream, received: Vec::new() }
    }

    /// Says these bytes. That the other side hears them is not asked for.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Says a whole request; with a length if it has a body.
    pub async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: hub.example\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() {
            text += &format!("content-length: {}\r\n", body.len());
        }
        self.send(text + "\r\n" + body).await;
    }

    /// More bytes; `false` if the connection has ended.
    async fn more(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut buffer))
            .await
            .expect("nothing comes");
        let count = read.unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// The next answer, `None` if the connection ends before it begins.
    pub async fn try_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, length)) = parse(&self.received) {
                self.received.drain(..length);
                // What announces that it continues is not the answer.
                if answer.status != 100 {
                    return Some(answer);
                }
                continue;
            }
            if !self.more().await {
                assert!(
                    self.received.is_empty(),
                    "half an answer: {}",
                    String::from_utf8_lossy(&self.received)
                );
                return None;
            }
        }
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Answer {
        self.try_answer().await.expect("no answer")
    }

    /// The next answer, to a HEAD: its body is announced and does not come.
    pub async fn answer_to_head(&mut self) -> Answer {
        loop {
            if let Some((answer, length)) = parse_head(&self.received) {
                self.received.drain(..length);
                return answer;
            }
            assert!(self.more().await, "no answer");
        }
    }

    /// Whether `100 Continue` comes next.
    pub async fn is_told_to_continue(&mut self) -> bool {
        while parse(&self.received).is_none() {
            assert!(self.more().await, "no answer");
        }
        let (answer, length) = parse(&self.received).unwrap();
        let continues = answer.status == 100;
        if continues {
            self.received.drain(..length);
        }
        continues
    }

    /// Waits for the end of the connection; nothing may come before it.
    pub async fn ends(&mut self) {
        assert_eq!(self.try_answer().await, None);
    }
}

/// One answer and its length, if it is there.
fn parse(bytes: &[u8]) -> Option<(Answer, usize)> {
    let (answer, head) = parse_head(bytes)?;
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    let body = bytes.get(head..head + length)?;
    Some((Answer { body: String::from_utf8(body.to_vec()).unwrap(), ..answer }, head + length))
}

/// The head of an answer and its length, if it is there.
fn parse_head(bytes: &[u8]) -> Option<(Answer, usize)> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).unwrap();
    let mut lines = text.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap();
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value.trim()).unwrap())
    };
    Some((Answer { status, headers: lines.map(header).collect(), body: String::new() }, head))
}

/// A service that is there before what it serves: a hub has to know its own address, port included.
#[derive(Clone, Default)]
pub struct Late(Arc<OnceLock<HermodService>>);

impl Late {
    pub fn set(&self, service: HermodService) {
        assert!(self.0.set(service).is_ok(), "set twice");
    }
}

impl<B> Service<Request<B>> for Late
where
    HermodService: Service<Request<B>>,
{
    type Response = <HermodService as Service<Request<B>>>::Response;
    type Error = <HermodService as Service<Request<B>>>::Error;
    type Future = <HermodService as Service<Request<B>>>::Future;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.get().expect("served before it was set").clone().call(request)
    }
}
