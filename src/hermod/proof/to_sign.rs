//! The data that a sign or an authenticate command has signed. Device and integrator share this
//! module.

use std::borrow::Cow;

use crate::crypto::Algorithm;
use crate::encoding::base64::decode_standard;
use crate::hermod::Dialect;
use crate::hermod::model::{
    CommandKind, ContentEncoding, DataFormat, Item, ItemContentType, SignParams,
};
use crate::{Class, Error};

/// The maximum size in bytes of data signed as a JWS: 180 KiB. With header and signature, this
/// stays within the limit of a [JWS](crate::jose::MAX_JWS).
pub const MAX_TBS_JWS: usize = 180 * 1024;
/// The maximum size in bytes of data signed as a CMS: 512 KiB. In base64, this stays within the
/// hub's limit for an answer.
pub const MAX_TBS_PKCS7: usize = 512 * 1024;

/// One of the two commands that request a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Sign,
    Authenticate,
}

impl Role {
    pub(crate) fn kind(self) -> CommandKind {
        match self {
            Self::Sign => CommandKind::Sign,
            Self::Authenticate => CommandKind::Authenticate,
        }
    }

    /// The `typ` of a JWS in this role.
    pub(crate) fn typ(self, dialect: &Dialect) -> &Cow<'static, str> {
        match self {
            Self::Sign => &dialect.signature_types.sign,
            Self::Authenticate => &dialect.signature_types.authenticate,
        }
    }

    /// The content hint of a CMS in this role: the `typ` without the last plus sign and the text
    /// after it.
    pub(crate) fn hint(self, dialect: &Dialect) -> &str {
        let typ = self.typ(dialect);
        typ.rsplit_once('+').map_or(typ, |(hint, _)| hint)
    }

    pub(crate) fn member(self, dialect: &Dialect) -> &str {
        &dialect.words(self.kind()).command_member
    }
}

/// The form of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Jws,
    Cms,
}

/// The data to be signed, with form and algorithm.
pub(crate) struct ToSign {
    pub(crate) form: Form,
    pub(crate) algorithm: Algorithm,
    pub(crate) content: Vec<u8>,
}

impl ToSign {
    /// Reads the parameters. The path of an error begins below `params`.
    ///
    /// # Errors
    /// Class `not-as-requested` for an unknown format or a number of items other than one;
    /// `algorithm` for an unknown mechanism; `too-large` for more bytes than the format allows; and
    /// the errors of [`bytes_of`].
    pub(crate) fn read(params: &SignParams, dialect: &Dialect) -> Result<Self, Error> {
        let (form, most) = if params.format == DataFormat::JWS {
            (Form::Jws, MAX_TBS_JWS)
        } else if params.format == DataFormat::PKCS7 {
            (Form::Cms, MAX_TBS_PKCS7)
        } else {
            return Err(Error::new(Class::NotAsRequested, "format", "not known here"));
        };
        let unknown = || Error::new(Class::Algorithm, "mechanism", "not known here");
        let algorithm = dialect.algorithm_of(&params.mechanism).ok_or_else(unknown)?;
        let [item] = &params.tbs[..] else {
            return Err(Error::new(Class::NotAsRequested, "tbs", "not exactly one item"));
        };
        let content = bytes_of(item).map_err(|error| error.within("tbs[0]"))?;
        if content.len() > most {
            return Err(Error::too_large("tbs[0].data", "more bytes than the format takes"));
        }
        Ok(Self { form, algorithm, content })
    }
}

/// The bytes of an item.
///
/// # Errors
/// Class `not-as-requested` for a content id or an encoding other than base64; `malformed` for
/// invalid base64.
pub(crate) fn bytes_of(item: &Item) -> Result<Vec<u8>, Error> {
    if is_content_id(item) {
        return Err(Error::new(
            Class::NotAsRequested,
            "content_type",
            "a content id that nobody has resolved",
        ));
    }
    if item
        .content_encoding
        .as_ref()
        .is_some_and(|encoding| !encoding.same_as(&ContentEncoding::BASE64))
    {
        return Err(Error::new(Class::NotAsRequested, "content_encoding", "not base64"));
    }
    decode_standard(&item.data, "data")
}

/// Returns whether the item's data is a content id.
pub(crate) fn is_content_id(item: &Item) -> bool {
    item.content_type
        .as_ref()
        .is_some_and(|content_type| content_type.same_as(&ItemContentType::CONTENT_ID))
}

/// Returns whether a header's `typ` is `name`. Media types ignore case, and the prefix
/// `application/` may be omitted (RFC 7515 section 4.1.9).
pub(super) fn is_type(typ: &str, name: &str) -> bool {
    fn bare(typ: &str) -> &str {
        const PREFIX: &str = "application/";
        match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => typ,
        }
    }
    bare(typ).eq_ignore_ascii_case(bare(name))
}
