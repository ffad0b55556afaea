//! Contents that commands name by their ids: the hub inserts them or refuses the command.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::hermod::hub::{Hub, HubConfig, IntegratorConfig, MemoryStore};
use keyferry::hermod::model::{
    Activation, AuthenticateCommand, CardDataType, CardSide, CardSideKey, Command, CommandBody,
    CommandHeader, ContentAnswer, ContentEncoding, ContentItem, DataFormat, Item, ItemContentType,
    KeyGenRequest, KeyTypePrio, KeyUsage, Message, ProfileCard, ProfileRequest, ProvisionCommand,
    SignCommand, SignMechanism, SignParams, TextColor, VisualData,
};
use keyferry::hermod::wire::{
    AnyContentApi, CommandApi as _, ContentApi, MailboxApi as _, MailboxKey,
};
use keyferry::{Class, Error, Gate as _, ManualClock, Secret};

use crate::support::{standard, time};

type Answers = HashMap<&'static str, Result<ContentAnswer, Error>>;

/// A content provider that records its requests.
#[derive(Clone, Default)]
struct Provider {
    answers: Arc<Mutex<Answers>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ContentApi for Provider {
    async fn content(&self, content_id: &str) -> Result<ContentAnswer, Error> {
        self.asked.lock().unwrap().push(content_id.to_owned());
        let answer = self.answers.lock().unwrap().get(content_id).cloned();
        match answer {
            Some(answer) => answer,
            None => pending().await,
        }
    }
}

struct World {
    hub: Hub,
    clock: ManualClock,
    provider: Provider,
}

fn image(key: Option<CardSideKey>, bytes: impl AsRef<[u8]>) -> ContentItem {
    ContentItem::image(key, "image/jpeg", jpeg(bytes))
}

/// Base64 of data that begins like a JPEG image.
fn jpeg(rest: impl AsRef<[u8]>) -> String {
    standard([&[0xff, 0xd8, 0xff, 0xe0], rest.as_ref()].concat())
}

fn answer(items: &[ContentItem]) -> Result<ContentAnswer, Error> {
    Ok(ContentAnswer::new(items.to_vec()))
}

impl World {
    fn new(
        answers: impl IntoIterator<Item = (&'static str, Result<ContentAnswer, Error>)>,
    ) -> Self {
        let provider = Provider {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            ..Provider::default()
        };
        let clock = time::clock();
        let config = HubConfig::new("https://hub.example/ms", "hub.example")
            .unwrap()
            .with_integrator(
                IntegratorConfig::new("shop").with_content(AnyContentApi::new(provider.clone())),
            )
            .with_integrator(IntegratorConfig::new("bare"));
        let hub = Hub::builder(Arc::new(AwsLcRs), config)
            .with_clock(Arc::new(clock.clone()))
            .with_store(Arc::new(MemoryStore::default()));
        Self { hub: hub.build().unwrap(), clock, provider }
    }

    /// Submits a command and returns the message as a device reads it.
    async fn message(&self, command: Command) -> Result<Message, Error> {
        let submitted = self.hub.integrator("shop").unwrap().submit(command).await?;
        let destination = &submitted.destinations[0];
        let Activation::Plugout(link) = destination.activation().unwrap() else { panic!() };
        let claim = Secret::new("A".repeat(43));
        let mailbox = self
            .hub
            .open(MailboxKey::of_message(link.bid().unwrap(), link.token.clone(), claim))
            .await
            .unwrap();
        Ok(mailbox.fetch(&destination.mid).await.unwrap())
    }

    fn asked(&self) -> Vec<String> {
        self.provider.asked.lock().unwrap().clone()
    }

    /// Returns the error with which a command is refused, which must not repeat its ids.
    async fn refusal(&self, command: Command) -> Error {
        let error = self.message(command).await.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("PROV:")
                && !format!("{error} {error:?}").contains("AUTH:")
        );
        error
    }
}

/// Returns the error that a failure of the provider causes.
#[track_caller]
fn is_the_providers(error: &Error) {
    assert_eq!((error.class(), error.part()), (Class::Unavailable, "contentProvider"), "{error}");
    #[cfg(feature = "http")]
    {
        let response = keyferry::hermod::wire::http::write_refusal(
            keyferry::hermod::Dialect::standard(),
            error,
            "r1",
        );
        assert_eq!(response.status(), 502);
        assert!(
            std::str::from_utf8(response.body()).unwrap().contains(r#""code":"CONTENT_PROVIDER""#)
        );
    }
}

fn provision(visual: VisualData) -> Command {
    let keys = vec![KeyGenRequest::new(
        "signer",
        KeyUsage::SIG,
        vec![KeyTypePrio::new("EC", "256", "ES256")],
    )];
    let mut profile = ProfileRequest::new("Acme", "Jane", keys);
    profile.visual_data = Some(visual);
    Command::new(CommandHeader::new(300, 200), ProvisionCommand::new("n0nce", "jane", profile))
}

fn card(content_id: &str, change: impl FnOnce(&mut ProfileCard)) -> Command {
    let mut visual = VisualData::default();
    visual.content_id = Some(content_id.into());
    let mut card = ProfileCard::default();
    change(&mut card);
    visual.profile_card = Some(card);
    provision(visual)
}

fn only_id(content_id: &str) -> Command {
    let mut visual = VisualData::default();
    visual.content_id = Some(content_id.into());
    provision(visual)
}

fn side(data: &str) -> CardSide {
    let mut side = CardSide::default();
    side.data = Some(data.into());
    side
}

fn card_of(message: &Message) -> ProfileCard {
    let CommandBody::Provision(command) = &message.body else { panic!() };
    let visual = command.profile.visual_data.clone().unwrap();
    assert_eq!(visual.content_id, None, "no device sees an id");
    visual.profile_card.unwrap()
}

fn params(description: Vec<Item>, tbs: Item) -> SignParams {
    let mut params =
        SignParams::new(vec![tbs], DataFormat::JWS, SignMechanism::CKM_SHA256_RSA_PKCS);
    params.description = Some(description);
    params
}

fn sign(description: Vec<Item>, tbs: Item) -> Command {
    Command::new(CommandHeader::new(300, 200), SignCommand::new(params(description, tbs)))
}

fn hello() -> Item {
    Item::base64("tbs", "text/plain", "SGVsbG8=")
}

#[tokio::test]
async fn both_sides_of_a_card_are_put_in() {
    let mut back = image(Some(CardSideKey::BACK), "");
    (back.content_encoding, back.content_type, back.data) =
        (Some("text/plain".into()), None, "eyJ9.aW1n.c2ln".into());
    let world = World::new([("PROV:1", answer(&[back, image(Some(CardSideKey::FRONT), "front")]))]);
    let message = world.message(only_id("PROV:1")).await.unwrap();
    let card = card_of(&message);
    let (front, back) = (card.front.unwrap(), card.back.unwrap());
    assert_eq!(
        (front.data.as_deref(), &front.data_type, &front.key),
        (Some(&*jpeg("front")), &Some(CardDataType::IMAGE), &Some(CardSideKey::FRONT))
    );
    assert_eq!(
        (back.data.as_deref(), &back.data_type, &back.key),
        (Some("eyJ9.aW1n.c2ln"), &Some(CardDataType::JOSE), &Some(CardSideKey::BACK))
    );
    assert!(!message.to_json().contains("contentId") && !message.to_json().contains("PROV:1"));
    assert_eq!(world.asked(), ["PROV:1"]);
}

#[tokio::test]
async fn explicit_pictures_win_and_the_rest_of_a_side_stays() {
    let world = World::new([(
        "PROV:1",
        answer(&[image(Some(CardSideKey::FRONT), "front"), image(Some(CardSideKey::BACK), "back")]),
    )]);
    let message = world
        .message(card("PROV:1", |card| {
            card.front = Some(side("/9j/4A=="));
            let mut plain = CardSide::default();
            plain.text_color = Some(TextColor::CLEAR);
            card.back = Some(plain);
        }))
        .await
        .unwrap();
    let resolved = card_of(&message);
    assert_eq!(resolved.front, Some(side("/9j/4A==")));
    let back = resolved.back.unwrap();
    assert_eq!(
        (back.data.as_deref(), back.text_color),
        (Some(&*jpeg("back")), Some(TextColor::CLEAR))
    );

    // The provider is not asked if both sides are present.
    let message = world
        .message(card("PROV:2", |card| {
            (card.front, card.back) = (Some(side("/9j/4A==")), Some(side("/9j/4A==")))
        }))
        .await
        .unwrap();
    assert_eq!(card_of(&message).back, Some(side("/9j/4A==")));
    assert_eq!(world.asked(), ["PROV:1"]);

    // The provider only has to return the back if the front is present.
    let world = World::new([("PROV:1", answer(&[image(Some(CardSideKey::BACK), "back")]))]);
    let message =
        world.message(card("PROV:1", |card| card.front = Some(side("/9j/4A==")))).await.unwrap();
    assert_eq!(card_of(&message).back.unwrap().data.as_deref(), Some(&*jpeg("back")));
}

#[tokio::test]
async fn items_get_data_type_and_encoding_each_content_once() {
    let world = World::new([
        ("AUTH:1", answer(&[image(None, "picture")])),
        ("AUTH:2", answer(&[image(Some(CardSideKey::FRONT), "document")])),
    ]);
    let description = vec![
        Item::content_id("auth_image", "AUTH:1"),
        Item::base64("requester", "text/plain", "QWNtZQ=="),
        Item::content_id("again", "AUTH:1"),
    ];
    let mut cased = Item::content_id("tbs", "AUTH:2");
    cased.content_type = Some("Application/Hermod+Content-ID".into());
    for command in [
        sign(description.clone(), cased.clone()),
        Command::new(
            CommandHeader::new(300, 200),
            AuthenticateCommand::new(params(description.clone(), cased.clone())),
        ),
    ] {
        let message = world.message(command).await.unwrap();
        let (CommandBody::Sign(SignCommand { params, .. })
        | CommandBody::Authenticate(AuthenticateCommand { params, .. })) = &message.body
        else {
            panic!()
        };
        let description = params.description.as_ref().unwrap();
        for (item, content) in [
            (&description[0], "picture"),
            (&description[2], "picture"),
            (&params.tbs[0], "document"),
        ] {
            assert_eq!(item.data.as_str(), jpeg(content));
            assert_eq!(
                (&item.content_type, &item.content_encoding),
                (&Some(ItemContentType::JPEG), &Some(ContentEncoding::BASE64))
            );
        }
        assert_eq!(description[1].data.as_str(), "QWNtZQ==");
        assert!(!message.to_json().contains("AUTH:"));
    }
    assert_eq!(world.asked(), ["AUTH:1", "AUTH:2", "AUTH:1", "AUTH:2"], "once a command");
}

#[tokio::test]
async fn without_a_provider_a_command_with_an_id_is_refused() {
    let world = World::new([]);
    let bare = world.hub.integrator("bare").unwrap();
    is_the_providers(&bare.submit(only_id("PROV:1")).await.unwrap_err());
    is_the_providers(
        &bare.submit(sign(vec![], Item::content_id("tbs", "AUTH:1"))).await.unwrap_err(),
    );
    bare.submit(sign(vec![], hello())).await.unwrap();
    bare.submit(card("PROV:1", |card| {
        (card.front, card.back) = (Some(side("/9j/4A==")), Some(side("/9j/4A==")))
    }))
    .await
    .unwrap();
}

#[tokio::test]
async fn every_failure_of_the_provider_refuses_the_command() {
    let front = || image(Some(CardSideKey::FRONT), "front");
    let with = |change: &dyn Fn(&mut ContentItem)| {
        let mut item = front();
        change(&mut item);
        answer(&[item])
    };
    for (bad, why) in [
        (Err(Error::new(Class::NotFound, "contentId", "none")), "not there"),
        (Err(Error::new(Class::Rate, "", "too many")), "rate"),
        (Err(Error::new(Class::Malformed, "data", "absent")), "a bad body"),
        (answer(&[]), "nothing"),
        (answer(&[front(), front()]), "a side twice"),
        (answer(&[front(), image(Some(CardSideKey::BACK), "b"), front()]), "three pieces"),
        (answer(&[image(Some(CardSideKey::BACK), "back")]), "no front"),
        (with(&|item| item.key = None), "no side"),
        (with(&|item| item.key = Some("edge".into())), "a wrong side"),
        (with(&|item| item.data = "!".into()), "no base64"),
        (with(&|item| item.data = "".into()), "empty"),
        (with(&|item| item.data = "YQ".into()), "without padding"),
        (with(&|item| item.data = "iVBORw0KGgo=".into()), "a PNG image"),
        (with(&|item| item.data = standard("\u{feff}front").into()), "a text"),
        (with(&|item| item.content_type = Some("image/png".into())), "another type"),
        (with(&|item| item.content_encoding = Some("hex".into())), "an unknown encoding"),
        (with(&|item| item.content_encoding = Some("text/plain".into())), "no JWS"),
        (
            with(&|item| {
                (item.content_encoding, item.data) = (Some("text/plain".into()), "a.b.c.d".into())
            }),
            "four parts",
        ),
    ] {
        let world = World::new([("PROV:1", bad)]);
        is_the_providers(&world.refusal(only_id("PROV:1")).await);
        assert_eq!(world.asked().len(), 1, "{why}: it is asked once");
    }
    for (bad, why) in [
        (Err(Error::new(Class::NotFound, "contentId", "none")), "not there"),
        (answer(&[image(None, "a"), image(None, "b")]), "two pieces"),
        (answer(&[]), "nothing"),
        (with(&|item| item.content_type = None), "no type"),
        (
            with(&|item| item.content_type = Some("application/hermod+content-id".into())),
            "another id",
        ),
        (with(&|item| item.content_encoding = Some("text/plain".into())), "not base64"),
        (with(&|item| item.data = "!".into()), "no base64"),
        (with(&|item| item.data = "iVBORw0KGgo=".into()), "a PNG image that is called a JPEG"),
        (with(&|item| item.content_type = Some("text/plain".into())), "no text"),
    ] {
        let world = World::new([("AUTH:1", bad)]);
        is_the_providers(
            &world.refusal(sign(vec![Item::content_id("auth_image", "AUTH:1")], hello())).await,
        );
        is_the_providers(&world.refusal(sign(vec![], Item::content_id("tbs", "AUTH:1"))).await);
        assert_eq!(world.asked().len(), 2, "{why}");
    }
}

#[tokio::test]
async fn nothing_is_stored_of_a_command_that_is_refused() {
    let provider = Provider::default();
    provider.answers.lock().unwrap().insert("PROV:1", answer(&[]));
    let mut config = HubConfig::new("https://hub.example/ms", "hub.example")
        .unwrap()
        .with_integrator(IntegratorConfig::new("shop").with_content(AnyContentApi::new(provider)));
    config.limits.commands_kept = 1;
    let hub = Hub::builder(Arc::new(AwsLcRs), config).build().unwrap();
    let shop = hub.integrator("shop").unwrap();
    for _ in 0..3 {
        is_the_providers(&shop.submit(only_id("PROV:1")).await.unwrap_err());
    }
    shop.submit(sign(vec![], hello())).await.unwrap();
    assert_eq!(shop.submit(sign(vec![], hello())).await.unwrap_err().class(), Class::Rate);
}

#[tokio::test]
async fn a_silent_provider_has_ten_seconds_for_all_contents() {
    let world = World::new([("AUTH:1", answer(&[image(None, "a")]))]);
    let silent =
        sign(vec![Item::content_id("auth_image", "AUTH:1")], Item::content_id("tbs", "AUTH:2"));
    let shop = world.hub.integrator("shop").unwrap();
    let submitting = tokio::spawn(async move { shop.submit(silent).await });
    while world.asked().len() < 2 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(Duration::from_millis(9_999));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!submitting.is_finished());
    world.clock.advance(Duration::from_millis(1));
    is_the_providers(&submitting.await.unwrap().unwrap_err());
}

#[tokio::test]
async fn ids_are_limited_in_length_and_number() {
    let world = World::new([]);
    let error = world.refusal(only_id("")).await;
    assert_eq!(
        (error.class(), error.part()),
        (Class::Malformed, "provCommand.profile.visualData.contentId")
    );
    let error = world.refusal(sign(vec![], Item::content_id("tbs", ""))).await;
    assert_eq!((error.class(), error.part()), (Class::Malformed, "signCommand.params.tbs[0].data"));
    assert_eq!(
        world.refusal(sign(vec![], Item::content_id("tbs", "x".repeat(1025)))).await.class(),
        Class::TooLarge
    );
    let many = |count: usize| {
        (0..count)
            .map(|number| Item::content_id("auth_image", format!("AUTH:{number}")))
            .collect::<Vec<_>>()
    };
    let error = world.refusal(sign(many(17), hello())).await;
    assert_eq!(
        (error.class(), error.part()),
        (Class::TooLarge, "signCommand.params.description[16].data")
    );
    assert!(world.asked().is_empty());

    let names: Vec<&'static str> =
        (0..16).map(|number| &*format!("AUTH:{number}").leak()).collect();
    let world = World::new(names.into_iter().map(|name| (name, answer(&[image(None, "a")]))));
    world.message(sign(many(16), hello())).await.unwrap();
}

#[tokio::test]
async fn the_limits_count_again_with_the_contents_in() {
    let big = |bytes: usize| answer(&[image(Some(CardSideKey::FRONT), vec![0x55; bytes])]);
    let world = World::new([
        ("PROV:1", big(3 * 1024 * 1024 - 3000)),
        ("PROV:2", big(3 * 1024 * 1024)),
        ("AUTH:1", big(300_000)),
        ("AUTH:2", big(800_000)),
    ]);
    world.message(only_id("PROV:1")).await.unwrap();
    assert_eq!(world.refusal(only_id("PROV:2")).await.class(), Class::TooLarge);
    // A content that appears in several items counts once for each.
    let times = |count: usize| vec![Item::content_id("auth_image", "AUTH:1"); count];
    world.message(sign(times(2), hello())).await.unwrap();
    let error = world.refusal(sign(times(3), hello())).await;
    assert_eq!((error.class(), error.part()), (Class::TooLarge, ""));
    assert_eq!(
        world.refusal(sign(vec![Item::content_id("auth_image", "AUTH:2")], hello())).await.class(),
        Class::TooLarge
    );
}
