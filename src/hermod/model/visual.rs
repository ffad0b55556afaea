//! The look of a profile's card, and the content provider that has the pictures.

use super::word::word;
use super::{DataText, json_text};
use crate::Error;
use crate::json::{Nulls, json_object, read, write};

word! {
    /// What the data of a card's side is.
    CardDataType {
        /// An image, as base64.
        IMAGE = "IMAGE",
        /// A compact JWS around an image.
        JOSE = "JOSE",
    }
}

word! {
    /// The colour of the texts on a card. [`Dialect`](crate::hermod::Dialect) has the spelling of
    /// black, which is not documented.
    TextColor {
        /// White.
        WHITE = "WHITE",
        /// The texts are hidden.
        CLEAR = "CLEAR",
    }
}

word! {
    /// Which side of a card.
    CardSideKey {
        /// The front.
        FRONT = "front",
        /// The back.
        BACK = "back",
    }
}

word! {
    /// What has to be done before the back of a card is shown. Older versions only; one more value
    /// exists, its spelling is not documented.
    Protection {
        /// Nothing.
        NONE = "NONE",
    }
}

json_object! {
    /// How the card of a profile looks; wire member `profile.visualData`.
    ///
    /// Source: Hermod protocol, "Provision profile with visual data from a content provider" and
    /// "Provision mobile virtual smart card with visual ID".
    #[derive(Default)]
    pub struct VisualData {
        /// The id of the pictures at the content provider, recommended prefix `PROV:`; absent: no
        /// content provider is asked. Wire member `contentId`.
        optional pub content_id: String = "contentId",
        /// The pictures themselves; they win over those of the content provider. Wire member
        /// `profileCard`.
        optional pub profile_card: ProfileCard = "profileCard",
    }
}

json_object! {
    /// The sides of a card.
    #[derive(Default)]
    pub struct ProfileCard {
        /// The front; absent: a plain one.
        optional pub front: CardSide = "front",
        /// The back; absent: none.
        optional pub back: CardSide = "back",
    }
}

json_object! {
    /// One side of a card.
    #[derive(Default)]
    pub struct CardSide {
        /// Front: a JPEG of aspect 1200:757 as base64 of the standard alphabet. Back: from version
        /// 3.1.1 on a compact JWS around the image. Absent: the content provider has it.
        optional pub data: DataText = "data",
        /// What `data` is; absent before version 3.1.1. Wire member `dataType`.
        optional pub data_type: CardDataType = "dataType",
        /// Which side this is.
        optional pub key: CardSideKey = "key",
        /// The colour of the texts; wire member `textColor`.
        optional pub text_color: TextColor = "textColor",
        /// What has to be done before it is shown; before version 3.1.1, and on the back only.
        optional pub protection: Protection = "protection",
    }
}

json_object! {
    /// What the hub asks the content provider: the body of `POST {base}/getcontent`.
    ///
    /// Source: Hermod protocol, "Requirements on content provider API".
    ///
    /// ```
    /// use keyferry::hermod::model::ContentRequest;
    ///
    /// assert_eq!(ContentRequest::new("PROV:1").to_json(), r#"{"contentId":"PROV:1"}"#);
    /// ```
    pub struct ContentRequest {
        /// The id of the content; recommended prefixes `PROV:` (cards) and `AUTH:` (authentication
        /// images). Wire member `contentId`.
        required pub content_id: String = "contentId",
    }
}

impl ContentRequest {
    /// Asks for the content `content_id`.
    #[must_use]
    pub fn new(content_id: impl Into<String>) -> Self {
        Self { content_id: content_id.into(), extra: Default::default() }
    }
}

json_object! {
    /// What the content provider answers.
    ///
    /// Source: Hermod protocol, "Requirements on content provider API"; what it answers when it
    /// fails is not documented. For an authentication image ("Use authentication images from a
    /// content provider service") the members of the one piece may stand in the answer itself:
    /// [`from_json`](Self::from_json) reads both forms.
    ///
    /// ```
    /// use keyferry::hermod::model::ContentAnswer;
    ///
    /// let listed = r#"{"data":[{"content_encoding":"base64","content_type":"image/jpeg","data":"/9j/4A=="}]}"#;
    /// let bare = r#"{"content_encoding":"base64","content_type":"image/jpeg","data":"/9j/4A=="}"#;
    /// assert_eq!(ContentAnswer::from_json(bare)?, ContentAnswer::from_json(listed)?);
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    pub struct ContentAnswer {
        /// The pieces, one or two: front, back.
        required pub data: Vec<ContentItem> = "data",
    }
}

impl ContentAnswer {
    /// Reads the object, in either of its forms.
    ///
    /// # Errors
    /// `malformed` or `too-large`, with the path of the member at fault and the offset in `text`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        // A list of pieces is no text, so one text can have one of the two forms only. Of a text
        // that has neither, the fault in the documented form is named.
        read(text, Nulls::AreAbsent).or_else(|error| match read(text, Nulls::AreAbsent) {
            Ok(piece) => Ok(Self::new(vec![piece])),
            Err(_) => Err(error),
        })
    }

    /// Writes the object, as a list of pieces.
    #[must_use]
    pub fn to_json(&self) -> String {
        write(self)
    }

    /// An answer with these pieces.
    #[must_use]
    pub fn new(data: Vec<ContentItem>) -> Self {
        Self { data, extra: Default::default() }
    }
}

json_object! {
    /// One piece of content.
    pub struct ContentItem {
        /// How `data` is encoded: `base64`; `text/plain` was seen beside a JWS. Absent: not said.
        optional pub content_encoding: String = "content_encoding",
        /// The media type: `image/jpeg`. Absent: not said.
        optional pub content_type: String = "content_type",
        /// Which side of the card; absent for an authentication image.
        optional pub key: CardSideKey = "key",
        /// The content, in that encoding.
        required pub data: DataText = "data",
    }
}

impl ContentItem {
    /// An image, `data` being base64 of the standard alphabet.
    #[must_use]
    pub fn image(
        key: Option<CardSideKey>,
        content_type: impl Into<String>,
        data: impl Into<DataText>,
    ) -> Self {
        Self {
            content_encoding: Some("base64".to_owned()),
            content_type: Some(content_type.into()),
            key,
            data: data.into(),
            extra: Default::default(),
        }
    }
}

json_text!(ContentRequest);
