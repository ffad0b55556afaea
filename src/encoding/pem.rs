//! PEM (RFC 7468), including the variations of pasted text.

use crate::Error;
use crate::encoding::base64::{decode_standard, encode_standard};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One object of a PEM text.
pub(crate) struct Block<'a> {
    /// The label, for example `CERTIFICATE REQUEST`.
    pub(crate) label: &'a str,
    /// The decoded bytes between the boundaries.
    pub(crate) der: Vec<u8>,
}

/// Strips what editors and shells add around a text: the byte order mark and white space.
pub(crate) fn trimmed(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii()
}

/// Whether the text contains a PEM boundary, so that it cannot be plain base64.
pub(crate) fn is_pem(text: &str) -> bool {
    text.contains(BEGIN)
}

/// Reads all objects of the text, at least one. Text before an object is ignored, because programs
/// write explanations there (RFC 7468 section 2). Text after the last object is an error.
pub(crate) fn read<'a>(text: &'a str, part: &'static str) -> Result<Vec<Block<'a>>, Error> {
    let bad = |detail| Error::malformed(part, detail);
    let mut blocks = Vec::new();
    let mut rest = trimmed(text);
    while !rest.is_empty() {
        let (_, after) = rest.split_once(BEGIN).ok_or_else(|| {
            bad(if blocks.is_empty() { "not PEM" } else { "text after the end of the PEM" })
        })?;
        let (label, after) =
            after.split_once(DASHES).ok_or_else(|| bad("PEM: a boundary that does not end"))?;
        let (content, after) =
            after.split_once(END).ok_or_else(|| bad("PEM: the boundary at the end is missing"))?;
        let after = after
            .strip_prefix(label)
            .and_then(|after| after.strip_prefix(DASHES))
            .ok_or_else(|| bad("PEM: the boundary at the end has another label"))?;
        if content.contains(DASHES) {
            return Err(bad("PEM: the boundary at the end is missing"));
        }
        blocks.push(Block { label, der: decode_standard(content.trim_ascii(), part)? });
        rest = after.trim_ascii_start();
    }
    if blocks.is_empty() { Err(bad("not PEM")) } else { Ok(blocks) }
}

/// Reads the only object of the text, whose label must be one of `labels`.
pub(crate) fn read_one(text: &str, labels: &[&str], part: &'static str) -> Result<Vec<u8>, Error> {
    let mut blocks = read(text, part)?;
    match blocks.pop() {
        Some(block) if blocks.is_empty() && labels.contains(&block.label) => Ok(block.der),
        Some(_) if blocks.is_empty() => Err(Error::malformed(part, "PEM of another label")),
        _ => Err(Error::malformed(part, "PEM of more than one object")),
    }
}

/// Reads text from a person that should be base64 of DER: base64 on one or more lines, or PEM of
/// one object.
pub(crate) fn read_pasted(
    text: &str,
    labels: &[&str],
    part: &'static str,
) -> Result<Vec<u8>, Error> {
    if is_pem(text) { read_one(text, labels, part) } else { decode_standard(trimmed(text), part) }
}

/// Writes PEM in lines of 64 characters with a line break at the end (RFC 7468 section 2).
pub(crate) fn write(label: &str, der: &[u8]) -> String {
    let base64 = encode_standard(der);
    let mut out = format!("{BEGIN}{label}{DASHES}\n");
    for line in base64.as_bytes().chunks(64) {
        out.extend(line.iter().copied().map(char::from));
        out.push('\n');
    }
    out.extend([END, label, DASHES, "\n"]);
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
