//! Inserts the contents that a command names by id before the command is stored.

use std::collections::HashMap;
use std::time::Duration;

use super::Integrator;
use super::check::{check_content, check_jpeg, check_jws};
use crate::clock::or_deadline;
use crate::encoding::base64::decode_standard;
use crate::hermod::model::{
    CardDataType, CardSide, CardSideKey, Command, CommandBody, ContentAnswer, ContentEncoding,
    ContentItem, Item, ItemContentType, SignParams, VisualData,
};
use crate::hermod::proof::is_content_id;
use crate::hermod::wire::{AnyContentApi, ContentApi as _};
use crate::{Class, Error};

/// The time a content provider has for all contents of one command.
const DEADLINE: Duration = Duration::from_secs(10);
/// The maximum number of contents in one command.
const MAX_CONTENTS: usize = 16;

type Contents = HashMap<String, ContentAnswer>;

impl Integrator {
    /// Returns the command with its contents, or `None` if it names none. If this fails, nothing
    /// has been stored.
    pub(super) async fn resolve_contents(
        &self,
        command: &Command,
    ) -> Result<Option<Command>, Error> {
        let dialect = &self.inner.config.dialect;
        let about = |error: Error| match command.body.kind() {
            Some(kind) => error.within(&dialect.words(kind).command_member),
            None => error,
        };
        if !names_contents(&command.body) {
            return Ok(None);
        }
        let limits = &self.inner.config.limits;
        let limit = if command.provision().is_some() {
            limits.provision_bytes
        } else {
            limits.command_bytes
        };
        let ids = ids_of(&command.body).map_err(about)?;
        let contents =
            if ids.is_empty() { Contents::new() } else { self.fetch(&ids, limit).await? };
        let mut resolved = command.clone();
        match &mut resolved.body {
            CommandBody::Provision(provision) => {
                if let Some(visual) = &mut provision.profile.visual_data {
                    resolve_card(visual, &contents)?;
                }
            }
            CommandBody::Sign(sign) => resolve_items(&mut sign.params, &contents, limit)?,
            CommandBody::Authenticate(authenticate) => {
                resolve_items(&mut authenticate.params, &contents, limit)?
            }
            _ => {}
        }
        Ok(Some(resolved))
    }

    /// Asks for each content once, one after the other, within one deadline.
    async fn fetch(&self, ids: &[String], limit: usize) -> Result<Contents, Error> {
        let provider = self.content.as_ref().ok_or_else(|| failed("there is none"))?;
        let clock = &self.inner.clock;
        let fetched = or_deadline(fetch_all(provider, ids, limit), clock.sleep(DEADLINE)).await;
        fetched.unwrap_or_else(|| Err(failed("did not answer in time")))
    }
}

async fn fetch_all(
    provider: &AnyContentApi,
    ids: &[String],
    limit: usize,
) -> Result<Contents, Error> {
    let (mut contents, mut bytes) = (Contents::with_capacity(ids.len()), 0);
    for id in ids {
        let content =
            provider.content(id).await.map_err(|error| failed("failed").with_source(error))?;
        bytes += content.data.iter().map(|item| item.data.len()).sum::<usize>();
        if bytes > limit {
            return Err(too_long());
        }
        contents.insert(id.clone(), content);
    }
    Ok(contents)
}

/// The part of errors that the content provider caused.
const PROVIDER: &str = "contentProvider";

/// A failure of the content provider: 502.
fn failed(detail: &'static str) -> Error {
    Error::new(Class::Unavailable, PROVIDER, detail).with_http_status(502)
}

fn too_long() -> Error {
    Error::too_large("", "a command that is too long with its contents")
}

/// Whether a command names a content, even if explicit pictures override it.
fn names_contents(body: &CommandBody) -> bool {
    match body {
        CommandBody::Provision(command) => {
            command.profile.visual_data.as_ref().is_some_and(|visual| visual.content_id.is_some())
        }
        CommandBody::Sign(command) => items(&command.params).any(|(_, item)| is_content_id(item)),
        CommandBody::Authenticate(command) => {
            items(&command.params).any(|(_, item)| is_content_id(item))
        }
        _ => false,
    }
}

/// The ids to ask for, without duplicates.
fn ids_of(body: &CommandBody) -> Result<Vec<String>, Error> {
    let mut ids: Vec<String> = Vec::new();
    let mut add = |id: &str, path: &str| {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
        if ids.len() > MAX_CONTENTS {
            Err(Error::too_large(path.to_owned(), "more than 16 contents"))
        } else {
            Ok(())
        }
    };
    match body {
        CommandBody::Provision(command) => {
            let visual = command.profile.visual_data.as_ref();
            if let Some(id) = visual
                .filter(|visual| !is_complete(visual))
                .and_then(|visual| visual.content_id.as_deref())
            {
                add(id, "profile.visualData.contentId")?;
            }
        }
        CommandBody::Sign(command) => items(&command.params)
            .filter(|(_, item)| is_content_id(item))
            .try_for_each(|(path, item)| add(&item.data, &path))?,
        CommandBody::Authenticate(command) => {
            items(&command.params)
                .filter(|(_, item)| is_content_id(item))
                .try_for_each(|(path, item)| add(&item.data, &path))?;
        }
        _ => {}
    }
    Ok(ids)
}

/// All items with the paths of their data.
fn items(params: &SignParams) -> impl Iterator<Item = (String, &Item)> {
    let named =
        |list: &'static str| move |(index, item)| (format!("params.{list}[{index}].data"), item);
    params
        .description
        .iter()
        .flatten()
        .enumerate()
        .map(named("description"))
        .chain(params.tbs.iter().enumerate().map(named("tbs")))
}

// ---- Cards

fn has_data(side: Option<&CardSide>) -> bool {
    side.is_some_and(|side| side.data.is_some())
}

/// Whether both sides are present, so that the provider need not be asked.
fn is_complete(visual: &VisualData) -> bool {
    visual
        .profile_card
        .as_ref()
        .is_some_and(|card| has_data(card.front.as_ref()) && has_data(card.back.as_ref()))
}

/// Fills in the sides of a card that are missing, and removes the id.
fn resolve_card(visual: &mut VisualData, contents: &Contents) -> Result<(), Error> {
    let Some(content) = visual.content_id.take().and_then(|id| contents.get(&id)) else {
        return Ok(());
    };
    let (mut front, mut back) = (None, None);
    if content.data.is_empty() || content.data.len() > 2 {
        return Err(failed("not one or two pieces"));
    }
    for item in &content.data {
        let side = match &item.key {
            Some(key) if *key == CardSideKey::FRONT => &mut front,
            Some(key) if *key == CardSideKey::BACK => &mut back,
            _ => return Err(failed("a piece that is neither front nor back")),
        };
        if side.replace(item).is_some() {
            return Err(failed("one side twice"));
        }
    }
    let card = visual.profile_card.get_or_insert_default();
    if front.is_none() && !has_data(card.front.as_ref()) {
        return Err(failed("no front"));
    }
    for (side, item, key) in
        [(&mut card.front, front, CardSideKey::FRONT), (&mut card.back, back, CardSideKey::BACK)]
    {
        if let Some(item) = item.filter(|_| !has_data(side.as_ref())) {
            let data_type = check_picture(item)?;
            let side = side.get_or_insert_default();
            side.data = Some(item.data.clone());
            side.data_type = Some(data_type);
            side.key.get_or_insert(key);
        }
    }
    Ok(())
}

/// What a picture of a card is: base64 of a JPEG image, or a compact JWS, whose encoding is said to
/// be `text/plain`.
fn check_picture(item: &ContentItem) -> Result<CardDataType, Error> {
    match item.content_encoding.as_deref() {
        Some("text/plain") => {
            check_jws(&item.data).map_err(|_| failed("a text that is no compact JWS"))?;
            Ok(CardDataType::JOSE)
        }
        encoding => {
            check_base64(encoding, &item.data)?;
            let is_jpeg = |content_type: &str| {
                let essence = content_type.split(';').next().unwrap_or_default().trim();
                essence.eq_ignore_ascii_case(ItemContentType::JPEG.as_str())
            };
            if item.content_type.as_deref().is_some_and(|content_type| !is_jpeg(content_type)) {
                return Err(failed("a picture of a type other than image/jpeg"));
            }
            check_jpeg(&item.data).map_err(|_| failed("a picture that is no JPEG image"))?;
            Ok(CardDataType::IMAGE)
        }
    }
}

fn check_base64(encoding: Option<&str>, data: &str) -> Result<(), Error> {
    if encoding
        .is_some_and(|encoding| !encoding.eq_ignore_ascii_case(ContentEncoding::BASE64.as_str()))
    {
        return Err(failed("an encoding that is not known here"));
    }
    match decode_standard(data, PROVIDER) {
        Ok(bytes) if !bytes.is_empty() => Ok(()),
        Ok(_) => Err(failed("nothing in it")),
        Err(_) => Err(failed("not base64")),
    }
}

// ---- Items

/// Puts the contents into the items that name them.
fn resolve_items(params: &mut SignParams, contents: &Contents, limit: usize) -> Result<(), Error> {
    let mut bytes = 0;
    let items = params.description.iter_mut().flatten().chain(&mut params.tbs);
    for item in items.filter(|item| is_content_id(item)) {
        let content = contents.get(item.data.as_str()).ok_or_else(|| failed("did not answer"))?;
        let [piece] = &content.data[..] else { return Err(failed("not one piece")) };
        // One content may stand in many items.
        bytes += piece.data.len();
        if bytes > limit {
            return Err(too_long());
        }
        check_base64(piece.content_encoding.as_deref(), &piece.data)?;
        let content_type =
            piece.content_type.as_deref().filter(|content_type| !content_type.is_empty());
        item.content_type =
            Some(ItemContentType::from(content_type.ok_or_else(|| failed("no content type"))?));
        item.content_encoding = Some(ContentEncoding::BASE64);
        item.data = piece.data.clone();
        if is_content_id(item) {
            return Err(failed("another id in place of a content"));
        }
        check_content(item).map_err(|_| failed("not what its type says"))?;
    }
    Ok(())
}
