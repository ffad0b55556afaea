use ::http::Request;

use crate::server::request_checks::*;

fn status(lines: &[(&str, &str)], version: Version) -> Option<u16> {
    let mut request = Request::builder().uri("/ms/b").version(version);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let (head, ()) = request.body(()).unwrap().into_parts();
    check_head(&head, &ServerLimits::default()).err().map(|error| error.http_status())
}

#[test]
fn refuses_what_two_servers_could_read_differently() {
    let many = vec![("x", "y"); 65];
    let long = "y".repeat(16 * 1024);
    for (lines, expected) in [
        (vec![("content-length", "3"), ("content-length", "3")], None),
        (vec![("content-length", "3"), ("content-length", "4")], Some(400)),
        (vec![("content-length", "3, 3")], Some(400)),
        (vec![("content-length", "+3")], Some(400)),
        (vec![("content-length", "0x3")], Some(400)),
        (vec![("content-length", "")], Some(400)),
        (vec![("content-length", "99999999999999999999999")], Some(400)),
        (vec![("content-length", "3"), ("transfer-encoding", "chunked")], Some(400)),
        (vec![("host", "a")], Some(400)),
        (many, Some(431)),
        (vec![("x", long.as_str())], Some(431)),
    ] {
        let lines = [&[("host", "h")], &lines[..]].concat();
        assert_eq!(status(&lines, Version::HTTP_11), expected, "{lines:?}");
    }
}

#[test]
fn a_transfer_coding_other_than_chunked_is_501() {
    for (lines, expected) in [
        (&["chunked"][..], None),
        (&["Chunked"], None),
        (&[", chunked ,"], None),
        (&["gzip, chunked"], Some(501)),
        (&["gzip", "chunked"], Some(501)),
        (&["identity, chunked"], Some(501)),
        (&["x;q=1, chunked"], Some(501)),
        (&["chunked, chunked"], Some(400)),
        (&["chunked", "chunked"], Some(400)),
        (&["chunked, gzip"], Some(400)),
        (&["identity"], Some(400)),
        (&["gzip"], Some(400)),
        (&[""], Some(400)),
        (&["chunked;q=1"], Some(400)),
    ] {
        let lines: Vec<(&str, &str)> =
            lines.iter().map(|coding| ("transfer-encoding", *coding)).collect();
        let lines = [&[("host", "h")], &lines[..]].concat();
        assert_eq!(status(&lines, Version::HTTP_11), expected, "{lines:?}");
        assert_eq!(status(&lines, Version::HTTP_10), Some(400), "{lines:?}");
    }
}

#[test]
fn a_host_is_required_by_http_1_1_alone_and_is_always_checked() {
    assert_eq!(status(&[], Version::HTTP_11), Some(400));
    assert_eq!(status(&[], Version::HTTP_10), None);
    assert_eq!(status(&[], Version::HTTP_2), None);
    for host in [
        "h",
        "h:80",
        "h:",
        "",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:80",
        "[v1.a:b]",
        "a-b_c.example",
        "%61",
        "a,b",
    ] {
        assert_eq!(status(&[("host", host)], Version::HTTP_11), None, "{host}");
    }
    for host in [
        "a b", "h:x", "h:80:80", "user@h", "h/", "http://h", "[::1", "::1", "[::1]x", "[h]", "%6",
        "%zz", "h?", "h#", "\"h\"", "[::1]:8x", "[v.a]", "h, i", "<h>", "h\\",
    ] {
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(status(&[("host", host)], version), Some(400), "{host}");
        }
    }
}
