//! Activation links and addresses.

use keyferry::hermod::model::*;
use keyferry::{Class, Secret};
use proptest::prelude::*;

fn plugout(text: &str) -> Plugout {
    match Activation::parse(text).unwrap() {
        Activation::Plugout(plugout) => plugout,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_both_real_forms_of_the_plugout_uri() {
    let rest = "url=https%3a%2f%2fext-cod1.test.nexusgroup.com%3A20400%2fhermod%2Frest%2Fms%2F99678846-836a-42f2-99e4-1de31bca857f&token=2dff6242-34d8-4d31-8ac8-c53a21341a03";
    let link = plugout(&format!("com.nexusgroup.plugout:///?{rest}"));
    assert_eq!(
        link.url,
        "https://ext-cod1.test.nexusgroup.com:20400/hermod/rest/ms/99678846-836a-42f2-99e4-1de31bca857f"
    );
    assert_eq!(
        (link.bid(), link.token.expose()),
        (Some("99678846-836a-42f2-99e4-1de31bca857f"), "2dff6242-34d8-4d31-8ac8-c53a21341a03")
    );
    assert_eq!(plugout(&format!("com.nexusgroup.plugout:///{rest}")), link);
    assert_eq!(plugout(&format!("COM.nexusgroup.Plugout:///?{rest}")), link);
    assert_eq!(plugout(link.to_uri().expose()), link);
}

#[test]
fn a_plugout_uri_may_lack_its_path_or_authority() {
    let text = include_str!("../../fixtures/field/15_plugout_two_slashes.txt");
    let link = plugout(text);
    assert_eq!((link.url.as_str(), link.token.expose()), ("https://hub.example/ms/b1", "2dff6242"));
    let rest = "url=https%3A%2F%2Fhub.example%2Fms%2Fb1&token=2dff6242";
    for form in ["://?", ":/?", ":///?", ":///"] {
        for scheme in ["com.nexusgroup.plugout", "COM.NEXUSGROUP.PLUGOUT"] {
            assert_eq!(plugout(&format!("{scheme}{form}{rest}")), link, "{form}");
        }
    }
    for form in ["?", ":?", ":", "://", "://host?", "://host/?", ":// ?"] {
        let text = format!("com.nexusgroup.plugout{form}{rest}");
        assert_eq!(Activation::parse(&text).unwrap_err().part(), "uri", "{form}");
    }
}

#[test]
fn passes_over_white_space_and_line_ends_around_a_link() {
    let links = [
        "com.nexusgroup.plugout:///?url=https%3A%2F%2Fhub.example%2Fms%2Fb1&token=t",
        "personal://hub.example/ms/b1/m1?title=a",
        "personal://start?title=a",
    ];
    for link in links {
        let parsed = Activation::parse(link).unwrap();
        for (before, after) in [("", "\n"), ("", "\r\n"), (" \t", "  "), ("\u{feff}", "\n\n")] {
            assert_eq!(Activation::parse(&format!("{before}{link}{after}")).unwrap(), parsed);
        }
    }
    // What is inside stays refused, and places count from the start of the text.
    let error = Activation::parse(" \npersonal://start? title=a").unwrap_err();
    assert_eq!(error.offset(), Some(" \npersonal://start?".len()));
    assert!(Activation::parse(" \n").is_err());
}

#[test]
fn start_links_may_have_any_case_and_an_empty_path() {
    let start = Activation::parse("personal://start?title=a").unwrap();
    for text in
        ["PERSONAL://START?title=a", "personal://start/?title=a", "personal://Start/?title=a"]
    {
        assert_eq!(Activation::parse(text).unwrap(), start, "{text}");
    }
    assert!(Activation::parse("personal://start//?title=a").is_err());
}

#[test]
fn a_plus_is_a_blank_in_a_title_and_a_plus_in_a_plugout_uri() {
    assert_eq!(plugout("com.nexusgroup.plugout:///?url=a+b&token=c%2Bd").url, "a+b");
    let Activation::Start(link) =
        Activation::parse("personal://start?title=My+title%2B&redirect=my-redirect-URL%3A%2F%2F&x")
            .unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (link.title.as_deref(), link.redirect.as_deref()),
        (Some("My title+"), Some("my-redirect-URL://"))
    );
    assert_eq!(link.params, [("x".to_owned(), String::new())]);
    assert_eq!(
        link.to_uri().expose(),
        "personal://start?title=My+title%2B&redirect=my-redirect-URL%3A%2F%2F&x="
    );
}

#[test]
fn reads_message_links_of_any_app() {
    let Activation::Message(link) =
        Activation::parse("acme-id://hub.example:8443/ms/b1/m1?title=").unwrap()
    else {
        panic!()
    };
    assert_eq!(
        (&*link.scheme, &*link.host, &*link.prefix, &*link.bid, &*link.mid),
        ("acme-id", "hub.example:8443", "/ms", "b1", "m1")
    );
    assert_eq!(
        (link.box_url(), link.location()),
        ("https://hub.example:8443/ms/b1".into(), "https://hub.example:8443/ms/b1/m1".into())
    );
    assert_eq!(link.title.as_deref(), Some(""));
    let Activation::Message(link) = Activation::parse("personal://start/b1/m1").unwrap() else {
        panic!()
    };
    assert_eq!(link.host, "start");
    assert!(MessageLink::new("personal", "http://h/ms/b/m").is_err());
    assert!(MessageLink::new("https", "https://h/ms/b/m").is_err());
    assert!(StartLink::new("com.nexusgroup.plugout").is_err());
}

#[test]
fn an_invalid_link_is_refused_with_part_and_place() {
    let cases = [
        ("", "uri"),
        ("personal", "uri"),
        ("1x://start", "uri"),
        ("personal:start", "uri"),
        ("https://hub.example/ms/b/m", "uri"),
        ("com.nexusgroup.plugout://host/?url=a&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=a", "uri.token"),
        ("com.nexusgroup.plugout:///?url=a&token=", "uri.token"),
        ("com.nexusgroup.plugout:///?token=a", "uri.url"),
        ("com.nexusgroup.plugout:///?url=a&url=a&token=b", "uri.url"),
        ("com.nexusgroup.plugout:///?url=a&t%6Fken=b&token=b", "uri.token"),
        ("com.nexusgroup.plugout:///?url=%&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=%4&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=%4g&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=%+4&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=%ff&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=a&token=b#c", "uri"),
        ("com.nexusgroup.plugout:///?url=a b&token=b", "uri"),
        ("com.nexusgroup.plugout:///?url=é&token=b", "uri"),
        ("personal://start?title=a&title=b", "uri.title"),
        ("personal://user@host/ms/b/m", "uri"),
        ("personal://host/b", "uri"),
        ("personal:///ms/b/m", "uri"),
        ("personal://host/ms/../m", "uri"),
        ("personal://host/%2e%2e/b/m", "uri"),
        ("personal://host/ms/b/", "uri"),
        ("personal://host/ms/b/m%2Fx", "uri"),
    ];
    for (text, part) in cases {
        let error = Activation::parse(text).unwrap_err();
        assert_eq!((error.class(), error.part()), (Class::Malformed, part), "{text}");
        assert!(error.offset().is_none_or(|offset| offset <= text.len()), "{text}");
    }
    let error = Activation::parse("com.nexusgroup.plugout:///?url=ab%zz&token=b").unwrap_err();
    assert_eq!(error.offset(), Some("com.nexusgroup.plugout:///?url=ab".len()));
    let long = format!("personal://start?title={}", "a".repeat(64 * 1024));
    assert_eq!(Activation::parse(&long).unwrap_err().class(), Class::TooLarge);
    let many = format!("personal://start?{}", "a&".repeat(65));
    assert_eq!(Activation::parse(&many).unwrap_err().class(), Class::TooLarge);
}

#[test]
fn addresses_lose_exactly_one_leading_mark() {
    for (text, address) in [
        ("@tmp", Address::Tmp),
        ("@john.doe@nexusgroup.com", Address::User("john.doe@nexusgroup.com".into())),
        ("@@x", Address::User("@x".into())),
        ("@TMP", Address::User("TMP".into())),
        (
            "d07292df-f75c-4534-8567-642953b6d887",
            Address::Mailbox("d07292df-f75c-4534-8567-642953b6d887".into()),
        ),
        ("tmp", Address::Mailbox("tmp".into())),
    ] {
        assert_eq!(text.parse(), Ok(address.clone()));
        assert_eq!(address.to_string(), text);
    }
    assert!("".parse::<Address>().is_err() && "@".parse::<Address>().is_err());
    assert!(
        Address::user("tmp").is_err() && Address::user("").is_err() && Address::user("a").is_ok()
    );
}

fn params() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec(("x\\PC{0,5}", any::<String>()), 0..4)
}

proptest! {
    #[test]
    fn plugout_links_survive(url in ".{1,60}", token in ".{1,40}", params in params()) {
        let mut link = Plugout::new(url, Secret::new(token));
        link.params = params;
        let link = Activation::Plugout(link);
        let again = Activation::parse(link.to_uri().expose());
        prop_assert_eq!(again.as_ref(), Ok(&link));
    }

    #[test]
    fn app_links_survive(
        scheme in "[a-bd-z][a-z0-9+.-]{0,8}", host in "[a-z0-9.-]{1,20}(:[0-9]{1,5})?", prefix in "(/[a-z0-9~-]{1,8}){0,4}",
        bid in "[A-Za-z0-9-]{1,36}", mid in "[A-Za-z0-9-]{1,36}", title in any::<Option<String>>(), redirect in any::<Option<String>>(), params in params(),
    ) {
        prop_assume!(!matches!(&*scheme, "http" | "https"));
        let mut start = StartLink::new(&scheme).unwrap();
        (start.title, start.redirect, start.params) = (title.clone(), redirect.clone(), params.clone());
        let start = Activation::Start(start);
        let again = Activation::parse(start.to_uri().expose());
        prop_assert_eq!(again.as_ref(), Ok(&start));
        let mut link = MessageLink::new(&scheme, &format!("https://{host}{prefix}/{bid}/{mid}")).unwrap();
        (link.title, link.redirect, link.params) = (title, redirect, params);
        let link = Activation::Message(link);
        let again = Activation::parse(link.to_uri().expose());
        prop_assert_eq!(again.as_ref(), Ok(&link));
    }

    #[test]
    fn every_readable_link_is_printed_as_the_same_value(
        text in "(com\\.nexusgroup\\.plugout:///\\??|personal://(start|h/ms/b/m)\\?)((url|token|title|redirect|x)=([a-z+=/:?]|%[0-7][0-9a-fA-F]){0,12}&){0,4}"
    ) {
        if let Ok(link) = Activation::parse(&text) {
            let again = Activation::parse(link.to_uri().expose());
            prop_assert_eq!(again.as_ref(), Ok(&link));
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in any::<String>(), tail in any::<String>()) {
        let _ = Activation::parse(&text);
        let _ = Activation::parse(&format!("personal://{tail}"));
        let _ = Activation::parse(&format!("com.nexusgroup.plugout:///?{tail}"));
        let _ = Command::from_json(&text);
        let _ = Callback::from_json(&text);
    }

    #[test]
    fn commands_and_callbacks_are_written_as_the_same_value(
        which in 0..4usize, edits in prop::collection::vec((any::<prop::sample::Index>(), "[\\[\\]{}\",:0-9a-z\\\\]{0,3}", 0..4usize), 0..3)
    ) {
        let mut text = [
            include_str!("../../fixtures/hermod/provision-command.json"),
            include_str!("../../fixtures/hermod/certificate-command.json"),
            include_str!("../../fixtures/hermod/provision-callback.json"),
            include_str!("../../fixtures/hermod/certificate-callback.json"),
        ][which].to_owned();
        for (at, new, dropped) in edits {
            let at = at.index(text.len());
            let end = (at + dropped).min(text.len());
            text.replace_range(at..end, &new);
        }
        if let Ok(command) = Command::from_json(&text) {
            prop_assert_eq!(Command::from_json(&command.to_json()), Ok(command));
        }
        if let Ok(callback) = Callback::from_json(&text) {
            prop_assert_eq!(Callback::from_json(&callback.to_json()), Ok(callback));
        }
    }

    #[test]
    fn addresses_survive(text in any::<String>(), marked in any::<bool>()) {
        let text = if marked { format!("@{text}") } else { text };
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(address.to_string(), text);
        }
    }
}
