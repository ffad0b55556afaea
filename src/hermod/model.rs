//! The messages of the Hermod protocol.
//!
//! Readers accept every spelling and type variation that real services and documents show, and keep
//! unknown members in `extra` and unknown words as received. Writers write exactly the documented
//! form. The [`Dialect`](super::Dialect) names the undocumented parts.
//!
//! A duplicate member is refused, also in two spellings with different values. `null` for an
//! optional member counts as absent. Limits: 16 keys and 16 certificates in a profile, texts of 64
//! KiB, JWS of 256 KiB, images and data to be signed of 4 MiB, and those of [`jose`](crate::jose).
//! `Debug` does not show secrets or texts that may contain them. Nothing here is verified;
//! [`proof`](super::proof) does that.

mod activation;
mod address;
mod api_user;
mod callback;
mod certificate;
mod command;
mod delete;
mod envelope;
mod error_body;
mod mailbox;
mod opaque;
mod pin_reset;
mod ping;
mod provision;
mod sign;
mod visual;
pub(crate) mod word;

pub use activation::{Activation, MessageLink, PLUGOUT_SCHEME, Plugout, StartLink};
pub use address::Address;
pub use api_user::{ApiUser, ApiUsers};
pub use callback::{
    Callback, CommandId, Destination, Progress, Response, ResponseHeader, State, Submitted,
};
pub use certificate::{
    CertificateCommand, CertificateResponse, KeyCertificate, KeyProtectionLevel,
};
pub use command::{Command, CommandBody, CommandHeader, CommandKind, CommandType};
pub use delete::{DeleteCommand, DeleteResponse};
pub use error_body::{ErrorBody, ErrorDetail};
pub use mailbox::{Answer, ListedMessage, Listing, Message, MessageHeader, ReservedBox};
pub use opaque::{DataText, JwsText, MAX_DATA, OpaqueText};
pub use pin_reset::{
    Driver, DriverName, DriverType, EndPinResetCommand, EndPinResetResponse, PinOperation,
    StartPinResetCommand, StartPinResetResponse,
};
pub use ping::{DeviceInfo, PingCommand, PingParams, PingResponse, ProfileInfo, TextFlag};
pub use provision::{
    DataFormat, KeyGenRequest, KeyLength, KeyState, KeyType, KeyTypePrio, KeyUsage, ProfileRequest,
    ProvisionCommand, ProvisionResponse, ProvisionResult, ResponseMechanism, SignatureKey, Storage,
};
pub use sign::{
    AuthenticateCommand, ContentEncoding, Filter, FilterOp, FilterParam, Item, ItemContentType,
    ItemKey, SignCommand, SignMechanism, SignParams, SignResponse, SignResult,
};
pub use visual::{
    CardDataType, CardSide, CardSideKey, ContentAnswer, ContentItem, ContentRequest, ProfileCard,
    Protection, TextColor, VisualData,
};

/// The code of a response that means success. The only one that is documented.
pub const SUCCESS: i64 = 0;

/// Implements reading and writing of JSON for objects.
macro_rules! json_text {
    ($( $name:ident ),*) => { $(
        impl $name {
            /// Reads the object.
            ///
            /// # Errors
            /// `malformed` or `too-large`, with the path of the member at fault and the offset in
            /// `text`.
            pub fn from_json(text: &str) -> Result<Self, $crate::Error> {
                $crate::json::read(text, $crate::json::Nulls::AreAbsent)
            }

            /// Writes the object.
            #[must_use]
            pub fn to_json(&self) -> String {
                $crate::json::write(self)
            }
        }
    )* };
}
use json_text;

/// Declares a response that has a code and nothing else.
macro_rules! code_response {
    ($(#[$meta:meta])* $name:ident) => {
        $crate::json::json_object! {
            $(#[$meta])*
            pub struct $name {
                /// 0 for success; [`ResponseCodes`](crate::hermod::dialect::ResponseCodes) has the
                /// others, which are not documented.
                required pub code: i64 = "code",
            }
        }

        impl $name {
            /// A response with this code.
            #[must_use]
            pub fn new(code: i64) -> Self {
                Self { code, extra: Default::default() }
            }
        }

        $crate::hermod::model::json_text!($name);
    };
}
use code_response;
