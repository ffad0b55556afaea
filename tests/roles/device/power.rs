//! Rule 4: a device survives power loss at any point without a lost or orphaned key and without
//! carrying out a command twice.

use std::time::Duration;

use crate::device::support::{
    P256, World, answers_are_identical, installing, key, one_key, provision, renewal,
};
use crate::support::crash::{Crash, run};
use keyferry::Class;
use keyferry::hermod::device::{Agent, Decision};
use keyferry::hermod::model::{
    Answer, Command, CommandBody, CommandHeader, DataFormat, DeleteCommand, Item, PingCommand,
    Response, SignCommand, SignMechanism, SignParams,
};

/// Runs `step` with a crash at every point, restarts until it has finished, and checks.
fn crash_at_every_step(
    setting: impl Fn() -> World,
    first: impl Fn(&World) -> String,
    step: impl AsyncFn(&Agent, &str),
    check: impl Fn(&World),
) -> usize {
    for at in 0..500 {
        let world = setting();
        let what = first(&world);
        let crashed = run(step(&world.device_until(&Crash::at(at)), &what)).is_none();
        if crashed {
            // The second start may crash as well, somewhere.
            let _ = run(world.device_until(&Crash::at(at / 2)).run_once());
            for _ in 0..3 {
                let _ = run(world.device().run_once()).unwrap();
            }
            // The user opens a link again that was not stored yet; a finished link reports its end.
            if what.starts_with("com.") {
                let _ = world.activate(&what);
            }
        }
        world.nothing_is_left_over();
        check(&world);
        if !crashed {
            return at;
        }
    }
    panic!("no end");
}

#[test]
fn survives_power_loss_while_provisioning() {
    let steps = crash_at_every_step(
        World::new,
        |world| world.hub.post(one_key()).0,
        async |agent, link| drop(agent.activate(link).await),
        |world| {
            answers_are_identical(world);
            let [profile] = &world.profiles()[..] else { panic!("{:?}", world.profiles()) };
            assert_eq!(profile.keys.len(), 1);
            let state = world.hub.state();
            let command = state.mailboxes["b1"].messages[0].command.clone();
            let answer = state.mailboxes["b1"].messages[0].answer.clone().unwrap();
            let registered: Vec<_> =
                state.mailboxes.iter().filter(|(_, mailbox)| mailbox.registered).collect();
            assert_eq!(registered.len(), 1);
            assert!(profile.channel.address.ends_with(registered[0].0));
            drop(state);
            assert_eq!(
                world.verify(&command, &answer).keys()[0].public_key(),
                &profile.keys[0].public_key
            );
        },
    );
    assert!(steps > 20, "{steps}");
}

#[test]
fn survives_power_loss_while_signing() {
    let steps = crash_at_every_step(
        || {
            let world = World::new();
            let profile = world.provisioned(&one_key());
            let tbs = vec![Item::base64("tbs", "text/plain", "eA==")];
            let sign = SignCommand::new(SignParams::new(
                tbs,
                DataFormat::JWS,
                SignMechanism::from_static("CKM_ECDSA_SHA256"),
            ));
            world
                .hub
                .post_to(&profile.channel.address, Command::new(CommandHeader::new(60, 60), sign));
            world
        },
        |world| world.profiles().remove(0).names.id,
        async |agent, profile| drop(agent.poll(profile, Duration::ZERO).await),
        |world| {
            // P-256 signatures differ each time, so equal answers show that the stored one was sent
            // again.
            answers_are_identical(world);
            let state = world.hub.state();
            let (mid, _) = state.posted.last().unwrap().clone();
            drop(state);
            let Response::Sign(response) = world.hub.answer_to(&mid).unwrap().response else {
                panic!()
            };
            assert_eq!((response.code, response.result.is_some()), (0, true));
        },
    );
    assert!(steps > 10, "{steps}");
}

#[test]
fn survives_power_loss_while_refusing() {
    crash_at_every_step(
        || World { decision: Decision::Refuse, ..World::new() },
        |world| world.hub.post(one_key()).0,
        async |agent, link| drop(agent.activate(link).await),
        |world| {
            answers_are_identical(world);
            assert_eq!(world.code_in("b1"), 1);
            assert!(world.profiles().is_empty());
        },
    );
}

#[test]
fn survives_power_loss_while_installing_a_certificate() {
    crash_at_every_step(
        World::new,
        installing,
        async |agent, profile_id| drop(agent.poll(profile_id, Duration::ZERO).await),
        |world| {
            answers_are_identical(world);
            assert!(world.profiles()[0].keys[0].certificate.is_some());
        },
    );
}

#[test]
fn survives_power_loss_while_overwriting() {
    for by_link in [true, false] {
        crash_at_every_step(
            || {
                let mut world = World::new();
                world.policy = world.policy.clone().danger_allow_overwriting();
                world
            },
            |world| {
                let profile = world.provisioned(&one_key());
                if by_link {
                    return world.hub.post(renewal(&profile.names.id)).0;
                }
                world.hub.post_to(&profile.channel.address, renewal(&profile.names.id));
                profile.names.id
            },
            async |agent, what| {
                if what.starts_with("com.") {
                    drop(agent.activate(what).await)
                } else {
                    drop(agent.poll(what, Duration::ZERO).await)
                }
            },
            |world| {
                answers_are_identical(world);
                let [profile] = &world.profiles()[..] else { panic!() };
                let last = world.hub.state().posted.last().unwrap().1.clone();
                let Response::Provision(response) = Answer::from_json(&last).unwrap().response
                else {
                    panic!()
                };
                let jws = response.result.unwrap().data;
                let payload = keyferry::jose::Jws::from_compact(&jws).unwrap();
                let payload: serde_json::Value =
                    serde_json::from_slice(payload.unverified_payload()).unwrap();
                let own = keyferry::jose::Jws::from_compact(
                    payload["profile"]["signedkeys"][0].as_str().unwrap(),
                )
                .unwrap();
                let jwk = keyferry::jose::Jwk::from_json(
                    std::str::from_utf8(own.unverified_payload()).unwrap(),
                )
                .unwrap();
                assert_eq!(
                    *jwk.public_key(),
                    profile.keys[0].public_key,
                    "the keys that the hub knows are those that are there"
                );
                assert_eq!(payload["profile"]["boxurl"], *profile.channel.address);
                assert_eq!(profile.keys.len(), 1);
            },
        );
    }
}

#[test]
fn survives_power_loss_while_deleting_from_either_side() {
    for local in [true, false] {
        crash_at_every_step(
            World::new,
            |world| {
                let profile = world.provisioned(&one_key());
                if !local {
                    world.hub.post_to(
                        &profile.channel.address,
                        Command::new(CommandHeader::new(60, 60), DeleteCommand::new(None, true)),
                    );
                }
                profile.names.id
            },
            async |agent, profile_id| {
                if local {
                    drop(agent.delete_profile(profile_id).await)
                } else {
                    drop(agent.poll(profile_id, Duration::ZERO).await)
                }
            },
            |world| {
                if let [profile] = &world.profiles()[..] {
                    // The device stopped before the first step, so nothing has happened.
                    assert!(local && !profile.retired);
                } else {
                    assert!(
                        world.hub.state().mailboxes.values().all(|mailbox| !mailbox.registered)
                    );
                }
            },
        );
    }
}

#[test]
fn a_repeat_sends_the_same_bytes_and_does_nothing_again() {
    let world = World::new();
    let profile = world.provisioned(&one_key());
    let mid = world.hub.post_to(
        &profile.channel.address,
        Command::new(CommandHeader::new(60, 60), PingCommand::new(true)),
    );
    world.hub.state().failing.insert("answer", Class::Unavailable);
    assert!(world.poll(&profile).is_err_and(|error| error.is_retryable()));
    world.hub.state().failing.clear();
    let bid = profile.channel.address.rsplit('/').next().unwrap();
    // The command changes under the same id; the stored answer stays.
    world.hub.state().mailboxes.get_mut(bid).unwrap().messages[0].command.body =
        DeleteCommand::new(None, true).into();
    world.poll(&profile).unwrap();
    assert!(matches!(world.hub.answer_to(&mid).unwrap().response, Response::Ping(_)));
    // The command comes again, as if the hub had lost the answer.
    world.hub.state().mailboxes.get_mut(bid).unwrap().messages[0].answer = None;
    world.poll(&profile).unwrap();
    answers_are_identical(&world);
    assert_eq!(world.profiles().len(), 1);
}

#[test]
fn pending_keys_are_not_reused_for_a_changed_command() {
    let mut for_somebody_else = one_key();
    if let CommandBody::Provision(command) = &mut for_somebody_else.body {
        command.user_id = String::from("userB");
    }
    for other in [for_somebody_else, provision(vec![key("other", &[P256])])] {
        let world = World::new();
        let (link, bid) = world.hub.post(one_key());
        world.hub.state().failing.insert("reserve", Class::Unavailable);
        assert!(world.activate(&link).is_err());
        let before = run(world.store.all_pending()).unwrap().unwrap();
        world.hub.state().failing.clear();
        world.hub.state().mailboxes.get_mut(&bid).unwrap().messages[0].command = other.clone();
        run(world.device().run_once()).unwrap();
        assert_eq!(world.asked.lock().unwrap().len(), 2, "the user is asked for what is done");
        let verified = world.verify(&other, &world.hub.answer_in(&bid).unwrap());
        assert_ne!(verified.keys()[0].public_key(), &before[0].keys[0].public_key);
        world.nothing_is_left_over();
    }
}
