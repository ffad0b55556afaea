//! The transports that the suite is run against, each behind one function that waits.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use keyferry::transport::{
    BlockingTransport, InProcess, OnThreads, ReqwestTransport, Transport, TransportError,
    UreqTransport,
};
use tokio::runtime::Runtime;

use super::server::{Behaviour, Reply, Seen, Server};

pub type Answer = Result<Response<Bytes>, TransportError>;
pub type Send = Arc<dyn Fn(Request<Bytes>) -> Answer + std::marker::Send + Sync>;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    provide();
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// One for all: reading the roots of the system takes its time.
static OURS: LazyLock<ReqwestTransport> = LazyLock::new(|| {
    provide();
    ReqwestTransport::new().unwrap()
});

pub use crate::support::pki::provide_tls as provide;

pub fn run<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// The future is sent to another thread, and so has to be one that can be.
pub fn asynchronous(transport: impl Transport + 'static) -> Send {
    let transport: Arc<dyn Transport> = Arc::new(transport);
    Arc::new(move |request| {
        let transport = transport.clone();
        run(
            async move { tokio::spawn(async move { transport.send(request).await }).await.unwrap() },
        )
    })
}

pub fn blocking(transport: impl BlockingTransport + 'static) -> Send {
    Arc::new(move |request| transport.send(request))
}

/// A transport, and what answers it.
pub struct Subject {
    send: Send,
    peer: Peer,
}

enum Peer {
    Socket(Server),
    Service(Arc<Mutex<Vec<Seen>>>),
}

impl Subject {
    pub fn send(&self, request: Request<Bytes>) -> Answer {
        (self.send)(request)
    }

    pub fn url(&self, path: &str) -> String {
        match &self.peer {
            Peer::Socket(server) => server.url(path),
            Peer::Service(_) => format!("http://service.example{path}"),
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        match &self.peer {
            Peer::Socket(server) => server.seen(),
            Peer::Service(seen) => seen.lock().unwrap().clone(),
        }
    }

    pub fn server(&self) -> &Server {
        match &self.peer {
            Peer::Socket(server) => server,
            Peer::Service(_) => panic!("there is no socket"),
        }
    }
}

/// Makes a subject whose peer behaves like this.
pub type Make = fn(Behaviour) -> Subject;

fn on_socket(send: Send, behaviour: Behaviour) -> Subject {
    Subject { send, peer: Peer::Socket(Server::start(behaviour, None)) }
}

pub fn reqwest_of_ours(behaviour: Behaviour) -> Subject {
    on_socket(asynchronous(OURS.clone()), behaviour)
}

pub fn reqwest_of_a_builder(behaviour: Behaviour) -> Subject {
    provide();
    on_socket(
        asynchronous(
            ReqwestTransport::from_builder(reqwest::Client::builder().tls_certs_only([])).unwrap(),
        ),
        behaviour,
    )
}

pub fn reqwest_of_the_caller(behaviour: Behaviour) -> Subject {
    provide();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .unwrap();
    on_socket(asynchronous(ReqwestTransport::from_client(client)), behaviour)
}

pub fn ureq_of_ours(behaviour: Behaviour) -> Subject {
    on_socket(blocking(UreqTransport::new()), behaviour)
}

/// Statuses are errors for it, and it follows redirects, if it is let.
pub fn ureq_of_the_caller(behaviour: Behaviour) -> Subject {
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .http_status_as_error(true)
        .max_redirects(5)
        .build();
    on_socket(blocking(UreqTransport::from_agent(agent.into())), behaviour)
}

pub fn ureq_on_threads(behaviour: Behaviour) -> Subject {
    on_socket(asynchronous(OnThreads::new(UreqTransport::new())), behaviour)
}

pub fn closure(behaviour: Behaviour) -> Subject {
    let transport = OURS.clone();
    let closure = move |request: Request<Bytes>| {
        let transport = transport.clone();
        async move { transport.send(request).await }
    };
    on_socket(asynchronous(closure), behaviour)
}

pub fn in_process(behaviour: Behaviour) -> Subject {
    let seen = Arc::<Mutex<Vec<Seen>>>::default();
    Subject {
        send: asynchronous(InProcess(Service { behaviour, seen: seen.clone() })),
        peer: Peer::Service(seen),
    }
}

#[derive(Clone)]
struct Service {
    behaviour: Behaviour,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl tower_service::Service<Request<keyferry::transport::Body>> for Service {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<keyferry::transport::Body>) -> Self::Future {
        let (head, body) = request.into_parts();
        let bytes = whole(body);
        let seen = Seen {
            method: head.method.to_string(),
            target: head.uri.path().to_owned(),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            body: bytes.to_vec(),
        };
        self.seen.lock().unwrap().push(seen.clone());
        let Reply::Answer { status, headers, body } = (self.behaviour)(&seen) else {
            panic!("not without a socket")
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status.try_into().unwrap();
        for (name, value) in headers {
            response.headers_mut().append(name, HeaderValue::from_bytes(&value).unwrap());
        }
        ready(Ok(response))
    }
}

/// A body that is whole is there at once.
fn whole(body: keyferry::transport::Body) -> Bytes {
    use http_body_util::BodyExt;
    let mut context = Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(body.collect()).poll(&mut context) {
        Poll::Ready(Ok(body)) => body.to_bytes(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("it is whole"),
    }
}
