//! The body of a hub's error response.

use super::json_text;
use crate::json::json_object;

json_object! {
    /// The body with which a hub refuses a request.
    ///
    /// Not documented; this is the design of this crate. Another hub may send anything; clients
    /// keep a body of another form as received.
    ///
    /// ```
    /// use keyferry::hermod::model::ErrorBody;
    ///
    /// let body = ErrorBody::new("GONE", "the message has ended", "6f1c");
    /// assert_eq!(body.to_json(), r#"{"error":{"code":"GONE","message":"the message has ended","requestId":"6f1c"}}"#);
    /// ```
    pub struct ErrorBody {
        /// What is wrong.
        required pub error: ErrorDetail = "error",
    }
}

json_object! {
    /// What is wrong with a request.
    pub struct ErrorDetail {
        /// One of [`ErrorCodes`](crate::hermod::dialect::ErrorCodes), or a class in upper snake
        /// case.
        required pub code: String = "code",
        /// For a person; never repeats the request.
        required pub message: String = "message",
        /// The hub's id of the request, to be found in its log; wire member `requestId`.
        required pub request_id: String = "requestId",
    }
}

impl ErrorBody {
    /// An error body.
    #[must_use]
    pub fn new(
        code: impl Into<String>,
        message: impl Into<String>,
        request_id: impl Into<String>,
    ) -> Self {
        let error = ErrorDetail {
            code: code.into(),
            message: message.into(),
            request_id: request_id.into(),
            extra: Default::default(),
        };
        Self { error, extra: Default::default() }
    }
}

json_text!(ErrorBody);
