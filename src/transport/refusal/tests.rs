use super::*;

fn asks(headers: &[(&str, &str)]) -> Response<Bytes> {
    let mut response = Response::builder().status(503);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::new()).unwrap()
}

#[test]
fn retry_after_is_read_in_seconds_and_never_believed_beyond_a_day() {
    for (text, pause) in [
        ("7", Some(7)),
        ("0", Some(0)),
        ("99999999999999999999999", Some(86_400)),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("Fri, 31 Dec 1999", None),
    ] {
        let response = asks(&[("retry-after", text), ("date", "Sat, 28 Nov 2026 00:00:00 GMT")]);
        assert_eq!(retry_after(&response), pause.map(Duration::from_secs), "{text}");
    }
}

#[test]
fn a_date_in_retry_after_is_relative_to_the_date_of_the_answer() {
    const NOW: &str = "Sat, 28 Nov 2026 00:00:00 GMT";
    for (now, date, pause) in [
        (NOW, "Sat, 28 Nov 2026 00:00:04 GMT", 4),
        (NOW, "Saturday, 28-Nov-26 00:00:04 GMT", 4),
        (NOW, "Sat Nov 28 00:00:04 2026", 4),
        ("Saturday, 28-Nov-26 00:00:00 GMT", "Sat Nov 28 00:00:04 2026", 4),
        ("Sat Nov 28 00:00:00 2026", "Saturday, 28-Nov-26 00:00:04 GMT", 4),
        // A past date is now, and a far one is a day.
        (NOW, "Fri, 27 Nov 2026 23:59:59 GMT", 0),
        (NOW, "Sunday, 06-Nov-94 08:49:37 GMT", 0),
        (NOW, "Sun, 06 Nov 1904 08:49:37 GMT", 0),
        (NOW, "Mon, 28 Nov 2050 00:00:00 GMT", 86_400),
        // 50 years ahead is the future, 51 the past.
        (NOW, "Saturday, 28-Nov-76 00:00:00 GMT", 86_400),
        (NOW, "Sunday, 28-Nov-77 00:00:00 GMT", 0),
    ] {
        let mut response = asks(&[("retry-after", date), ("date", now)]);
        // The clock of the caller does not count where the answer has a date.
        response.extensions_mut().insert(ReceivedAt(std::time::SystemTime::UNIX_EPOCH));
        assert_eq!(retry_after(&response), Some(Duration::from_secs(pause)), "{date}");
    }
    let mut response = asks(&[("retry-after", "Tue, 14 Nov 2023 22:13:27 GMT"), ("date", "?")]);
    assert_eq!(retry_after(&response), None);
    let now = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    response.extensions_mut().insert(ReceivedAt(now));
    assert_eq!(retry_after(&response), Some(Duration::from_secs(7)));
}
