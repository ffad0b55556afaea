//! A question as text for a terminal or a dialogue with a monospaced font.
//!
//! Everything in it but the hub's address comes from the author of the command. Each such text
//! stands behind a label on every one of its lines, so no text can begin a line, end a block or
//! imitate another block, however long it is and whatever it contains:
//!
//! - lines are wrapped here, so that a terminal does not wrap them to its first column;
//! - control characters, format characters (bidirectional overrides among them), separators and
//!   piled-up combining marks are written as escapes, and `\` as `\\`.

use std::fmt::{self, Write as _};

use super::{Action, Question, QuestionKey, Shown, ShownContent, Signing};

/// The width in columns of a text beside its label. A terminal has 80 columns.
const TEXT_COLUMNS: usize = 56;
/// The width in columns of a label.
const LABEL_COLUMNS: usize = 14;
/// The maximum number of combining marks on one character.
const MAX_MARKS: usize = 2;

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.action {
            Action::Create => {
                format!("make a new profile with {}", counted(self.keys.len(), "key"))
            }
            Action::Overwrite { .. } => {
                format!("replace keys of a profile: {}", counted(self.keys.len(), "new key"))
            }
            Action::Delete { .. } => String::from("delete a profile with its keys"),
            Action::Sign(_) => String::from("sign with a key of a profile"),
            Action::Authenticate(_) => {
                String::from("authenticate by signing with a key of a profile")
            }
        };
        writeln!(f, "A hub asks to {what}.")?;
        field(f, "hub", &self.hub)?;
        field(f, "user", &self.user_id)?;
        field(f, "profile", &self.profile_name)?;
        field(f, "issuer", &self.server_name)?;
        match &self.action {
            Action::Create => {}
            Action::Overwrite { profile_id } | Action::Delete { profile_id } => {
                field(f, "profile id", profile_id)?;
            }
            Action::Sign(signing) | Action::Authenticate(signing) => write_signing(f, signing)?,
        }
        for (index, key) in self.keys.iter().enumerate() {
            writeln!(f, "Key {} of {}: {}", index + 1, self.keys.len(), key.priority)?;
            write_key(f, key)?;
        }
        Ok(())
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: &QuestionKey) -> fmt::Result {
    field(f, "key", &key.key_id)?;
    field(f, "usage", &key.usage)?;
    let Some(request) = &key.request else {
        return writeln!(f, "  No certificate is requested.");
    };
    writeln!(f, "  A certificate is requested with")?;
    field(f, "subject", &request.subject)?;
    for extension in &request.extensions {
        field(f, "extension", &format!("{extension}: {}", extension.value))?;
    }
    for oid in &request.other_attributes {
        field(f, "attribute", oid)?;
    }
    if request.may_be_for_ca() {
        writeln!(f, "  WARNING: this may become the certificate of a certificate authority.")?;
    }
    Ok(())
}

fn write_signing(f: &mut fmt::Formatter<'_>, signing: &Signing) -> fmt::Result {
    field(f, "profile id", &signing.profile_id)?;
    field(f, "key", &signing.key_id)?;
    for (index, shown) in signing.description.iter().enumerate() {
        writeln!(f, "Description {} of {}, NOT signed:", index + 1, signing.description.len())?;
        write_shown(f, "described", shown)?;
    }
    writeln!(f, "This is what will be SIGNED, {}:", counted(signing.tbs_bytes, "byte"))?;
    match &signing.tbs {
        Some(shown) => write_shown(f, "SIGNED", shown)?,
        None => writeln!(f, "  It is not shown, because the command says so.")?,
    }
    writeln!(f, "End of what will be SIGNED.")
}

fn write_shown(f: &mut fmt::Formatter<'_>, label: &str, shown: &Shown) -> fmt::Result {
    field(f, "role", &shown.role)?;
    if let Some(text) = &shown.label {
        field(f, "label", text)?;
    }
    if let Some(content_type) = &shown.content_type {
        field(f, "type", content_type)?;
    }
    match &shown.content {
        ShownContent::Text(text) => field(f, label, text),
        ShownContent::Bytes(bytes) => {
            writeln!(f, "  {} that are no text.", counted(bytes.len(), "byte"))
        }
    }
}

/// Writes an untrusted text with a label on each of its lines.
fn field(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    for line in lines(text) {
        writeln!(f, "  {label:>LABEL_COLUMNS$} | {line}")?;
    }
    Ok(())
}

/// Splits a text into escaped, wrapped lines; at least one.
fn lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        // A carriage return and a line feed are one line end.
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (mut current, mut columns, mut marks) = (String::new(), 0, MAX_MARKS);
        for character in line.chars() {
            let (piece, width) = escaped(character, &mut marks);
            if columns + width > TEXT_COLUMNS && !current.is_empty() {
                lines.push(std::mem::take(&mut current));
                columns = 0;
            }
            current += &piece;
            columns += width;
        }
        lines.push(current);
    }
    lines
}

/// Returns the shown form of a character and its maximum width in columns. `marks` counts the
/// combining marks since the last other character.
fn escaped(character: char, marks: &mut usize) -> (String, usize) {
    let mut text = String::new();
    let is_mark = is_mark(character);
    if is_mark && *marks < MAX_MARKS {
        *marks += 1;
        return (character.into(), 0);
    }
    let is_plain = matches!(character, ' ' | '\'' | '"');
    if is_plain {
        text.push(character);
    } else {
        // This escapes every character that is not printable, format characters included.
        let _ = write!(text, "{}", character.escape_debug());
    }
    if !is_mark {
        *marks = 0;
    }
    // Characters beyond ASCII may be two columns wide.
    let width = if text.is_ascii() { text.len() } else { 2 };
    (text, width)
}

/// Returns whether a character is a combining mark.
fn is_mark(character: char) -> bool {
    // `escape_debug` of a string and of a character differ only in combining marks.
    let in_text: String = format!("a{character}").escape_debug().collect();
    in_text.len() == 1 + character.len_utf8()
        && character.escape_debug().len() > 1
        && !matches!(character, '\'' | '"' | '\\')
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_cannot_be_seen_and_wraps_what_is_long() {
        assert_eq!(lines("Grüße\r\nJane"), ["Grüße", "Jane"]);
        assert_eq!(lines(""), [""]);
        for hidden in [
            '\u{1b}', '\r', '\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{a0}',
            '\u{7f}', '\u{85}',
        ] {
            let line = lines(&format!("a{hidden}b"));
            assert_eq!(line.len(), 1);
            assert!(!line[0].contains(hidden) && line[0].contains('\\'), "{line:?}");
        }
        assert_eq!(lines("a\\u{202e}"), ["a\\\\u{202e}"], "an escape cannot be imitated");
        // A decomposed letter is shown as it is; piled-up marks and a mark without a base are
        // escaped.
        assert_eq!(lines("e\u{301}"), ["e\u{301}"]);
        assert!(lines(&format!("e{}", "\u{301}".repeat(9)))[0].contains("\\u{301}"));
        assert_eq!(lines("\u{301}"), ["\\u{301}"]);
        for long in ["x".repeat(500), "\u{4e00}".repeat(500), "\u{202e}".repeat(100)] {
            for line in lines(&long) {
                let columns: usize = line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
                assert!(columns <= TEXT_COLUMNS, "{line}");
            }
        }
    }
}
