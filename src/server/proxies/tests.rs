use crate::server::proxies::*;

fn client(proxies: &Proxies, name: &'static str, lines: &[&str]) -> String {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, line.parse().unwrap());
    }
    proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string()
}

#[test]
fn forwarded_is_believed_as_far_as_named_proxies_wrote_it() {
    let proxies = Proxies::forwarded(["10.0.0.0/8"]).unwrap();
    for (lines, expected) in [
        (&[][..], "10.0.0.1"),
        (&["for=192.0.2.43"], "192.0.2.43"),
        (&["For=192.0.2.43;proto=https;by=203.0.113.43"], "192.0.2.43"),
        (&["by=203.0.113.43 ; for=\"192.0.2.43:47011\""], "192.0.2.43"),
        (&["for=\"[2001:db8:cafe::17]:4711\""], "2001:db8:cafe::17"),
        (&["for=\"[::ffff:192.0.2.1]\""], "192.0.2.1"),
        (&["for=\"192.0.2.43:_port\""], "192.0.2.43"),
        // What stands before the nearest stranger is the stranger's own word.
        (&["for=1.1.1.1, for=192.0.2.43"], "192.0.2.43"),
        (&["for=1.1.1.1", "for=192.0.2.43"], "192.0.2.43"),
        (&["for=1.1.1.1, for=192.0.2.43, for=10.0.0.2"], "192.0.2.43"),
        (&["for=10.0.0.3, for=10.0.0.2"], "10.0.0.3"),
        (&["for=\", for=192.0.2.43"], "192.0.2.43"),
        (&["for=\"a, for=192.0.2.43"], "192.0.2.43"),
        (&["host=\"a,b\";for=192.0.2.43"], "192.0.2.43"),
        (&["for=unknown"], "10.0.0.1"),
        (&["for=1.1.1.1, for=_hidden"], "10.0.0.1"),
        (&["for=1.1.1.1, for=unknown, for=10.0.0.2"], "10.0.0.2"),
        (&["proto=https"], "10.0.0.1"),
        (&["for=1.1.1.1;for=2.2.2.2"], "10.0.0.1"),
        (&["for=[::1"], "10.0.0.1"),
        (&["for"], "10.0.0.1"),
        (&["for=192.0.2.43:80x"], "10.0.0.1"),
        (&[",", "for=192.0.2.43,"], "192.0.2.43"),
    ] {
        assert_eq!(client(&proxies, "forwarded", lines), expected, "{lines:?}");
    }
    // The header that was not named says nothing.
    assert_eq!(client(&proxies, "x-forwarded-for", &["192.0.2.43"]), "10.0.0.1");
}

#[test]
fn x_forwarded_for_is_read_from_its_end() {
    let proxies = Proxies::x_forwarded_for(["10.0.0.1", "fd00::/8"]).unwrap();
    for (lines, expected) in [
        (&["192.0.2.43"][..], "192.0.2.43"),
        (&["1.1.1.1, 192.0.2.43 , fd00::7"], "192.0.2.43"),
        (&["1.1.1.1", "2001:db8::1"], "2001:db8::1"),
        (&["192.0.2.43:1234"], "192.0.2.43"),
        (&["[2001:db8::1]:1234"], "2001:db8::1"),
        (&["nonsense"], "10.0.0.1"),
    ] {
        assert_eq!(client(&proxies, "x-forwarded-for", lines), expected, "{lines:?}");
    }
    assert_eq!(client(&Proxies::none(), "x-forwarded-for", &["192.0.2.43"]), "10.0.0.1");
    let elsewhere = Proxies::x_forwarded_for(["10.0.0.2"]).unwrap();
    assert_eq!(client(&elsewhere, "x-forwarded-for", &["192.0.2.43"]), "10.0.0.1");
}

#[test]
fn a_network_has_its_addresses_and_no_others() {
    let contains = |network: &str, address: &str| {
        Proxies::forwarded([network]).unwrap().contains(address.parse().unwrap())
    };
    assert!(contains("0.0.0.0/0", "192.0.2.1") && !contains("0.0.0.0/0", "::1"));
    assert!(contains("192.0.2.128/25", "192.0.2.255"));
    assert!(!contains("192.0.2.128/25", "192.0.2.127"));
    assert!(contains("::/0", "::1") && contains("10.0.0.1", "::ffff:10.0.0.1"));
    assert!(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert!(!contains("2001:db8::/33", "2001:db8:8000::1"));
    for bad in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0", "a/8", "10.0.0.0/-1"] {
        assert!(Proxies::forwarded([bad]).is_err(), "{bad}");
    }
}

#[test]
fn addresses_of_one_64_count_together() {
    let key = |address: &str| AddressKey::of(address.parse().unwrap());
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
}
