//! Commands: what is taken, where it goes, what comes back.

use std::time::Duration;

use keyferry::hermod::model::{
    Address, Command, CommandBody, CommandHeader, CommandId, CommandType, DeleteCommand,
    PingCommand, State,
};
use keyferry::hermod::wire::{ApiKey, CommandApi, MailboxApi};
use keyferry::{Class, Gate, Secret};

use crate::hub::support::*;

#[tokio::test]
async fn provisions_certifies_and_calls_back() {
    let world = World::new();
    let mut command = provision_to(USER);
    command.header.external_id = Some("my-id".into());
    let shop = world.integrator("shop").await;
    let submitted = shop.submit(command).await.unwrap();
    assert_eq!(
        (&submitted.command_type, &submitted.state),
        (&CommandType::PROV, &State::IN_PROGRESS)
    );
    assert_eq!(
        (submitted.external_id.as_deref(), submitted.fqdn.as_deref()),
        (Some("my-id"), Some(HOST))
    );
    let destination = &submitted.destinations[0];
    assert_eq!((&destination.to, &destination.pid), (&Address::Tmp, &None));
    assert_eq!(destination.location, format!("{PUBLIC}/{}/{}", destination.bid, destination.mid));

    // The device.
    let mailbox = world.open(&submitted, 0, 'c').await;
    let listed = mailbox.list(Duration::ZERO).await.unwrap().messages;
    assert_eq!(
        (listed.len(), &listed[0].mid, &listed[0].location),
        (1, &destination.mid, &destination.location)
    );
    let message = mailbox.fetch(&destination.mid).await.unwrap();
    assert_eq!(
        (message.header.created.as_str(), message.header.expires.as_str()),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:16:40Z")
    );
    assert_eq!(message.body, provision_to(USER).body);
    let reserved = mailbox.reserve().await.unwrap();
    mailbox
        .answer(&destination.mid, &provisioned(&message, &reserved.box_url, PROFILE).to_json())
        .await
        .unwrap();

    // The callback says what the poll says.
    world.step().await;
    let delivery = world.shop.seen().remove(0);
    assert_eq!(delivery.callback, shop.poll(&submitted.command_id).await.unwrap());
    assert_eq!(
        (&delivery.callback.state, delivery.callback.external_id.as_deref()),
        (&State::COMPLETED, Some("my-id"))
    );
    assert_eq!(delivery.callback.destinations, submitted.destinations);
    assert!(delivery.callback.jws().is_some());

    // The certificate goes to the new mailbox.
    let submitted = shop.submit(certificate(user(USER), PROFILE)).await.unwrap();
    let destination = &submitted.destinations[0];
    assert_eq!(
        (&destination.to, destination.pid.as_deref()),
        (&Address::Mailbox(reserved.bid.clone()), Some(PROFILE))
    );
    let own = world
        .hub
        .open(keyferry::hermod::wire::MailboxKey::of_mailbox(
            reserved.bid.clone(),
            reserved.token.clone(),
        ))
        .await
        .unwrap();
    let listed = own.list(Duration::ZERO).await.unwrap().messages.remove(0);
    own.answer(&listed.mid, &certified(&listed.location, 0)).await.unwrap();
    world.step().await;
    assert_eq!(world.shop.seen().len(), 2);
    assert_eq!(world.shop.seen()[1].callback.state, State::COMPLETED);
}

#[tokio::test]
async fn refuses_times_out_of_range_and_no_destination() {
    let world = World::new();
    for (lifespan, timeout, part) in [
        (0, 1, "lifespan"),
        (1, 0, "timeout"),
        (2_592_001, 1, "lifespan"),
        (1, 2_592_001, "timeout"),
    ] {
        let error = refused(
            world
                .integrator("shop")
                .await
                .submit(Command::new(
                    CommandHeader::new(lifespan, timeout),
                    PingCommand::new(false),
                ))
                .await,
            Class::Malformed,
        );
        assert_eq!(error.part(), format!("commandHeader.{part}"));
    }
    let mut command = ping(&[]);
    command.header.to = Some(Vec::new());
    assert_eq!(world.refusal(command).await.class(), Class::Malformed);
    world.submit(Command::new(CommandHeader::new(1, 2_592_000), PingCommand::new(false))).await;
}

#[tokio::test]
async fn refuses_provision_commands_that_nobody_could_answer() {
    let world = World::new();
    let provision = |change: &dyn Fn(&mut keyferry::hermod::model::ProvisionCommand)| {
        let mut command = provision_to(USER);
        if let CommandBody::Provision(provision) = &mut command.body {
            change(provision);
        }
        command
    };
    for command in [
        provision(&|command| command.profile.key_gen_requests.clear()),
        provision(&|command| {
            command.profile.key_gen_requests.push(command.profile.key_gen_requests[0].clone())
        }),
        provision(&|command| {
            command.profile.key_gen_requests[0].cert_req = Some("no request".into())
        }),
        provision(&|command| command.nonce.clear()),
        provision(&|command| command.user_id.clear()),
        provision(&|command| command.user_id = "tmp".into()),
    ] {
        assert_eq!(world.refusal(command).await.class(), Class::Malformed);
    }
}

#[tokio::test]
async fn refuses_a_command_that_is_not_known() {
    let world = World::new();
    let command =
        Command::from_json(r#"{"commandHeader":{"lifespan":60,"timeout":60},"newCommand":{}}"#)
            .unwrap();
    assert_eq!(world.refusal(command).await.class(), Class::Malformed);
}

#[tokio::test]
async fn the_device_gets_the_command_unchanged_with_what_is_not_known() {
    let world = World::new();
    let text = r#"{"commandHeader":{"lifespan":60,"timeout":60},"pingCommand":{"deviceinfo":"true","later":[1.50]},"beside":{"x":null}}"#;
    let submitted = world.submit(Command::from_json(text).unwrap()).await;
    let message =
        world.open(&submitted, 0, 'c').await.fetch(&submitted.destinations[0].mid).await.unwrap();
    let text = message.to_json();
    assert!(text.contains(r#""pingCommand":{"deviceinfo":"true","later":[1.50]}"#), "{text}");
    assert!(text.contains(r#""beside":{"x":null}"#), "{text}");
}

#[tokio::test]
async fn a_user_is_each_of_his_mailboxes_in_the_group_and_a_profile_restricts_them() {
    let world = World::new();
    let (one, two) =
        ("11111111-0e4d-436b-a512-2e18d8afe134", "22222222-0e4d-436b-a512-2e18d8afe134");
    let first = world.provision(USER, one).await;
    let second = world.provision(USER, two).await;
    world.provision("other", "33333333-0e4d-436b-a512-2e18d8afe134").await;

    let bids = |submitted: &keyferry::hermod::model::Submitted| {
        submitted.destinations.iter().map(|to| to.bid.clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        bids(&world.submit(ping(&[user(USER)])).await),
        [first.bid.clone(), second.bid.clone()]
    );
    assert_eq!(bids(&world.submit(certificate(user(USER), two)).await), [second.bid.as_str()]);
    assert_eq!(
        bids(&world.submit(certificate(user(USER), &one.to_ascii_uppercase())).await),
        [first.bid.as_str()]
    );
    // By its id, and once however often it is named.
    let twice =
        [Address::Mailbox(first.bid.clone()), user(USER), Address::Mailbox(first.bid.clone())];
    assert_eq!(bids(&world.submit(ping(&twice)).await), [first.bid.clone(), second.bid]);
    // Another integrator of the group reaches the same mailboxes.
    let portal = world.integrator("portal").await;
    assert_eq!(portal.submit(ping(&[user(USER)])).await.unwrap().destinations.len(), 2);
    // A mailbox that is not the profile's is none.
    assert_eq!(
        world.refusal(certificate(Address::Mailbox(first.bid), two)).await.class(),
        Class::NotFound
    );
}

#[tokio::test]
async fn one_destination_that_does_not_resolve_refuses_the_whole_command() {
    let world = World::new();
    world.provision(USER, PROFILE).await;
    for to in [
        vec![user("nobody")],
        vec![user(USER), user("nobody")],
        vec![Address::Tmp, Address::Mailbox("b".into())],
    ] {
        assert_eq!(world.refusal(ping(&to)).await.class(), Class::NotFound);
    }
    assert_eq!(
        world
            .refusal(certificate(user(USER), "22222222-0e4d-436b-a512-2e18d8afe134"))
            .await
            .class(),
        Class::NotFound
    );
}

#[tokio::test]
async fn another_groups_mailbox_looks_unknown() {
    let world = World::new();
    let mailbox = world.provision(USER, PROFILE).await;
    let rival = world.integrator("rival").await;
    let unknown = refused(rival.submit(ping(&[user("nobody")])).await, Class::NotFound);
    assert_eq!(refused(rival.submit(ping(&[user(USER)])).await, Class::NotFound), unknown);
    assert_eq!(
        refused(rival.submit(ping(&[Address::Mailbox(mailbox.bid)])).await, Class::NotFound),
        unknown
    );
}

#[tokio::test]
async fn another_tenants_command_looks_unknown() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let unknown = refused(
        world.integrator("shop").await.poll(&CommandId::from("4611686018427387904")).await,
        Class::NotFound,
    );
    // Also to those of the same group.
    for other in ["portal", "rival"] {
        assert_eq!(
            refused(
                world.integrator(other).await.poll(&submitted.command_id).await,
                Class::NotFound
            ),
            unknown
        );
    }
    for odd in [
        "",
        "-1",
        "+1",
        "x",
        "99999999999999999999",
        &format!("0{}", submitted.command_id),
        &format!("{} ", submitted.command_id),
    ] {
        assert_eq!(
            refused(
                world.integrator("shop").await.poll(&CommandId::from(odd)).await,
                Class::NotFound
            ),
            unknown
        );
    }
}

#[tokio::test]
async fn an_integrator_named_like_a_group_is_not_in_it() {
    let world = World::with(|config| {
        let digest = config.integrators[2].keys[0];
        config
            .integrators
            .push(keyferry::hermod::hub::IntegratorConfig::new("acme").with_key(digest));
        config
            .integrators
            .push(keyferry::hermod::hub::IntegratorConfig::new("spy").with_group("integrator"));
    });
    world.provision(USER, PROFILE).await;
    for id in ["acme", "spy"] {
        refused(
            world.hub.integrator(id).unwrap().submit(ping(&[user(USER)])).await,
            Class::NotFound,
        );
    }
}

#[tokio::test]
async fn ids_grow_with_gaps_that_nobody_can_tell() {
    let world = World::new();
    let mut before = 0;
    let mut gaps = std::collections::BTreeSet::new();
    for _ in 0..16 {
        let id: u64 = world.submit(ping(&[])).await.command_id.as_str().parse().unwrap();
        assert!(id > before);
        gaps.insert(id - before);
        before = id;
    }
    assert!(gaps.len() > 4, "{gaps:?}");
}

#[tokio::test]
async fn the_answer_is_one_and_the_same_for_an_unknown_id_and_a_wrong_key() {
    let world = World::new();
    let open = |id: &str, key: &str| world.hub.open(ApiKey::new(id, Secret::new(key)));
    let wrong_key = refused(open("shop", "rival-key").await, Class::Unauthorized);
    let wrong_id = refused(open("nobody", "shop-key").await, Class::Unauthorized);
    let nothing = refused(open("", "").await, Class::Unauthorized);
    assert!(wrong_key == wrong_id && wrong_id == nothing);
    assert_eq!(wrong_key.to_string(), wrong_id.to_string());
}

#[tokio::test]
async fn two_keys_are_valid_at_a_time_and_rotate_without_a_gap() {
    use keyferry::crypto::aws_lc_rs::AwsLcRs;
    use keyferry::hermod::hub::{Digest, IntegratorConfig};

    let world = World::new();
    let digest = |key: &str| Digest::of(&AwsLcRs, &Secret::new(key));
    let shop = |keys: &[&str]| {
        keys.iter().fold(IntegratorConfig::new("shop"), |config, key| config.with_key(digest(key)))
    };
    let opens =
        async |key: &str| world.hub.open(ApiKey::new("shop", Secret::new(key))).await.is_ok();
    world.hub.set_integrators(vec![shop(&["old", "new"])]).unwrap();
    assert!(opens("old").await && opens("new").await);
    world.hub.set_integrators(vec![shop(&["new"])]).unwrap();
    assert!(!opens("old").await && opens("new").await);
    for wrong in [
        vec![shop(&["a", "b", "c"])],
        vec![shop(&[]), shop(&[])],
        vec![IntegratorConfig::new("a:b")],
        vec![IntegratorConfig::new("")],
    ] {
        assert_eq!(world.hub.set_integrators(wrong).unwrap_err().class(), Class::Malformed);
    }
    assert!(opens("new").await);
    // Without a key nobody comes in from outside.
    world.hub.set_integrators(vec![shop(&[])]).unwrap();
    assert!(!opens("new").await && !opens("").await);
    assert_eq!(world.hub.integrator("shop").unwrap().id(), "shop");
    refused(world.hub.integrator("portal"), Class::NotFound);
}

#[tokio::test]
async fn a_provision_command_to_a_mailbox_names_its_user() {
    let world = World::new();
    world.provision(USER, PROFILE).await;
    let mut command = provision_to("somebody.else");
    command.header.to = Some(vec![user(USER)]);
    let error = world.refusal(command).await;
    assert_eq!((error.class(), error.part()), (Class::Malformed, "provCommand.userid"));
}

#[tokio::test]
async fn links_come_from_the_configuration() {
    use keyferry::hermod::hub::HubConfig;

    for wrong in [
        "",
        "hub.example/ms",
        "https://hub.example",
        "https://hub.example/ms?x",
        "ftp://hub.example/ms",
        "https://a@hub.example/ms",
        "https://hub.example/xms/y",
    ] {
        assert_eq!(HubConfig::new(wrong, HOST).unwrap_err().class(), Class::Malformed, "{wrong}");
    }
    assert_eq!(HubConfig::new("https://hub.example/ms", "").unwrap_err().class(), Class::Malformed);
    assert_eq!(
        HubConfig::new("https://hub.example/ms//", HOST).unwrap().public_url,
        "https://hub.example/ms"
    );
}

#[tokio::test]
async fn a_delete_command_has_no_temporary_mailbox() {
    let world = World::new();
    for confirmation in [true, false] {
        let command =
            Command::new(CommandHeader::new(60, 60), DeleteCommand::new(None, confirmation));
        assert_eq!(world.refusal(command).await.class(), Class::Malformed);
    }
}
