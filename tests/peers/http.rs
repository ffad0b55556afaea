//! A hub on sockets, driven by programs that share no code with it: curl, and an integrator and a
//! device in Python.

use std::process::Output;
use std::sync::Arc;

use crate::support::serve::{Framework, Late, Served};
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::client::CallbackSender;
use keyferry::hermod::hub::{Digest, Hub, HubConfig, IntegratorConfig};
use keyferry::hermod::server::HermodService;
use keyferry::hermod::wire::http::callback::{verify_signature, write_call};
use keyferry::hermod::wire::{AnyCallbackApi, BasicAuth, Delivery, WebhookSecret};
use keyferry::transport::{GuardedTransport, TargetPolicy};
use keyferry::{BaseUrl, Secret};
use serde_json::{Value, json};
use tokio::process::Command;

/// Python, one that has the package `cryptography`.
fn python() -> Option<String> {
    let python = std::env::var("KEYFERRY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    crate::support::peers::has_peer(&python, &["-c", "import cryptography"]).then_some(python)
}

/// A hub that is being served; dropped, it ends.
struct Running {
    served: Served,
    commands: String,
    public: String,
    work: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// Serves a hub for the integrator `peer` with the key `5ecre7`. Its address is known before it is
/// made: links come from configuration.
async fn run(framework: Framework, callback: Option<AnyCallbackApi>) -> Running {
    let late = Late::default();
    let served = Served::start(framework, late.clone()).await;
    let base = format!("{}/hermod/rest", served.base);
    let mut peer =
        IntegratorConfig::new("peer").with_key(Digest::of(&AwsLcRs, &Secret::new("5ecre7")));
    peer.callback = callback;
    let config = HubConfig::new(format!("{base}/ms"), "127.0.0.1").unwrap().with_integrator(peer);
    let hub = Hub::builder(Arc::new(AwsLcRs), config).build().unwrap();
    late.set(HermodService::of_hub(&hub).unwrap());
    let work = tokio::spawn(async move {
        hub.run().await;
    });
    Running { commands: format!("{base}/command"), public: format!("{base}/ms"), served, work }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_integrator_and_a_device_in_python_do_every_role_by_polling_and_by_callbacks() {
    let Some(python) = python() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/hermod.py");
    for framework in [Framework::Axum, Framework::Hyper] {
        let polled = run(framework, None).await;
        let output = Command::new(&python)
            .arg(script)
            .args([&polled.commands, &polled.public, "peer", "5ecre7"])
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success() && text(&output).trim() == "ok",
            "{framework:?}: {}",
            text(&output)
        );

        // A port that is free now is one that the peer can listen on a moment later.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Tests turn TLS on in reqwest, which then wants a provider; it may have been given one.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let policy = TargetPolicy::new().danger_with_plain_http().danger_with_host("127.0.0.1");
        let transport = GuardedTransport::reqwest(policy).unwrap();
        let sender = CallbackSender::new(
            transport,
            BaseUrl::parse(&format!("http://127.0.0.1:{port}/ws/hermod")).unwrap(),
        )
        .unwrap();
        let sender = sender.with_basic_auth(BasicAuth::parse("hub:pa:ss").unwrap()).with_signature(
            Arc::new(AwsLcRs),
            [WebhookSecret::parse("whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==").unwrap()],
        );
        let called = run(framework, Some(AnyCallbackApi::new(sender))).await;
        let arguments = [
            called.commands.as_str(),
            &called.public,
            "peer",
            "5ecre7",
            &port.to_string(),
            "hub:pa:ss",
            "whsec_aHVzaCBodXNoIGh1c2ggaHVzaCBodXNoIGh1c2ghIQ==",
        ];
        let output = Command::new(&python).arg(script).args(arguments).output().await.unwrap();
        assert!(
            output.status.success() && text(&output).trim() == "ok",
            "{framework:?}: {}",
            text(&output)
        );
    }
}

/// curl, with its own way to say things.
async fn curl(arguments: &[&str]) -> (u16, String) {
    let common = [
        "--silent",
        "--show-error",
        "--noproxy",
        "*",
        "--max-time",
        "30",
        "--write-out",
        "\n%{http_code}",
    ];
    let output = Command::new("curl").args(common).args(arguments).output().await.unwrap();
    assert!(output.status.success(), "curl: {}", text(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_submits_a_command_answers_it_and_polls() {
    if !crate::support::peers::has_peer("curl", &["--version"]) {
        return;
    }
    for framework in [Framework::Axum, Framework::Hyper] {
        let hub = run(framework, None).await;
        let json = "Content-Type: application/json";
        // base64 of `peer:5ecre7`.
        let key = "X-Api-Key: cGVlcjo1ZWNyZTc=";
        let read = |body: &str| serde_json::from_str::<Value>(body).unwrap();

        let command = r#"{"commandHeader":{"lifespan":60,"timeout":60,"externalId":"c-1"},"pingCommand":{"deviceinfo":"true"}}"#;
        let ping = format!("{}/ping", hub.commands);
        assert_eq!(curl(&["--header", json, "--data", command, &ping]).await.0, 401);
        let (status, body) =
            curl(&["--header", key, "--header", json, "--data", command, &ping]).await;
        assert_eq!(status, 200, "{body}");
        let submitted = read(&body);
        assert_eq!(
            (&submitted["state"], &submitted["externalId"]),
            (&json!("IN_PROGRESS"), &json!("c-1"))
        );

        let uri = submitted["destinations"][0]["uri"].as_str().unwrap();
        let token = format!("Authorization: Bearer {}", uri.rsplit_once("token=").unwrap().1);
        let claim = format!("X-Claim: {}", "A".repeat(43));
        let location = submitted["destinations"][0]["location"].as_str().unwrap();
        assert_eq!(curl(&["--header", &token, location]).await.0, 400, "without a claim");
        let (status, body) = curl(&["--header", &token, "--header", &claim, location]).await;
        assert_eq!((status, &read(&body)["header"]["commandType"]), (200, &json!("PING")));
        let answer = json!({"responseHeader": {"inReplyTo": location, "status": 200}, "pingResponse": {"code": 0}}).to_string();
        // curl says `Expect: 100-continue` before a body that is long enough.
        let long = format!("{answer}{}", " ".repeat(100_000));
        assert_eq!(
            curl(&[
                "--header", &token, "--header", &claim, "--header", json, "--data", &long, location
            ])
            .await,
            (200, "{}".to_owned())
        );

        let poll = format!("{}/poll/{}", hub.commands, submitted["commandId"].as_str().unwrap());
        let (status, body) = curl(&["--header", key, &poll]).await;
        assert_eq!((status, &read(&body)["state"]), (200, &json!("COMPLETED")));
        assert_eq!(curl(&["--request", "DELETE", "--header", key, &poll]).await.0, 405);
        assert_eq!(curl(&[&format!("{}/hermod/rest/health", hub.served.base)]).await.0, 200);
    }
}

#[test]
fn callbacks_are_signed_and_verified_as_a_python_library_has_it() {
    use std::io::Write as _;
    use std::process::Stdio;
    use std::time::{Duration, SystemTime};

    let python = std::env::var("KEYFERRY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !crate::support::peers::has_peer(&python, &["-c", "import standardwebhooks"]) {
        return;
    }
    let callback = r#"{"commandId":"1","destinations":[],"commandType":"PING","state":"COMPLETED","fqdn":"h\u00e9"}"#;
    let delivery = Delivery::new(
        "0191e0b4-2f0e-7f6a-8d49-8a3c5c3f2a11",
        keyferry::hermod::model::Callback::from_json(callback).unwrap(),
    );
    // The clock of the other side is the system's.
    let now = SystemTime::now();
    let secrets: [_; 2] = std::array::from_fn(|_| WebhookSecret::generate(&AwsLcRs).unwrap());
    let base = BaseUrl::parse("https://shop.example").unwrap();
    let signing: (&dyn keyferry::crypto::Provider, _) = (&AwsLcRs, &secrets[..]);
    let dialect = keyferry::hermod::Dialect::standard();
    let request = write_call(dialect, &base, None, Some(signing), now, &delivery).unwrap();
    let (mut head, body) = request.into_parts();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/webhooks.py");
    for secret in &secrets {
        let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        let (id, stamp) = (header("webhook-id"), header("webhook-timestamp"));
        let mut child = std::process::Command::new(&python)
            .args([script, secret.expose(), &id, &stamp, &header("webhook-signature")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&body).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "it does not verify");
        let made = text(&output);
        let both = head.headers.insert("webhook-signature", made.trim().parse().unwrap()).unwrap();
        let secrets = std::slice::from_ref(secret);
        let age = (now, Duration::from_secs(300));
        verify_signature(dialect, &AwsLcRs, secrets, age, &head, &body).unwrap();
        head.headers.insert("webhook-signature", both);
    }
}
