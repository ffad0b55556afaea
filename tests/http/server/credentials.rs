//! Who may do what.

use keyferry::hermod::hub::IntegratorConfig;
use keyferry::hermod::server::HermodService;
use keyferry::hermod::wire::{AnyCommandApi, ApiKey};
use keyferry::{Class, Error};

use crate::server::support::{COMMAND, JSON, MS, PING, World, api_key, claim, digest};
use crate::support::serve::{Framework, Served};

on_both! {
    every_cause_of_401_gets_the_same_answer
    every_cause_of_401_at_a_mailbox_gets_the_same_answer
    a_key_is_proved_before_anything_else_is_read
    another_tenants_object_looks_unknown
    a_group_is_not_crossed
    keys_rotate_without_a_gap
    guessed_tokens_open_nothing
    another_claim_is_a_conflict_and_a_bad_one_malformed
    a_gate_that_cannot_tell_is_503_and_its_reasons_are_not_told
}

async fn every_cause_of_401_gets_the_same_answer(framework: Framework) {
    let world = World::new(framework).await;
    let good = api_key("shop", "shop-key");
    let keys: Vec<Vec<String>> = vec![
        vec![],
        vec![api_key("nobody", "shop-key")],
        vec![api_key("shop", "wrong")],
        vec![api_key("shop", "")],
        vec![api_key("shop", "rival-key")],
        vec![api_key("", "")],
        vec![good.clone(), good.clone()],
        vec![good.clone(), api_key("rival", "rival-key")],
        vec!["!!!".to_owned()],
        vec![String::new()],
        vec![base64_simd::STANDARD.encode_to_string("no colon")],
        vec![base64_simd::STANDARD.encode_to_string([0xff, 0xfe, b':', 0xff])],
        vec![format!("{good}, {good}")],
    ];
    let mut answers = Vec::new();
    for given in &keys {
        let mut headers: Vec<(&str, &str)> =
            given.iter().map(|key| ("x-api-key", key.as_str())).collect();
        headers.push(JSON);
        for (method, path) in [
            ("POST", "ping"),
            ("GET", "poll/1"),
            ("POST", "none/such"),
            ("GET", ""),
            ("OPTIONS", "ping"),
            ("POST", "ping?x=y"),
        ] {
            let answer =
                world.served.call(method, &format!("{COMMAND}/{path}"), &headers, "").await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (401, "UNAUTHORIZED"),
                "{given:?} {method} {path}"
            );
            answers.push(answer.without_request_id());
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

async fn every_cause_of_401_at_a_mailbox_gets_the_same_answer(framework: Framework) {
    let world = World::new(framework).await;
    let (opened, other) = (world.ping().await, world.ping().await);
    let (bearer, claimed) = (opened.bearer(), claim('c'));
    let garbled = opened.token.replace('-', "_");
    let mut answers = Vec::new();
    for (path, headers) in [
        (opened.list(), vec![]),
        (opened.list(), vec![("authorization", format!("Basic {}", opened.token))]),
        (opened.list(), vec![("authorization", bearer.clone()), ("authorization", bearer.clone())]),
        (
            opened.list(),
            vec![
                ("authorization", bearer.clone()),
                ("x-claim", claimed.clone()),
                ("x-claim", claimed.clone()),
            ],
        ),
        (opened.list(), vec![("authorization", other.bearer()), ("x-claim", claimed.clone())]),
        (
            opened.list(),
            vec![("authorization", format!("Bearer {garbled}")), ("x-claim", claimed.clone())],
        ),
        (
            opened.list(),
            vec![("authorization", "Bearer ".to_owned()), ("x-claim", claimed.clone())],
        ),
        (opened.message(), vec![("authorization", other.bearer())]),
        (
            format!("{MS}/{}", opened.mid),
            vec![("authorization", bearer.clone()), ("x-claim", claimed.clone())],
        ),
        (
            format!("{MS}/none"),
            vec![("authorization", bearer.clone()), ("x-claim", claimed.clone())],
        ),
        (format!("{MS}/a/b/c/d"), vec![]),
        (format!("{MS}/%zz"), vec![]),
        (MS.to_owned(), vec![("x-api-key", api_key("shop", "shop-key"))]),
        // A token in the query is none.
        (format!("{}?token={}", opened.list(), opened.token), vec![]),
    ] {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.served.call("GET", &path, &headers, "").await;
        assert_eq!(answer.status, 401, "{path} {headers:?}");
        answers.push(answer.without_request_id());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

async fn a_key_is_proved_before_anything_else_is_read(framework: Framework) {
    let world = World::new(framework).await;
    for (path, body) in [("ping", "not JSON"), ("provision", "")] {
        // The body is announced and never sent: nobody waits for it, nor asks for it.
        let mut raw = world.served.connect().await;
        raw.send(format!("POST {COMMAND}/{path} HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 4194304\r\n\r\n{body}")).await;
        assert!(!raw.is_told_to_continue().await);
        assert_eq!(raw.answer().await.status, 401);
    }
    // With a key it is asked for.
    let mut raw = world.served.connect().await;
    let key = api_key("shop", "shop-key");
    let length = PING.len();
    raw.send(format!(
        "POST {COMMAND}/ping HTTP/1.1\r\nhost: h\r\nx-api-key: {key}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n"
    ))
    .await;
    assert!(raw.is_told_to_continue().await);
    raw.send(PING).await;
    assert_eq!(raw.answer().await.status, 200);
}

async fn another_tenants_object_looks_unknown(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let unknown = world.poll("rival", "999999999").await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "UNKNOWN_COMMAND"));
    // Another's, of another group or of the same one, and what is no id at all.
    for (tenant, id) in [
        ("rival", opened.command.as_str()),
        ("portal", &opened.command),
        ("rival", "abc"),
        ("rival", "-1"),
        ("rival", "%31"),
    ] {
        assert_eq!(
            world.poll(tenant, id).await.without_request_id(),
            unknown.clone().without_request_id(),
            "{tenant} {id}"
        );
    }
    assert_eq!(world.poll("shop", &opened.command).await.status, 200);
}

async fn a_group_is_not_crossed(framework: Framework) {
    let world = World::new(framework).await;
    // A mailbox of the group `acme`.
    let provisioned = world.post("shop", "provision", &crate::server::support::provision(0)).await;
    let opened = crate::server::support::Opened::of(&provisioned.json());
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('c')), JSON];
    let reserved = world.served.call("POST", MS, &headers, "{}").await.json();
    let (bid, own) = (
        reserved["bid"].as_str().unwrap(),
        format!("Bearer {}", reserved["token"].as_str().unwrap()),
    );
    let to = |address: &str| {
        format!(
            r#"{{"commandHeader":{{"lifespan":300,"timeout":200,"to":["{address}"]}},"pingCommand":{{}}}}"#
        )
    };
    let nobody = world.post("rival", "ping", &to("@nobody")).await;
    assert_eq!((nobody.status, nobody.code().as_str()), (404, "NO_DESTINATION"));
    for address in ["@jane", bid, &opened.bid] {
        assert_eq!(
            world.post("rival", "ping", &to(address)).await.without_request_id(),
            nobody.clone().without_request_id()
        );
    }
    // Its token opens it and nothing beside it.
    assert_eq!(
        world
            .served
            .call("GET", &format!("{MS}/{bid}"), &[("authorization", &own)], "")
            .await
            .status,
        200
    );
    assert_eq!(
        world.served.call("GET", &opened.list(), &[("authorization", &own)], "").await.status,
        401
    );
    let crossed = world
        .served
        .call("GET", &format!("{MS}/{bid}/{}", opened.mid), &[("authorization", &own)], "")
        .await;
    assert_eq!(crossed.status, 404);
}

async fn keys_rotate_without_a_gap(framework: Framework) {
    let world = World::new(framework).await;
    let status = async |key: &str| {
        let key = api_key("shop", key);
        world
            .served
            .call("POST", &format!("{COMMAND}/ping"), &[("x-api-key", &key), JSON], PING)
            .await
            .status
    };
    let shop = |keys: &[&str]| {
        keys.iter().fold(IntegratorConfig::new("shop"), |config, key| config.with_key(digest(key)))
    };
    assert_eq!((status("shop-key").await, status("new-key").await), (200, 401));
    world.hub.set_integrators(vec![shop(&["shop-key", "new-key"])]).unwrap();
    assert_eq!((status("shop-key").await, status("new-key").await), (200, 200));
    world.hub.set_integrators(vec![shop(&["new-key"])]).unwrap();
    assert_eq!((status("shop-key").await, status("new-key").await), (401, 200));
}

async fn guessed_tokens_open_nothing(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    // Everything that differs in one place, on one connection.
    let mut raw = world.served.connect().await;
    for at in 0..opened.token.len() {
        let mut guess = opened.token.clone().into_bytes();
        guess[at] = if guess[at] == b'0' { b'1' } else { b'0' };
        let bearer = format!("Bearer {}", String::from_utf8(guess).unwrap());
        raw.request(
            "GET",
            &opened.list(),
            &[("authorization", &bearer), ("x-claim", &claim('c'))],
            "",
        )
        .await;
        assert_eq!(raw.answer().await.status, 401);
    }
    // And none of them has claimed it.
    let headers = [("authorization", &*opened.bearer()), ("x-claim", &claim('d'))];
    assert_eq!(world.served.call("GET", &opened.list(), &headers, "").await.status, 200);
}

async fn another_claim_is_a_conflict_and_a_bad_one_malformed(framework: Framework) {
    let world = World::new(framework).await;
    let opened = world.ping().await;
    let bearer = opened.bearer();
    let status = async |claim: Option<&str>| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(claim.map(|claim| ("x-claim", claim)));
        world.served.call("GET", &opened.list(), &headers, "").await.status
    };
    assert_eq!(status(Some(&claim('c'))).await, 200);
    assert_eq!(status(Some(&claim('d'))).await, 409);
    assert_eq!(status(None).await, 400);
    assert_eq!(status(Some("short")).await, 400);
    assert_eq!(status(Some(&claim('c'))).await, 200);
}

async fn a_gate_that_cannot_tell_is_503_and_its_reasons_are_not_told(framework: Framework) {
    let gate = |key: ApiKey| match key.id.as_str() {
        "shop" => Err::<AnyCommandApi, _>(Error::new(Class::Storage, "", "the store is gone")),
        id => Err(Error::new(Class::Unauthorized, "id", format!("{id} is not known"))),
    };
    let served = Served::start(
        framework,
        HermodService::builder("/hermod/rest").with_commands(gate).build().unwrap(),
    )
    .await;
    let call = async |id: &str| {
        served
            .call(
                "POST",
                &format!("{COMMAND}/ping"),
                &[("x-api-key", &api_key(id, "k")), JSON],
                PING,
            )
            .await
    };
    assert_eq!(call("shop").await.status, 503);
    let unknown = call("someone").await;
    assert_eq!(unknown.status, 401);
    assert!(!unknown.body.contains("someone"));
}
