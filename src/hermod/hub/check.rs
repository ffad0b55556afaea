//! Checks the members of a command against the protocol before a device sees the command.
//!
//! An unknown word (`usage`, `format`, `mechanism`, …) is passed on, because a device may know it.
//! Values whose form the protocol states are checked here, so that the integrator gets a 400 that
//! names the member instead of an error code from the device later.

use crate::encoding::base64::{decode_standard, decode_url};
use crate::hermod::Dialect;
use crate::hermod::model::{
    CardDataType, CardSide, CardSideKey, CertificateCommand, Command, CommandBody, ContentEncoding,
    DeleteCommand, EndPinResetCommand, Filter, Item, ItemContentType, KeyGenRequest, KeyTypePrio,
    ProvisionCommand, SignParams, StartPinResetCommand, VisualData,
};
use crate::hermod::proof::is_content_id;
use crate::{Certificate, Class, Error};

/// The maximum length of a content id in bytes.
const MAX_CONTENT_ID: usize = 1024;
/// The maximum number of characters in a key length; no key has so many bits.
const MAX_KEY_LENGTH: usize = 6;
/// The length of a new admin key: 24 bytes in hexadecimal.
const ADMIN_KEY_CHARACTERS: usize = 48;

/// Checks the members of a command that reading it and
/// [`KeyRequest`](crate::hermod::proof::KeyRequest) do not check. The error's part is the path of
/// the member.
pub(super) fn check(command: &Command, dialect: &Dialect) -> Result<(), Error> {
    let checked = match &command.body {
        CommandBody::Provision(provision) => check_provision(provision),
        CommandBody::Certificate(certificate) => check_certificate(certificate),
        CommandBody::Sign(sign) => check_params(&sign.params),
        CommandBody::Authenticate(authenticate) => check_params(&authenticate.params),
        CommandBody::StartPinReset(start) => check_start(start),
        CommandBody::EndPinReset(end) => check_end(end),
        CommandBody::Delete(DeleteCommand { profile_id, .. }) => {
            optional(profile_id.as_deref(), "profileid")
        }
        CommandBody::Ping(_) | CommandBody::Other { .. } => Ok(()),
    };
    checked.map_err(|error| match command.body.kind() {
        Some(kind) => error.within(&dialect.words(kind).command_member),
        None => error,
    })
}

/// Checks that a text is not empty.
fn filled(text: &str, part: &'static str) -> Result<(), Error> {
    if text.is_empty() { Err(Error::malformed(part, "empty")) } else { Ok(()) }
}

/// Checks that an optional text, if present, is not empty.
fn optional(text: Option<impl AsRef<str>>, part: &'static str) -> Result<(), Error> {
    text.map_or(Ok(()), |text| filled(text.as_ref(), part))
}

/// Checks each element of a list that must not be empty.
fn each<T>(
    list: &[T],
    part: &'static str,
    check: impl Fn(&T) -> Result<(), Error>,
) -> Result<(), Error> {
    if list.is_empty() {
        return Err(Error::malformed(part, "empty"));
    }
    for (index, element) in list.iter().enumerate() {
        check(element).map_err(|error| error.within(&format!("{part}[{index}]")))?;
    }
    Ok(())
}

// ---- Provision

fn check_provision(command: &ProvisionCommand) -> Result<(), Error> {
    filled(command.response_signature_key.as_str(), "responsesignaturekey")?;
    filled(command.response_format.as_str(), "responseformat")?;
    let profile = &command.profile;
    let checked = optional(profile.id.as_deref(), "id")
        .and_then(|()| each(&profile.key_gen_requests, "keygenrequests", check_key))
        .and_then(|()| match &profile.visual_data {
            Some(visual) => check_visual(visual).map_err(|error| error.within("visualData")),
            None => Ok(()),
        });
    checked.map_err(|error| error.within("profile"))
}

fn check_key(request: &KeyGenRequest) -> Result<(), Error> {
    filled(&request.key_id, "keyid")?;
    filled(request.usage.as_str(), "usage")?;
    each(&request.key_type_prios, "keytypeprios", check_priority)?;
    each(&request.storage_prios, "storageprios", |storage| filled(storage.as_str(), ""))?;
    filled(request.key_state.as_str(), "keystate")
}

fn check_priority(priority: &KeyTypePrio) -> Result<(), Error> {
    filled(priority.key_type.as_str(), "keytype")?;
    let digits = priority.key_length.as_str();
    let is_plain = (1..=MAX_KEY_LENGTH).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_plain {
        return Err(Error::malformed("keylength", "not a positive number in plain decimal digits"));
    }
    filled(priority.response_mechanism.as_str(), "responsemechanism")
}

// ---- Cards

fn check_visual(visual: &VisualData) -> Result<(), Error> {
    if let Some(id) = &visual.content_id {
        check_content_id(id, "contentId")?;
    }
    let Some(card) = &visual.profile_card else { return Ok(()) };
    for (side, name, key) in
        [(&card.front, "front", &CardSideKey::FRONT), (&card.back, "back", &CardSideKey::BACK)]
    {
        if let Some(side) = side {
            check_side(side, key).map_err(|error| error.within(name).within("profileCard"))?;
        }
    }
    Ok(())
}

fn check_content_id(id: &str, part: &'static str) -> Result<(), Error> {
    filled(id, part)?;
    if id.len() > MAX_CONTENT_ID {
        return Err(Error::too_large(part, "more than 1024 bytes"));
    }
    Ok(())
}

fn check_side(side: &CardSide, key: &CardSideKey) -> Result<(), Error> {
    if side.key.as_ref().is_some_and(|given| given != key) {
        return Err(Error::malformed("key", "not the side that it stands at"));
    }
    optional(side.text_color.as_ref(), "textColor")?;
    optional(side.protection.as_ref(), "protection")?;
    let data_type = match &side.data_type {
        None => None,
        Some(known) if *known == CardDataType::IMAGE || *known == CardDataType::JOSE => Some(known),
        Some(_) => return Err(Error::malformed("dataType", "neither IMAGE nor JOSE")),
    };
    let Some(data) = &side.data else { return Ok(()) };
    // Before version 3.1.1 there was no type. A JWS contains dots, so it cannot be mistaken for
    // base64.
    match data_type {
        Some(data_type) if *data_type == CardDataType::JOSE => check_jws(data),
        None if data.contains('.') => check_jws(data),
        _ => check_jpeg(data),
    }
}

/// Checks for three non-empty parts of base64url.
pub(super) fn check_jws(data: &str) -> Result<(), Error> {
    let wrong = || Error::malformed("data", "not a compact JWS");
    let mut parts = data.split('.');
    let three = [parts.next(), parts.next(), parts.next()];
    let is_good = |part: &Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && decode_url(part, "data").is_ok())
    };
    if parts.next().is_none() && three.iter().all(is_good) { Ok(()) } else { Err(wrong()) }
}

/// Checks for base64 of a JPEG image.
pub(super) fn check_jpeg(data: &str) -> Result<(), Error> {
    if is_jpeg(&content_of(data)?) {
        Ok(())
    } else {
        Err(Error::malformed("data", "not a JPEG image"))
    }
}

/// Decodes base64 that must not be empty.
fn content_of(data: &str) -> Result<Vec<u8>, Error> {
    let content = decode_standard(data, "data")?;
    if content.is_empty() { Err(Error::malformed("data", "empty")) } else { Ok(content) }
}

/// Whether the bytes begin as every JPEG image does: with the marker SOI and the first byte of the
/// next marker (ITU-T T.81, B.1.1.3).
fn is_jpeg(content: &[u8]) -> bool {
    content.starts_with(&[0xff, 0xd8, 0xff])
}

// ---- Certificates

fn check_certificate(command: &CertificateCommand) -> Result<(), Error> {
    filled(&command.profile_id, "profileid")?;
    optional(command.smart_card_id.as_deref(), "smartcardid")?;
    optional(command.desktop_key_protection_level.as_ref(), "desktopKeyProtectionLevel")?;
    each(&command.certificates, "certificates", |delivered| {
        filled(&delivered.key_id, "keyid")?;
        filled(delivered.key_state.as_str(), "keystate")?;
        optional(delivered.smart_card_id.as_deref(), "smartcardid")?;
        optional(delivered.desktop_key_protection_level.as_ref(), "desktopKeyProtectionLevel")?;
        Certificate::chain_from_text(&delivered.data).map(drop).map_err(|error| {
            // The parser's own part would not name the member.
            let class =
                if error.class() == Class::TooLarge { Class::TooLarge } else { Class::Malformed };
            Error::new(class, "data", "not the base64 of a certificate")
        })
    })?;
    for (index, delivered) in command.certificates.iter().enumerate() {
        if command.certificates[..index].iter().any(|other| other.key_id == delivered.key_id) {
            return Err(Error::malformed("keyid", "two certificates for one key")
                .within(&format!("certificates[{index}]")));
        }
    }
    Ok(())
}

// ---- Sign and authenticate

fn check_params(params: &SignParams) -> Result<(), Error> {
    let checked = || {
        if let Some(description) = params.description.as_deref().filter(|items| !items.is_empty()) {
            each(description, "description", check_item)?;
        }
        each(&params.tbs, "tbs", check_item)?;
        if let Some(filter) = &params.filter {
            check_filter(filter).map_err(|error| error.within("filter"))?;
        }
        filled(params.format.as_str(), "format")?;
        filled(params.mechanism.as_str(), "mechanism")
    };
    checked().map_err(|error| error.within("params"))
}

/// Checks an item, which has one of two forms: base64 of its content, or the id of a content.
fn check_item(item: &Item) -> Result<(), Error> {
    filled(item.key.as_str(), "key")?;
    optional(item.content_type.as_ref(), "content_type")?;
    if is_content_id(item) {
        return check_content_id(&item.data, "data");
    }
    check_content(item)
}

/// Checks that a content is base64 of data of its stated type.
pub(super) fn check_content(item: &Item) -> Result<(), Error> {
    let encoding = item.content_encoding.as_ref();
    if encoding.is_some_and(|encoding| !encoding.same_as(&ContentEncoding::BASE64)) {
        return Err(Error::malformed("content_encoding", "not base64"));
    }
    let content = decode_standard(&item.data, "data")?;
    let mut media_type = item.content_type.as_ref().map_or("", ItemContentType::as_str).split(';');
    let essence = media_type.next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(ItemContentType::JPEG.as_str()) && !is_jpeg(&content) {
        return Err(Error::malformed("data", "not a JPEG image, which its type says"));
    }
    // A device shows a text as UTF-8, so a text that is not shown is not checked.
    let is_shown = item.visible != Some(false);
    if essence.eq_ignore_ascii_case(ItemContentType::TEXT.as_str())
        && is_shown
        && media_type.all(|parameter| !names_other_charset(parameter))
        && std::str::from_utf8(&content).is_err()
    {
        return Err(Error::malformed("data", "not a text in UTF-8"));
    }
    Ok(())
}

/// Whether a parameter of a media type names a character set whose texts need not be UTF-8.
fn names_other_charset(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "us-ascii"].iter().any(|known| value.eq_ignore_ascii_case(known))
    })
}

/// A device ignores filters that it does not understand: they match no key.
fn check_filter(filter: &Filter) -> Result<(), Error> {
    filled(filter.op.as_str(), "op")
}

// ---- PIN reset

fn check_start(command: &StartPinResetCommand) -> Result<(), Error> {
    optional(command.smart_card_id.as_deref(), "smartcardid")?;
    optional(command.profile_id.as_deref(), "profileid")?;
    optional(command.operation.as_ref(), "operation")
}

fn check_end(command: &EndPinResetCommand) -> Result<(), Error> {
    filled(command.encrypted_nonce.expose(), "encryptednonce")?;
    optional(command.smart_card_id.as_deref(), "smartcardid")?;
    optional(command.profile_id.as_deref(), "profileid")?;
    let Some(key) = &command.new_admin_key else { return Ok(()) };
    let is_key = key.expose().len() == ADMIN_KEY_CHARACTERS
        && key.expose().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if is_key {
        Ok(())
    } else {
        Err(Error::malformed("newadminkey", "not 48 lower-case hexadecimal characters"))
    }
}
