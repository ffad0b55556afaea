//! The rules for compact JWS and JWK, one test a rule, and an exchange with a library that is not
//! ours.

use crate::support::*;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, PrivateKey, PublicKeyParts, VerifyingKey};
use keyferry::jose::{
    ConsistentJws, Header, Jwk, Jws, MAX_JWS, Padding, Thumbprint, UnsignedJws, VerifiedJws,
};
use keyferry::json::{MAX_DEPTH, MAX_KEPT, MAX_NAMES, MAX_TEXT};
use keyferry::{Class, Error};
use proptest::prelude::{
    Just, ProptestConfig, Strategy, any, prop, prop_assert_eq, prop_oneof, proptest,
};
use serde_json::{Value, json};

fn es256() -> VerifyingKey {
    VerifyingKey::new(&AwsLcRs, Algorithm::Es256, p256().public_key()).unwrap()
}

fn signed(header: &str, payload: &[u8]) -> String {
    compact(header, payload, Algorithm::Es256, p256())
}

fn verify(text: &str) -> Result<VerifiedJws, Error> {
    Jws::from_compact(text)?.verify(&es256())
}

#[track_caller]
fn refused(text: &str, class: Class) -> Error {
    let error = verify(text).map(drop).expect_err("accepted");
    assert_eq!(error.class(), class, "{error}");
    error
}

/// A header that is right but for one more member.
#[track_caller]
fn refused_header(member: &str, class: Class) -> Error {
    refused(&signed(&format!(r#"{{"alg":"ES256",{member}}}"#), b"x"), class)
}

fn refused_jwk(jwk: &Value, class: Class) -> Error {
    let error = Jwk::from_json(&jwk.to_string()).map(drop).expect_err("accepted");
    assert_eq!(error.class(), class, "{jwk}: {error}");
    // The same in a header. What is of another kind is not in the way of who has a key.
    let text = signed(&json!({"alg": "ES256", "jwk": jwk}).to_string(), b"x");
    if class == Class::Algorithm || jwk["kty"] == "oct" {
        let jws = Jws::from_compact(&text).unwrap();
        assert_eq!(jws.verify(&es256()).unwrap().payload(), b"x");
        assert_eq!(jws.unverified_header().jwk().map(drop).unwrap_err().class(), class, "{jwk}");
        let embedded = jws.verify_embedded(&AwsLcRs, Algorithm::ALL);
        assert_eq!(embedded.map(drop).unwrap_err().class(), class, "{jwk}");
    } else {
        assert_eq!(Jws::from_compact(&text).map(drop).unwrap_err().class(), class, "{jwk}");
    }
    error
}

#[test]
fn a_correct_jws_is_accepted() {
    for payload in [&b""[..], b"x", &[0xff, 0x00], b"{}"] {
        assert_eq!(verify(&signed(r#"{"alg":"ES256"}"#, payload)).unwrap().payload(), payload);
    }
    let verified = verify(&signed("\n{ \"typ\" : \"JOSE\",\t\"kid\":\"k\\/1\", \"alg\":\"ES\\u0032\\u00356\", \"new\":[1.50] }\r\n", b"x")).unwrap();
    assert_eq!(verified.header().typ.as_deref(), Some("JOSE"));
    assert_eq!(verified.header().key_id.as_deref(), Some("k/1"));
    assert_eq!(verified.header().extra.get("new"), Some("[1.50]"));
}

// The form.

#[test]
fn rejects_padded_base64url() {
    let text = signed(r#"{"alg":"ES256"}  "#, b"x");
    for (index, _) in text.split('.').enumerate() {
        let parts: Vec<String> = text
            .split('.')
            .enumerate()
            .map(|(at, part)| format!("{part}{}", if at == index { "=" } else { "" }))
            .collect();
        refused(&parts.join("."), Class::Malformed);
    }
    // Signed with its padding it is as wrong.
    refused(
        &sign_parts(
            &format!("{}==", url(r#"{"alg":"ES256"} "#)),
            &url("x"),
            Algorithm::Es256,
            p256(),
        ),
        Class::Malformed,
    );
}

#[test]
fn rejects_spare_bits() {
    // `eA` is x; in `eB` a bit is set that no byte has.
    let header = url(r#"{"alg":"ES256"}"#);
    assert_eq!(
        verify(&sign_parts(&header, "eA", Algorithm::Es256, p256())).unwrap().payload(),
        b"x"
    );
    for payload in ["eB", "eP", "eHi", "e", "eHh5e"] {
        refused(&sign_parts(&header, payload, Algorithm::Es256, p256()), Class::Malformed);
    }
    // 64 bytes of signature leave four spare bits.
    let text = signed(r#"{"alg":"ES256"}"#, b"x");
    let last = text.chars().last().unwrap();
    let other = char::from(last as u8 + 1);
    assert!(verify(&text).is_ok() && "AQgw".contains(last));
    refused(&format!("{}{other}", &text[..text.len() - 1]), Class::Malformed);
}

#[test]
fn characters_outside_base64url_are_refused() {
    let header = url(r#"{"alg":"ES256"}"#);
    assert!(verify(&sign_parts(&header, "-_8", Algorithm::Es256, p256())).is_ok());
    for payload in ["+/8", "-_8\n", " -_8", "-_\n8", "-_8\0", "-_\u{e9}", "%2D_8"] {
        refused(&sign_parts(&header, payload, Algorithm::Es256, p256()), Class::Malformed);
    }
}

#[test]
fn rejects_two_and_four_parts() {
    let text = signed(r#"{"alg":"ES256"}"#, b"x");
    let (input, _) = text.rsplit_once('.').unwrap();
    for wrong in [
        input.to_owned(),
        format!("{text}."),
        format!("{text}.eA"),
        format!(".{text}"),
        text.replace('.', ""),
        String::new(),
        "..".to_owned(),
    ] {
        refused(&wrong, Class::Malformed);
    }
    refused(&format!("{input}."), Class::Signature);
}

#[test]
fn rejects_blanks_around() {
    let text = signed(r#"{"alg":"ES256"}"#, b"x");
    for wrong in [
        format!(" {text}"),
        format!("{text} "),
        format!("{text}\n"),
        format!("\u{feff}{text}"),
        text.replacen('.', " .", 1),
        format!("\"{text}\""),
    ] {
        refused(&wrong, Class::Malformed);
    }
}

#[test]
fn rejects_json_serialisations() {
    let text = signed(r#"{"alg":"ES256"}"#, b"x");
    let parts: Vec<&str> = text.split('.').collect();
    for wrong in [
        json!({"payload": parts[1], "protected": parts[0], "signature": parts[2]}),
        json!({"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}),
    ] {
        refused(&wrong.to_string(), Class::Malformed);
    }
}

#[test]
fn rejects_a_header_that_is_not_one_object() {
    for header in [
        "",
        " ",
        "null",
        "1",
        "\"ES256\"",
        "[]",
        "[{\"alg\":\"ES256\"}]",
        "{\"alg\":\"ES256\"}{}",
        "{\"alg\":\"ES256\"} x",
        "{\"alg\":\"ES256\"",
        "{\"alg\":\"ES256\",}",
        "{alg:\"ES256\"}",
        "{'alg':'ES256'}",
        "{\"alg\":\"ES256\"}//",
        "\u{feff}{\"alg\":\"ES256\"}",
        "{\"alg\":\"ES256\"}\0",
        "{\"alg\":\"ES256\",\"x\":NaN}",
        "{\"alg\":\"ES256\",\"x\":01}",
        "{\"alg\":\"ES256\",\"x\":\"\n\"}",
        "{\"alg\":\"ES256\",\"x\":\"\\x\"}",
        "{\"alg\":\"ES256\",\"\\ud800\":1}",
        "{\"alg\":\"ES256\",\"kid\":\"\\ud800\"}",
    ] {
        refused(&signed(header, b"x"), Class::Malformed);
    }
    let bad = [b"{\"alg\":\"ES256\",\"x\":\"".as_slice(), &[0xff], b"\"}"].concat();
    refused(&compact(bad, b"x", Algorithm::Es256, p256()), Class::Malformed);
}

#[test]
fn rejects_a_member_twice_at_any_depth() {
    for member in [
        r#""alg":"ES256""#,
        r#""\u0061lg":"none""#,
        r#""kid":"a","kid":"a""#,
        r#""kid":"a","k\u0069d":"a""#,
        r#""x":1,"x":1"#,
        r#""x":1,"\u0078":1"#,
        r#""":1,"":2"#,
        r#""x":{"a":1,"a":1}"#,
        r#""x":[[[{"a":{"b":[{"c":1,"\u0063":2}]}}]]]"#,
        r#""jwk":{"kty":"EC","kty":"EC"}"#,
        r#""\u00e9":1,"é":2"#,
    ] {
        refused_header(member, Class::Malformed);
    }
    // Others that only look the same.
    verify(&signed(
        r#"{"alg":"ES256","ALG":"none","x":{"a":1},"y":{"a":1},"z":[{"a":1},{"a":1}]}"#,
        b"x",
    ))
    .unwrap();
}

/// Brackets, quotes and commas inside of texts are texts.
#[test]
fn texts_that_look_like_json_stay_texts() {
    for member in [
        r#""x":{"a\"{[":"}]\\\"{","b":["\\\\","]","{\"a\":1,\"a\":1}"],"c":"\\"}"#,
        r#""x":["a","a",{"a":"a"},"a"],"y":{"a":["a","b"],"b":{"a":"a"}}"#,
        r#""x":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[","y":{"}":"{","{":"}"}"#,
        r#""x":{ "a" : { } , "b" : [ ] , "c" : [ { } , "a" ] }"#,
    ] {
        let verified = verify(&signed(&format!(r#"{{"alg":"ES256",{member}}}"#), b"x")).unwrap();
        let kept: Vec<String> = verified
            .header()
            .extra
            .iter()
            .map(|(name, value)| format!("{name:?}:{value}"))
            .collect();
        assert_eq!(kept.join(","), member);
    }
    for member in [
        r#""x":{"a":"\\","a":1}"#,
        r#""x":{"\\":1,"\u005c":2}"#,
        r#""x":{"a":{"b":1},"a":2}"#,
        r#""x":{"a":["}"],"b":"\"","a":2}"#,
        r#""x":{ "a" : [ { "b" : 1 } , { "b" : 1 , "c" : [ ] , "b" : 1 } ] }"#,
        r#""x":{"\ud800":1}"#,
    ] {
        refused_header(member, Class::Malformed);
    }
}

/// Values whose texts are full of what JSON is made of.
fn values() -> impl Strategy<Value = Value> {
    let text = || "[{}\\[\\]\":,\\\\ax\u{e9}]{0,6}";
    let leaf = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// What has no member twice is kept as it came; with its first member doubled it is refused.
    #[test]
    fn keeps_any_value_and_rejects_it_with_a_member_twice(value in values()) {
        let header = format!(r#"{{"alg":"ES256","x":{value}}}"#);
        let read = Header::from_json(&header).unwrap();
        prop_assert_eq!(read.extra.get("x"), Some(&*value.to_string()));
        if let Some((name, first)) = value.as_object().and_then(|object| object.iter().next()) {
            let twice = value.to_string().replacen('{', &format!("{{{}:{first},", Value::from(name.as_str())), 1);
            let error = Header::from_json(&format!(r#"{{"alg":"ES256","x":[{twice}]}}"#)).unwrap_err();
            prop_assert_eq!(error.class(), Class::Malformed);
        }
    }
}

#[test]
fn rejects_crit() {
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"x""#,
        r#""cr\u0069t":["x"]"#,
    ] {
        refused_header(member, Class::Malformed);
    }
}

// Algorithms.

#[test]
fn rejects_none_and_symmetric() {
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        "HS256",
        "hs256",
        "HS384",
        "HS512",
        "es256",
        "ES256 ",
        " ES256",
        "ES256K",
        "RSA1_5",
        "dir",
        "ES\u{ff12}56",
    ] {
        let header = json!({"alg": alg}).to_string();
        refused(&signed(&header, b"x"), Class::Algorithm);
        refused(&format!("{}.{}.", url(&header), url("x")), Class::Algorithm);
        assert_eq!(alg.parse::<Algorithm>().unwrap_err().class(), Class::Algorithm);
    }
}

#[test]
fn rejects_alg_of_wrong_type() {
    for alg in ["null", "1", "true", "[\"ES256\"]", "{\"x\":\"ES256\"}"] {
        refused(&signed(&format!(r#"{{"alg":{alg}}}"#), b"x"), Class::Malformed);
    }
    refused(&signed("{}", b"x"), Class::Malformed);
    for name in ["kid", "typ", "jwk"] {
        for value in ["null", "1", "[]", "false"] {
            refused_header(&format!(r#""{name}":{value}"#), Class::Malformed);
        }
    }
}

#[test]
fn rejects_another_algorithm_than_the_key_is_bound_to() {
    let text = compact(r#"{"alg":"RS384"}"#, b"x", Algorithm::Rs384, rsa2048());
    let key = |algorithm| VerifyingKey::new(&AwsLcRs, algorithm, rsa2048().public_key()).unwrap();
    Jws::from_compact(&text).unwrap().verify(&key(Algorithm::Rs384)).unwrap();
    for algorithm in [Algorithm::Rs256, Algorithm::Rs512, Algorithm::Ps384] {
        assert_eq!(
            Jws::from_compact(&text)
                .unwrap()
                .verify(&key(algorithm))
                .map(drop)
                .unwrap_err()
                .class(),
            Class::Algorithm
        );
    }
    // What the header says is not what was signed.
    let lying = compact(r#"{"alg":"PS256"}"#, b"x", Algorithm::Rs256, rsa2048());
    assert_eq!(
        Jws::from_compact(&lying)
            .unwrap()
            .verify(&key(Algorithm::Ps256))
            .map(drop)
            .unwrap_err()
            .class(),
        Class::Signature
    );
    for (algorithm, signer) in [
        (Algorithm::Es384, p256()),
        (Algorithm::Rs256, p256()),
        (Algorithm::Es256, ed25519()),
        (Algorithm::EdDsa, rsa2048()),
    ] {
        assert_eq!(
            VerifyingKey::new(&AwsLcRs, algorithm, signer.public_key())
                .map(drop)
                .unwrap_err()
                .class(),
            Class::Algorithm
        );
        assert!(signer.sign(algorithm, b"x").is_err());
    }
}

#[test]
fn rejects_a_signature_that_is_not_the_keys() {
    refused(&compact(r#"{"alg":"ES256"}"#, b"x", Algorithm::Es256, other_p256()), Class::Signature);
    let text = signed(r#"{"alg":"ES256"}"#, b"x");
    let parts: Vec<&str> = text.split('.').collect();
    refused(&format!("{}.{}.{}", parts[0], url("y"), parts[2]), Class::Signature);
    refused(&format!("{}.{}.{}", url(r#"{"alg":"ES256" }"#), parts[1], parts[2]), Class::Signature);
    for signature in [&[][..], &[0; 64], &[0xff; 64], &[1; 63], &[1; 65], &[1; 1024]] {
        refused(&format!("{}.{}.{}", parts[0], parts[1], url(signature)), Class::Signature);
    }
}

#[test]
fn rejects_ecdsa_signatures_as_der() {
    let input = format!("{}.{}", url(r#"{"alg":"ES256"}"#), url("x"));
    let raw = p256().sign(Algorithm::Es256, input.as_bytes()).unwrap();
    let number = |half: &[u8]| der(0x02, &[if half[0] >= 0x80 { &[0] } else { &[] }, half]);
    let signature = der(0x30, &[&number(&raw[..32]), &number(&raw[32..])]);
    refused(&format!("{input}.{}", url(signature)), Class::Signature);
}

// Padding.

#[test]
fn tolerated_padding_is_verified_as_received() {
    let header = format!("{}==", url(r#"{"alg":"ES256"} "#));
    let read = |text: &str| Jws::from_compact_with(text, Padding::Tolerated)?.verify(&es256());
    let text = sign_parts(&header, "eA==", Algorithm::Es256, p256());
    let padded = format!("{text}==");
    assert_eq!(read(&padded).unwrap().payload(), b"x");
    assert_eq!(
        read(&text).unwrap().payload(),
        b"x",
        "nobody signed the padding of the signature itself"
    );
    assert_eq!(
        read(&signed(r#"{"alg":"ES256"}"#, b"x")).unwrap().payload(),
        b"x",
        "unpadded as well"
    );
    assert_eq!(Jws::from_compact(&padded).map(drop).unwrap_err().class(), Class::Malformed);
    assert_eq!(read(&padded.replace('=', "")).map(drop).unwrap_err().class(), Class::Signature);
    for payload in [
        "eA=", "eA===", "eA====", "eHh4=", "eHh4====", "=eA=", "e=A=", "====", "=", "==", "eB==",
        "e===", "eA== ",
    ] {
        let text = sign_parts(&header, payload, Algorithm::Es256, p256());
        assert_eq!(read(&text).map(drop).unwrap_err().class(), Class::Malformed, "{payload}");
    }
}

// Keys.

#[test]
fn rejects_private_members() {
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("c2VjcmV0"), json!(""), Value::Null, json!([{"r": "x"}])] {
            for signer in [p256(), rsa2048(), ed25519()] {
                let mut key = jwk(signer.public_key());
                key[name] = value.clone();
                refused_jwk(&key, Class::PrivateKey);
            }
        }
    }
    refused_jwk(&json!({"kty": "oct", "k": "c2VjcmV0"}), Class::PrivateKey);
    refused_jwk(&json!({"kty": "EC", "d": "x"}), Class::PrivateKey);
    let escaped = r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","\u0064":"AA"}"#;
    assert_eq!(Jwk::from_json(escaped).unwrap_err().class(), Class::PrivateKey);
}

#[test]
fn rejects_weak_rsa_keys() {
    let mut even = modulus(2048);
    *even.last_mut().unwrap() &= 0xfe;
    let good = modulus(2048);
    let zeros = [vec![0; 128], modulus(1024)].concat();
    for (n, e) in [
        (&modulus(512), &[1, 0, 1][..]),
        (&modulus(1024), &[1, 0, 1]),
        (&modulus(2047), &[1, 0, 1]),
        (&zeros, &[1, 0, 1]),
        (&modulus(8193), &[1, 0, 1]),
        (&modulus(16384), &[1, 0, 1]),
        (&even, &[1, 0, 1]),
        (&vec![0; 256], &[1, 0, 1]),
        (&Vec::new(), &[1, 0, 1]),
        (&good, &[]),
        (&good, &[0]),
        (&good, &[1]),
        (&good, &[2]),
        (&good, &[1, 0, 0]),
        (&good, &[1, 0, 0, 0, 1]),
        (&good, &[0xff; 256]),
    ] {
        refused_jwk(&rsa_jwk(n, e), Class::WeakKey);
    }
    for (bits, e) in [
        (2048, &[3][..]),
        (2049, &[1, 0, 1]),
        (8192, &[0xff, 0xff, 0xff, 0xff]),
        (4095, &[0, 0, 3]),
    ] {
        let jwk = Jwk::from_json(&rsa_jwk(&modulus(bits), e).to_string()).unwrap();
        assert_eq!(jwk.public_key().bits() as usize, bits);
    }
}

#[test]
fn rejects_points_off_their_curve() {
    for (signer, algorithm) in
        [(p256(), Algorithm::Es256), (p384(), Algorithm::Es384), (p521(), Algorithm::Es512)]
    {
        let PublicKeyParts::Ec { curve, x, y } = signer.public_key().parts() else {
            panic!("an EC key")
        };
        let flipped: Vec<u8> = [&y[..y.len() - 1], &[y[y.len() - 1] ^ 1]].concat();
        let (zeros, ones) = (vec![0; x.len()], vec![0xff; x.len()]);
        for (x, y) in [(x, &flipped[..]), (y, x), (&zeros, &zeros), (&ones, y), (x, &ones)] {
            let key = keyferry::crypto::PublicKey::ec(curve, x, y).unwrap();
            assert_eq!(
                VerifyingKey::new(&AwsLcRs, algorithm, &key).map(drop).unwrap_err().class(),
                Class::WeakKey
            );
            let header = json!({"alg": algorithm.name(), "jwk": jwk(&key)}).to_string();
            let text = compact(header, b"x", algorithm, signer);
            let result =
                Jws::from_compact(&text).unwrap().verify_embedded(&AwsLcRs, Algorithm::ALL);
            assert_eq!(result.map(drop).unwrap_err().class(), Class::WeakKey);
        }
    }
}

#[test]
fn rejects_points_of_small_order() {
    let order_8 = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let hex = |text: &str| {
        (0..32)
            .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
            .collect::<Vec<u8>>()
    };
    let little =
        |first: u8, middle: u8, last: u8| [vec![first], vec![middle; 30], vec![last]].concat();
    for x in [
        little(0, 0, 0),
        little(1, 0, 0),
        little(0, 0, 0x80),
        little(1, 0, 0x80),
        little(0xec, 0xff, 0x7f),
        little(0xed, 0xff, 0x7f),
        little(0xee, 0xff, 0x7f),
        little(0xec, 0xff, 0xff),
        hex(order_8),
    ] {
        refused_jwk(&json!({"kty": "OKP", "crv": "Ed25519", "x": url(x)}), Class::WeakKey);
    }
}

/// y = 2 is no coordinate of a point of Edwards25519.
#[test]
fn rejects_bytes_that_are_no_point_of_ed25519() {
    let key = keyferry::crypto::PublicKey::ed25519(&[&[2][..], &[0; 31]].concat()).unwrap();
    match VerifyingKey::new(&AwsLcRs, Algorithm::EdDsa, &key) {
        Err(error) => assert_eq!(error.class(), Class::WeakKey),
        // A library may find out only when it verifies.
        Ok(key) => {
            for signature in [[0; 64], [1; 64]] {
                assert_eq!(key.verify(b"x", &signature).unwrap_err().class(), Class::Signature);
            }
        }
    }
}

#[test]
fn rejects_coordinates_of_wrong_length() {
    for signer in [p256(), p384(), p521(), ed25519()] {
        let good = jwk(signer.public_key());
        let x = from_url(good["x"].as_str().unwrap());
        for x in
            [x[1..].to_vec(), [vec![0], x.clone()].concat(), Vec::new(), x[..x.len() / 2].to_vec()]
        {
            let mut key = good.clone();
            key["x"] = url(x).into();
            refused_jwk(&key, Class::Malformed);
        }
    }
}

#[test]
fn rejects_members_that_do_not_make_a_key() {
    let (ec, rsa, okp) =
        (jwk(p256().public_key()), jwk(rsa2048().public_key()), jwk(ed25519().public_key()));
    for (key, names) in [
        (&ec, &["kty", "crv", "x", "y"][..]),
        (&rsa, &["kty", "n", "e"]),
        (&okp, &["kty", "crv", "x"]),
    ] {
        for name in names {
            let mut without = key.clone();
            without.as_object_mut().unwrap().remove(*name);
            refused_jwk(&without, Class::Malformed);
            for value in [Value::Null, json!(1), json!(["x"]), json!(true)] {
                let mut odd = key.clone();
                odd[*name] = value;
                refused_jwk(&odd, Class::Malformed);
            }
            if !["kty", "crv"].contains(name) {
                for value in ["AQAB=", "AQ AB", "+/", "A"] {
                    let mut odd = key.clone();
                    odd[*name] = value.into();
                    refused_jwk(&odd, Class::Malformed);
                }
            }
        }
    }
    for (key, name) in
        [(&ec, "n"), (&ec, "e"), (&rsa, "x"), (&rsa, "y"), (&rsa, "crv"), (&okp, "y"), (&okp, "n")]
    {
        let mut mixed = key.clone();
        mixed[name] = "AQAB".into();
        refused_jwk(&mixed, Class::Malformed);
    }
    for (key, name, values) in [
        (&ec, "kty", &["ec", "Ec", "AKP", "", "oct"][..]),
        (&ec, "crv", &["p-256", "secp256r1", "secp256k1", "Ed25519", ""]),
        (&okp, "crv", &["X25519", "Ed448", "ed25519", "P-256"]),
        (&rsa, "kty", &["rsa", "RSA-PSS"]),
    ] {
        for value in values {
            let mut other = key.clone();
            other[name] = (*value).into();
            refused_jwk(&other, Class::Algorithm);
        }
    }
    for text in ["", "[]", "\"x\"", "null", "{}x"] {
        assert_eq!(Jwk::from_json(text).unwrap_err().class(), Class::Malformed);
    }
}

#[test]
fn leading_zeros_do_not_change_the_thumbprint() {
    let normal = Jwk::from_json(&jwk(rsa2048().public_key()).to_string()).unwrap();
    let PublicKeyParts::Rsa { n, e } = rsa2048().public_key().parts() else { panic!("an RSA key") };
    for zeros in [1, 2, 300] {
        let zeros = vec![0; zeros];
        let odd = Jwk::from_json(
            &rsa_jwk(&[&zeros[..], n].concat(), &[&zeros[..], e].concat()).to_string(),
        )
        .unwrap();
        assert_eq!(odd.public_key(), normal.public_key());
        assert_eq!(odd.thumbprint(&AwsLcRs), normal.thumbprint(&AwsLcRs));
        assert_eq!(odd.to_string(), normal.to_string());
    }
    assert_eq!(Thumbprint::of(rsa2048().public_key(), &AwsLcRs), normal.thumbprint(&AwsLcRs));
    assert_eq!(normal.thumbprint(&AwsLcRs).to_string().len(), 43);
    // What is said of a key is no part of it.
    let mut said = jwk(rsa2048().public_key());
    said["kid"] = "x".into();
    said["alg"] = "RS256".into();
    assert_eq!(
        Jwk::from_json(&said.to_string()).unwrap().thumbprint(&AwsLcRs),
        normal.thumbprint(&AwsLcRs)
    );
}

#[test]
fn keeps_unknown_members_of_a_jwk() {
    let mut key = jwk(p256().public_key());
    for (name, value) in [
        ("n#len", json!("2056")),
        ("keystate", json!("active")),
        ("x5c", json!(["AA"])),
        ("use", json!("SIG")),
        ("kid", json!("a")),
    ] {
        key[name] = value;
    }
    let read = Jwk::from_json(&key.to_string()).unwrap();
    assert_eq!(json(&read.to_string()), key);
    assert_eq!(Jwk::from_json(&read.to_string()).unwrap(), read);
}

#[test]
fn rejects_a_key_whose_use_or_alg_disagrees() {
    let embedded = |jwk: Value| {
        let text = signed(&json!({"alg": "ES256", "jwk": jwk}).to_string(), b"x");
        Jws::from_compact(&text)?.verify_embedded(&AwsLcRs, Algorithm::ALL)
    };
    let with = |name: &str, value: &str| {
        let mut key = jwk(p256().public_key());
        key[name] = value.into();
        key
    };
    for key in
        [jwk(p256().public_key()), with("alg", "ES256"), with("use", "sig"), with("use", "SIG")]
    {
        embedded(key).unwrap();
    }
    for key in [
        with("alg", "ES384"),
        with("alg", "es256"),
        with("alg", ""),
        with("use", "enc"),
        with("use", ""),
        jwk(p384().public_key()),
        jwk(rsa2048().public_key()),
    ] {
        assert_eq!(embedded(key).map(drop).unwrap_err().class(), Class::Algorithm);
    }
    assert_eq!(
        embedded(jwk(other_p256().public_key())).map(drop).unwrap_err().class(),
        Class::Signature
    );
}

#[test]
fn rejects_a_key_whose_operations_do_not_include_verifying() {
    let with = |members: Value| {
        let mut key = jwk(p256().public_key());
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    };
    let verdicts = |key: &Value| {
        let text = signed(&json!({"alg": "ES256", "jwk": key}).to_string(), b"x");
        let embedded = Jws::from_compact(&text)
            .and_then(|jws| jws.verify_embedded(&AwsLcRs, Algorithm::ALL).map(drop));
        let from_jwk = Jwk::from_json(&key.to_string())
            .and_then(|jwk| VerifyingKey::from_jwk(&AwsLcRs, Algorithm::Es256, &jwk))
            .and_then(|key| Jws::from_compact(&text)?.verify(&key).map(drop));
        [embedded, from_jwk].map(|result| result.map_err(|error| error.class()))
    };
    for members in [
        json!({}),
        json!({"alg": "ES256"}),
        json!({"use": "sig"}),
        json!({"use": "SIG"}),
        json!({"key_ops": ["verify"]}),
        json!({"key_ops": ["sign", "verify"], "use": "sig"}),
        json!({"key_ops": ["verify", "made-up"], "use": "SIG", "alg": "ES256"}),
    ] {
        assert_eq!(verdicts(&with(members.clone())), [Ok(()), Ok(())], "{members}");
    }
    for members in [
        json!({"alg": "ES384"}),
        json!({"use": "enc"}),
        json!({"key_ops": []}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": ["Verify"]}),
        json!({"key_ops": ["encrypt", "wrapKey"]}),
        json!({"key_ops": ["deriveKey"], "use": "sig"}),
        json!({"key_ops": ["verify", "encrypt"], "use": "sig"}),
        json!({"key_ops": ["verify"], "use": "enc"}),
    ] {
        let refused = Err(Class::Algorithm);
        assert_eq!(verdicts(&with(members.clone())), [refused, refused], "{members}");
    }
    for key_ops in [
        json!("verify"),
        json!(["verify", "verify"]),
        json!([1]),
        json!({}),
        json!(null),
        json!([null]),
    ] {
        refused_jwk(&with(json!({"key_ops": key_ops})), Class::Malformed);
    }
    let said = with(json!({"key_ops": ["verify", "x"], "use": "sig", "kid": "a"}));
    assert_eq!(json(&Jwk::from_json(&said.to_string()).unwrap().to_string()), said);
}

#[test]
fn rejects_a_header_with_b64() {
    for value in ["false", "true", "null", "\"false\""] {
        refused_header(&format!(r#""b64":{value}"#), Class::Malformed);
        refused_header(&format!(r#""b64":{value},"crit":["b64"]"#), Class::Malformed);
    }
}

#[test]
fn one_message_can_be_verified_with_several_keys() {
    let text = signed(r#"{"alg":"ES256"}"#, b"x");
    let jws = Jws::from_compact(&text).unwrap();
    let other = VerifyingKey::new(&AwsLcRs, Algorithm::Es256, other_p256().public_key()).unwrap();
    assert_eq!(jws.verify(&other).map(drop).unwrap_err().class(), Class::Signature);
    assert_eq!(jws.verify(&es256()).unwrap().payload(), b"x");
}

#[test]
fn a_key_from_the_message_gives_consistency_only() {
    let text = signed(&json!({"alg": "ES256", "jwk": jwk(p256().public_key())}).to_string(), b"x");
    let consistent: ConsistentJws =
        Jws::from_compact(&text).unwrap().verify_embedded(&AwsLcRs, &[Algorithm::Es256]).unwrap();
    assert_eq!((consistent.payload(), consistent.public_key()), (&b"x"[..], p256().public_key()));
    // The caller's key counts where there is one, whatever the header brings.
    let stolen = compact(
        json!({"alg": "ES256", "jwk": jwk(other_p256().public_key())}).to_string(),
        b"x",
        Algorithm::Es256,
        other_p256(),
    );
    refused(&stolen, Class::Signature);
    for allowed in [&[][..], &[Algorithm::Rs256, Algorithm::Es384]] {
        assert_eq!(
            Jws::from_compact(&text)
                .unwrap()
                .verify_embedded(&AwsLcRs, allowed)
                .map(drop)
                .unwrap_err()
                .class(),
            Class::Algorithm
        );
    }
    let bare = signed(r#"{"alg":"ES256"}"#, b"x");
    assert_eq!(
        Jws::from_compact(&bare)
            .unwrap()
            .verify_embedded(&AwsLcRs, Algorithm::ALL)
            .map(drop)
            .unwrap_err()
            .class(),
        Class::Malformed
    );
}

// Limits.

#[test]
fn rejects_what_is_over_256_kib() {
    let of = |length: usize| {
        let text = signed(r#"{"alg":"ES256"}"#, &vec![b'x'; length]);
        (text.len(), verify(&text).map(drop).map_err(|error| error.class()))
    };
    let overhead = of(0).0;
    let most = (MAX_JWS - overhead) / 4 * 3;
    assert_eq!(of(most), (MAX_JWS - (MAX_JWS - overhead) % 4, Ok(())));
    assert_eq!(of(most + 3).1, Err(Class::TooLarge));
    refused(&"x".repeat(MAX_JWS), Class::Malformed);
    refused(&"x".repeat(MAX_JWS + 1), Class::TooLarge);
    refused(&".".repeat(MAX_JWS + 1), Class::TooLarge);
}

#[test]
fn rejects_nesting_over_32() {
    let nested = |depth: usize, open: &str, close: &str| {
        format!(r#"{{"alg":"ES256","x":{}1{}}}"#, open.repeat(depth), close.repeat(depth))
    };
    // The header is the first level.
    let most = usize::from(MAX_DEPTH) - 1;
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        verify(&signed(&nested(most, open, close), b"x")).unwrap();
        for depth in [most + 1, 127, 128, 10_000] {
            refused(&signed(&nested(depth, open, close), b"x"), Class::TooLarge);
        }
    }
    // Where the end is missing it is no JSON at all.
    refused(
        &signed(&format!(r#"{{"alg":"ES256","x":{}"#, "[".repeat(100_000)), b"x"),
        Class::Malformed,
    );
}

#[test]
fn rejects_more_than_64_names_in_one_object() {
    let names =
        |count: usize| (0..count).map(|at| format!(r#""n{at}":0"#)).collect::<Vec<_>>().join(",");
    verify(&signed(&format!(r#"{{"alg":"ES256",{}}}"#, names(MAX_NAMES - 1)), b"x")).unwrap();
    refused_header(&names(MAX_NAMES), Class::TooLarge);
    verify(&signed(&format!(r#"{{"alg":"ES256","x":{{{}}}}}"#, names(MAX_NAMES)), b"x")).unwrap();
    refused_header(&format!(r#""x":{{{}}}"#, names(MAX_NAMES + 1)), Class::TooLarge);
}

#[test]
fn rejects_more_than_1024_kept_members() {
    let object = format!(
        "{{{}}}",
        (0..MAX_NAMES).map(|at| format!(r#""n{at}":0"#)).collect::<Vec<_>>().join(",")
    );
    let full = usize::from(MAX_KEPT) / MAX_NAMES;
    let list = |count: usize| vec![object.as_str(); count].join(",");
    // `x` is one as well.
    let most = format!(
        r#"{{"alg":"ES256","x":[{},{{{}}}]}}"#,
        list(full - 1),
        (0..MAX_NAMES - 1).map(|at| format!(r#""n{at}":0"#)).collect::<Vec<_>>().join(",")
    );
    verify(&signed(&most, b"x")).unwrap();
    refused_header(&format!(r#""x":[{}]"#, list(full)), Class::TooLarge);
}

#[test]
fn rejects_texts_over_64_kib() {
    let text = |length: usize| "x".repeat(length);
    for member in [
        format!(r#""kid":"{}""#, text(MAX_TEXT + 1)),
        format!(r#""x":"{}""#, text(MAX_TEXT + 1)),
        format!(r#""x":["{}"]"#, text(MAX_TEXT + 1)),
        format!(r#""x":{{"{}":1}}"#, text(MAX_TEXT + 1)),
        format!(r#""{}":1"#, text(MAX_TEXT + 1)),
    ] {
        refused_header(&member, Class::TooLarge);
    }
    for member in [
        format!(r#""kid":"{}""#, text(MAX_TEXT)),
        format!(r#""x":"{}""#, text(MAX_TEXT)),
        format!(r#""{}":1"#, text(MAX_TEXT)),
    ] {
        verify(&signed(&format!(r#"{{"alg":"ES256",{member}}}"#), b"x")).unwrap();
    }
}

#[test]
fn errors_never_repeat_the_input() {
    const CANARY: &str = "c4n4ry";
    for header in [
        r#"{"alg":"c4n4ry"}"#,
        r#"{"alg":"ES256","kid":["c4n4ry"]}"#,
        r#"{"alg":"ES256","c4n4ry":1,"c4n4ry":1}"#,
        r#"{"alg":"ES256","crit":["c4n4ry"]}"#,
        r#"{"alg":"ES256",c4n4ry}"#,
        r#"{"alg":"ES256","jwk":{"kty":"c4n4ry"}}"#,
        r#"{"alg":"ES256","jwk":{"kty":"EC","crv":"c4n4ry"}}"#,
        r#""c4n4ry""#,
        r#"{"alg":"ES256","x":{"c4n4ry":{"c4n4ry":1,"c4n4ry":2}}}"#,
        r#"{"alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"c4n4ry","y":"c4n4ry"}}"#,
    ] {
        let text = signed(header, b"x");
        let jws = Jws::from_compact(&text);
        let error = jws
            .and_then(|jws| jws.verify_embedded(&AwsLcRs, Algorithm::ALL).map(drop))
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    }
}

// Somebody else's library.

fn pem(signer: &dyn PrivateKey) -> Vec<u8> {
    let der = standard(&*signer.expose_pkcs8_der().unwrap());
    format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n").into_bytes()
}

fn peers() -> [(Algorithm, jsonwebtoken::Algorithm, &'static dyn PrivateKey); 9] {
    use jsonwebtoken::Algorithm as Theirs;
    [
        (Algorithm::Rs256, Theirs::RS256, rsa2048()),
        (Algorithm::Rs384, Theirs::RS384, rsa2048()),
        (Algorithm::Rs512, Theirs::RS512, rsa2048()),
        (Algorithm::Ps256, Theirs::PS256, rsa2048()),
        (Algorithm::Ps384, Theirs::PS384, rsa2048()),
        (Algorithm::Ps512, Theirs::PS512, rsa2048()),
        (Algorithm::Es256, Theirs::ES256, p256()),
        (Algorithm::Es384, Theirs::ES384, p384()),
        (Algorithm::EdDsa, Theirs::EdDSA, ed25519()),
    ]
}

#[test]
fn jsonwebtoken_verifies_what_we_build() {
    for (ours, theirs, signer) in peers() {
        let mut header = Header::new(ours);
        header.key_id = Some("k1".to_owned());
        header.typ = Some("JWT".to_owned());
        let text = UnsignedJws::new(&header, br#"{"sub":"device"}"#).sign(signer).unwrap();
        let mut validation = jsonwebtoken::Validation::new(theirs);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        // By way of their own type for our JWK.
        let jwk: jsonwebtoken::jwk::Jwk =
            serde_json::from_str(&Jwk::new(signer.public_key().clone()).to_string()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&jwk).unwrap();
        let read = jsonwebtoken::decode::<Value>(&text, &key, &validation)
            .unwrap_or_else(|error| panic!("{ours}: {error}"));
        assert_eq!(
            (read.claims["sub"].as_str(), read.header.kid.as_deref()),
            (Some("device"), Some("k1"))
        );
    }
}

#[test]
fn we_verify_what_jsonwebtoken_builds() {
    use jsonwebtoken::EncodingKey;
    for (ours, theirs, signer) in peers() {
        let key = match ours {
            Algorithm::EdDsa => EncodingKey::from_ed_pem(&pem(signer)),
            Algorithm::Es256 | Algorithm::Es384 => EncodingKey::from_ec_pem(&pem(signer)),
            _ => EncodingKey::from_rsa_pem(&pem(signer)),
        };
        let text = jsonwebtoken::encode(
            &jsonwebtoken::Header::new(theirs),
            &json!({"sub": "device"}),
            &key.unwrap(),
        )
        .unwrap();
        let key = VerifyingKey::new(&AwsLcRs, ours, signer.public_key()).unwrap();
        let verified = Jws::from_compact(&text)
            .unwrap()
            .verify(&key)
            .unwrap_or_else(|error| panic!("{ours}: {error}"));
        assert_eq!(verified.payload(), br#"{"sub":"device"}"#);
        assert_eq!(verified.header().typ.as_deref(), Some("JWT"));
    }
}

#[test]
fn a_jwk_survives_the_way_through_jsonwebtoken() {
    for (_, _, signer) in peers() {
        let ours = Jwk::new(signer.public_key().clone());
        let theirs: jsonwebtoken::jwk::Jwk = serde_json::from_str(&ours.to_string()).unwrap();
        let back = Jwk::from_json(&serde_json::to_string(&theirs).unwrap()).unwrap();
        assert_eq!(back.public_key(), ours.public_key());
        assert_eq!(
            theirs.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256).unwrap(),
            ours.thumbprint(&AwsLcRs).to_string()
        );
    }
}
