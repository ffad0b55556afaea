//! Mailboxes: tokens, claims, listing, long polls, reserving, removing.

use std::time::Duration;

use keyferry::Clock as _;
use keyferry::hermod::hub::Mailbox;
use keyferry::hermod::model::Address;
use keyferry::hermod::wire::{MailboxApi, MailboxKey};
use keyferry::{Class, Gate, Secret};

use crate::hub::support::*;

const NOW: Duration = Duration::ZERO;

#[tokio::test]
async fn every_token_that_does_not_fit_gets_the_same_answer() {
    let world = World::new();
    let (one, two) = (world.submit(ping(&[])).await, world.submit(ping(&[])).await);
    let good = key(&one, 0, 'c');
    let other = key(&two, 0, 'c');
    let own = world.provision(USER, PROFILE).await;
    let first = refused(
        world.hub.open(MailboxKey::of_mailbox("nothing", Secret::new("nothing"))).await,
        Class::Unauthorized,
    );
    for wrong in [
        MailboxKey::of_message(good.bid.clone(), other.token.clone(), claim('c')),
        MailboxKey::of_message(other.bid.clone(), good.token.clone(), claim('c')),
        MailboxKey::of_message(
            good.bid.clone(),
            Secret::new(good.token.expose().to_ascii_uppercase()),
            claim('c'),
        ),
        MailboxKey::of_message(good.bid.clone(), Secret::new(""), claim('c')),
        MailboxKey::of_mailbox(own.bid.clone(), good.token.clone()),
        MailboxKey::of_mailbox(good.bid.clone(), own.token.clone()),
        MailboxKey::of_mailbox(own.bid.to_ascii_uppercase(), own.token.clone()),
    ] {
        assert_eq!(refused(world.hub.open(wrong).await, Class::Unauthorized), first);
    }
}

#[tokio::test]
async fn a_message_token_comes_with_a_claim_of_32_bytes_and_a_mailbox_token_with_none() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let own = world.provision(USER, PROFILE).await;
    let good = key(&submitted, 0, 'c');
    let open = |claim: Option<&str>| {
        let mut key = MailboxKey::of_mailbox(good.bid.clone(), good.token.clone());
        key.claim = claim.map(Secret::new);
        world.hub.open(key)
    };
    let long = format!("{}AAA", "c".repeat(42));
    let padded = format!("{}A=", "c".repeat(42));
    let spare = format!("{}B", "c".repeat(42));
    for wrong in [
        None,
        Some(""),
        Some("cccc"),
        Some(long.as_str()),
        Some(padded.as_str()),
        Some(spare.as_str()),
    ] {
        refused(open(wrong).await, Class::Malformed);
    }
    let mut with_claim = own;
    with_claim.claim = Some(claim('c'));
    refused(world.hub.open(with_claim).await, Class::Malformed);
    // What the claim is does not tell whether the token fits.
    let mut neither = good.clone();
    (neither.token, neither.claim) = (Secret::new("x"), None);
    refused(world.hub.open(neither).await, Class::Unauthorized);
}

#[tokio::test]
async fn a_token_claims_once() {
    let world = World::new();
    for n in 0..4 {
        let submitted = world.submit(provision_to(USER)).await;
        let mid = &submitted.destinations[0].mid;
        let (mine, theirs) =
            (world.open(&submitted, 0, 'a').await, world.open(&submitted, 0, 'b').await);
        // Whatever the first call is, it binds; opening the gate does not.
        match n {
            0 => drop(mine.list(NOW).await.unwrap()),
            1 => drop(mine.fetch(mid).await.unwrap()),
            2 => drop(mine.reserve().await.unwrap()),
            _ => drop(mine.answer(mid, "{}").await.unwrap_err()),
        }
        refused(theirs.list(NOW).await, Class::Conflict);
        refused(theirs.fetch(mid).await, Class::Conflict);
        refused(theirs.reserve().await, Class::Conflict);
        refused(theirs.answer(mid, "{}").await, Class::Conflict);
        // The first claim stays valid, and may repeat everything after a lost connection.
        mine.fetch(mid).await.unwrap();
        mine.fetch(mid).await.unwrap();
        assert_eq!(mine.list(NOW).await.unwrap().messages.len(), 1);
        world.open(&submitted, 0, 'a').await.fetch(mid).await.unwrap();
        // After the end as well, each of the two is told what concerns it.
        world.clock.advance(Duration::from_secs(3600));
        refused(mine.fetch(mid).await, Class::Expired);
        refused(mine.reserve().await, Class::Expired);
        refused(theirs.list(NOW).await, Class::Conflict);
        refused(theirs.fetch(mid).await, Class::Conflict);
        refused(theirs.reserve().await, Class::Conflict);
        refused(theirs.answer(mid, "{}").await, Class::Conflict);
    }
}

/// `GET` and `HEAD` of the list and of the message.
async fn looks(mailbox: &Mailbox, mid: &str) -> [Result<(), Class>; 4] {
    [
        mailbox.list(NOW).await.map(drop).map_err(|error| error.class()),
        mailbox.peek_list().await.map(drop).map_err(|error| error.class()),
        mailbox.fetch(mid).await.map(drop).map_err(|error| error.class()),
        mailbox.peek(mid).await.map(drop).map_err(|error| error.class()),
    ]
}

#[tokio::test]
async fn another_claim_is_a_conflict_also_after_the_end_for_get_and_head() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    let mid = &submitted.destinations[0].mid;
    let (first, second) =
        (world.open(&submitted, 0, 'a').await, world.open(&submitted, 0, 'b').await);
    first.fetch(mid).await.unwrap();
    assert_eq!(looks(&second, mid).await, [Err(Class::Conflict); 4]);
    world.pass(201).await;
    assert_eq!(looks(&second, mid).await, [Err(Class::Conflict); 4]);
    assert_eq!(looks(&first, mid).await, [Err(Class::Expired); 4]);
    refused(second.reserve().await, Class::Conflict);
    refused(second.answer(mid, "{}").await, Class::Conflict);
}

#[tokio::test]
async fn a_head_claims_nothing_and_tells_what_a_get_tells() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let submitted = world.submit(ping(&[Address::user(USER).unwrap()])).await;
    let mid = &submitted.destinations[0].mid;
    let [one, two] = [world.open(&submitted, 0, 'a').await, world.open(&submitted, 0, 'b').await];
    for mailbox in [&one, &two] {
        mailbox.peek_list().await.unwrap();
        mailbox.peek(mid).await.unwrap();
    }
    let mailbox: Mailbox = world.hub.open(own).await.unwrap();
    mailbox.peek(mid).await.unwrap();
    assert_eq!(looks(&one, "another").await[2..], [Err(Class::NotFound); 2]);
    assert_eq!(looks(&mailbox, "another").await[2..], [Err(Class::NotFound); 2]);
    // The mailbox is there after the end, its message is not.
    world.pass(201).await;
    let ended = Err(Class::Expired);
    assert_eq!(looks(&mailbox, mid).await, [Ok(()), Ok(()), ended, ended]);
    assert_eq!(looks(&one, mid).await, [ended; 4]);
}

#[tokio::test]
async fn a_message_token_in_a_permanent_mailbox_sees_only_that_message() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let (one, two) =
        (world.submit(ping(&[user(USER)])).await, world.submit(ping(&[user(USER)])).await);
    let mailbox = world.open(&one, 0, 'c').await;
    let listed = mailbox.list(NOW).await.unwrap().messages;
    assert_eq!(
        listed.iter().map(|message| &message.mid).collect::<Vec<_>>(),
        [&one.destinations[0].mid]
    );
    refused(mailbox.fetch(&two.destinations[0].mid).await, Class::NotFound);
    refused(
        mailbox.answer(&two.destinations[0].mid, &pong(&two.destinations[0].location, 0)).await,
        Class::NotFound,
    );
    refused(world.open(&one, 0, 'd').await.fetch(&one.destinations[0].mid).await, Class::Conflict);
    refused(mailbox.remove().await, Class::Unauthorized);
    refused(mailbox.reserve().await, Class::Unauthorized);

    // The mailbox's own token sees all, claimed or not, oldest first.
    let whole = world.hub.open(own).await.unwrap();
    let listed = whole.list(NOW).await.unwrap().messages;
    assert_eq!(
        listed.iter().map(|message| &message.mid).collect::<Vec<_>>(),
        [&one.destinations[0].mid, &two.destinations[0].mid]
    );
    whole.fetch(&one.destinations[0].mid).await.unwrap();
    whole.answer(&one.destinations[0].mid, &pong(&one.destinations[0].location, 0)).await.unwrap();
    refused(mailbox.list(NOW).await, Class::Expired);
    refused(whole.fetch("nothing").await, Class::NotFound);
}

#[tokio::test]
async fn a_mailbox_does_not_see_another() {
    let world = World::new();
    let (one, two) = (
        world.provision(USER, PROFILE).await,
        world.provision("other", "11111111-0e4d-436b-a512-2e18d8afe134").await,
    );
    let submitted = world.submit(ping(&[user(USER)])).await;
    let mid = &submitted.destinations[0].mid;
    let stranger = world.hub.open(two).await.unwrap();
    assert!(stranger.list(NOW).await.unwrap().messages.is_empty());
    refused(stranger.fetch(mid).await, Class::NotFound);
    refused(
        stranger.answer(mid, &pong(&submitted.destinations[0].location, 0)).await,
        Class::NotFound,
    );
    world.hub.open(one).await.unwrap().fetch(mid).await.unwrap();
}

#[tokio::test]
async fn a_long_poll_is_woken_by_a_new_message() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let mailbox = world.hub.open(own).await.unwrap();
    let (listing, submitted) = tokio::join!(mailbox.list(Duration::from_secs(60)), async {
        tokio::task::yield_now().await;
        // What goes to others does not count.
        world.submit(ping(&[])).await;
        world.submit(ping(&[user(USER)])).await
    });
    assert_eq!(listing.unwrap().messages[0].mid, submitted.destinations[0].mid);
}

#[tokio::test]
async fn a_long_poll_ends_empty_after_its_time_and_after_60_seconds_at_most() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    for (wait, secs) in [(1, 1), (60, 60), (3600, 60)] {
        let mailbox = world.hub.open(own.clone()).await.unwrap();
        let mut poll = tokio::spawn(async move { mailbox.list(Duration::from_secs(wait)).await });
        world.clock.advance(Duration::ZERO);
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(Duration::from_millis(secs * 1000 - 1));
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        assert!(!poll.is_finished(), "{wait}");
        world.clock.advance(Duration::from_millis(1));
        assert!((&mut poll).await.unwrap().unwrap().messages.is_empty());
    }
}

#[tokio::test]
async fn a_clock_that_is_set_neither_ends_nor_stalls_a_long_poll() {
    const HOUR: Duration = Duration::from_secs(3600);
    for forward in [true, false] {
        let world = World::new();
        let own = world.provision(USER, PROFILE).await;
        let mailbox = world.hub.open(own).await.unwrap();
        let mut poll = tokio::spawn(async move { mailbox.list(Duration::from_secs(30)).await });
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        let now = world.clock.now();
        world.clock.set_wall(if forward { now + HOUR } else { now - HOUR });
        world.clock.advance(Duration::from_secs(29));
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        assert!(!poll.is_finished(), "set forward: {forward}");
        world.clock.advance(Duration::from_secs(1));
        assert!((&mut poll).await.unwrap().unwrap().messages.is_empty(), "set forward: {forward}");
    }
}

#[tokio::test]
async fn a_long_poll_ends_when_the_mailbox_is_removed() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let (mailbox, same) =
        (world.hub.open(own.clone()).await.unwrap(), world.hub.open(own).await.unwrap());
    let (listing, removed) = tokio::join!(mailbox.list(Duration::from_secs(60)), async {
        tokio::task::yield_now().await;
        same.remove().await
    });
    removed.unwrap();
    refused(listing, Class::Expired);
}

#[tokio::test]
async fn reserves_eight_and_no_more() {
    let world = World::new();
    let provisioning = Provisioning::begin(&world).await;
    let mut bids = std::collections::BTreeSet::from([provisioning.reserved.bid.clone()]);
    for _ in 1..8 {
        let reserved = provisioning.mailbox.reserve().await.unwrap();
        assert_eq!(reserved.box_url, format!("{PUBLIC}/{}", reserved.bid));
        assert_eq!(reserved.token.expose().len(), 43);
        assert!(bids.insert(reserved.bid));
    }
    refused(provisioning.mailbox.reserve().await, Class::Rate);
}

#[tokio::test]
async fn only_a_provision_message_in_a_temporary_mailbox_reserves() {
    let world = World::new();
    let submitted = world.submit(ping(&[])).await;
    refused(world.open(&submitted, 0, 'c').await.reserve().await, Class::Unauthorized);
    let own = world.provision(USER, PROFILE).await;
    let mut command = provision_to(USER);
    command.header.to = Some(vec![user(USER)]);
    let submitted = world.submit(command).await;
    refused(world.open(&submitted, 0, 'c').await.reserve().await, Class::Unauthorized);
    refused(world.hub.open(own).await.unwrap().reserve().await, Class::Unauthorized);
}

#[tokio::test]
async fn a_reserved_mailbox_is_empty_and_no_destination() {
    let world = World::new();
    let provisioning = Provisioning::begin(&world).await;
    let reserved = world
        .hub
        .open(MailboxKey::of_mailbox(
            &*provisioning.reserved.bid,
            provisioning.reserved.token.clone(),
        ))
        .await
        .unwrap();
    assert!(reserved.list(NOW).await.unwrap().messages.is_empty());
    for to in [user(USER), Address::Mailbox(provisioning.reserved.bid.clone())] {
        assert_eq!(world.refusal(ping(&[to])).await.class(), Class::NotFound);
    }
}

#[tokio::test]
async fn a_removed_mailbox_is_gone_with_all_that_is_in_it() {
    let world = World::new();
    let own = world.provision(USER, PROFILE).await;
    let submitted = world.submit(ping(&[user(USER)])).await;
    let mailbox = world.hub.open(own.clone()).await.unwrap();
    mailbox.remove().await.unwrap();
    mailbox.remove().await.unwrap();
    refused(mailbox.list(NOW).await, Class::Expired);
    refused(mailbox.fetch(&submitted.destinations[0].mid).await, Class::Expired);
    refused(
        world.open(&submitted, 0, 'c').await.fetch(&submitted.destinations[0].mid).await,
        Class::Expired,
    );
    assert_eq!(world.refusal(ping(&[user(USER)])).await.class(), Class::NotFound);
    // Its profile is free again; nobody answers the command any more, and its end comes in time.
    assert_eq!(world.state(&submitted).await, "IN_PROGRESS");
    world.pass(200).await;
    assert_eq!(world.state(&submitted).await, "TIMEOUT");
    world.provision(USER, PROFILE).await;
    // After 24 hours nothing is known of it.
    world.pass(86_400).await;
    refused(world.hub.open(own).await, Class::Unauthorized);
}
