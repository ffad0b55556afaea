//! Paths relative to a base.

use crate::encoding::percent::{escape_path, normal_path};

/// The path relative to a base. An outer router may already have removed the base or a part of it.
pub(crate) fn below<'a>(base: &str, path: &'a str) -> &'a str {
    let begins = base.char_indices().filter(|(_, one)| *one == '/').map(|(at, _)| &base[at..]);
    let mut rests = begins
        .filter_map(|left| path.strip_prefix(left))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    rests.next().unwrap_or(path)
}

/// Normalises a base path: a leading slash and no trailing slash, with the escapes of
/// [`normal_path`](crate::encoding::percent::normal_path); empty for the root.
pub(crate) fn normal(base: &str) -> String {
    match base.trim_matches('/') {
        "" => String::new(),
        base => format!("/{}", normal_path(&escape_path(base))),
    }
}

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
