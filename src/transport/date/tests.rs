use proptest::prelude::*;

use super::*;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The three examples of RFC 9110 section 5.6.7 are one moment.
#[test]
fn all_three_forms_of_a_date_are_read() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse_date(text, None), Some(at(784_111_777)), "{text}");
    }
    assert_eq!(parse_date("Wed Nov 16 08:49:37 1994", None), Some(at(784_975_777)));
}

#[test]
fn a_year_of_two_digits_is_at_most_50_years_ahead() {
    // 2026, 2049 and 2080.
    for (now, text, year) in [
        (1_795_000_000, "Saturday, 28-Nov-76 00:00:00 GMT", 2076),
        (1_795_000_000, "Sunday, 28-Nov-77 00:00:00 GMT", 1977),
        (1_795_000_000, "Friday, 28-Nov-25 00:00:00 GMT", 2025),
        (2_500_000_000, "Sunday, 28-Nov-99 00:00:00 GMT", 2099),
        (2_500_000_000, "Sunday, 28-Nov-00 00:00:00 GMT", 2000),
        (3_480_000_000, "Sunday, 28-Nov-30 00:00:00 GMT", 2130),
    ] {
        let read = parse_date(text, Some(at(now))).unwrap();
        let since = read.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(DateTime::from_unix_duration(since).unwrap().year(), year, "{text}");
    }
}

#[test]
fn a_leap_second_and_a_date_before_1970_are_read() {
    assert_eq!(parse_date("Sat, 31 Dec 2016 23:59:60 GMT", None), Some(at(1_483_228_800)));
    for text in ["Tue, 29 Feb 1944 00:00:00 GMT", "Mon Jan  1 00:00:00 1900"] {
        assert_eq!(parse_date(text, None), Some(at(0)), "{text}");
    }
}

#[test]
fn what_has_none_of_the_forms_is_no_date() {
    for text in [
        "",
        "GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06  Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06-Nov-94-1 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  16 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Xyz, 06 Nov 1994 08:49:37 GMT",
        "1994-11-06T08:49:37Z",
    ] {
        assert_eq!(parse_date(text, None), None, "{text}");
    }
}

proptest! {
    #[test]
    fn what_another_library_writes_is_read_to_the_second(seconds in 0..253_402_300_800u64) {
        let text = httpdate::fmt_http_date(at(seconds));
        prop_assert_eq!(parse_date(&text, None), Some(at(seconds)));
    }

    #[test]
    fn reading_never_panics(text in "\\PC*", seconds in any::<u32>()) {
        let _ = parse_date(&text, Some(at(seconds.into())));
    }
}
