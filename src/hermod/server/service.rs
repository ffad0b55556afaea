//! What all services have in common.

use crate::encoding::percent::{escape_path, normal_path};

/// The path below a base, of which a router may have taken the beginning away, or all of it.
pub(super) fn below<'a>(base: &str, path: &'a str) -> &'a str {
    let begins = base.char_indices().filter(|(_, one)| *one == '/').map(|(at, _)| &base[at..]);
    let mut rests = begins
        .filter_map(|left| path.strip_prefix(left))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    rests.next().unwrap_or(path)
}

/// A base path with a slash before it and none after, with the escapes of
/// [`normal_path`](crate::encoding::percent::normal_path); empty for the root.
pub(super) fn normal(base: &str) -> String {
    match base.trim_matches('/') {
        "" => String::new(),
        base => format!("/{}", normal_path(&escape_path(base))),
    }
}

/// A service of one wire.
macro_rules! service {
    ($(#[$doc:meta])* $name:ident($wire:ident, $base:literal)) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            core: std::sync::Arc<super::config::Core>,
            base: std::sync::Arc<str>,
            wire: std::sync::Arc<$wire>,
        }

        impl $name {
            fn of(wire: $wire) -> Self {
                Self { core: super::config::Core::new(super::ServerConfig::default()), base: $base.into(), wire: std::sync::Arc::new(wire) }
            }

            /// The same with another configuration. Rates and whatever else it remembers begin
            /// anew.
            #[must_use]
            pub fn with_config(mut self, config: super::ServerConfig) -> Self {
                self.core = super::config::Core::new(config);
                self
            }

            /// The same below another path. A router may take the base away, or a part of it, or
            /// leave it; slashes at its ends do not matter.
            #[must_use]
            pub fn with_base_path(mut self, base: &str) -> Self {
                self.base = super::service::normal(base).into();
                self
            }

            #[allow(dead_code, reason = "mounted by some")]
            pub(super) fn into_wire(self) -> std::sync::Arc<$wire> {
                self.wire
            }
        }

        impl<B> tower_service::Service<::http::Request<B>> for $name
        where
            B: http_body::Body + Send + 'static,
            B::Data: Send,
        {
            type Response = ::http::Response<super::Body>;
            type Error = std::convert::Infallible;
            type Future = crate::BoxFuture<'static, Result<Self::Response, Self::Error>>;

            fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: ::http::Request<B>) -> Self::Future {
                let path = crate::encoding::percent::normal_path(request.uri().path());
                let path = super::service::below(&self.base, &path).to_owned();
                let wire = self.wire.clone();
                let exchange = Exchange::begin(&self.core, <$wire as Wire>::NAME, request);
                Box::pin(async move { Ok(exchange.run(wire, path).await) })
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("base", &self.base).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use service;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_found_whether_it_was_taken_away_or_not() {
        let base = normal("hermod/rest/");
        for (path, rest) in [
            ("/hermod/rest/command/ping", "/command/ping"),
            ("/rest/command/ping", "/command/ping"),
            ("/command/ping", "/command/ping"),
            ("/rest/hermod/rest", "/hermod/rest"),
            ("/hermod/rest", ""),
            ("/hermod/restx", "/hermod/restx"),
        ] {
            assert_eq!(below(&base, path), rest);
        }
        assert_eq!(below(&normal("/"), "/ping"), "/ping");
    }

    #[test]
    fn a_base_is_the_same_however_it_is_escaped() {
        assert_eq!(normal("/h%65rmod/"), "/hermod");
        assert_eq!(normal("caf\u{e9}/a b"), normal("caf%c3%a9/a%20b"));
        assert_eq!(normal("a%2fb"), "/a%2Fb");
    }
}
