use crate::server::failures::*;

fn at(secs: u64) -> MonotonicTime {
    MonotonicTime::since_start(Duration::from_secs(secs))
}

fn with_key(key: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", key.parse().unwrap());
    headers
}

#[test]
fn failures_slow_their_address_and_no_other() {
    let failures = Failures::new(Rate::new(1, 3), 2, 64);
    let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    let (good, wrong) = (with_key("good"), with_key("wrong"));
    failures.fitted(one, &good);
    for _ in 0..3 {
        failures.check(one, &wrong, at(0)).unwrap();
        failures.failed(one, at(0));
    }
    let error = failures.check(one, &wrong, at(0)).unwrap_err();
    assert_eq!((error.class(), error.retry_after()), (Class::Rate, Some(Duration::from_secs(1))));
    failures.check(other, &wrong, at(0)).unwrap();
    // What fitted before is not slowed, and only where it did.
    failures.check(one, &good, at(0)).unwrap();
    assert!(failures.check("2001:db8::1".parse().unwrap(), &good, at(0)).is_ok());
    failures.check(one, &wrong, at(1)).unwrap();
    failures.failed(one, at(1));
    assert!(failures.check(one, &wrong, at(1)).is_err());
}

#[test]
fn an_unlimited_rate_slows_no_address() {
    let failures = Failures::new(Rate::unlimited(), 2, 64);
    let (one, wrong) = ("192.0.2.1".parse().unwrap(), with_key("wrong"));
    failures.failed(one, at(1));
    // Of two threads, the one that read the clock first may come second.
    failures.check(one, &wrong, at(0)).unwrap();
}

#[test]
fn the_lines_of_one_address_are_bounded_and_counted() {
    let failures = Failures::new(Rate::new(1, 3), 2, 64);
    let one = Some("192.0.2.1".parse().unwrap());
    let lines: Vec<_> = (0..100).map(|_| failures.log(one, at(0))).collect();
    assert_eq!(lines.iter().flatten().count(), 2);
    assert_eq!(failures.log(Some("192.0.2.2".parse().unwrap()), at(0)), Some(0));
    assert_eq!(failures.log(None, at(0)), Some(0));
    assert_eq!(failures.log(one, at(59)), None);
    assert_eq!(failures.log(one, at(60)), Some(99));
    assert_eq!(failures.log(one, at(60)), Some(0));
    assert_eq!(failures.log(one, at(60)), None);
}
