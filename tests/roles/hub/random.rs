//! Anything in any order: what has to hold always.

use std::collections::HashMap;
use std::time::Duration;

use keyferry::hermod::hub::DeliveryState;
use keyferry::hermod::model::{
    Address, Answer, Command, CommandHeader, DeleteCommand, DeleteResponse, ProvisionResponse,
    Response, Submitted,
};
use keyferry::hermod::wire::{CommandApi, MailboxApi, MailboxKey};
use keyferry::{Class, Error, Gate};

use crate::hub::support::*;

/// Numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.roll(of.len())) }
    }
}

/// What is known of the past.
#[derive(Default)]
struct Past {
    submitted: Vec<Submitted>,
    /// States that were final once.
    ended: HashMap<String, String>,
    /// Answers that were accepted, by message.
    answers: HashMap<String, (Submitted, usize, String)>,
    mailboxes: Vec<MailboxKey>,
    profiles: u32,
}

fn expected(error: &Error) {
    let known = [
        Class::NotFound,
        Class::Expired,
        Class::Conflict,
        Class::Unauthorized,
        Class::Rate,
        Class::User,
        Class::Malformed,
    ];
    assert!(known.contains(&error.class()), "{error}");
}

#[tokio::test]
async fn whatever_happens_states_move_forward_and_every_end_is_told() {
    // So that it is known that much of it happens.
    let (mut completed, mut timed_out, mut registered) = (0, 0, 0);
    for seed in 1..=48 {
        let world = World::with(|config| {
            config.callbacks.attempts = 1000;
            config.limits.mailbox_messages = 4;
            config.limits.mailboxes_per_user = 3;
            config.limits.commands_in_progress = 12;
        });
        let (mut dice, mut past) =
            (Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed)), Past::default());
        for _ in 0..80 {
            turn(&world, &mut dice, &mut past).await;
            check(&world, &mut past).await;
        }

        // When all is over: everything that ended was told, once it could be, with one id each.
        world.shop.is_now(Mood::Takes);
        world.pass(300).await;
        world.pass(3600).await;
        assert!(
            world
                .hub
                .failed_deliveries(None, None, 1)
                .await
                .unwrap()
                .iter()
                .all(|delivery| delivery.state == DeliveryState::Failed)
        );
        let mut ids: HashMap<String, String> = HashMap::new();
        for delivery in world.shop.seen() {
            let command = delivery.callback.command_id.to_string();
            assert_eq!(
                ids.entry(command.clone()).or_insert(delivery.id.clone()),
                &delivery.id,
                "seed {seed}"
            );
            let polled =
                world.integrator("shop").await.poll(&delivery.callback.command_id).await.unwrap();
            assert_eq!(polled, delivery.callback, "seed {seed}");
        }
        assert_eq!(ids.len(), past.submitted.len(), "seed {seed}");
        check(&world, &mut past).await;
        completed += past.ended.values().filter(|state| *state == "COMPLETED").count();
        timed_out += past.ended.values().filter(|state| *state == "TIMEOUT").count();
        registered += past.answers.values().filter(|(_, _, text)| text.contains("jws")).count();

        // And nothing of it stays.
        for own in &past.mailboxes {
            if let Ok(mailbox) = world.hub.open(own.clone()).await {
                mailbox.remove().await.unwrap();
            }
        }
        assert_eq!(world.pass(40 * 86_400).await, None, "seed {seed}");
        assert_eq!(
            format!("{:?}", world.store),
            "MemoryStore { commands: 0, mailboxes: 0, entries: 0 }",
            "seed {seed}"
        );
    }
    assert!(
        completed > 200 && timed_out > 200 && registered > 50,
        "{completed} {timed_out} {registered}"
    );
}

async fn turn(world: &World, dice: &mut Dice, past: &mut Past) {
    match dice.roll(10) {
        0..3 => submit(world, dice, past).await,
        3..7 => device(world, dice, past).await,
        7 => repeat(world, dice, past).await,
        8 => {
            let mood = [Mood::Takes, Mood::Refuses(Class::Storage), Mood::Refuses(Class::Rate)]
                [dice.roll(3)];
            world.shop.is_now(mood);
            world.step().await;
        }
        _ => {
            world.clock.advance(Duration::from_secs(dice.roll(120) as u64));
            if dice.roll(2) == 0 {
                world.step().await;
            }
        }
    }
}

async fn submit(world: &World, dice: &mut Dice, past: &mut Past) {
    let users = ["ann", "bob"];
    let name = users[dice.roll(2)];
    let to = match dice.roll(3) {
        0 => Address::Tmp,
        1 => user(name),
        _ => {
            dice.pick(&past.mailboxes).map_or(Address::Tmp, |own| Address::Mailbox(own.bid.clone()))
        }
    };
    let mut command = match dice.roll(4) {
        0 => {
            let mut header = CommandHeader::new(100, 100);
            header.to = Some(vec![to]);
            Command::new(header, DeleteCommand::new(None, dice.roll(2) == 0))
        }
        1 => ping(&[to, Address::Tmp]),
        2 => ping(&[to]),
        _ => provision_to(name),
    };
    command.header.timeout = 1 + dice.roll(200) as u64;
    match world.integrator("shop").await.submit(command).await {
        Ok(submitted) => past.submitted.push(submitted),
        Err(error) => expected(&error),
    }
}

async fn device(world: &World, dice: &mut Dice, past: &mut Past) {
    let Some(submitted) = dice.pick(&past.submitted).cloned() else { return };
    let n = dice.roll(submitted.destinations.len());
    let to = &submitted.destinations[n];
    let credential = match past.mailboxes.iter().find(|own| own.bid == to.bid) {
        Some(own) if dice.roll(2) == 0 => own.clone(),
        _ => key(&submitted, n, ['a', 'a', 'a', 'b'][dice.roll(4)]),
    };
    let mailbox = match world.hub.open(credential).await {
        Ok(mailbox) => mailbox,
        Err(error) => return expected(&error),
    };
    let message = match mailbox.fetch(&to.mid).await {
        Ok(message) => message,
        Err(error) => return expected(&error),
    };
    let code = i64::from(dice.roll(3) == 0);
    let text = match submitted.command_type.as_str() {
        "PROV" if code == 0 && to.pid.is_none() => {
            let reserved = match mailbox.reserve().await {
                Ok(reserved) => reserved,
                Err(error) => return expected(&error),
            };
            past.profiles += 1;
            past.mailboxes.push(MailboxKey::of_mailbox(&*reserved.bid, reserved.token));
            provisioned(&message, &reserved.box_url, &format!("profile-{}", past.profiles))
                .to_json()
        }
        "PROV" => {
            Answer::new(&*to.location, Response::Provision(ProvisionResponse::refusal(1))).to_json()
        }
        "DELETE" => {
            Answer::new(&*to.location, Response::Delete(DeleteResponse::new(code))).to_json()
        }
        _ => pong(&to.location, code),
    };
    match mailbox.answer(&to.mid, &text).await {
        Ok(()) => drop(past.answers.insert(to.mid.clone(), (submitted.clone(), n, text))),
        Err(error) => expected(&error),
    }
}

/// A lost connection: what was accepted is sent again, and then something else.
async fn repeat(world: &World, dice: &mut Dice, past: &Past) {
    let mut mids: Vec<&String> = past.answers.keys().collect();
    mids.sort();
    let Some((submitted, n, text)) = dice.pick(&mids).and_then(|mid| past.answers.get(*mid)) else {
        return;
    };
    let to = &submitted.destinations[*n];
    for letter in ['a', 'b'] {
        let Ok(mailbox) = world.hub.open(key(submitted, *n, letter)).await else { continue };
        let (same, other) =
            (mailbox.answer(&to.mid, text).await, mailbox.answer(&to.mid, "{}").await);
        refused(other, Class::Conflict);
        if let Err(error) = same {
            // The other claim.
            assert_eq!(error.class(), Class::Conflict);
        }
    }
}

async fn check(world: &World, past: &mut Past) {
    let shop = world.integrator("shop").await;
    for submitted in &past.submitted {
        let state = shop.poll(&submitted.command_id).await.unwrap().state.to_string();
        if let Some(before) = past.ended.get(submitted.command_id.as_str()) {
            assert_eq!(*before, state);
        } else if state != "IN_PROGRESS" {
            past.ended.insert(submitted.command_id.to_string(), state);
        }
    }
}
