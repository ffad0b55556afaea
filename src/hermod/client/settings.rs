//! The setters that the clients of this protocol add to those of every client.

use crate::hermod::Dialect;

pub(in crate::hermod) type Settings = crate::client::Settings<Dialect>;

/// The setters of a type with a member `settings`.
macro_rules! setters {
    ($($waits:ident)?) => {
        /// The same in another dialect.
        #[must_use]
        pub fn with_dialect(
            mut self,
            dialect: impl Into<std::sync::Arc<$crate::hermod::Dialect>>,
        ) -> Self {
            self.settings.protocol = dialect.into();
            self
        }

        $crate::client::settings::setters!($($waits)?);
    };
}

pub(in crate::hermod) use setters;
