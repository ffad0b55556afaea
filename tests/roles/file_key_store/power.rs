//! Every file operation fails once, by an error, a crash or a power failure: each step is atomic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::device::support::{World, answers_are_identical, installing, one_key};
use crate::file_key_store::faults::{Disk, Fault};
use crate::file_key_store::{files, keys_are_neither_lost_nor_orphaned, told};
use crate::key_store::rules::{MAILBOX, OWN, PROFILE, message, own, wanted};
use crate::support::crash::run;
use crate::support::peers::Scratch;
use keyferry::Secret;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::device::Agent;
use keyferry::hermod::model::{Command, CommandHeader, DeleteCommand};
use keyferry::keys::{Channel, FileKeyStore, KeyStore, KeyStoreError, MemoryKeyStore, MessageId};

/// The operations of a device on its store, step by step.
const STEPS: usize = 15;

async fn step(store: &dyn KeyStore, number: usize) -> Result<(), KeyStoreError> {
    match number {
        0 => drop(
            store
                .open_activation(Channel::of_message(
                    MAILBOX,
                    Secret::new("t"),
                    Secret::new("claim"),
                ))
                .await?,
        ),
        1 => drop(store.begin(wanted("m1", &["a", "b"])).await?),
        2 => drop(store.record_answer(&message("m1"), own(), "answer").await?),
        3 => drop(store.commit(&message("m1")).await?),
        4 => drop(store.keep_answer(&in_own("p1"), "answer to p1").await?),
        5 => store.mark_sent(&in_own("p1")).await?,
        6 => drop(store.begin(wanted("m2", &["b", "c"])).await?),
        7 => drop(store.record_answer(&message("m2"), own(), "answer to m2").await?),
        8 => drop(store.commit(&message("m2")).await?),
        9 => drop(store.begin(wanted("m3", &["a"])).await?),
        10 => store.abandon(&message("m3")).await?,
        11 => drop(store.begin(wanted("m4", &["a"])).await?),
        12 => drop(store.keep_answer(&in_own("d1"), "deleted").await?),
        13 => store.retire(PROFILE).await?,
        14 => store.remove_profile(PROFILE).await?,
        _ => unreachable!(),
    }
    Ok(())
}

fn in_own(mid: &str) -> MessageId {
    MessageId::new(OWN, mid)
}

fn messages() -> Vec<MessageId> {
    let mut messages: Vec<MessageId> = ["m1", "m2", "m3", "m4"].into_iter().map(message).collect();
    messages.extend(["p1", "d1"].into_iter().map(in_own));
    messages
}

/// Makes each operation of each step fail.
async fn every_operation_fails(fault: Fault) {
    // The contents of the folder before each step.
    let scratch = Scratch::new();
    let store = FileKeyStore::open(scratch.path("keys"), Arc::new(AwsLcRs)).unwrap();
    let mut images = vec![BTreeMap::new()];
    for number in 0..STEPS {
        step(&store, number).await.unwrap();
        images.push(files(&scratch.path("keys")));
    }
    keys_are_neither_lost_nor_orphaned(&store, &scratch.path("keys")).await;
    assert!(
        store.profiles().await.unwrap().is_empty() && store.all_pending().await.unwrap().is_empty()
    );

    let mut operations = 0;
    for (number, image) in (0..STEPS).zip(images) {
        for at in 0.. {
            let scratch = Scratch::new();
            let folder = scratch.path("keys");
            std::fs::create_dir(&folder).unwrap();
            image.iter().for_each(|(name, bytes)| {
                std::fs::write(format!("{folder}/{name}"), bytes).unwrap()
            });
            let disk = Disk::new(folder.clone(), fault, at).with_durable(image.clone());
            let mut store = disk.open().unwrap_or_else(|_| disk.open_again());
            let before = told(&store, &messages()).await;
            let done = step(&store, number).await;
            if !disk.failed() {
                done.unwrap();
                operations += at;
                break;
            }
            if done.is_err() && fault != Fault::Once {
                drop(store);
                store = disk.open_again();
            }
            let after = told(&store, &messages()).await;
            keys_are_neither_lost_nor_orphaned(&store, &folder).await;
            // The step is repeated, which does nothing if it was done.
            step(&store, number).await.unwrap();
            if done.is_ok() || after != before {
                assert_eq!(
                    told(&store, &messages()).await,
                    after,
                    "step {number} was done by half, or was not durable, at operation {at}"
                );
            }
            keys_are_neither_lost_nor_orphaned(&store, &folder).await;
        }
    }
    assert!(operations > 80, "{operations}");
}

#[tokio::test]
async fn a_step_with_a_failed_operation_is_atomic() {
    every_operation_fails(Fault::Once).await;
}

#[tokio::test]
async fn a_step_that_is_killed_was_done_as_a_whole_or_not_at_all() {
    every_operation_fails(Fault::Killed).await;
}

#[tokio::test]
async fn a_step_interrupted_by_a_power_failure_is_atomic() {
    every_operation_fails(Fault::PowerLost).await;
}

/// Runs a device on a disk where an operation fails, restarts it until it has finished, and checks
/// the result.
fn device_at_every_operation(
    first: impl Fn(&World) -> String,
    act: impl AsyncFn(&Agent, &str),
    check: impl Fn(&World),
) {
    for fault in [Fault::Killed, Fault::PowerLost] {
        let mut at = 0;
        loop {
            let scratch = Scratch::new();
            let folder = scratch.path("keys");
            // The setup runs on a disk without faults.
            let mut world =
                with_store(World::new(), FileKeyStore::open(&folder, Arc::new(AwsLcRs)).unwrap());
            let what = first(&world);
            let durable = files(&folder);
            world = with_store(world, opened_elsewhere());
            let disk = Disk::new(folder.clone(), fault, at).with_durable(durable);
            let failed = match disk.open() {
                Ok(store) => {
                    world = with_store(world, store);
                    run(act(&world.device(), &what)).unwrap();
                    disk.failed()
                }
                Err(_) => true,
            };
            if failed {
                world = with_store(world, opened_elsewhere());
                world = with_store(world, disk.open_again());
                for _ in 0..3 {
                    let _ = run(world.device().run_once()).unwrap();
                }
                if what.starts_with("com.") {
                    let _ = world.activate(&what);
                }
            }
            world.nothing_is_left_over();
            run(keys_are_neither_lost_nor_orphaned(&*world.store, &folder)).unwrap();
            check(&world);
            if !failed {
                assert!(at > 4, "{at}");
                break;
            }
            at += 1;
        }
    }
}

fn with_store(world: World, store: impl KeyStore + 'static) -> World {
    World { store: Arc::new(store), ..world }
}

/// A placeholder for a store that is to be dropped.
fn opened_elsewhere() -> MemoryKeyStore {
    MemoryKeyStore::new(Arc::new(AwsLcRs))
}

#[test]
fn a_device_survives_while_provisioning() {
    device_at_every_operation(
        |world| world.hub.post(one_key()).0,
        async |agent, link| drop(agent.activate(link).await),
        |world| {
            answers_are_identical(world);
            let [profile] = &world.profiles()[..] else { panic!("{:?}", world.profiles()) };
            let state = world.hub.state();
            let posted = &state.mailboxes["b1"].messages[0];
            let (command, answer) = (posted.command.clone(), posted.answer.clone().unwrap());
            drop(state);
            assert_eq!(
                world.verify(&command, &answer).keys()[0].public_key(),
                &profile.keys[0].public_key
            );
        },
    );
}

#[test]
fn a_device_survives_while_installing_a_certificate() {
    device_at_every_operation(
        installing,
        async |agent, profile_id| drop(agent.poll(profile_id, Duration::ZERO).await),
        |world| {
            answers_are_identical(world);
            assert!(world.profiles()[0].keys[0].certificate.is_some());
        },
    );
}

#[test]
fn a_device_survives_while_deleting() {
    device_at_every_operation(
        |world| {
            let profile = world.provisioned(&one_key());
            world.hub.post_to(
                &profile.channel.address,
                Command::new(CommandHeader::new(60, 60), DeleteCommand::new(None, true)),
            );
            profile.names.id
        },
        async |agent, profile_id| drop(agent.poll(profile_id, Duration::ZERO).await),
        |world| {
            answers_are_identical(world);
            assert!(world.profiles().is_empty());
            assert!(world.hub.state().mailboxes.values().all(|mailbox| !mailbox.registered));
        },
    );
}
