use super::*;

fn is_under(base: &str, other: &str) -> bool {
    BaseUrl::parse(other).is_ok_and(|other| BaseUrl::parse(base).unwrap().contains(&other))
}

#[test]
fn finds_what_is_under_a_base_in_every_spelling_of_the_same_host() {
    for other in
        ["https://hub.example/ms/1", "HTTPS://Hub.Example:443/ms/1", "https://hub.example./ms/1/2"]
    {
        assert!(is_under("https://hub.example/ms", other), "{other}");
        assert!(is_under("https://hub.example:443/ms/", other), "{other}");
    }
}

#[test]
fn rejects_other_hosts_other_paths_and_ways_around() {
    for other in [
        "http://hub.example/ms/1",
        "https://hub.example.evil/ms/1",
        "https://hub.example@evil/ms/1",
        "https://evil/https://hub.example/ms/1",
        "https://hub.example:8443/ms/1",
        "https://hub.example:+443/ms/1",
        "https://hub.example:-/ms/1",
        "https://hub.example/msx/1",
        "https://hub.example/ms",
        "https://hub.example/ms/",
        "https://hub.example/ms/../admin",
        "https://hub.example/ms/%2e%2E/admin",
        "https://hub.example/ms/..%2fadmin",
        "https://hub.example\\@evil/ms/1",
        "https://hub.example/ms/1?x",
        "https://hub.example/ms/1#x",
        "https://hub.example/ms/ 1",
        "//hub.example/ms/1",
        "",
    ] {
        assert!(!is_under("https://hub.example/ms", other), "{other}");
    }
}

#[test]
fn an_address_has_one_form() {
    for (text, form) in [
        ("https://hub.example/%7Ejoe/%c3%a4", "https://hub.example/~joe/%C3%A4"),
        ("https://hub.example/h%65rmod//", "https://hub.example/hermod"),
        ("https://hub.example//hook", "https://hub.example//hook"),
        ("https://[2001:DB8:0::1]:443/", "https://[2001:db8::1]"),
    ] {
        let address = BaseUrl::parse(text).unwrap();
        assert_eq!(address.to_string(), form);
        assert_eq!(BaseUrl::parse(form).unwrap(), address);
    }
}

#[test]
fn what_http_cannot_carry_is_no_address() {
    for text in [
        "https://hub.example/%",
        "https://hub.example/%4",
        "https://hub.example/%zz",
        "https://hub.example/{id}",
        "https://hub.example/a|b",
        "https://hub.example/a^b",
        "https://hub.example/a`b",
        "https://hub.example/[1]",
        "https://hub|example/",
        "https://[::1/",
        "https://[::g]/",
        "https://::1/",
        "https://hub.example/\u{e4}",
    ] {
        assert!(BaseUrl::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_joined_address_is_below_its_base() {
    let base = BaseUrl::parse("https://hub.example:8443/ms").unwrap();
    for (segments, path) in [
        (&["b1", "m1"][..], "/ms/b1/m1"),
        (&["a/b", "c?d#e%"], "/ms/a%2Fb/c%3Fd%23e%25"),
        (&["..", "."], "/ms/%252E%252E/%252E"),
        (&["", "b1", ""], "/ms/b1"),
    ] {
        let joined = base.join(segments);
        assert_eq!(joined.path(), path);
        assert!(base.contains(&joined) && !joined.contains(&base));
        assert_eq!((joined.host(), joined.port()), (base.host(), base.port()));
    }
    assert_eq!(base.join(&[]), base);
}
