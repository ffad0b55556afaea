use super::*;

#[test]
fn utc_time_covers_1950_to_2049_and_generalized_time_any_year() {
    for (text, seconds) in [
        ("500101000000Z", -631_152_000),
        ("491231235959Z", 2_524_607_999),
        ("700101000000Z", 0),
        ("691231235959Z", -1),
        ("000229000000Z", 951_782_400),
    ] {
        assert_eq!(utc_time(text.as_bytes()), Some(seconds), "{text}");
    }
    for (text, seconds) in [
        ("19490101000000Z", -662_688_000),
        ("00000101000000Z", -62_167_219_200),
        ("99991231235959Z", 253_402_300_799),
        ("20160229120000.5Z", 1_456_747_200),
        ("20161231235960Z", 1_483_228_800),
        ("19000228235959Z", -2_203_891_201),
    ] {
        assert_eq!(generalized_time(text.as_bytes()), Some(seconds), "{text}");
    }
}

#[test]
fn a_time_that_is_not_der_is_refused() {
    for text in [
        "",
        "Z",
        "5001010000Z",
        "500101000000",
        "500101000000+0000",
        "500101000000z",
        "501301000000Z",
        "500001000000Z",
        "500100000000Z",
        "500132000000Z",
        "500230000000Z",
        "010229000000Z",
        "500101240000Z",
        "500101006000Z",
        "500101000060Z",
        "5O0101000000Z",
        "-10101000000Z",
        "500101000000.5Z",
        "500101000000ZZ",
    ] {
        assert_eq!(utc_time(text.as_bytes()), None, "{text}");
    }
    for text in [
        "19490101000000",
        "1949010100Z",
        "19490101000000.Z",
        "19490101000000.50Z",
        "19490101000000,5Z",
        "19490101000000.5",
        "19490101000000+0100",
        "19000229000000Z",
        "19490101000061Z",
        "194901010000.5Z",
        "19490101000000.5.5Z",
    ] {
        assert_eq!(generalized_time(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn a_validity_is_displayed_in_the_form_of_rfc_3339() {
    for (seconds, text) in [
        (-62_167_219_200, "0000-01-01T00:00:00Z"),
        (-62_162_035_200, "0000-03-01T00:00:00Z"),
        (-631_152_000, "1950-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (253_402_300_799, "9999-12-31T23:59:59Z"),
    ] {
        let validity = Validity { not_before: seconds, not_after: seconds };
        assert_eq!(validity.to_string(), format!("{text} to {text}"));
    }
}

#[test]
fn a_validity_contains_both_of_its_ends() {
    let validity = Validity { not_before: -10, not_after: 10 };
    let at = |seconds| to_system_time(seconds).unwrap();
    for (time, inside) in [
        (at(-11), false),
        (at(-11) + Duration::from_nanos(1), false),
        (at(-10), true),
        (at(0), true),
        (at(10) + Duration::from_millis(999), true),
        (at(11), false),
    ] {
        assert_eq!(validity.contains(time), inside, "{time:?}");
    }
}
