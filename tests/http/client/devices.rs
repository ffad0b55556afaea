//! A device over HTTP: its hub behind a transport, and what stands between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use keyferry::crypto::Provider as _;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::Dialect;
use keyferry::hermod::device::HttpConnector;
use keyferry::hermod::device::{Agent, Connector as _, DeviceError, Event};
use keyferry::hermod::hub::Hub;
use keyferry::hermod::integrator::{HubIdentity, Next};
use keyferry::hermod::proof::Verifier;
use keyferry::hermod::wire::MailboxApi as _;
use keyferry::hermod::wire::http::mailbox::{self, Answer, Call};
use keyferry::keys::KeyStore as _;
use keyferry::transport::{PeerCertificate, TransportError, TransportErrorKind};
use keyferry::{BaseUrl, Class, Error, Gate as _};

use crate::client::support::{Exchanged, Leaping, answer, failure, mailbox_key, refusal, run};
use crate::support::world::*;

/// A hub's end of the wire.
async fn serve(hub: &Hub, request: Request<Bytes>) -> Response<Bytes> {
    let dialect = Dialect::standard();
    let (head, body) = request.into_parts();
    let path =
        head.uri.path().strip_prefix(BaseUrl::parse(PUBLIC).unwrap().path()).unwrap().to_owned();
    let answered = async {
        let key = mailbox::read_credential(dialect, &path, &head).unwrap();
        let mailbox = hub.open(key).await?;
        Ok::<_, Error>(match mailbox::read_call(&path, &head, &body)? {
            Call::List { wait } => Answer::Listing(mailbox.list(wait).await?),
            Call::Fetch { mid } => Answer::Message(mailbox.fetch(&mid).await?),
            Call::Answer { mid, answer } => {
                mailbox.answer(&mid, &answer).await.map(|()| Answer::Taken)?
            }
            Call::Reserve => Answer::Reserved(mailbox.reserve().await?),
            Call::Remove => mailbox.remove().await.map(|()| Answer::Removed)?,
            other => panic!("{other:?}"),
        })
    };
    mailbox::write_answer(dialect, &answered.await, "r1")
}

/// What happens to the answer of an exchange: by its number, from nought.
type Between = Arc<dyn Fn(u32, &http::Method, Response<Bytes>) -> Exchanged + Send + Sync>;

fn through(world: &World, between: Between) -> Agent {
    let (hub, count) = (world.hub(), Arc::new(AtomicU32::new(0)));
    let transport = move |request: Request<Bytes>| {
        let (hub, between, number) =
            (hub.clone(), between.clone(), count.fetch_add(1, Ordering::Relaxed));
        async move {
            let method = request.method().clone();
            between(number, &method, serve(&hub, request).await)
        }
    };
    let connector = HttpConnector::new(transport, Arc::new(AwsLcRs))
        .with_clock(Arc::new(Leaping(world.clock.clone())));
    world.device_over(world.device_store.clone(), Arc::new(connector))
}

#[test]
fn a_device_provisions_over_http_and_signs_the_hub_certificate() {
    run(async {
        let world = World::new();
        let device = through(
            &world,
            Arc::new(|number, _, mut response| {
                // The certificate changes in between; the last one counts.
                let der = if number < 2 { "the old certificate" } else { "the certificate" };
                response.extensions_mut().insert(PeerCertificate(der.into()));
                Ok(response)
            }),
        );
        let mut enrollment = world.at(1).await;
        device.activate(&link(&enrollment)).await.unwrap();
        enrollment.received(&world.callback().await).unwrap();
        let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
        let known =
            |der: &str| HubIdentity::new().with_certificate_sha256(AwsLcRs.sha256(der.as_bytes()));
        enrollment.prove_through(&verifier, &known("the certificate")).unwrap();
        let other = enrollment
            .prove_through(&verifier, &known("the old certificate"))
            .unwrap_err()
            .into_refusal()
            .unwrap();
        assert_eq!(other.class(), Class::Channel);
        // A certificate that is being renewed.
        let renewed = known("the old certificate")
            .with_certificate_sha256(AwsLcRs.sha256("the certificate".as_bytes()));
        enrollment.prove_through(&verifier, &renewed).unwrap();

        while enrollment.next() != Next::Done {
            if let Next::AwaitDelivery { .. } = enrollment.next() {
                for event in device.run_once().await {
                    event.unwrap();
                }
                enrollment.received(&world.callback().await).unwrap();
            } else {
                world.advance(&mut enrollment).await;
            }
        }
        world.assert_installed(&["signer"]).await;
    });
}

#[test]
fn without_tls_a_device_signs_no_certificate() {
    run(async {
        let world = World::new();
        let mut enrollment = world.at(1).await;
        through(&world, Arc::new(|_, _, response| Ok(response)))
            .activate(&link(&enrollment))
            .await
            .unwrap();
        enrollment.received(&world.callback().await).unwrap();
        let verifier = Verifier::pinned(AwsLcRs, [world.attestation.public_key()]).unwrap();
        enrollment.prove_through(&verifier, &HubIdentity::new()).unwrap();
        let known = HubIdentity::new().with_certificate_sha256([7; 32]);
        assert_eq!(
            enrollment
                .prove_through(&verifier, &known)
                .unwrap_err()
                .into_refusal()
                .unwrap()
                .class(),
            Class::Channel
        );
    });
}

/// What is not the hub's word.
fn between() -> Vec<Exchanged> {
    let mut answers: Vec<_> = [
        TransportErrorKind::Unreachable,
        TransportErrorKind::Tls,
        TransportErrorKind::Timeout,
        TransportErrorKind::AnswerTooLarge,
        TransportErrorKind::Broken,
    ]
    .map(failure)
    .into();
    answers.extend(
        [
            200, 301, 302, 307, 400, 401, 403, 404, 405, 407, 408, 409, 410, 413, 421, 422, 425,
            429, 431, 451, 500, 502, 503, 504,
        ]
        .map(|status| answer(status, "<html>portal</html>")),
    );
    answers.extend([
        answer(200, ""),
        answer(204, ""),
        answer(200, "[]"),
        answer(403, "{}"),
        answer(410, r#"{"error":"gone"}"#),
    ]);
    answers.extend([refusal(429), refusal(500), refusal(503)]);
    answers
}

/// The exchanges of an activation.
const STEPS: &[&str] = &["list", "fetch", "reserve", "answer"];

fn step(request: &Request<Bytes>) -> &'static str {
    let below =
        request.uri().path().strip_prefix("/hermod/rest/ms").unwrap().split('/').count() - 1;
    match (request.method().as_str(), below) {
        ("GET", 1) => "list",
        ("GET", 2) => "fetch",
        ("POST", 0) => "reserve",
        ("POST", 2) => "answer",
        other => panic!("{other:?}"),
    }
}

/// Disturbs one step of an activation until it is told to stop; the request arrives or does not.
async fn disturbed(disturbance: Exchanged, at: &'static str, arrives: bool) {
    let world = World::new();
    let mut enrollment = world.at(1).await;
    let (hub, is_down, met) =
        (world.hub(), Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let transport = {
        let (is_down, met, disturbance) = (is_down.clone(), met.clone(), disturbance.clone());
        move |request: Request<Bytes>| {
            let (hub, disturbance) = (hub.clone(), disturbance.clone());
            let is_met = is_down.load(Ordering::Relaxed) && step(&request) == at;
            met.fetch_or(is_met, Ordering::Relaxed);
            async move {
                if !is_met {
                    return Ok(serve(&hub, request).await);
                }
                if arrives {
                    serve(&hub, request).await;
                }
                disturbance
            }
        }
    };
    let connector = HttpConnector::new(transport, Arc::new(AwsLcRs))
        .with_clock(Arc::new(Leaping(world.clock.clone())));
    let device = world.device_over(world.device_store.clone(), Arc::new(connector));
    let case = format!("{disturbance:?} at {at}, arrives: {arrives}");

    let error = device.activate(&link(&enrollment)).await.unwrap_err();
    assert!(matches!(error, DeviceError::Hub(_)) && error.is_retryable(), "{case}: {error:?}");
    assert!(met.load(Ordering::Relaxed));
    // The link is still there, and so are keys that were made.
    assert_eq!(world.device_store.activations().await.unwrap().len(), 1, "{case}");
    let made = usize::from(matches!(at, "reserve" | "answer"));
    assert_eq!(world.device_store.all_pending().await.unwrap().len(), made, "{case}");

    is_down.store(false, Ordering::Relaxed);
    let events: Vec<Event> = device.run_once().await.into_iter().map(Result::unwrap).collect();
    assert!(matches!(&events[..], [Event::Provisioned { .. }]), "{case}: {events:?}");
    enrollment.received(&world.callback().await).unwrap();
    assert_eq!(enrollment.next(), Next::Prove);
}

#[test]
fn a_proxy_cannot_make_a_device_give_up_its_keys_or_link() {
    for at in STEPS {
        for disturbance in between() {
            for arrives in [true, false] {
                run(disturbed(disturbance.clone(), at, arrives));
            }
        }
    }
}

/// A device with a profile whose mailbox is answered for by `between`, and that profile's id.
async fn with_profile(world: &World, between: Exchanged) -> (Agent, String) {
    let enrollment = world.at(1).await;
    world.activate(&enrollment).await.unwrap();
    let id = world.profiles().await.remove(0).names.id;
    let transport = move |_: Request<Bytes>| {
        let between = between.clone();
        async move { between }
    };
    let connector = HttpConnector::new(transport, Arc::new(AwsLcRs))
        .with_clock(Arc::new(Leaping(world.clock.clone())));
    (world.device_over(world.device_store.clone(), Arc::new(connector)), id)
}

#[test]
fn a_proxy_cannot_make_a_device_drop_a_profile() {
    for disturbance in between() {
        run(async {
            let world = World::new();
            let case = format!("{disturbance:?}");
            let (device, id) = with_profile(&world, disturbance).await;
            let before = world.profiles().await;
            for event in device.run_once().await {
                let error = event.unwrap_err();
                assert!(error.is_retryable(), "{case}: {error:?}");
            }
            assert_eq!(world.profiles().await, before, "{case}");
            // Not even one that is to be deleted, whose mailbox has to be given up at the hub.
            assert!(device.delete_profile(&id).await.unwrap_err().is_retryable(), "{case}");
            let left = world.profiles().await;
            assert!(left.len() == 1 && left[0].retired, "{case}: {left:?}");
        });
    }
}

#[test]
fn a_profile_is_dropped_when_the_hub_says_its_mailbox_is_gone() {
    for status in [401, 404, 410] {
        run(async {
            let world = World::new();
            let (device, id) = with_profile(&world, refusal(status)).await;
            let before = world.profiles().await;
            for event in device.run_once().await {
                event.unwrap_err();
            }
            assert_eq!(world.profiles().await, before, "nobody asked for its deletion: {status}");
            let events = device.delete_profile(&id).await.unwrap();
            assert_eq!(events, [Event::Deleted { profile_id: id }], "{status}");
            assert!(world.profiles().await.is_empty(), "{status}");
        });
    }
}

#[test]
fn a_mailbox_that_was_reserved_is_not_reserved_twice_by_itself() {
    run(async {
        let world = World::new();
        let enrollment = world.at(1).await;
        let reserved = Arc::new(AtomicU32::new(0));
        let device = {
            let reserved = reserved.clone();
            through(
                &world,
                Arc::new(move |_, _, response| {
                    if response.status() != 201 {
                        return Ok(response);
                    }
                    reserved.fetch_add(1, Ordering::Relaxed);
                    Err(TransportError::new(TransportErrorKind::Broken, ""))
                }),
            )
        };
        assert!(device.activate(&link(&enrollment)).await.unwrap_err().is_retryable());
        assert_eq!(reserved.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn an_address_that_is_none_is_not_connected_to() {
    run(async {
        let never = |_: Request<Bytes>| async { failure(TransportErrorKind::Unreachable) };
        let connector = HttpConnector::new(never, Arc::new(AwsLcRs));
        assert_eq!(
            connector.connect("hub.example/ms", mailbox_key()).await.err().unwrap().class(),
            Class::Malformed
        );
        let connection = connector.connect(PUBLIC, mailbox_key()).await.unwrap();
        assert_eq!(connection.certificate.sha256(), None);
    });
}
