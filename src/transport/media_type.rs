//! `Content-Type` of JSON (RFC 9110, 8.3.1; RFC 8259, 11).

/// Whether a value of `Content-Type` says `application/json`.
///
/// Parameters have to be well-formed and have no effect, `charset` included: JSON defines none, and
/// text that is not UTF-8 is refused by its bytes.
pub(crate) fn is_json(value: &[u8]) -> bool {
    let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
    let (essence, mut rest) = value.split_at_checked(end).unwrap_or((value, b""));
    if !essence.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return false;
    }
    // Each round takes one `;` and the parameter after it, which may be empty.
    loop {
        rest = trim_start(rest);
        let Some((b';', after)) = rest.split_first() else { return rest.is_empty() };
        rest = trim_start(after);
        if rest.is_empty() || rest.first() == Some(&b';') {
            continue;
        }
        match after_parameter(rest) {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

/// The rest after `name=value`, where the value is a token or a quoted string; no white space is
/// allowed around the equals sign.
fn after_parameter(text: &[u8]) -> Option<&[u8]> {
    let (b'=', value) = after_token(text)?.split_first()? else { return None };
    match value.split_first()? {
        (b'"', quoted) => after_quoted(quoted),
        _ => after_token(value),
    }
}

/// The rest after a token of at least one character.
fn after_token(text: &[u8]) -> Option<&[u8]> {
    let length = text.iter().position(|byte| !is_token(*byte)).unwrap_or(text.len());
    if length == 0 { None } else { text.get(length..) }
}

/// The rest after the closing quotation mark of a quoted string (RFC 9110, 5.6.4).
fn after_quoted(mut text: &[u8]) -> Option<&[u8]> {
    let is_text = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    loop {
        let (byte, rest) = text.split_first()?;
        text = match byte {
            b'"' => return Some(rest),
            b'\\' => rest.split_first().filter(|(byte, _)| is_text(**byte))?.1,
            byte if is_text(*byte) => rest,
            _ => return None,
        };
    }
}

fn trim_start(text: &[u8]) -> &[u8] {
    let length = text.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    text.get(length..).unwrap_or_default()
}

/// A character of a token (RFC 9110, 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::is_json;

    #[test]
    fn parameters_of_json_are_read_and_ignored() {
        for value in [
            "application/json",
            "Application/JSON",
            "application/json;",
            "application/json ; ; charset=utf-8 ;",
            "application/json; charset=utf8",
            "application/json;charset=\"utf-8\"",
            "application/json; charset=ISO-8859-1",
            "application/json; odata.metadata=minimal",
            "application/json; version=1; version=2",
            "application/json; profile=\"https://x.example/a;b\"; charset=utf-8",
            "application/json; title=\"a \\\"quoted\\\" \\\\ text=;\"",
            "application/json;\tq=0.5",
            "application/json; p=\"\"",
        ] {
            assert!(is_json(value.as_bytes()), "{value}");
        }
        assert!(is_json(b"application/json; p=\"caf\xe9\""));
    }

    #[test]
    fn other_and_malformed_media_types_are_not_json() {
        for value in [
            "",
            ";",
            "text/plain",
            "application/jsonx",
            "application/json-seq",
            "application/problem+json",
            "application /json",
            "application/json, text/plain",
            "application/json, application/json",
            "application/json charset=utf-8",
            "application/json; charset",
            "application/json; charset=",
            "application/json; =utf-8",
            "application/json; charset =utf-8",
            "application/json; charset= utf-8",
            "application/json; p=\"open",
            "application/json; p=\"open\\",
            "application/json; p=\"a\"b",
            "application/json; p=a\"b\"",
            "application/json; p=a b",
            "application/json; p=a/b",
            "application/json; p=\"\u{7f}\"",
        ] {
            assert!(!is_json(value.as_bytes()), "{value}");
        }
    }
}
