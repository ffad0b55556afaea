//! Answers: their form, their proof, and that they count once.

use std::time::Duration;

use keyferry::hermod::model::{
    Answer, AuthenticateCommand, Command, CommandBody, CommandHeader, DataFormat, DeviceInfo, Item,
    ProvisionResponse, Response, SignCommand, SignMechanism, SignParams, SignResponse,
};
use keyferry::hermod::proof::UnsignedAnswer;
use keyferry::hermod::wire::{CommandApi, MailboxApi, MailboxKey};
use keyferry::{Class, Gate};

use crate::hub::support::*;

const OTHER: &str = "11111111-0e4d-436b-a512-2e18d8afe134";

#[tokio::test]
async fn the_same_answer_again_succeeds_and_another_conflicts() {
    let world = World::new();
    let provisioning = Provisioning::begin(&world).await;
    let answer = provisioning.success();
    provisioning.answer(&answer).await.unwrap();
    provisioning.answer(&answer).await.unwrap();
    // An answer that is signed again is another answer, and so is one with an extra space.
    for other in [provisioning.success(), format!("{answer} "), String::from("{}"), String::new()] {
        refused(provisioning.answer(&other).await, Class::Conflict);
    }
    // Reading is over; the same answer succeeds until 24 hours after the deadline.
    refused(provisioning.mailbox.list(Duration::ZERO).await, Class::Expired);
    refused(provisioning.mailbox.fetch(provisioning.mid()).await, Class::Expired);
    refused(provisioning.mailbox.reserve().await, Class::Expired);
    world.pass(200 + 86_399).await;
    world
        .open(&provisioning.submitted, 0, 'c')
        .await
        .answer(provisioning.mid(), &answer)
        .await
        .unwrap();
    refused(
        world.open(&provisioning.submitted, 0, 'c').await.answer(provisioning.mid(), "{}").await,
        Class::Conflict,
    );
    refused(
        world.open(&provisioning.submitted, 0, 'd').await.answer(provisioning.mid(), &answer).await,
        Class::Conflict,
    );
    world.pass(1).await;
    refused(world.hub.open(key(&provisioning.submitted, 0, 'c')).await, Class::Unauthorized);
    // One answer, one callback.
    assert_eq!(world.shop.seen().len(), 1);
}

#[tokio::test]
async fn in_reply_to_equals_location_as_text() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let mailbox = world.open(&submitted, 0, 'c').await;
    let (mid, location) = (&submitted.destinations[0].mid, &submitted.destinations[0].location);
    for other in [
        location.replace("https", "HTTPS"),
        format!("{location}/"),
        format!("{PUBLIC}/x/{mid}"),
        String::new(),
    ] {
        let error = refused(mailbox.answer(mid, &pong(&other, 0)).await, Class::Malformed);
        assert_eq!(error.part(), "responseHeader.inReplyTo");
    }
    mailbox.answer(mid, &pong(location, 0)).await.unwrap();
}

#[tokio::test]
async fn an_envelope_that_is_wrong_is_malformed_and_the_message_stays_open() {
    let world = World::new();
    let provisioning = Provisioning::begin(&world).await;
    let location = &provisioning.message.header.location;
    let header = format!(r#""responseHeader":{{"inReplyTo":"{location}","status":200}}"#);
    for wrong in [
        String::new(),
        String::from("[]"),
        format!("{{{header}}}"),
        format!(r#"{{{header},"provResponse":{{}}}}"#),
        format!(r#"{{{header},"provResponse":{{"code":0}}}}"#),
        format!(
            r#"{{{header},"provResponse":{{"code":0,"result":{{"contenttype":"xml","data":"x"}}}}}}"#
        ),
        format!(r#"{{{header},"provResponse":{{"code":1}},"provResponse":{{"code":1}}}}"#),
        format!(r#"{{{header},"otherResponse":{{"code":0}}}}"#),
        certified(location, 0),
    ] {
        let error = refused(provisioning.answer(&wrong).await, Class::Malformed);
        assert!(!error.part().starts_with("provResponse.result.data"), "{error}");
    }
    provisioning.answer(&provisioning.success()).await.unwrap();
}

#[tokio::test]
async fn a_provision_answer_that_does_not_prove_itself_is_refused_and_the_message_stays_open() {
    let world = World::new();
    let provisioning = Provisioning::begin(&world).await;
    let (message, url) = (&provisioning.message, provisioning.reserved.box_url.as_str());
    let info = || DeviceInfo::new("Linux");
    let honest = |asked: &_| UnsignedAnswer::new(asked, PROFILE, url, info()).with_fqdn(HOST);
    let garbled = {
        let good = provisioning.success();
        good.replacen("eyJ", "eyK", 1)
    };
    let other_nonce = {
        let mut message = message.clone();
        if let CommandBody::Provision(command) = &mut message.body {
            command.nonce = "0ther".into();
        }
        provisioned(&message, url, PROFILE).to_json()
    };
    let other_user = {
        let mut message = message.clone();
        if let CommandBody::Provision(command) = &mut message.body {
            command.user_id = "mallory".into();
        }
        provisioned(&message, url, PROFILE).to_json()
    };
    let other_key = {
        let mut message = message.clone();
        if let CommandBody::Provision(command) = &mut message.body {
            command.profile.key_gen_requests[0].key_id = "other".into();
        }
        provisioned(&message, url, PROFILE).to_json()
    };
    for (class, answer) in [
        (Class::Malformed, garbled),
        (
            Class::Malformed,
            Answer::new(
                message.header.location.as_str(),
                Response::Provision(ProvisionResponse::success("a.b")),
            )
            .to_json(),
        ),
        (Class::Nonce, other_nonce),
        (Class::User, other_user),
        (Class::KeyId, other_key),
        (
            Class::Channel,
            provisioned_by(message, |asked| honest(asked).with_fqdn("evil.example")).to_json(),
        ),
        (
            Class::Channel,
            provisioned_by(message, |asked| UnsignedAnswer::new(asked, PROFILE, url, info()))
                .to_json(),
        ),
        (Class::Malformed, provisioned(message, url, "").to_json()),
        (Class::Malformed, provisioned(message, url, &"x".repeat(129)).to_json()),
    ] {
        let error = refused(provisioning.answer(&answer).await, class);
        assert!(error.part().starts_with("provResponse.result.data"), "{error}");
    }
    assert_eq!(world.state(&provisioning.submitted).await, "IN_PROGRESS");
    provisioning.answer(&provisioning.success()).await.unwrap();
    assert_eq!(world.state(&provisioning.submitted).await, "COMPLETED");
}

#[tokio::test]
async fn the_mailbox_is_one_that_this_message_reserved() {
    let world = World::new();
    let taken = world.provision("other", OTHER).await;
    let (one, two) = (Provisioning::begin(&world).await, Provisioning::begin(&world).await);
    let own = &one.reserved.box_url;
    for wrong in [
        two.reserved.box_url.clone(),
        format!("{PUBLIC}/{}", taken.bid),
        format!("{PUBLIC}/{}", one.submitted.destinations[0].bid),
        format!("{PUBLIC}/{OTHER}"),
        format!("{own}/"),
        own.replace("https", "http"),
        format!("https://evil.example/ms/{}", one.reserved.bid),
        one.reserved.bid.clone(),
        PUBLIC.to_owned(),
    ] {
        let error = refused(
            one.answer(&provisioned(&one.message, &wrong, PROFILE).to_json()).await,
            Class::Channel,
        );
        assert!(error.part().starts_with("provResponse.result.data"), "{error}");
    }
    one.answer(&one.success()).await.unwrap();
}

#[tokio::test]
async fn registers_the_mailbox_that_was_named_and_removes_the_rest() {
    let world = World::new();
    let provisioning = Provisioning::begin(&world).await;
    let chosen = provisioning.mailbox.reserve().await.unwrap();
    assert_eq!(world.refusal(ping(&[user(USER)])).await.class(), Class::NotFound);
    let answer = provisioned(&provisioning.message, &chosen.box_url, PROFILE).to_json();
    provisioning.answer(&answer).await.unwrap();

    let submitted = world.submit(ping(&[user(USER)])).await;
    assert_eq!(submitted.destinations.len(), 1);
    assert_eq!(
        (&submitted.destinations[0].bid, submitted.destinations[0].pid.as_deref()),
        (&chosen.bid, Some(PROFILE))
    );
    let rest = world
        .hub
        .open(MailboxKey::of_mailbox(
            &*provisioning.reserved.bid,
            provisioning.reserved.token.clone(),
        ))
        .await
        .unwrap();
    refused(rest.list(Duration::ZERO).await, Class::Expired);
}

#[tokio::test]
async fn a_refused_or_late_provisioning_registers_nothing() {
    let world = World::new();
    let refusing = Provisioning::begin(&world).await;
    let refusal = Answer::new(
        refusing.message.header.location.as_str(),
        Response::Provision(ProvisionResponse::refusal(1)),
    );
    refusing.answer(&refusal.to_json()).await.unwrap();
    let late = Provisioning::begin(&world).await;
    world.pass(200).await;
    refused(late.answer(&late.success()).await, Class::Expired);
    for provisioning in [refusing, late] {
        let reserved = MailboxKey::of_mailbox(
            &*provisioning.reserved.bid,
            provisioning.reserved.token.clone(),
        );
        refused(world.hub.open(reserved).await.unwrap().list(Duration::ZERO).await, Class::Expired);
    }
    assert_eq!(world.refusal(ping(&[user(USER)])).await.class(), Class::NotFound);
}

#[tokio::test]
async fn a_switch_turns_verification_off_but_not_the_check_of_the_mailbox() {
    let world = World::with(|config| *config = config.clone().danger_without_verification());
    let provisioning = Provisioning::begin(&world).await;
    let info = || DeviceInfo::new("Linux");
    let elsewhere = provisioned_by(&provisioning.message, |asked| {
        UnsignedAnswer::new(asked, PROFILE, format!("{PUBLIC}/{OTHER}"), info())
    });
    refused(provisioning.answer(&elsewhere.to_json()).await, Class::Channel);
    // Neither host name nor key is looked at.
    let odd = provisioned_by(&provisioning.message, |asked| {
        UnsignedAnswer::new(asked, PROFILE, &*provisioning.reserved.box_url, info())
    });
    provisioning.answer(&odd.to_json()).await.unwrap();
    assert_eq!(world.submit(ping(&[user(USER)])).await.destinations.len(), 1);
}

#[tokio::test]
async fn a_profile_that_exists_is_not_taken_over() {
    let world = World::new();
    world.provision("victim", PROFILE).await;
    for profile in [PROFILE.to_owned(), PROFILE.to_ascii_uppercase()] {
        let provisioning = Provisioning::begin(&world).await;
        let answer =
            provisioned(&provisioning.message, &provisioning.reserved.box_url, &profile).to_json();
        let error = refused(provisioning.answer(&answer).await, Class::User);
        assert!(error.part().starts_with("provResponse.result.data"), "{error}");
    }
    assert_eq!(world.submit(ping(&[user("victim")])).await.destinations.len(), 1);
}

#[tokio::test]
async fn a_renewal_to_a_temporary_mailbox_replaces_the_mailbox_of_the_same_user() {
    let world = World::new();
    let old = world.provision(USER, PROFILE).await;
    let renew = |user: &str| {
        let mut command = provision_to(user);
        if let CommandBody::Provision(provision) = &mut command.body {
            provision.profile.id = Some(PROFILE.into());
        }
        command
    };
    for (user_id, accepted) in [("mallory", false), (USER, true)] {
        let submitted = world.submit(renew(user_id)).await;
        let mailbox = world.open(&submitted, 0, 'c').await;
        let message = mailbox.fetch(&submitted.destinations[0].mid).await.unwrap();
        let reserved = mailbox.reserve().await.unwrap();
        let result = mailbox
            .answer(
                &submitted.destinations[0].mid,
                &provisioned(&message, &reserved.box_url, PROFILE).to_json(),
            )
            .await;
        if accepted {
            result.unwrap();
            let bids: Vec<String> = world
                .submit(ping(&[user(USER)]))
                .await
                .destinations
                .into_iter()
                .map(|to| to.bid)
                .collect();
            assert_eq!(bids, [reserved.bid]);
        } else {
            refused(result, Class::User);
        }
    }
    refused(world.hub.open(old).await.unwrap().list(Duration::ZERO).await, Class::Expired);
}

#[tokio::test]
async fn a_renewal_in_a_permanent_mailbox_keeps_it() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let mut command = provision_to(USER);
    command.header.to = Some(vec![user(USER)]);
    let submitted = world.submit(command).await;
    let mailbox = world.hub.open(own.clone()).await.unwrap();
    let mid = &submitted.destinations[0].mid;
    let message = mailbox.fetch(mid).await.unwrap();
    let url = format!("{PUBLIC}/{}", own.bid);
    refused(
        mailbox
            .answer(mid, &provisioned(&message, &format!("{PUBLIC}/{OTHER}"), PROFILE).to_json())
            .await,
        Class::Channel,
    );
    refused(mailbox.answer(mid, &provisioned(&message, &url, OTHER).to_json()).await, Class::User);
    mailbox.answer(mid, &provisioned(&message, &url, PROFILE).to_json()).await.unwrap();
    let submitted = world.submit(ping(&[user(USER)])).await;
    assert_eq!(
        (&submitted.destinations[0].bid, submitted.destinations[0].pid.as_deref()),
        (&own.bid, Some(PROFILE))
    );
}

#[tokio::test]
async fn the_first_success_completes_and_withdraws_the_others() {
    let world = World::new();
    let submitted = world
        .submit(ping(&[
            keyferry::hermod::model::Address::Tmp,
            keyferry::hermod::model::Address::Tmp,
        ]))
        .await;
    let [one, two] = &submitted.destinations[..] else { panic!("not two") };
    world.open(&submitted, 0, 'a').await.answer(&one.mid, &pong(&one.location, 0)).await.unwrap();
    assert_eq!(world.state(&submitted).await, "COMPLETED");
    let late = world.open(&submitted, 1, 'b').await;
    refused(late.fetch(&two.mid).await, Class::Expired);
    refused(late.answer(&two.mid, &pong(&two.location, 0)).await, Class::Expired);
    world.step().await;
    assert_eq!(world.shop.seen().len(), 1);
}

#[tokio::test]
async fn a_refusal_counts_when_every_device_refused_and_the_first_is_told() {
    let world = World::new();
    let tmp = || keyferry::hermod::model::Address::Tmp;
    let submitted = world.submit(ping(&[tmp(), tmp()])).await;
    for (n, code, state) in [(1, 1, "IN_PROGRESS"), (0, 2, "COMPLETED")] {
        let to = &submitted.destinations[n];
        let mailbox = world.open(&submitted, n, 'a').await;
        mailbox.answer(&to.mid, &pong(&to.location, code)).await.unwrap();
        mailbox.answer(&to.mid, &pong(&to.location, code)).await.unwrap();
        refused(mailbox.answer(&to.mid, &pong(&to.location, 0)).await, Class::Conflict);
        assert_eq!(world.state(&submitted).await, state);
    }
    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!(callback.response.unwrap().code(), Some(1));
    assert_eq!(callback.response_header.unwrap().in_reply_to, submitted.destinations[1].location);

    // A success after a refusal is a success.
    let submitted = world.submit(ping(&[tmp(), tmp()])).await;
    for (n, code) in [(0, 1), (1, 0)] {
        let to = &submitted.destinations[n];
        world
            .open(&submitted, n, 'a')
            .await
            .answer(&to.mid, &pong(&to.location, code))
            .await
            .unwrap();
    }
    let callback = world.integrator("shop").await.poll(&submitted.command_id).await.unwrap();
    assert_eq!(callback.response.unwrap().code(), Some(0));
}

#[tokio::test]
async fn unknown_members_of_an_answer_reach_the_integrator() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let to = &submitted.destinations[0];
    let text = format!(
        r#"{{"responseHeader":{{"inReplyTo":"{}","status":200,"x":1}},"pingResponse":{{"code":0,"y":2.0}},"z":[]}}"#,
        to.location
    );
    world.open(&submitted, 0, 'c').await.answer(&to.mid, &text).await.unwrap();
    world.step().await;
    let text = world.shop.seen()[0].callback.to_json();
    for part in [r#""x":1"#, r#""y":2.0"#, r#""z":[]"#] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_caller_that_disconnects_interrupts_no_step() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let to = &submitted.destinations[0];
    let mailbox = world.open(&submitted, 0, 'c').await;
    let answer = pong(&to.location, 0);
    {
        // Polled once and dropped.
        let mut call = std::pin::pin!(mailbox.answer(&to.mid, &answer));
        let _ = call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    }
    assert_eq!(world.state(&submitted).await, "COMPLETED");
}

#[tokio::test]
async fn a_success_to_sign_has_a_signature_in_the_format_asked_for() {
    let world = World::new();
    let params = || {
        SignParams::new(
            vec![Item::base64("tbs", "text/plain", "eA==")],
            DataFormat::JWS,
            SignMechanism::CKM_SHA256_RSA_PKCS,
        )
    };
    let header = || CommandHeader::new(300, 200);
    for (command, member) in [
        (Command::new(header(), SignCommand::new(params())), "signResponse"),
        (Command::new(header(), AuthenticateCommand::new(params())), "authResponse"),
    ] {
        let submitted = world.submit(command).await;
        let (mid, location) = (&submitted.destinations[0].mid, &submitted.destinations[0].location);
        let mailbox = world.open(&submitted, 0, 'c').await;
        let answer = |response: SignResponse| {
            let response = if member == "signResponse" {
                Response::Sign(response)
            } else {
                Response::Authenticate(response)
            };
            Answer::new(location.as_str(), response).to_json()
        };
        let error =
            refused(mailbox.answer(mid, &answer(SignResponse::refusal(0))).await, Class::Malformed);
        assert_eq!(error.part(), format!("{member}.result"));
        let error = refused(
            mailbox.answer(mid, &answer(SignResponse::success(DataFormat::PKCS7, "MIIB"))).await,
            Class::Malformed,
        );
        assert_eq!(error.part(), format!("{member}.result.contenttype"));
        // Whether it verifies is the integrator's to say, who knows the key.
        mailbox
            .answer(mid, &answer(SignResponse::success(DataFormat::JWS, "a.b.c")))
            .await
            .unwrap();
        assert_eq!(world.state(&submitted).await, "COMPLETED");
    }
}
