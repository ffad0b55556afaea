//! The API users of a hub.

use super::{OpaqueText, json_text};
use crate::Secret;
use crate::json::json_object;

json_object! {
    /// The API users of a hub: the part `application.hermod` of its configuration, as JSON.
    ///
    /// Source: Hermod protocol, "Add API user and callback URL in Hermod". Older editions write the
    /// names in camel case (`allowedClients`), newer ones with hyphens; both are read, hyphens are
    /// written.
    ///
    /// ```
    /// use keyferry::hermod::model::ApiUsers;
    ///
    /// let users = ApiUsers::from_json(r#"{"allowedClients":[{"clientId":"idm","key":"s3cret","callbackUrl":"https://idm.example/hermod"}]}"#)?;
    /// assert_eq!(users.allowed_clients[0].client_id, "idm");
    /// assert!(!format!("{users:?}").contains("s3cret"));
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    #[derive(Default)]
    pub struct ApiUsers {
        /// The API users, at most 4096; wire member `allowed-clients`.
        required pub allowed_clients: Vec<ApiUser> = "allowed-clients" | "allowedClients",
    }
}

impl ApiUsers {
    /// A configuration with these users.
    #[must_use]
    pub fn new(allowed_clients: Vec<ApiUser>) -> Self {
        Self { allowed_clients, extra: Default::default() }
    }
}

json_object! {
    /// One API user. `Debug` shows no secret, and no address: its path may be one.
    pub struct ApiUser at_most 4096 {
        /// The id part of its API key, unique, without a colon; wire member `client-id`.
        required pub client_id: String = "client-id" | "clientId",
        /// The secret part of its API key.
        exposed pub key: Secret = "key",
        /// API users of one group share users and devices; absent: it shares them with nobody.
        optional pub group: String = "group",
        /// The base URL of its callbacks; wire member `callback-url`.
        required pub callback_url: OpaqueText = "callback-url" | "callbackUrl",
        /// `username:password` for HTTP Basic in its callbacks; absent: none. Wire member
        /// `callback-basic-auth`.
        optional_exposed pub callback_basic_auth: Secret = "callback-basic-auth" | "callbackBasicAuth",
        /// The base URL of its content provider; absent: none. Wire member `content-provider-url`.
        optional pub content_provider_url: OpaqueText = "content-provider-url" | "contentProviderUrl",
        /// `username:password` for HTTP Basic at the content provider; absent: none. Wire member
        /// `content-provider-basic-auth`, whose spelling is inferred.
        optional_exposed pub content_provider_basic_auth: Secret = "content-provider-basic-auth" | "contentProviderBasicAuth",
    }
}

impl ApiUser {
    /// An API user without a group and without a content provider.
    #[must_use]
    pub fn new(
        client_id: impl Into<String>,
        key: Secret,
        callback_url: impl Into<OpaqueText>,
    ) -> Self {
        Self {
            client_id: client_id.into(),
            key,
            group: None,
            callback_url: callback_url.into(),
            callback_basic_auth: None,
            content_provider_url: None,
            content_provider_basic_auth: None,
            extra: Default::default(),
        }
    }
}

json_text!(ApiUsers, ApiUser);
