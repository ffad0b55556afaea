use super::*;

#[test]
fn writes_rfc_3339() {
    for (secs, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (68_169_599, "1972-02-28T23:59:59Z"),
        (68_169_600, "1972-02-29T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_000_000_000, "2001-09-09T01:46:40Z"),
        (1_798_761_599, "2026-12-31T23:59:59Z"),
        (1_798_761_600, "2027-01-01T00:00:00Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(UnixMillis(secs * 1000).to_string(), text);
    }
    assert_eq!(UnixMillis(1_700_000_000_042).to_string(), "2023-11-14T22:13:20.042Z");
    assert_eq!(UnixMillis(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
}

#[test]
fn each_day_of_four_centuries_follows_the_one_before() {
    let mut before = civil(0);
    for days in 1..ERA_DAYS {
        let (year, month, day) = civil(days);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (last_year, last_month, last_day) = before;
        let follows = match day {
            1 if month == 1 => (last_year + 1, last_month, last_day) == (year, 12, 31),
            1 => {
                let length = match last_month {
                    2 if leap => 29,
                    2 => 28,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                (last_year, last_month + 1, last_day) == (year, month, length)
            }
            _ => (last_year, last_month, last_day + 1) == (year, month, day),
        };
        assert!(follows, "{year}-{month}-{day}");
        before = (year, month, day);
    }
}

const ERA_DAYS: u64 = 146_097;

#[test]
fn keeps_milliseconds_and_never_overflows() {
    let time = SystemTime::UNIX_EPOCH + Duration::new(5, 6_999_999);
    assert_eq!(UnixMillis::from(time), UnixMillis(5006));
    assert_eq!(
        UnixMillis(5006).to_system_time(),
        SystemTime::UNIX_EPOCH + Duration::from_millis(5006)
    );
    assert_eq!(UnixMillis::from(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), UnixMillis(0));
    assert_eq!(UnixMillis(1).plus(Duration::MAX), UnixMillis(u64::MAX));
    assert!(UnixMillis(u64::MAX).to_system_time() > SystemTime::UNIX_EPOCH);
}
