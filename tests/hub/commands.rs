//! Commands: what is taken, where it goes, what comes back.

use std::time::Duration;

use keyferry::hermod::model::{Address, Command, CommandBody, CommandHeader, CommandId, CommandType, DeleteCommand, PingCommand, State};
use keyferry::hermod::wire::{ApiKey, CommandApi, MailboxApi};
use keyferry::{Class, Gate, Secret};

use crate::support::*;

#[tokio::test]
async fn provisions_certifies_and_calls_back() {
    let world = World::new();
    let mut command = provision_to(USER);
    command.header.external_id = Some("my-id".into());
    let shop = world.integrator("shop").await;
    let submitted = shop.submit(command).await.unwrap();
    assert_eq!((&submitted.command_type, &submitted.state), (&CommandType::PROV, &State::IN_PROGRESS));
    assert_eq!((submitted.external_id.as_deref(), submitted.fqdn.as_deref()), (Some("my-id"), Some(HOST)));
    let destination = &submitted.destinations[0];
    assert_eq!((&destination.to, &destination.pid), (&Address::Tmp, &None));
    assert_eq!(destination.location, format!("{PUBLIC}/{}/{}", destination.bid, destination.mid));

    // The device.
    let mailbox = world.open(&submitted, 0, 'c').await;
    let listed = mailbox.list(Duration::ZERO).await.unwrap().messages;
    assert_eq!((listed.len(), &listed[0].mid, &listed[0].location), (1, &destination.mid, &destination.location));
    let message = mailbox.fetch(&destination.mid).await.unwrap();
    assert_eq!((message.header.created.as_str(), message.header.expires.as_str()), ("2023-11-14T22:13:20Z", "2023-11-14T22:16:40Z"));
    assert_eq!(message.body, provision_to(USER).body);
    let reserved = mailbox.reserve().await.unwrap();
    mailbox.answer(&destination.mid, &provisioned(&message, &reserved.box_url, PROFILE).to_json()).await.unwrap();

    // The callback says what the poll says.
    world.step().await;
    let delivery = world.shop.seen().remove(0);
    assert_eq!(delivery.callback, shop.poll(&submitted.command_id).await.unwrap());
    assert_eq!((&delivery.callback.state, delivery.callback.external_id.as_deref()), (&State::COMPLETED, Some("my-id")));
    assert_eq!(delivery.callback.destinations, submitted.destinations);
    assert!(delivery.callback.jws().is_some());

    // The certificate goes to the new mailbox.
    let submitted = shop.submit(certificate(user(USER), PROFILE)).await.unwrap();
    let destination = &submitted.destinations[0];
    assert_eq!((&destination.to, destination.pid.as_deref()), (&Address::Mailbox(reserved.bid.clone()), Some(PROFILE)));
    let own = world.hub.open(keyferry::hermod::wire::MailboxKey::of_mailbox(reserved.bid.clone(), reserved.token.clone())).await.unwrap();
    let listed = own.list(Duration::ZERO).await.unwrap().messages.remove(0);
    own.answer(&listed.mid, &certified(&listed.location, 0)).await.unwrap();
    world.step().await;
    assert_eq!(world.shop.seen().len(), 2);
    assert_eq!(world.shop.seen()[1].callback.state, State::COMPLETED);
}
