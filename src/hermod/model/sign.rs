//! Sign and authenticate commands: the user signs data with a key of a profile.

use super::word::word;
use super::{DataFormat, DataText};
use crate::json::{RawJson, json_object};

word! {
    /// The PKCS#11 name of a signature mechanism. [`Dialect`](crate::hermod::Dialect) has the
    /// others, which are not documented for this use.
    SignMechanism {
        /// RSASSA-PKCS1-v1_5 with SHA-256. The only value seen.
        CKM_SHA256_RSA_PKCS = "CKM_SHA256_RSA_PKCS",
    }
}

word! {
    /// The role of an item of a sign command.
    ItemKey {
        /// Who asks.
        REQUESTER = "requester",
        /// What is signed.
        TBS = "tbs",
        /// An image shown while the user authenticates.
        AUTH_IMAGE = "auth_image",
    }
}

word! {
    /// The media type of an item's data.
    ItemContentType {
        /// A text.
        TEXT = "text/plain",
        /// A JPEG image.
        JPEG = "image/jpeg",
        /// `data` is an id; the hub fetches the content from the content provider before it
        /// delivers the message.
        CONTENT_ID = "application/hermod+content-id",
    }
}

word! {
    /// How an item's data is encoded.
    ContentEncoding {
        /// Base64 of the standard alphabet.
        BASE64 = "base64",
    }
}

word! {
    /// The operator of a filter. [`Dialect`](crate::hermod::Dialect) has the others, which are not
    /// documented.
    FilterOp {
        /// Equal. The only value seen.
        EQ = "eq",
    }
}

word! {
    /// The property that a filter compares. [`Dialect`](crate::hermod::Dialect) has the others,
    /// which are not documented.
    FilterParam {
        /// The kind of the key. The only value seen.
        KEY_TYPE = "key.type",
    }
}

json_object! {
    /// The command to sign something; wire member `signCommand`.
    ///
    /// Source: Hermod protocol, "Example: Personal Desktop Client signing".
    ///
    /// ```
    /// use keyferry::hermod::model::{DataFormat, Item, SignCommand, SignMechanism, SignParams};
    ///
    /// let tbs = Item::base64("tbs", "text/plain", "SGVsbG8=");
    /// let command = SignCommand::new(SignParams::new(vec![tbs], DataFormat::PKCS7, SignMechanism::CKM_SHA256_RSA_PKCS));
    /// assert!(!format!("{command:?}").contains("SGVsbG8="));
    /// ```
    pub struct SignCommand {
        /// What to sign and how.
        required pub params: SignParams = "params",
    }
}

impl SignCommand {
    /// A command with these parameters.
    #[must_use]
    pub fn new(params: SignParams) -> Self {
        Self { params, extra: Default::default() }
    }
}

json_object! {
    /// The command to authenticate by signing something; wire member `authCommand`.
    ///
    /// Source: Hermod protocol, "Use authentication images from a content provider service": the
    /// same parameters as for signing.
    pub struct AuthenticateCommand {
        /// What to sign and how.
        required pub params: SignParams = "params",
    }
}

impl AuthenticateCommand {
    /// A command with these parameters.
    #[must_use]
    pub fn new(params: SignParams) -> Self {
        Self { params, extra: Default::default() }
    }
}

json_object! {
    /// The data to sign, the items to show, and the choice of the key.
    pub struct SignParams {
        /// Things to show the user, in order; absent: none.
        optional pub description: Vec<Item> = "description",
        /// The data to sign; one item is the only number seen.
        required pub tbs: Vec<Item> = "tbs",
        /// Which keys may answer; absent: any.
        optional pub filter: Filter = "filter",
        /// The form of the signature.
        required pub format: DataFormat = "format",
        /// The signature mechanism.
        required pub mechanism: SignMechanism = "mechanism",
    }
}

impl SignParams {
    /// Signs `tbs` with any key that fits the mechanism.
    #[must_use]
    pub fn new(tbs: Vec<Item>, format: DataFormat, mechanism: SignMechanism) -> Self {
        Self { description: None, tbs, filter: None, format, mechanism, extra: Default::default() }
    }
}

json_object! {
    /// Something to show or to sign.
    pub struct Item {
        /// What it is there for.
        required pub key: ItemKey = "key",
        /// A label for the user; absent: none.
        optional pub description: String = "description",
        /// The type of the data; absent: not said. Wire member `content_type`.
        optional pub content_type: ItemContentType = "content_type",
        /// The encoding of the data; absent with a content id. Wire member `content_encoding`.
        optional pub content_encoding: ContentEncoding = "content_encoding",
        /// Base64 of the bytes, or a content id: `AUTH:` and a UUID.
        required pub data: DataText = "data",
        /// Whether the user sees it; absent: not stated. A text `"true"` or `"false"` is read too.
        optional pub visible: bool = "visible",
    }
}

impl Item {
    /// A visible item whose `data` is base64 of the standard alphabet.
    #[must_use]
    pub fn base64(
        key: impl Into<ItemKey>,
        content_type: impl Into<ItemContentType>,
        data: impl Into<DataText>,
    ) -> Self {
        Self {
            key: key.into(),
            description: None,
            content_type: Some(content_type.into()),
            content_encoding: Some(ContentEncoding::BASE64),
            data: data.into(),
            visible: Some(true),
            extra: Default::default(),
        }
    }

    /// A visible item whose content is at the content provider.
    #[must_use]
    pub fn content_id(key: impl Into<ItemKey>, content_id: impl Into<DataText>) -> Self {
        Self {
            content_type: Some(ItemContentType::CONTENT_ID),
            content_encoding: None,
            ..Self::base64(key, ItemContentType::CONTENT_ID, content_id)
        }
    }
}

json_object! {
    /// Which keys may answer. Operators and parameters that are not known are carried untouched.
    ///
    /// Source: Hermod protocol, "Example: Personal Desktop Client signing", where `eq` of
    /// `key.type` is the only example; `args` is not documented and is this crate's design.
    ///
    /// ```
    /// use keyferry::hermod::model::{Filter, FilterParam};
    ///
    /// let filter = Filter::eq(FilterParam::KEY_TYPE, "RSA");
    /// assert_eq!(filter.value_text().as_deref(), Some("RSA"));
    /// ```
    pub struct Filter {
        /// The operator.
        required pub op: FilterOp = "op",
        /// What is looked at; absent where the operator takes `args`.
        optional pub param: FilterParam = "param",
        /// What it is compared with: a text, or whatever JSON the operator takes. Absent where the
        /// operator takes `args`.
        optional pub value: RawJson = "value",
        /// Filters to combine; absent where the operator takes `param`.
        optional pub args: Vec<Filter> = "args",
    }
}

impl Filter {
    /// `param` equals `value`.
    #[must_use]
    pub fn eq(param: FilterParam, value: &str) -> Self {
        Self {
            op: FilterOp::EQ,
            param: Some(param),
            value: RawJson::new(&value).ok(),
            args: None,
            extra: Default::default(),
        }
    }

    /// Combines `args` with `op`.
    #[must_use]
    pub fn combine(op: FilterOp, args: Vec<Self>) -> Self {
        Self { op, param: None, value: None, args: Some(args), extra: Default::default() }
    }

    /// The value, if it is there and a text.
    #[must_use]
    pub fn value_text(&self) -> Option<String> {
        self.value.as_ref().and_then(RawJson::to_text)
    }
}

json_object! {
    /// The answer to a sign or an authenticate command; wire members `signResponse` and
    /// `authResponse`.
    ///
    /// Not documented; this crate's design, after the answer to a provision command.
    pub struct SignResponse {
        /// 0 for success; [`ResponseCodes`](crate::hermod::dialect::ResponseCodes) has the others.
        required pub code: i64 = "code",
        /// The signature; absent when the device refused.
        optional pub result: SignResult = "result",
    }
}

impl SignResponse {
    /// Success, with a signature in the form `content_type`: base64 DER of a CMS, or a compact JWS.
    #[must_use]
    pub fn success(content_type: DataFormat, data: impl Into<DataText>) -> Self {
        let result = SignResult { content_type, data: data.into(), extra: Default::default() };
        Self { code: super::SUCCESS, result: Some(result), extra: Default::default() }
    }

    /// A refusal.
    #[must_use]
    pub fn refusal(code: i64) -> Self {
        Self { code, result: None, extra: Default::default() }
    }
}

json_object! {
    /// A signature. Nothing in it is verified.
    pub struct SignResult {
        /// The form of `data`; wire member `contenttype`.
        required pub content_type: DataFormat = "contenttype",
        /// The signature as received: base64 of DER (`pkcs7`), or a compact JWS (`jws`).
        required pub data: DataText = "data",
    }
}

super::json_text!(SignCommand, AuthenticateCommand, SignResponse);
