//! The rules for objects, on a made-up one.

use super::*;
use crate::Class;

json_object! {
    /// An object of a model.
    struct Sample {
        /// A text.
        required pub(crate) keystate: String = "keystate" | "key_state",
        /// A number.
        optional pub(crate) size: u64 = "size",
        /// More of them.
        optional pub(crate) list: Vec<Inner> = "list",
    }
}

json_object! {
    /// An object inside.
    struct Inner {
        /// A text.
        required pub(crate) name: String = "name",
    }
}

json_object! {
    /// An object of something signed.
    struct Borrowed<'a> {
        required alg: Text<'a> = "alg",
        optional kid: Text<'a> = "kid",
    }
}

json_object! {
    /// An object with a secret, of which an array may hold two.
    struct Guarded at_most 2 {
        /// A secret that has to be there.
        exposed pub(crate) key: crate::Secret = "key" | "Key",
        /// A secret that may be there.
        optional_exposed pub(crate) other: crate::Secret = "other",
        /// Anything.
        optional pub(crate) value: RawJson = "value",
        /// A number that may be negative.
        optional pub(crate) code: i64 = "code",
    }
}

fn refusal(text: &str) -> (Class, String, String) {
    let error = read::<Sample>(text, Nulls::AreAbsent).unwrap_err();
    (error.class(), error.part().to_owned(), error.detail().to_owned())
}

#[test]
fn keeps_unknown_members_as_they_came_and_writes_them_again() {
    let text = r#"{"size":"12","new":{"a":[1.50,1e400,"\u00e9"]},"key_state":"ACTIVE"}"#;
    let sample: Sample = read(text, Nulls::AreAbsent).unwrap();
    assert_eq!((sample.size, &*sample.keystate), (Some(12), "ACTIVE"));
    assert_eq!(
        serde_json::to_string(&sample).unwrap(),
        r#"{"keystate":"ACTIVE","size":12,"new":{"a":[1.50,1e400,"\u00e9"]}}"#
    );
    assert_eq!(format!("{:?}", sample.extra), r#"{"new"}"#);
}

#[test]
fn rejects_a_member_twice_at_any_depth_and_in_any_spelling() {
    let twice = "given twice".to_owned();
    assert_eq!(
        refusal(r#"{"keystate":"a","keystate":"a"}"#),
        (Class::Malformed, "keystate".into(), twice)
    );
    assert_eq!(refusal(r#"{"keystate":"a","k\u0065ystate":"a"}"#).0, Class::Malformed);
    for text in
        [r#"{"x":1,"x":1,"keystate":"a"}"#, r#"{"keystate":"a","x":[{"y":{"z":1,"\u007a":2}}]}"#]
    {
        assert_eq!(
            refusal(text),
            (Class::Malformed, String::new(), "a member twice".into()),
            "{text}"
        );
    }
}

#[test]
fn accepts_two_spellings_only_if_they_say_the_same() {
    assert!(read::<Sample>(r#"{"keystate":"a","key_state":"a"}"#, Nulls::AreAbsent).is_ok());
    let error = refusal(r#"{"keystate":"a","key_state":"b"}"#);
    assert_eq!((error.0, &*error.1), (Class::Malformed, "keystate"));
}

#[test]
fn names_the_member_and_never_repeats_the_input() {
    let (class, part, detail) =
        refusal(r#"{"keystate":"a","list":[{"name":"x"},{"name":["s3cret"]}]}"#);
    assert_eq!((class, &*part, &*detail), (Class::Malformed, "list[1].name", "not a text"));
    let (class, part, detail) = refusal(r#"{"keystate":"a","list":[{"other":1}]}"#);
    assert_eq!((class, &*part, &*detail), (Class::Malformed, "list[0].name", "absent"));
    let error = read::<Sample>("{\"keystate\":\n \"a\", nonsense", Nulls::AreAbsent).unwrap_err();
    assert_eq!((error.class(), error.offset()), (Class::Malformed, Some(19)));
}

#[test]
fn null_counts_as_absent_only_where_declared() {
    let text = r#"{"keystate":"a","size":null}"#;
    assert_eq!(read::<Sample>(text, Nulls::AreAbsent).unwrap().size, None);
    assert!(read::<Sample>(text, Nulls::AreWrong).is_err());
    assert!(read::<Sample>(r#"{"keystate":null}"#, Nulls::AreAbsent).is_err());
}

#[test]
fn rejects_what_is_over_a_limit() {
    let deep = format!(r#"{{"keystate":"a","x":{}1{}}}"#, "[".repeat(32), "]".repeat(32));
    let names: Vec<String> = (0..64).map(|i| format!(r#""n{i}":0"#)).collect();
    let wide = format!(r#"{{"keystate":"a",{}}}"#, names.join(","));
    let kept = format!(
        r#"{{"keystate":"a","x":[{}]}}"#,
        vec![format!("{{{}}}", names.join(",")); 16].join(",")
    );
    let long = format!(r#"{{"keystate":"{}"}}"#, "a".repeat(MAX_TEXT + 1));
    let long_kept = format!(r#"{{"keystate":"a","x":["{}"]}}"#, "a".repeat(MAX_TEXT + 1));
    for text in [&deep, &wide, &kept, &long, &long_kept] {
        assert_eq!(refusal(text).0, Class::TooLarge, "{}", &text[..60]);
    }
    let within = deep.replacen("[", "", 1).replacen("]", "", 1);
    assert!(read::<Sample>(&within, Nulls::AreAbsent).is_ok());
}

#[test]
fn borrows_where_it_can_and_decodes_where_it_must() {
    let object: Borrowed<'_> =
        read(r#"{"alg":"RS256","kid":"a\/b","x":1}"#, Nulls::AreWrong).unwrap();
    assert!(matches!(object.alg.0, std::borrow::Cow::Borrowed("RS256")));
    assert_eq!(object.kid.as_deref(), Some("a/b"));
    assert_eq!(object.extra.to_owned_members().iter().collect::<Vec<_>>(), [("x", "1")]);
}

#[test]
fn secrets_are_written_only_where_declared_and_never_shown() {
    let text = r#"{"key":"s3cret","other":"s3cret"}"#;
    let guarded: Guarded = read(text, Nulls::AreAbsent).unwrap();
    assert_eq!(write(&guarded), text);
    assert!(!format!("{guarded:?}").contains("s3cret"));
    assert_eq!(
        read::<Guarded>(r#"{"key":"a","Key":"b"}"#, Nulls::AreAbsent).unwrap_err().part(),
        "key"
    );
    assert_eq!(read::<Guarded>("{}", Nulls::AreAbsent).unwrap_err().part(), "key");
}

#[test]
fn counts_elements_as_their_type_says() {
    let list = |count: usize| {
        read::<Vec<Guarded>>(
            &format!("[{}]", vec![r#"{"key":"k"}"#; count].join(",")),
            Nulls::AreAbsent,
        )
    };
    assert_eq!(list(2).unwrap().len(), 2);
    assert_eq!(list(3).unwrap_err().class(), Class::TooLarge);
}

#[test]
fn keeps_values_as_they_came_and_looks_through_them() {
    let guarded = |value: &str| {
        read::<Guarded>(&format!(r#"{{"key":"k","value":{value}}}"#), Nulls::AreAbsent)
    };
    let read = guarded("[1.50, 1e400]").unwrap();
    assert_eq!(
        (read.value.as_ref().unwrap().as_json(), read.value.as_ref().unwrap().to_text()),
        ("[1.50, 1e400]", None)
    );
    assert_eq!(guarded(r#""a\u0062""#).unwrap().value.unwrap().to_text().as_deref(), Some("ab"));
    let error = guarded(r#"{"a":1,"a":1}"#).unwrap_err();
    assert_eq!((error.class(), error.part()), (Class::Malformed, "value"));
}

#[test]
fn reads_numbers_with_a_sign() {
    let code = |text: &str| {
        read::<Guarded>(&format!(r#"{{"key":"k","code":{text}}}"#), Nulls::AreAbsent)
            .map(|guarded| guarded.code)
    };
    for (text, number) in [
        ("0", 0),
        ("-0", 0),
        ("-5", -5),
        ("-5.0", -5),
        ("-50e-1", -5),
        ("2E2", 200),
        ("9223372036854775807", i64::MAX),
        ("9223372036854775807.0", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("-9223372036854775808e0", i64::MIN),
    ] {
        assert_eq!(code(text), Ok(Some(number)), "{text}");
    }
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "9223372036854775808.0",
        "1e400",
        "1.5",
        "true",
        "[1]",
        "\"5\"",
        "\"-5\"",
        "\"\"",
    ] {
        let error = code(text).unwrap_err();
        assert_eq!((error.class(), error.part()), (Class::Malformed, "code"), "{text}");
    }
}

#[test]
fn numbers_with_a_point_or_an_exponent_are_read_exactly() {
    let size = |text: &str| {
        read::<Sample>(&format!(r#"{{"keystate":"a","size":{text}}}"#), Nulls::AreAbsent)
            .map(|sample| sample.size.unwrap())
    };
    for (text, number) in [
        ("60.0", 60),
        ("6e1", 60),
        ("600e-1", 60),
        ("1E2", 100),
        ("-0", 0),
        ("9007199254740993.0", 9_007_199_254_740_993),
        ("18446744073709551615", u64::MAX),
        ("\"60\"", 60),
    ] {
        assert_eq!(size(text), Ok(number), "{text}");
    }
    for text in ["60.5", "-1", "-6e1", "1e400", "18446744073709551616", "\"60.0\"", "\"6e1\""] {
        let error = size(text).unwrap_err();
        assert_eq!((error.class(), error.part()), (Class::Malformed, "size"), "{text}");
    }
}

#[test]
fn a_float_is_accepted_only_if_it_cannot_be_rounded() {
    let size = |text: &str| serde_json::from_str::<Sample>(text).map(|sample| sample.size.unwrap());
    assert_eq!(size(r#"{"keystate":"a","size":60.0}"#).unwrap(), 60);
    assert_eq!(size(r#"{"keystate":"a","size":9007199254740993}"#).unwrap(), 9_007_199_254_740_993);
    for text in ["60.5", "9007199254740993.0", "-6e1"] {
        assert!(size(&format!(r#"{{"keystate":"a","size":{text}}}"#)).is_err(), "{text}");
    }
}

#[test]
fn passes_over_a_byte_order_mark_and_counts_it_in_offsets() {
    let text = "\u{feff}{\"keystate\":\"a\"}";
    assert!(read::<Sample>(text, Nulls::AreAbsent).is_ok());
    assert!(read_signed::<Sample>(text).is_err());
    assert!(read::<Sample>(&format!("\u{feff}{text}"), Nulls::AreAbsent).is_err());
    let error = read::<Sample>("\u{feff}{\"keystate\":\"a\",x", Nulls::AreAbsent).unwrap_err();
    assert_eq!(error.offset(), Some(19));
}
