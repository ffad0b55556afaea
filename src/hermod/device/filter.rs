//! Matching of keys against filters.

use crate::Certificate;
use crate::crypto::PublicKeyParts;
use crate::encoding::hex;
use crate::hermod::Dialect;
use crate::hermod::model::{Filter, FilterOp, FilterParam, KeyType};
use crate::keys::{Profile, StoredKey};
use crate::name::{self, Likeness};

/// The maximum nesting depth of filters that is evaluated.
const MAX_DEPTH: usize = 32;

/// Returns whether a filter matches a key. An unknown operator, parameter or value matches nothing,
/// also if negated. The same holds for conditions on a certificate that the key does not have.
pub(super) fn matches(
    filter: &Filter,
    dialect: &Dialect,
    profile: &Profile,
    key: &StoredKey,
) -> bool {
    Candidate { dialect, profile, key }.matches(filter, 0) == Some(true)
}

struct Candidate<'a> {
    dialect: &'a Dialect,
    profile: &'a Profile,
    key: &'a StoredKey,
}

impl Candidate<'_> {
    /// Returns `None` if the result is unknown.
    fn matches(&self, filter: &Filter, depth: usize) -> Option<bool> {
        if depth > MAX_DEPTH {
            return None;
        }
        let words = &self.dialect.filter;
        let args = || filter.args.as_deref().filter(|args| !args.is_empty());
        let each = |args: &[Filter]| -> Vec<Option<bool>> {
            args.iter().map(|filter| self.matches(filter, depth + 1)).collect()
        };
        match &filter.op {
            op if *op == FilterOp::EQ => self.is(filter.param.as_ref()?, &filter.value_text()?),
            op if *op == words.ne => {
                self.is(filter.param.as_ref()?, &filter.value_text()?).map(|is| !is)
            }
            op if *op == words.one_of => {
                let values: Vec<String> =
                    serde_json::from_str(filter.value.as_ref()?.as_json()).ok()?;
                let param = filter.param.as_ref()?;
                values.iter().try_fold(false, |any, value| Some(self.is(param, value)? || any))
            }
            op if *op == words.and => all(&each(args()?)),
            op if *op == words.or => any(&each(args()?)),
            op if *op == words.not => match args()? {
                [filter] => self.matches(filter, depth + 1).map(|is| !is),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns whether the key has this value; `None` if the key has no value or the parameter is
    /// unknown.
    fn is(&self, param: &FilterParam, value: &str) -> Option<bool> {
        let (words, key) = (&self.dialect.filter, self.key);
        let certificate = || key.certificate.as_ref();
        Some(match param {
            param if *param == FilterParam::KEY_TYPE => self.key_type().as_str() == value,
            param if *param == words.key_id => key.key_id == value,
            param if *param == words.key_usage => key.usage.eq_ignore_ascii_case(value),
            param if *param == words.key_state => key.state.eq_ignore_ascii_case(value),
            param if *param == words.profile_id => {
                self.profile.names.id.eq_ignore_ascii_case(value)
            }
            param if *param == words.cert_issuer => is_name(certificate()?.issuer_der(), value)?,
            param if *param == words.cert_subject => is_name(certificate()?.subject_der(), value)?,
            param if *param == words.cert_serial => is_serial(certificate()?, value),
            _ => return None,
        })
    }

    fn key_type(&self) -> &KeyType {
        match self.key.public_key.parts() {
            PublicKeyParts::Rsa { .. } => const { &KeyType::RSA },
            PublicKeyParts::Ec { .. } => &self.dialect.ec_key_type,
            PublicKeyParts::Ed25519 { .. } => &self.dialect.okp_key_type,
        }
    }
}

/// Returns false if one result is false, otherwise unknown if one is unknown.
fn all(results: &[Option<bool>]) -> Option<bool> {
    [Some(false), None].into_iter().find(|result| results.contains(result)).unwrap_or(Some(true))
}

/// Returns true if one result is true, otherwise unknown if one is unknown.
fn any(results: &[Option<bool>]) -> Option<bool> {
    [Some(true), None].into_iter().find(|result| results.contains(result)).unwrap_or(Some(false))
}

/// Compares a text in the form of RFC 4514 with this name by the rules of RFC 5280 section 7.1;
/// `None` if the text is not a name. A blank may follow a comma, as most programs write names.
fn is_name(name: &[u8], text: &str) -> Option<bool> {
    let value = name::parse(text).or_else(|_| name::parse(&without_blanks_after_commas(text)));
    Some(name::compare(name, &value.ok()?) != Likeness::Different)
}

/// Removes the blanks after commas between the parts of a name. A comma in a value is escaped, and
/// the text after it belongs to the value.
fn without_blanks_after_commas(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut escaped, mut after_comma) = (false, false);
    for character in text.chars() {
        if after_comma && character == ' ' {
            continue;
        }
        after_comma = character == ',' && !escaped;
        escaped = character == '\\' && !escaped;
        out.push(character);
    }
    out
}

/// Returns whether a hexadecimal text is this certificate's serial number, ignoring case, colons
/// and leading zeros.
fn is_serial(certificate: &Certificate, value: &str) -> bool {
    let serial = hex::encode(certificate.serial_number());
    let value = value.replace(':', "");
    serial.trim_start_matches('0').eq_ignore_ascii_case(value.trim_start_matches('0'))
}
