//! What the log says, and what it never says.

use keyferry::hermod::server::{CallbackService, HermodService};
use keyferry::hermod::wire::BasicAuth;
use keyferry::server::{Rate, ServerConfig};
use keyferry::{Class, Error, Secret};

use crate::server::support::{
    COMMAND, Inbox, JSON, MS, Opened, PING, api_key, callback, claim, clock, hub,
};
use crate::support::log::Log;
use crate::support::serve::{Answer, Framework, Served};

/// A secret in every form that it may be written in.
fn forms(secret: &str) -> Vec<String> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut forms =
        vec![secret.to_owned(), hex.to_uppercase(), hex, percent.to_lowercase(), percent];
    forms.push(base64_simd::STANDARD.encode_to_string(secret));
    forms.push(base64_simd::URL_SAFE_NO_PAD.encode_to_string(secret));
    forms
}

on_both! {
    no_secret_is_ever_logged
    the_log_says_what_happened
    refusals_are_logged_with_the_limit_that_was_met
    refusals_without_a_credential_do_not_fill_the_log
}

async fn no_secret_is_ever_logged(framework: Framework) {
    let log = Log::default();
    let listening = log.listen();
    let inbox = Inbox::default();
    let receiver = inbox.clone();
    let callbacks = CallbackService::builder(move |given: Option<BasicAuth>| match given {
        Some(given) if given.password == Secret::new("canary-callback-password") => {
            Ok(receiver.clone())
        }
        _ => Err(Error::new(Class::Unauthorized, "", "")),
    })
    .build();
    let served = Served::start(
        framework,
        HermodService::hub_builder(&hub(&clock())).with_callbacks(callbacks).build().unwrap(),
    )
    .await;
    let mut secrets: Vec<String> = [
        "shop-key",
        "canary-wrong-key",
        "canary-query",
        "canary-body",
        "canary-external-id",
        "canary-cookie",
        "canary-callback-password",
        "canary-wrong-password",
        "canary-bearer",
        "canary-swapped-key",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut answers: Vec<Answer> = Vec::new();
    let key = api_key("shop", "shop-key");
    let more = [
        ("x-api-key", key.as_str()),
        JSON,
        ("cookie", "canary-cookie"),
        ("x-forwarded-for", "canary-cookie"),
    ];
    let command = PING.replace(r#""to""#, r#""externalId":"canary-external-id","to""#);
    let submitted =
        served.call("POST", &format!("{COMMAND}/ping?key=canary-query"), &more, &command).await;
    assert_eq!(submitted.status, 200);
    let opened = Opened::of(&submitted.json());
    secrets.extend([opened.token.clone(), claim('q'), key.clone()]);
    for body in
        [r#"{"canary-body":1}"#, "canary-body", r#"{"commandHeader":{"lifespan":"canary-body"}}"#]
    {
        answers.push(served.call("POST", &format!("{COMMAND}/ping"), &more, body).await);
    }
    for wrong in [
        api_key("shop", "canary-wrong-key"),
        api_key("canary-swapped-key", "shop"),
        "canary-wrong-key".to_owned(),
    ] {
        answers.push(
            served
                .call("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &wrong), JSON], PING)
                .await,
        );
    }
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('q')), JSON];
    answers.push(
        served.call("GET", &format!("{}?wait=canary-query", opened.list()), &headers, "").await,
    );
    answers.push(
        served
            .call(
                "GET",
                &opened.list(),
                &[("authorization", "Bearer canary-bearer"), ("x-claim", &claim('q'))],
                "",
            )
            .await,
    );
    assert_eq!(served.call("GET", &opened.list(), &headers, "").await.status, 200);
    assert_eq!(served.call("GET", &opened.message(), &headers, "").await.status, 200);
    answers.push(
        served.call("POST", &opened.message(), &headers, r#"{"canary-body":"canary-body"}"#).await,
    );
    let answer = opened.pong().replace(r#""code":0"#, r#""code":0,"canary":"canary-body""#);
    assert_eq!(served.call("POST", &opened.message(), &headers, &answer).await.status, 200);
    for (password, status) in [("canary-callback-password", 204), ("canary-wrong-password", 401)] {
        let basic =
            format!("Basic {}", base64_simd::STANDARD.encode_to_string(format!("hub:{password}")));
        let body =
            keyferry::hermod::Dialect::standard().write_callback(&callback("1", "COMPLETED"));
        let answer =
            served.call("POST", "/callback/ping", &[("authorization", &basic), JSON], &body).await;
        assert_eq!(answer.status, status);
        answers.push(answer);
    }
    served.shutdown().await;
    drop(listening);
    let log = log.text();
    assert!(log.contains("command taken") && log.contains("refused"), "{log}");
    let mut said: Vec<String> = answers.iter().map(|answer| format!("{answer:?}")).collect();
    said.push(log);
    for secret in &secrets {
        for form in forms(secret) {
            assert!(said.iter().all(|text| !text.contains(&form)), "{secret} as {form}");
        }
    }
}

async fn the_log_says_what_happened(framework: Framework) {
    let log = Log::default();
    let _listening = log.listen();
    let served = Served::start(framework, HermodService::of_hub(&hub(&clock())).unwrap()).await;
    let key = api_key("shop", "shop-key");
    let ours = || {
        log.text()
            .lines()
            .filter(|line| line.contains("keyferry"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let last = || ours().pop().unwrap();
    let answer =
        served.call("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING).await;
    let (line, opened) = (last(), Opened::of(&answer.json()));
    for part in [
        " INFO ",
        "command taken",
        "wire=\"command\"",
        "command=ping",
        "tenant=shop",
        &format!("command_id={}", opened.command),
        &format!("request_id=\"{}\"", answer.header("x-request-id").unwrap()),
        "status=200",
        &format!("received={}", PING.len()),
        &format!("sent={}", answer.body.len()),
        "micros=",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // What is not proved has no tenant; neither mailbox nor message is named.
    served
        .call("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &api_key("shop", "wrong"))], "")
        .await;
    assert!(
        last().contains(" WARN ")
            && last().contains("class=\"unauthorized\"")
            && !last().contains("tenant"),
        "{}",
        last()
    );
    served
        .call(
            "GET",
            &opened.list(),
            &[("authorization", &opened.bearer()), ("x-claim", &claim('c'))],
            "",
        )
        .await;
    assert!(last().contains("DEBUG ") && last().contains("command=list"), "{}", last());
    assert!(!log.text().contains(&opened.bid) && !log.text().contains(&opened.mid));
    // Text from outside stays on one line.
    let path = format!("{COMMAND}/poll/a%0d%0a%1b[31mfake{}", "x".repeat(100));
    served.call("GET", &path, &[("x-api-key", &key)], "").await;
    assert!(
        last().contains(r"command_id=a\r\n\u{1b}[31mfakexxx") && last().contains('…'),
        "{}",
        last()
    );
    assert!(served.call("GET", &format!("{MS}/b"), &[], "").await.status == 401);
}

async fn refusals_are_logged_with_the_limit_that_was_met(framework: Framework) {
    let log = Log::default();
    let _listening = log.listen();
    let service = HermodService::hub_builder(&hub(&clock()));
    let mut config = ServerConfig::default();
    config.limits.body_bytes = 10;
    config.limits.tenant_rate = Rate::new(1, 1);
    let served = Served::start(framework, service.with_config(config).build().unwrap()).await;
    let key = api_key("shop", "shop-key");
    let many = vec![("x", "y"); 70];
    served.call("GET", "/nowhere", &many, "").await;
    for _ in 0..2 {
        let headers = [("x-api-key", key.as_str()), JSON];
        served.call("POST", &format!("{COMMAND}/ping"), &headers, PING).await;
    }
    let text = log.text();
    for part in [
        "limit=header_count is 64",
        "limit=the longest body is 10 bytes",
        "limit=tenant_rate is 1 a second, 1 at once",
        "reason=\"too many requests\"",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

async fn refusals_without_a_credential_do_not_fill_the_log(framework: Framework) {
    let log = Log::default();
    let _listening = log.listen();
    let clock = clock();
    let service = HermodService::hub_builder(&hub(&clock));
    let mut config = ServerConfig::default();
    config.clock = std::sync::Arc::new(clock.clone());
    let served = Served::start(framework, service.with_config(config).build().unwrap()).await;
    let refuse = async |times| {
        for _ in 0..times {
            let wrong = api_key("shop", "wrong");
            served.call("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &wrong)], "").await;
        }
    };
    let warnings = || log.text().lines().filter(|line| line.contains(" WARN ")).count();
    refuse(30).await;
    assert_eq!(warnings(), 5);
    clock.advance(std::time::Duration::from_secs(60));
    refuse(1).await;
    assert_eq!(warnings(), 6);
    assert!(log.text().contains("left_out=25"), "{}", log.text());
    // What a tenant is refused is not left out: it is bounded by its rate.
    for _ in 0..10 {
        let key = api_key("shop", "shop-key");
        served.call("GET", &format!("{COMMAND}/poll/1"), &[("x-api-key", &key)], "").await;
    }
    assert_eq!(warnings(), 16);
}
