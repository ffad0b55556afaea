//! The memory of an idle long poll, as the allocator counts it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::hub::Hub;
use keyferry::hermod::model::{
    Activation, Command, CommandHeader, KeyGenRequest, KeyTypePrio, KeyUsage, ProfileRequest,
    ProvisionCommand,
};
use keyferry::hermod::wire::http::mailbox::{self, Call};
use keyferry::hermod::wire::{CommandApi as _, MailboxApi as _, MailboxKey};
use keyferry::testing::Device;
use keyferry::transport::{InProcess, Transport};
use keyferry::{BaseUrl, Gate as _, Secret};
use tower_service::Service;

use super::load::Load;
use super::{BASE, hub, serve, service};

/// The number of long polls to hold, if the limit of open files allows it.
const POLLS: usize = 10_000;
const WAIT: Duration = Duration::from_secs(60);

pub(crate) fn run(
    is_test: bool,
    json: bool,
    figures: &mut serde_json::Map<String, serde_json::Value>,
) {
    let polls = if is_test { 20 } else { POLLS };
    // One thread, because the allocator counts by thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let hub = hub();
    let keys = runtime.block_on(mailboxes(&hub, polls));
    let requests: Vec<Request<Bytes>> = keys.iter().map(request).collect();

    // In process, only this crate's code is between a call and its answer.
    let transport: Arc<dyn Transport> = Arc::new(InProcess(service(&hub)));
    let in_process = measure(|| {
        let mut held = tokio::task::JoinSet::new();
        runtime.block_on(async {
            for request in &requests {
                let (transport, request) = (transport.clone(), request.clone());
                held.spawn(async move { transport.send(request).await });
            }
            settle().await;
            assert!(held.try_join_next().is_none(), "a long poll ended at once");
        });
        // The polls are held while the bytes are counted.
        std::mem::forget(held);
    });

    // On sockets, beside a server that holds the same requests and does nothing with them.
    let polls_on_sockets = polls.min(open_files().saturating_sub(200));
    let requests: Vec<String> = requests.iter().take(polls_on_sockets).map(as_text).collect();
    let hub_bytes = on_sockets(service(&hub), &requests);
    let silent_bytes = on_sockets(Silent, &requests);

    let each = |bytes: i64, count: usize| bytes as f64 / count.max(1) as f64;
    let in_process = each(in_process.bytes_current, polls);
    let (ours, theirs) = (each(hub_bytes, polls_on_sockets), each(silent_bytes, polls_on_sockets));
    if json {
        figures.insert("long_poll_bytes_in_process".to_owned(), in_process.round().into());
        figures.insert("long_poll_bytes_own_on_sockets".to_owned(), (ours - theirs).round().into());
        return;
    }
    println!("\n{polls} idle long polls in process: {in_process:.0} bytes each");
    if polls_on_sockets < polls {
        println!("(fewer on sockets: the limit of open files is {})", open_files());
    }
    println!(
        "{polls_on_sockets} on sockets, the load in a second process: {ours:.0} bytes each, of which hyper and tokio take {theirs:.0}: {:.0} are ours",
        ours - theirs
    );
}

/// Lets every task that is ready run.
async fn settle() {
    for _ in 0..64 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
}

fn request(key: &MailboxKey) -> Request<Bytes> {
    let base = BaseUrl::parse(&format!("{BASE}/ms")).unwrap();
    mailbox::write_call(Dialect::standard(), &base, key, &Call::List { wait: WAIT }).unwrap()
}

fn as_text(request: &Request<Bytes>) -> String {
    let token = request.headers()["authorization"].to_str().unwrap();
    format!(
        "GET {} HTTP/1.1\r\nhost: hub.example\r\nauthorization: {token}\r\n\r\n",
        request.uri().path_and_query().unwrap()
    )
}

/// The bytes that a server has allocated while it holds these requests.
fn on_sockets<S, B>(service: S, requests: &[String]) -> i64
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let service = Counting { service, seen: seen.clone() };
    let address = runtime.block_on(serve(service));
    let mut load = Load::begin(address, requests);
    let count = requests.len();
    let held = measure(|| {
        runtime.block_on(async {
            while seen.load(Ordering::Relaxed) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            settle().await;
        });
    });
    load.wait();
    drop(load);
    held.bytes_current
}

/// Counts the requests that have reached a service.
#[derive(Clone)]
struct Counting<S> {
    service: S,
    seen: Arc<AtomicUsize>,
}

impl<S: Service<R>, R> Service<R> for Counting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.seen.fetch_add(1, Ordering::Relaxed);
        self.service.call(request)
    }
}

/// Never answers.
#[derive(Clone, Default)]
struct Silent;

impl<R> Service<R> for Silent {
    type Response = Response<http_body_util::Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Pending<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: R) -> Self::Future {
        std::future::pending()
    }
}

/// Permanent mailboxes, each of a separate user.
async fn mailboxes(hub: &Hub, count: usize) -> Vec<MailboxKey> {
    let device = Device::new(Arc::new(AwsLcRs)).unwrap();
    let integrator = hub.integrator("shop").unwrap();
    let claim = Secret::new("A".repeat(43));
    let mut keys = Vec::with_capacity(count);
    for number in 0..count {
        let asked = KeyGenRequest::new(
            "signer",
            KeyUsage::SIG,
            vec![KeyTypePrio::new("EC", "256", "ES256")],
        );
        let command = ProvisionCommand::new(
            "nonce",
            format!("user-{number}"),
            ProfileRequest::new("Acme", "Card", vec![asked]),
        );
        let submitted =
            integrator.submit(Command::new(CommandHeader::new(600, 600), command)).await.unwrap();
        let Activation::Plugout(link) = submitted.destinations[0].activation().unwrap() else {
            panic!("another link")
        };
        let message = hub
            .open(MailboxKey::of_message(link.bid().unwrap(), link.token.clone(), claim.clone()))
            .await
            .unwrap();
        let listed = message.list(Duration::ZERO).await.unwrap();
        let fetched = message.fetch(&listed.messages[0].mid).await.unwrap();
        let reserved = message.reserve().await.unwrap();
        let answer = device.answer(&fetched, &reserved.box_url).unwrap();
        message.answer(&listed.messages[0].mid, &answer.to_json()).await.unwrap();
        keys.push(MailboxKey::of_mailbox(reserved.bid, reserved.token));
    }
    keys
}

/// The limit of open files, or a small number if it is unknown.
fn open_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok()).unwrap_or(1024)
}
