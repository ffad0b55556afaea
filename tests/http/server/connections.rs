//! Connections that are accepted by the crate's own server: no peer takes all places.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyferry::hermod::server::{HermodService, HermodServiceBuilder};
use keyferry::server::ServerConfig;
use keyferry::server::serve::{ConnectionLimits, Handshake, Server, Undone};
use keyferry::server::{Caller, Drain, Proxies, Rate, RequestHead};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use crate::server::support::{COMMAND, JSON, MS, PING, Slow, api_key, clock, config, hub};
use crate::support::serve::{Answer, PATIENCE, Raw};

/// A server of the crate on loopback.
struct Accepting {
    addr: SocketAddr,
    drain: Drain,
    task: JoinHandle<Undone>,
}

impl Accepting {
    async fn start(service: HermodService, change: impl FnOnce(&mut ConnectionLimits)) -> Self {
        let mut limits = ConnectionLimits::default();
        change(&mut limits);
        let drain = service.config().drain.clone();
        let server = Server::new(service).with_limits(limits).with_drain(drain.clone());
        Self::run(server, drain).await
    }

    async fn run<H: Handshake>(server: Server<HermodService, H>, drain: Drain) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        Self { addr, drain, task: tokio::spawn(server.serve(listener)) }
    }

    /// A connection from `127.0.0.{last}`.
    async fn connect(&self, last: u8) -> Raw {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, last], 0))).unwrap();
        let connected = tokio::time::timeout(PATIENCE, socket.connect(self.addr)).await;
        Raw::of(connected.expect("not accepted").unwrap())
    }

    async fn call(&self, last: u8, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut raw = self.connect(last).await;
        raw.request("GET", path, headers, "").await;
        raw.answer().await
    }

    async fn ended(self) -> Undone {
        tokio::time::timeout(PATIENCE, self.task).await.expect("it does not end").unwrap()
    }
}

fn builder() -> HermodServiceBuilder {
    HermodService::hub_builder(&hub(&clock()))
}

fn service() -> HermodService {
    builder().build().unwrap()
}

/// Half a head, and no more.
async fn slow_head(accepting: &Accepting, last: u8) -> Raw {
    let mut raw = accepting.connect(last).await;
    raw.send("GET /health HTTP/1.1\r\nhost:").await;
    raw
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn slow_heads_from_one_address_keep_nobody_out() {
    /// As long as a stranger may have to wait. Without the rule it is `head_time`.
    const A_SECOND: Duration = Duration::from_secs(1);
    let limits = ConnectionLimits::default();
    let accepting =
        Accepting::start(service(), |limits| limits.head_time = Duration::from_secs(600)).await;
    let mut slow = std::collections::VecDeque::new();
    for _ in 0..1100 {
        slow.push_back(slow_head(&accepting, 1).await);
        // The oldest makes room. Its socket is closed, so that the test holds no more sockets than
        // the server lets it have.
        if slow.len() > limits.per_address {
            slow.pop_front().unwrap().ends().await;
        }
    }
    assert_eq!(slow.len(), limits.per_address);
    let fresh = tokio::time::timeout(A_SECOND, accepting.call(2, "/health", &[])).await;
    assert_eq!(fresh.expect("kept out by slow heads").status, 200);
    // From the same address too: the oldest make room.
    assert_eq!(accepting.call(1, "/health", &[]).await.status, 200);
    slow[0].ends().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn slow_heads_from_many_addresses_keep_nobody_out() {
    let accepting = Accepting::start(service(), |limits| {
        (limits.total, limits.per_address, limits.half_open) = (200, 50, 100);
        limits.head_time = Duration::from_secs(600);
    })
    .await;
    let mut slow = Vec::new();
    for last in 10..=200 {
        slow.push(slow_head(&accepting, last).await);
    }
    assert_eq!(accepting.call(2, "/health", &[]).await.status, 200);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_proved_connection_stays_when_the_total_is_reached() {
    let accepting = Accepting::start(service(), |limits| {
        (limits.total, limits.head_time) = (3, Duration::from_secs(600));
    })
    .await;
    let key = api_key("shop", "shop-key");
    let mut proved = accepting.connect(1).await;
    let mut unproved = accepting.connect(2).await;
    for (raw, key) in [(&mut proved, key.as_str()), (&mut unproved, "wrong")] {
        raw.request("POST", &format!("{COMMAND}/ping"), &[("x-api-key", key), JSON], PING).await;
        assert_eq!(raw.answer().await.status, if key == "wrong" { 401 } else { 200 });
    }
    let mut slow = Vec::new();
    for last in 3..20 {
        slow.push(slow_head(&accepting, last).await);
        unproved_is_first(&mut unproved, last).await;
    }
    proved.request("GET", "/health", &[], "").await;
    assert_eq!(proved.answer().await.status, 200);
}

/// The fourth connection takes the place of the oldest that proved nothing.
#[cfg(target_os = "linux")]
async fn unproved_is_first(unproved: &mut Raw, last: u8) {
    if last == 4 {
        unproved.ends().await;
    }
}

#[tokio::test]
async fn a_head_that_takes_too_long_ends_its_connection() {
    let accepting =
        Accepting::start(service(), |limits| limits.head_time = Duration::from_millis(100)).await;
    let mut raw = slow_head(&accepting, 1).await;
    assert!(raw.try_answer().await.is_none_or(|answer| answer.status == 408));
    // So does a handshake, and what is idle.
    let mut idle = accepting.connect(1).await;
    idle.request("GET", "/health", &[], "").await;
    assert_eq!(idle.answer().await.status, 200);
    assert!(idle.try_answer().await.is_none_or(|answer| answer.status == 408));
}

#[tokio::test]
async fn a_server_ends_when_what_is_under_way_is_done() {
    let slow = Slow::default();
    let accepting = Accepting::start(slow.service(config(|_| {})), |_| {}).await;
    let mut raw = accepting.connect(1).await;
    raw.request(
        "POST",
        &format!("{COMMAND}/ping"),
        &[("x-api-key", &api_key("a", "")), JSON],
        PING,
    )
    .await;
    slow.has_begun(1).await;
    assert_eq!((accepting.drain.requests(), accepting.drain.long_polls()), (1, 0));
    accepting.drain.begin();
    slow.go();
    assert_eq!(raw.answer().await.status, 200);
    assert!(accepting.ended().await.is_nothing());
}

#[tokio::test]
async fn a_server_tells_what_it_left_undone() {
    let slow = Slow::default();
    let accepting = Accepting::start(slow.service(config(|_| {})), |limits| {
        limits.drain_time = Duration::from_millis(50);
    })
    .await;
    let mut raw = accepting.connect(1).await;
    raw.request(
        "POST",
        &format!("{COMMAND}/ping"),
        &[("x-api-key", &api_key("a", "")), JSON],
        PING,
    )
    .await;
    slow.has_begun(1).await;
    accepting.drain.begin();
    let undone = accepting.ended().await;
    assert_eq!((undone.requests, undone.long_polls, undone.connections), (1, 0, 1));
    raw.ends().await;
}

#[tokio::test]
async fn a_handshake_can_tell_the_service_who_the_client_is() {
    #[derive(Clone)]
    struct Subject(&'static str);
    struct Named;
    impl Handshake for Named {
        type Stream = TcpStream;
        async fn handshake(
            &self,
            stream: TcpStream,
            extensions: &mut http::Extensions,
        ) -> std::io::Result<TcpStream> {
            extensions.insert(Subject("CN=device"));
            Ok(stream)
        }
    }
    let (slow, seen) = (Slow::default(), Arc::new(Mutex::new(Vec::new())));
    let gate = {
        let seen = seen.clone();
        move |head: RequestHead| {
            let name = head.parts().extensions.get::<Subject>().unwrap().0;
            seen.lock().unwrap().push((name, head.client().unwrap().to_string()));
            Ok(Caller::new(name, slow.clone()))
        }
    };
    let service =
        HermodService::builder("/hermod/rest").with_mailboxes_by_head(gate).build().unwrap();
    let drain = Drain::new();
    let accepting = Accepting::run(Server::new(service).with_handshake(Named), drain).await;
    assert_eq!(accepting.call(1, &format!("{MS}/b"), &[]).await.status, 200);
    assert_eq!(*seen.lock().unwrap(), [("CN=device", "127.0.0.1".to_owned())]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn wrong_keys_are_slowed_by_the_address_that_they_come_from() {
    let mut config = ServerConfig::default();
    config.limits.failed_rate = Rate::new(1, 3);
    config.clock = Arc::new(clock());
    config.proxies = Proxies::forwarded(["127.0.0.9"]).unwrap();
    let accepting = Accepting::start(builder().with_config(config).build().unwrap(), |_| {}).await;
    let (good, wrong) = (api_key("shop", "shop-key"), api_key("shop", "wrong"));
    let path = format!("{COMMAND}/poll/1");
    let call = async |last: u8, key: &str, forwarded: &str| {
        accepting.call(last, &path, &[("x-api-key", key), ("forwarded", forwarded)]).await
    };
    // What has fitted from there is not slowed by what others try.
    assert_eq!(call(1, &good, "").await.status, 404);
    for _ in 0..3 {
        assert_eq!(call(1, &wrong, "for=192.0.2.1").await.status, 401);
    }
    let slowed = call(1, &wrong, "for=192.0.2.2").await;
    assert_eq!((slowed.status, slowed.header("retry-after")), (429, Some("1")));
    assert_eq!(call(1, &api_key("portal", "portal-key"), "").await.status, 429);
    assert_eq!(call(1, &good, "").await.status, 404);
    assert_eq!(call(2, &api_key("portal", "portal-key"), "").await.status, 404);
    // Behind a named proxy the address is the client's.
    for client in ["for=192.0.2.7", "for=192.0.2.8"] {
        for _ in 0..3 {
            assert_eq!(call(9, &wrong, client).await.status, 401, "{client}");
        }
        assert_eq!(call(9, &wrong, client).await.status, 429, "{client}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_clock_that_is_set_slows_wrong_keys_neither_more_nor_less() {
    const HOUR: Duration = Duration::from_secs(3600);
    for forward in [true, false] {
        let (mut config, clock) = (ServerConfig::default(), clock());
        config.limits.failed_rate = Rate::new(1, 1);
        config.clock = Arc::new(clock.clone());
        let service = builder().with_config(config).build().unwrap();
        let accepting = Accepting::start(service, |_| {}).await;
        let wrong = api_key("shop", "wrong");
        let path = format!("{COMMAND}/poll/1");
        let status = async || accepting.call(1, &path, &[("x-api-key", &wrong)]).await.status;
        assert_eq!((status().await, status().await), (401, 429), "set forward: {forward}");
        let now = keyferry::Clock::now(&clock);
        clock.set_wall(if forward { now + HOUR } else { now - HOUR });
        assert_eq!(status().await, 429, "set forward: {forward}");
        clock.advance(Duration::from_secs(1));
        assert_eq!(status().await, 401, "set forward: {forward}");
    }
}
