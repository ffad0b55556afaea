//! Commands a second, and their latency.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use keyferry::hermod::Dialect;
use keyferry::hermod::model::{Command, CommandHeader, PingCommand};
use keyferry::hermod::wire::ApiKey;
use keyferry::hermod::wire::http::command::{self, Call};
use keyferry::transport::{InProcess, ReqwestTransport, Transport};
use keyferry::{BaseUrl, Secret};

use super::{BASE, Constant, KEY, hub, serve, service};

/// The number of clients at a time.
const CLIENTS: usize = 16;
const ROUNDS: usize = 15;
/// The number of commands of one client in one round.
const COMMANDS: usize = 150;

/// One round: the time of all commands together, and of each.
struct Round {
    whole: Duration,
    each: Vec<Duration>,
}

pub(crate) fn run(
    is_test: bool,
    json: bool,
    figures: &mut serde_json::Map<String, serde_json::Value>,
) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (rounds, commands) = if is_test { (1, 2) } else { (ROUNDS, COMMANDS) };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let hub = hub();
        let service = service(&hub);
        let sample = InProcess(service.clone()).send(request(BASE)).await.unwrap();
        assert_eq!(sample.status(), 200);
        let constant = Constant(sample.into_body());

        let sockets: Arc<dyn Transport> = Arc::new(ReqwestTransport::new().unwrap());
        let ours = format!("http://{}/hermod/rest", serve(service.clone()).await);
        let theirs = format!("http://{}/hermod/rest", serve(constant.clone()).await);
        let in_process: Arc<dyn Transport> = Arc::new(InProcess(service));
        let in_process_constant: Arc<dyn Transport> = Arc::new(InProcess(constant));
        let cases = [
            ("in_process", (in_process, BASE.to_owned()), (in_process_constant, BASE.to_owned())),
            ("sockets", (sockets.clone(), ours), (sockets, theirs)),
        ];
        if !json {
            println!(
                "{CLIENTS} clients, ping commands, {rounds} rounds of {} each",
                CLIENTS * commands
            );
            println!(
                "{:<12} {:>12} {:>12} {:>10} {:>22} {:>22}",
                "", "hub /s", "constant /s", "own share", "hub p50, p99 µs", "constant p50, p99 µs"
            );
        }
        for (name, hub, constant) in cases {
            // Warm up: open the connections and load the code.
            round(&hub, 2).await;
            round(&constant, 2).await;
            let (mut shares, mut ours, mut limit) = (Vec::new(), Vec::new(), Vec::new());
            for turn in 0..rounds {
                // The order alternates.
                let (one, other) = if turn % 2 == 0 {
                    let one = round(&hub, commands).await;
                    (one, round(&constant, commands).await)
                } else {
                    let other = round(&constant, commands).await;
                    (round(&hub, commands).await, other)
                };
                shares.push(1.0 - other.whole.as_secs_f64() / one.whole.as_secs_f64());
                ours.push(one);
                limit.push(other);
            }
            let share = median(&mut shares);
            let (ours, limit) = (Figures::of(ours), Figures::of(limit));
            if json {
                figures.insert(
                    format!("{name}_own_share"),
                    ((share * 1000.0).round() / 1000.0).into(),
                );
                figures.insert(format!("{name}_per_second"), ours.per_second.round().into());
                continue;
            }
            let latency = |figures: &Figures| format!("{:.0}, {:.0}", figures.p50, figures.p99);
            let (first, second) = (latency(&ours), latency(&limit));
            println!(
                "{name:<12} {:>12.0} {:>12.0} {share:>10.3} {first:>22} {second:>22}",
                ours.per_second, limit.per_second
            );
        }
    });
}

fn request(base: &str) -> Request<Bytes> {
    let base = BaseUrl::parse(&format!("{base}/command")).unwrap();
    let command = Command::new(CommandHeader::new(600, 600), PingCommand::new(true));
    let key = ApiKey::new("shop", Secret::new(KEY));
    command::write_call(Dialect::standard(), &base, &key, &Call::Submit(command)).unwrap()
}

async fn round((transport, base): &(Arc<dyn Transport>, String), commands: usize) -> Round {
    let begin = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (transport, request) = (transport.clone(), request(base));
        clients.spawn(async move {
            let mut each = Vec::with_capacity(commands);
            for _ in 0..commands {
                let begin = Instant::now();
                let answer = transport.send(request.clone()).await.unwrap();
                assert_eq!(answer.status(), 200, "{:?}", answer.body());
                each.push(begin.elapsed());
            }
            each
        });
    }
    let mut each = Vec::with_capacity(CLIENTS * commands);
    while let Some(client) = clients.join_next().await {
        each.extend(client.unwrap());
    }
    Round { whole: begin.elapsed(), each }
}

struct Figures {
    per_second: f64,
    p50: f64,
    p99: f64,
}

impl Figures {
    fn of(rounds: Vec<Round>) -> Self {
        let mut speeds: Vec<f64> = rounds
            .iter()
            .map(|round| round.each.len() as f64 / round.whole.as_secs_f64())
            .collect();
        let mut each: Vec<Duration> = rounds.into_iter().flat_map(|round| round.each).collect();
        each.sort_unstable();
        let at = |percent: usize| {
            each[(each.len() * percent / 100).min(each.len() - 1)].as_secs_f64() * 1e6
        };
        Self { per_second: median(&mut speeds), p50: at(50), p99: at(99) }
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
