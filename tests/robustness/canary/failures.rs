//! What goes wrong, with secrets in all of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use keyferry::client::RetryPolicy;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Curve, KeyKind, Provider as _, Signer as _};
use keyferry::csr::Template;
use keyferry::hermod::Dialect;
use keyferry::hermod::client::{CallbackSender, CommandClient, ContentClient, MailboxClient};
use keyferry::hermod::device::DevicePolicy;
use keyferry::hermod::hub::HubConfig;
use keyferry::hermod::hub::integrator_config;
use keyferry::hermod::integrator::Enrollment;
use keyferry::hermod::model::{
    Activation, Answer, ApiUser, ApiUsers, Callback, Command, CommandHeader, CommandId, DeviceInfo,
    PingCommand, ProvisionCommand, ProvisionResponse, Response,
};
use keyferry::hermod::proof::{KeyRequest, UnsignedAnswer};
use keyferry::hermod::server::HermodService;
use keyferry::hermod::wire::http::mailbox;
use keyferry::hermod::wire::{
    AnyCallbackApi, AnyCommandApi, AnyMailboxApi, ApiKey, BasicAuth, CallbackApi as _,
    CommandApi as _, ContentApi as _, Delivery, MailboxApi as _, MailboxKey, WebhookSecret,
};
use keyferry::jose::Jwk;
use keyferry::keys::{Channel, FileKeyStore, KeyStore as _, MemoryKeyStore};
use keyferry::transport::{
    ExchangeLimits, GuardedTransport, OnThreads, ReqwestTransport, StatusError, TargetPolicy,
    Transport, UreqTransport,
};
use keyferry::{BaseUrl, Class, Gate as _, Secret};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::canary::parties::{self, Folder, World, api_key, guarded, limits};
use crate::canary::{Evidence, base64};
use crate::support::peers;
use crate::support::serve::{Framework, Served};

/// A server that says the same to everybody who says something.
pub(crate) async fn says(bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/hermod", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut heard = [0; 64 * 1024];
                let _ = stream.read(&mut heard).await;
                if bytes.is_empty() {
                    // Silence, until the other side goes.
                    while stream.read(&mut heard).await.is_ok_and(|count| count > 0) {}
                    return;
                }
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    base
}

fn ping() -> Command {
    Command::new(CommandHeader::new(60, 60), PingCommand::new(true))
}

fn response(head: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

const BODY: &str = "canary-in-a-body-that-was-answered-e7c1";
const HEADER: &str = "canary-in-a-header-that-was-answered-90fa";
const LOCATION: &str = "canary-in-the-address-of-a-redirect-6b2d";
const TOKEN: &str = "canary-token-that-fits-nothing-2b8e";
const CLAIM: &str = "canary-claim-that-fits-nothing-d44c";
const KEY: &str = "canary-key-that-fits-nothing-1706";
const TEXT: &str = "canary-in-a-text-that-is-wrong-38bd";
const USER: &str = "canary-user-of-an-address-c9f5";
const PRIVATE: &str = "canary-private-member-of-jwk-a1";

/// Others that answer wrongly, or not at all, to each client over this transport.
pub(crate) async fn of_peers(world: &World, transport: &Arc<dyn Transport>, evidence: &Evidence) {
    for (name, secret) in [
        ("an answered body", BODY),
        ("an answered header", HEADER),
        ("the address of a redirect", LOCATION),
        ("a wrong token", TOKEN),
        ("a wrong claim", CLAIM),
        ("a wrong key", KEY),
    ] {
        evidence.secret(name, secret);
    }
    let wrong = world.client(transport, ApiKey::new("shop", Secret::new(KEY)));
    let error = evidence.failed(wrong.submit(ping()).await);
    assert_eq!(error.class(), Class::Unauthorized);
    evidence.failed(wrong.poll(&CommandId::from("1")).await);

    let wrong = MailboxKey::of_message("b1", Secret::new(TOKEN), Secret::new(CLAIM));
    let public = BaseUrl::parse(&format!("{}/ms", world.base)).unwrap();
    let client = MailboxClient::new(transport.clone(), public.clone(), wrong.clone())
        .with_retry(RetryPolicy::NEVER);
    evidence.show(&(&client, AnyMailboxApi::new(client.clone()), &wrong));
    for call in [
        mailbox::Call::List { wait: Duration::ZERO },
        mailbox::Call::Reserve,
        mailbox::Call::Fetch { mid: "m1".into() },
    ] {
        let request =
            mailbox::write_call(keyferry::hermod::Dialect::standard(), &public, &wrong, &call)
                .unwrap();
        evidence.show(&(call, crate::canary::head(request)));
    }
    let error = evidence.failed(client.list(Duration::ZERO).await);
    assert_eq!(error.class(), Class::Unauthorized);
    evidence.failed(client.answer("m1", BODY).await);

    let with_header = format!(
        "500 No\r\nx-secret: {HEADER}\r\nset-cookie: s={HEADER}\r\nwww-authenticate: Basic realm={HEADER}"
    );
    for bytes in [
        response("500 No", BODY),
        response(&with_header, BODY),
        response("200 OK", BODY),
        response(
            "200 OK",
            &format!(
                r#"{{"messages":["{BODY}"],"commandId":["{BODY}"],"commandState":{{"{BODY}":1}}}}"#
            ),
        ),
        response(
            "404 No",
            &format!(
                r#"{{"error":{{"code":"X","message":"no","requestId":"r","{BODY}":1}},"x":"{BODY}"}}"#
            ),
        ),
        response(
            "401 No",
            &format!(
                r#"{{"error":{{"code":"NOT_FOUND","message":"no","requestId":"r","x":"{BODY}"}}}}"#
            ),
        ),
        response(
            &format!(
                "302 Found\r\nlocation: https://{LOCATION}@shop.example/{LOCATION}?{LOCATION}"
            ),
            BODY,
        ),
        format!("{BODY} is not HTTP\r\n\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\n{HEADER}\u{1}: {BODY}\r\n\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: {BODY}\r\n\r\n{BODY}").into_bytes(),
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{BODY}\r\n").into_bytes(),
        format!("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{BODY}").into_bytes(),
        Vec::new(),
    ] {
        let limits = if bytes.is_empty() {
            ExchangeLimits::new(Duration::from_millis(100), 1024)
        } else {
            limits()
        };
        let base = BaseUrl::parse(&says(bytes).await).unwrap();
        let client = CommandClient::new(transport.clone(), base.clone(), api_key())
            .with_retry(RetryPolicy::NEVER)
            .with_limits(limits);
        evidence.failed(client.submit(ping()).await);
        evidence.failed(client.poll(&CommandId::from("1")).await);
        let client = MailboxClient::new(transport.clone(), base.clone(), wrong.clone())
            .with_retry(RetryPolicy::NEVER)
            .with_limits(limits);
        evidence.failed(client.list(Duration::ZERO).await);
        evidence.failed(client.fetch("m1").await);
        evidence.failed(client.reserve().await);
        let sender = CallbackSender::new(guarded(), base.clone()).unwrap().with_limits(limits);
        let sender =
            sender.with_basic_auth(BasicAuth::new("hub", Secret::new(parties::WRONG_PASSWORD)));
        if let Err(error) = sender.deliver(delivery("1")).await {
            evidence.fault(&error);
        }
        let client = ContentClient::new(guarded(), base).unwrap().with_limits(limits);
        evidence.failed(client.content("c1").await);
    }

    // Nobody is there, and nobody there speaks TLS.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let plain = says(BODY.as_bytes().to_vec()).await.replace("http://", "https://");
    let authority = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let stranger = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let builder = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_der(authority.cert.der()).unwrap()]);
    let roots =
        ureq::tls::RootCerts::from([
            ureq::tls::Certificate::from_der(authority.cert.der()).to_owned()
        ]);
    let config = ureq::tls::TlsConfig::builder().root_certs(roots).build();
    let agent: ureq::Agent =
        ureq::Agent::config_builder().proxy(None).tls_config(config).build().into();
    let with_tls: [Arc<dyn Transport>; 2] = [
        Arc::new(ReqwestTransport::from_builder(builder).unwrap()),
        Arc::new(OnThreads::new(UreqTransport::from_agent(agent))),
    ];
    for transport in with_tls {
        for (base, answers) in [
            (&nobody, false),
            (&plain, false),
            (&over_tls(&stranger).await, false),
            (&over_tls(&authority).await, true),
        ] {
            let client =
                CommandClient::new(transport.clone(), BaseUrl::parse(base).unwrap(), api_key())
                    .with_retry(RetryPolicy::NEVER);
            let error = evidence.failed(client.submit(ping()).await);
            assert_eq!(StatusError::of(&error).is_some(), answers, "{error:?}");
            let client =
                MailboxClient::new(transport.clone(), BaseUrl::parse(base).unwrap(), wrong.clone())
                    .with_retry(RetryPolicy::NEVER);
            evidence.failed(client.list(Duration::ZERO).await);
        }
    }
}

/// The address of a server that shows this certificate, and refuses everything.
async fn over_tls(certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> String {
    let key =
        rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()).into();
    let tls = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 64 * 1024]).await;
            let _ = stream.write_all(&response("500 No", BODY)).await;
            let _ = stream.shutdown().await;
        }
    });
    base
}

fn delivery(id: &str) -> Delivery {
    let text = r#"{"commandId":"688","destinations":[],"commandType":"PING","state":"COMPLETED","pingResponse":{"code":0}}"#;
    Delivery::new(id, Callback::from_json(text).unwrap())
}

/// Callbacks that are not taken, addresses that must not be called, and handlers that panic.
pub(crate) async fn of_callbacks_and_contents(world: &World, evidence: &Evidence) {
    let sender = || CallbackSender::new(guarded(), world.callbacks.clone()).unwrap();
    let with = |password: &str, secret: &str| {
        let sender = sender().with_basic_auth(BasicAuth::new("hub", Secret::new(password)));
        let secret = WebhookSecret::parse(secret)
            .or_else(|_| WebhookSecret::from_bytes(secret.repeat(2).as_bytes()));
        sender.with_signature(Arc::new(AwsLcRs), [secret.unwrap()])
    };
    let error = evidence.failed(
        with(parties::WRONG_PASSWORD, parties::CALLBACK_SECRET).deliver(delivery("1")).await,
    );
    assert_eq!(error.class(), Class::Unauthorized);
    let error = evidence.failed(
        with(parties::CALLBACK_PASSWORD, parties::WRONG_PASSWORD).deliver(delivery("1")).await,
    );
    assert_eq!(error.class(), Class::Unauthorized);
    evidence.failed(sender().deliver(delivery("1")).await);
    // The gate panics, and the handler does.
    evidence.failed(with(parties::PANIC, parties::CALLBACK_SECRET).deliver(delivery("1")).await);
    let fits = with(parties::CALLBACK_PASSWORD, parties::CALLBACK_SECRET);
    evidence.failed(fits.deliver(delivery(parties::PANICS)).await);
    evidence.show(&AnyCallbackApi::new(fits));

    let client = ContentClient::new(guarded(), world.contents.clone()).unwrap();
    let error = evidence.failed(client.content("AUTH:1").await);
    assert_eq!(error.class(), Class::Unauthorized);
    let client =
        client.with_basic_auth(BasicAuth::new("hub", Secret::new(parties::CONTENT_PASSWORD)));
    evidence.show(&client.content("AUTH:1").await.unwrap());

    // Gates of the other wires.
    let service = HermodService::builder("/hermod/rest")
        .with_commands(|key: ApiKey| -> Result<AnyCommandApi, _> { panic!("with {key:?}") })
        .with_mailboxes(|key: MailboxKey| -> Result<AnyMailboxApi, _> { panic!("with {key:?}") })
        .build()
        .unwrap();
    let served = Served::start(Framework::Hyper, service).await;
    let key = ApiKey::new("shop", Secret::new(parties::PANIC));
    let base = BaseUrl::parse(&format!("{}/hermod/rest/command", served.base)).unwrap();
    let client = CommandClient::new(ReqwestTransport::new().unwrap(), base, key)
        .with_retry(RetryPolicy::NEVER);
    evidence.failed(client.submit(ping()).await);
    let key = MailboxKey::of_message("b1", Secret::new(parties::PANIC), Secret::new(CLAIM));
    let base = BaseUrl::parse(&format!("{}/hermod/rest/ms", served.base)).unwrap();
    let client = MailboxClient::new(ReqwestTransport::new().unwrap(), base, key)
        .with_retry(RetryPolicy::NEVER);
    evidence.failed(client.list(Duration::ZERO).await);

    // Requests whose head, path and body are wrong.
    evidence.secret("a wrong text", TEXT);
    let key = base64(format!("shop:{}", parties::API_KEY));
    let json = ("content-type", "application/json");
    for (method, path, headers, body) in [
        (
            "POST",
            "/hermod/rest/command/ping",
            vec![("x-api-key", &*key), json],
            format!(r#"{{"{TEXT}":"{TEXT}"}}"#),
        ),
        ("POST", "/hermod/rest/command/ping", vec![("x-api-key", &*key), json], TEXT.to_owned()),
        (
            "POST",
            "/hermod/rest/command/ping",
            vec![("x-api-key", &*key), ("content-type", TEXT)],
            TEXT.to_owned(),
        ),
        ("POST", "/hermod/rest/command/ping", vec![("x-api-key", TEXT), json], TEXT.to_owned()),
        (
            "POST",
            "/hermod/rest/command/ping",
            vec![("x-api-key", &*key), ("x-api-key", TEXT), ("cookie", TEXT), json],
            TEXT.to_owned(),
        ),
        (
            "GET",
            "/hermod/rest/ms/b1",
            vec![("authorization", TEXT), ("x-claim", TEXT)],
            String::new(),
        ),
        (
            "POST",
            &*format!("/{TEXT}/{TEXT}?{TEXT}"),
            vec![("authorization", TEXT)],
            TEXT.to_owned(),
        ),
        (
            "POST",
            &*format!("/hermod/rest/command/ping?{TEXT}"),
            vec![("x-api-key", &*key), json],
            TEXT.to_owned(),
        ),
    ] {
        let answer = world.served[0].call(method, path, &headers, &body).await;
        assert!(answer.status >= 400);
        evidence.keep("an answer of the hub", &format!("{answer:?}"));
    }
    for (authorization, body) in [
        (TEXT.to_owned(), TEXT),
        (format!("Basic {}", base64(TEXT)), "{}"),
        (format!("Bearer {TEXT}"), "{}"),
    ] {
        let headers = [("authorization", &*authorization), ("webhook-signature", TEXT), json];
        let answer = world.served[1].call("POST", "/callback/ping", &headers, body).await;
        evidence.keep("an answer of a receiver", &format!("{answer:?}"));
    }

    // Addresses.
    evidence.secret("a user of an address", USER);
    let inside = BaseUrl::parse(&format!("https://10.0.0.1/{}", parties::CALLBACK_PATH)).unwrap();
    evidence.failed(CallbackSender::new(guarded(), inside.clone()));
    evidence.failed(ContentClient::new(guarded(), inside.clone()));
    evidence.failed(TargetPolicy::new().check(&inside));
    for uri in [
        format!("https://{USER}:{USER}@shop.example/{USER}"),
        format!("http://shop.example/{USER}"),
        format!("https://10.0.0.1/{USER}?{USER}"),
    ] {
        evidence.failed(BaseUrl::parse(&format!("https://{USER}:{USER}@shop.example/")));
        let request = Request::post(&uri)
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Bytes::from(TEXT))
            .unwrap();
        let strict = GuardedTransport::reqwest(TargetPolicy::new()).unwrap();
        evidence.failed(strict.send(request).await);
        let mut user = ApiUser::new("idm", Secret::new(parties::API_KEY), &*uri);
        user.content_provider_url = Some(uri.clone().into());
        evidence.show(&user);
        evidence.failed(integrator_config(&user, &strict, &AwsLcRs, Dialect::default()));
        evidence.failed(HubConfig::new(format!("{uri}/ms?"), "hub.example"));
        evidence.failed(DevicePolicy::new().with_hub(&format!("{uri}?")));
    }
    let mut user = ApiUser::new("idm", Secret::new(parties::API_KEY), world.callbacks.to_string());
    user.content_provider_url = Some(world.contents.to_string().into());
    user.callback_basic_auth = Some(Secret::new(parties::WRONG_PASSWORD));
    evidence.failed(integrator_config(&user, &guarded(), &AwsLcRs, Dialect::default()));
    user.callback_basic_auth = Some(Secret::new(format!("hub:{}", parties::CALLBACK_PASSWORD)));
    user.content_provider_basic_auth =
        Some(Secret::new(format!("hub:{}", parties::CONTENT_PASSWORD)));
    evidence.show(&(
        integrator_config(&user, &guarded(), &AwsLcRs, Dialect::default()).unwrap(),
        &user,
        ApiUsers::new(vec![user.clone()]),
    ));
}

/// A device that sends a private member in its key, links that lead nowhere, and a store that is
/// damaged.
pub(crate) async fn of_a_device(world: &World, evidence: &Evidence) {
    evidence.secret("a private member", PRIVATE);
    let transport: Arc<dyn Transport> = Arc::new(ReqwestTransport::new().unwrap());
    let client = world.client(&transport, parties::api_key());
    let asked = ProvisionCommand::new("n0nce", "userA", parties::profile("private"));
    let command = Command::new(CommandHeader::new(300, 300), asked.clone());
    let submitted = client.submit(command).await.unwrap();
    let Activation::Plugout(link) = submitted.destinations[0].activation().unwrap() else {
        panic!()
    };
    evidence.secret("a link", link.token.expose());
    let claim = Secret::new(base64_simd::URL_SAFE_NO_PAD.encode_to_string([0x5a; 32]));
    evidence.secret("a claim", claim.expose());
    let key = MailboxKey::of_message(link.bid().unwrap(), link.token.clone(), claim);
    let at_the_hub = world.hub.open(key.clone()).await.unwrap();
    evidence.show(&at_the_hub);
    let public = BaseUrl::parse(&format!("{}/ms", world.base)).unwrap();
    let mailbox = MailboxClient::new(transport.clone(), public, key).with_retry(RetryPolicy::NEVER);
    let listing = mailbox.list(Duration::ZERO).await.unwrap();
    let message = mailbox.fetch(&listing.messages[0].mid).await.unwrap();
    evidence.show(&(&listing, &message, mailbox::Answer::Message(message.clone())));

    let signer = AwsLcRs.generate(KeyKind::Ec(Curve::P256)).unwrap();
    let url = |bytes: &[u8]| base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes);
    let mut jwk: serde_json::Value =
        serde_json::from_str(&Jwk::new(signer.public_key().clone()).to_string()).unwrap();
    jwk["d"] = url(PRIVATE.as_bytes()).into();
    evidence.failed(Jwk::from_json(&jwk.to_string()));
    let header = serde_json::json!({"alg": "ES256", "jwk": jwk, "nonce": "n0nce"}).to_string();
    let asked = KeyRequest::from_command(&asked).unwrap();
    let keys =
        asked.keys.iter().map(|key| key.sign("n0nce", Algorithm::Es256, None, &signer).unwrap());
    let unsigned = UnsignedAnswer::new(
        &asked,
        "3051e9f3-0e4d-436b-a512-2e18d8afe134",
        &*link.url,
        DeviceInfo::new("Linux"),
    )
    .with_signed_keys(keys);
    let payload = unsigned.sign(&signer).unwrap().split('.').nth(1).unwrap().to_owned();
    let input = format!("{}.{payload}", url(header.as_bytes()));
    let jws = format!("{input}.{}", url(&signer.sign(Algorithm::Es256, input.as_bytes()).unwrap()));
    let answer = Answer::new(
        &*message.header.location,
        Response::Provision(ProvisionResponse::success(&*jws)),
    );
    evidence.show(&(
        &answer,
        mailbox::Call::Answer { mid: message.header.mid.clone(), answer: answer.to_json() },
    ));
    evidence.failed(mailbox.answer(&message.header.mid, &answer.to_json()).await);
    let error = evidence.failed(at_the_hub.answer(&message.header.mid, &answer.to_json()).await);
    assert_eq!(error.class(), Class::PrivateKey, "{error}");
    evidence.failed(mailbox.answer(&message.header.mid, TEXT).await);
    evidence.show(&mailbox::Answer::Reserved(mailbox.reserve().await.unwrap()));

    let keys = MemoryKeyStore::new(Arc::new(AwsLcRs));
    keys.open_activation(Channel::of_message(&*link.url, link.token.clone(), Secret::new(CLAIM)))
        .await
        .unwrap();
    evidence.show(&(&keys, keys.activations().await.unwrap()));

    // Links.
    evidence.secret("a wrong token", TOKEN);
    let scratch = peers::Scratch::new();
    let folder = Folder(scratch.path("keys"));
    let keys = Arc::new(FileKeyStore::open(&folder.0, Arc::new(AwsLcRs)).unwrap());
    let device = world.device(&transport, keys.clone(), evidence);
    for link in [
        format!(
            "com.nexusgroup.plugout:///?url={}%2Fms%2Fb1&token={TOKEN}",
            world.base.replace(':', "%3A").replace('/', "%2F")
        ),
        format!(
            "com.nexusgroup.plugout:///?url=https%3A%2F%2Felsewhere.example%2Fms%2Fb1&token={TOKEN}"
        ),
        format!("com.nexusgroup.plugout:///?token={TOKEN}"),
        format!("com.nexusgroup.plugout:///?url=%zz&token={TOKEN}"),
        format!("personal://hub.example/{TOKEN}"),
        format!("personal://hub.example/ms/b1/{TOKEN}?title={TOKEN}&redirect={TOKEN}"),
        format!("https://hub.example/{TOKEN}"),
        TOKEN.to_owned(),
    ] {
        evidence.failed(device.activate(&link).await);
        if let Ok(activation) = Activation::parse(&link) {
            evidence.show(&activation);
        }
    }

    // A link that waits, while the folder is in use, and then damaged.
    let submitted = client
        .submit(Command::new(
            CommandHeader::new(300, 300),
            ProvisionCommand::new("n", "userB", parties::profile("damaged")),
        ))
        .await
        .unwrap();
    device.activate(submitted.destinations[0].uri.expose()).await.unwrap();
    folder.note(evidence);
    evidence.failed(FileKeyStore::open(&folder.0, Arc::new(AwsLcRs)));
    drop((device, keys));
    let path = format!("{}/state.json", folder.0);
    let state = std::fs::read_to_string(&path).unwrap();
    for damaged in [
        state[..state.len() / 2].to_owned(),
        state.replacen(r#""token":"#, r#""token":1,"x":"#, 1),
        state.replacen(r#""token":"#, r#""token":[{}],"x":"#, 1),
        state.replacen('[', &format!("\"{TEXT}\""), 1),
        state.replacen('{', &format!("{{\"{TEXT}\":\"{TEXT}\","), 1) + TEXT,
        state
            .replace(r#""key_id""#, r#""claim""#)
            .replace(":true", ":\"canary-in-a-text-that-is-wrong-38bd\""),
        TEXT.to_owned(),
    ] {
        std::fs::write(&path, &damaged).unwrap();
        match FileKeyStore::open(&folder.0, Arc::new(AwsLcRs)) {
            Ok(store) => evidence.show(&store),
            Err(error) => evidence.fault(&error),
        }
    }
    std::fs::write(&path, &state).unwrap();
    for entry in std::fs::read_dir(&folder.0).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "p8") {
            let der = std::fs::read(&path).unwrap();
            std::fs::write(&path, &der[..der.len() - 1]).unwrap();
            evidence.failed(FileKeyStore::open(&folder.0, Arc::new(AwsLcRs)));
            std::fs::write(&path, TEXT).unwrap();
            evidence.failed(FileKeyStore::open(&folder.0, Arc::new(AwsLcRs)));
            break;
        }
    }
}

/// Texts that cannot be read.
pub(crate) fn of_texts(evidence: &Evidence) {
    evidence.secret("a wrong text", TEXT);
    let profile = parties::profile("texts");
    let enrollment = Enrollment::begin(&AwsLcRs, CommandHeader::new(300, 300), "userA", profile)
        .unwrap()
        .to_json();
    for text in [
        TEXT.to_owned(),
        format!("\"{TEXT}\""),
        format!("[\"{TEXT}\"]"),
        enrollment[..enrollment.len() / 2].to_owned(),
        enrollment.replace(':', &format!(":\"{TEXT}\"")),
        format!(
            r#"{{"commandHeader":{{"lifespan":"{TEXT}","timeout":"{TEXT}"}},"pingCommand":"{TEXT}"}}"#
        ),
        format!(r#"{{"allowedClients":[{{"clientId":["{TEXT}"],"key":{{"{TEXT}":1}}}}]}}"#),
        format!(r#"{{"kty":"{TEXT}","k":"{TEXT}","d":["{TEXT}"]}}"#),
    ] {
        evidence.failed(Enrollment::from_json(&text));
        evidence.failed(Command::from_json(&text));
        evidence.failed(serde_json::from_str::<Command>(&text));
        evidence.failed(Callback::from_json(&text));
        evidence.failed(Answer::from_json(&text));
        evidence.failed(ApiUsers::from_json(&text));
        evidence.failed(serde_json::from_str::<ApiUsers>(&text));
        evidence.failed(Jwk::from_json(&text));
        evidence.failed(Template::from_base64(&base64(&text)));
        evidence.failed(BasicAuth::parse(&text.replace(':', "")));
    }
}
