//! Delete: a profile, or all mailboxes of a user.

use crate::json::json_object;

json_object! {
    /// The command to delete the mailbox of one profile or, without a profile, all mailboxes of the
    /// user that the header names.
    ///
    /// The documents mention this command ("Smart ID Messaging - Standard service tasks in Identity
    /// Manager"), but not its path, names and members; those are this crate's design.
    ///
    /// ```
    /// use keyferry::hermod::model::DeleteCommand;
    ///
    /// let lost_phone = DeleteCommand::new(Some("3051e9f3-0e4d-436b-a512-2e18d8afe134".into()), false);
    /// assert_eq!(lost_phone.to_json(), r#"{"profileid":"3051e9f3-0e4d-436b-a512-2e18d8afe134","confirmation":false}"#);
    /// assert!(DeleteCommand::from_json("{}")?.asks_device());
    /// # Ok::<(), keyferry::Error>(())
    /// ```
    #[derive(Default)]
    pub struct DeleteCommand {
        /// The profile, a UUID; absent: all of the user's. Wire member `profileid`.
        optional pub profile_id: String = "profileid",
        /// `true`: the request goes to the app, which deletes the profile; `false`: only the
        /// mailboxes are deleted, as for a lost phone. Absent: `true`.
        optional pub confirmation: bool = "confirmation",
    }
}

impl DeleteCommand {
    /// Deletes one profile's mailbox, or all of the user's; with or without asking the device.
    #[must_use]
    pub fn new(profile_id: Option<String>, confirmation: bool) -> Self {
        Self { profile_id, confirmation: Some(confirmation), extra: Default::default() }
    }

    /// Returns whether the request goes to the app.
    #[must_use]
    pub fn asks_device(&self) -> bool {
        self.confirmation.unwrap_or(true)
    }
}

super::code_response! {
    /// The device's answer to a delete command.
    ///
    /// Not documented; this is the design of this crate.
    DeleteResponse
}

super::json_text!(DeleteCommand);
