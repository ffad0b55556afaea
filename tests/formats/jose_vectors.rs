//! The examples of the RFCs, value by value. Each has to verify, so a slip in copying would show.

use crate::support::*;
use keyferry::Class;
use keyferry::crypto::aws_lc_rs::AwsLcRs;
use keyferry::crypto::{Algorithm, Provider, Signer, VerifyingKey};
use keyferry::jose::{Header, Jwk, Jws, UnsignedJws, VerifiedJws};
use serde_json::json;

fn verify(text: &str, algorithm: Algorithm, jwk: &str) -> Result<VerifiedJws, keyferry::Error> {
    let key = VerifyingKey::new(&AwsLcRs, algorithm, Jwk::from_json(jwk)?.public_key())?;
    Jws::from_compact(text)?.verify(&key)
}

fn class_of(text: &str) -> Class {
    Jws::from_compact(text).map(drop).unwrap_err().class()
}

// RFC 7515, appendix A.

/// A.1.1 and later: the claims of the first examples.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// A.2.1, the public members.
const A2_KEY: &str = concat!(
    r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx"#,
    "HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSH",
    "SXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8",
    r#"NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
);
/// A.2.1.
const A2_SIGNATURE: &str = concat!(
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4",
    "BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqv",
    "hJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);
/// A.3.1, the public members.
const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
/// A.3.1.
const A3_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

#[test]
fn rfc_7515_a_1_hs256_is_refused_as_algorithm() {
    // The header spans two lines, which is no fault of its form.
    let text = format!(
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    assert_eq!(class_of(&text), Class::Algorithm);
    // A.1.1, its key.
    let key = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
    assert_eq!(Jwk::from_json(key).unwrap_err().class(), Class::PrivateKey);
}

#[test]
fn rfc_7515_a_2_rs256_verifies() {
    let verified =
        verify(&format!("eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.{A2_SIGNATURE}"), Algorithm::Rs256, A2_KEY)
            .unwrap();
    assert_eq!(
        verified.payload(),
        b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
    );
}

#[test]
fn rfc_7515_a_3_es256_verifies() {
    verify(&format!("eyJhbGciOiJFUzI1NiJ9.{CLAIMS}.{A3_SIGNATURE}"), Algorithm::Es256, A3_KEY)
        .unwrap();
}

#[test]
fn rfc_7515_a_4_es512_verifies() {
    let key = concat!(
        r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","#,
        r#""y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
    );
    let signature = concat!(
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8Kp",
        "EHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    );
    let verified =
        verify(&format!("eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.{signature}"), Algorithm::Es512, key)
            .unwrap();
    assert_eq!(verified.payload(), b"Payload");
}

#[test]
fn rfc_7515_a_5_none_is_refused_as_algorithm() {
    assert_eq!(class_of(&format!("eyJhbGciOiJub25lIn0.{CLAIMS}.")), Class::Algorithm);
}

/// A.6 is the general, A.7 the flattened JSON form; both hold signatures that verify in the compact
/// form.
#[test]
fn rfc_7515_a_6_and_a_7_json_forms_are_refused_as_malformed() {
    let general = json!({
        "payload": CLAIMS,
        "signatures": [
            {"protected": "eyJhbGciOiJSUzI1NiJ9", "header": {"kid": "2010-12-29"}, "signature": A2_SIGNATURE},
            {"protected": "eyJhbGciOiJFUzI1NiJ9", "header": {"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"}, "signature": A3_SIGNATURE},
        ],
    });
    let flattened = json!({
        "payload": CLAIMS,
        "protected": "eyJhbGciOiJFUzI1NiJ9",
        "header": {"kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"},
        "signature": A3_SIGNATURE,
    });
    for form in [general, flattened] {
        assert_eq!(class_of(&form.to_string()), Class::Malformed);
    }
}

/// Appendix E: a header that asks for something that nobody understands.
#[test]
fn rfc_7515_e_negative_crit_is_refused() {
    let text = "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.";
    assert_eq!(class_of(text), Class::Malformed);
}

// RFC 7520, section 4.

/// Section 4, figure 8.
const COOKBOOK_PAYLOAD: &str = concat!(
    "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBk",
    "b24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
);
/// Section 3.3.
const COOKBOOK_RSA: &str = concat!(
    r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT"#,
    "-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-",
    "oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuC",
    r#"LqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
);
/// Section 3.1.
const COOKBOOK_EC: &str = concat!(
    r#"{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"sig","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9"#,
    r#"A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}"#,
);

fn cookbook(alg: &str, signature: &str) -> String {
    let header = url(format!(r#"{{"alg":"{alg}","kid":"bilbo.baggins@hobbiton.example"}}"#));
    format!("{header}.{COOKBOOK_PAYLOAD}.{signature}")
}

#[test]
fn rfc_7520_4_1_rs256_verifies() {
    let signature = concat!(
        "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmD",
        "LJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2",
        "aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
    );
    let verified = verify(&cookbook("RS256", signature), Algorithm::Rs256, COOKBOOK_RSA).unwrap();
    assert_eq!(verified.header().key_id.as_deref(), Some("bilbo.baggins@hobbiton.example"));
    assert!(verified.payload().starts_with("It\u{2019}s a dangerous business".as_bytes()));
}

#[test]
fn rfc_7520_4_2_ps384_verifies() {
    let signature = concat!(
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXU",
        "vdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT",
        "0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    );
    verify(&cookbook("PS384", signature), Algorithm::Ps384, COOKBOOK_RSA).unwrap();
    assert_eq!(
        verify(&cookbook("PS384", signature), Algorithm::Rs384, COOKBOOK_RSA)
            .map(drop)
            .unwrap_err()
            .class(),
        Class::Algorithm
    );
}

#[test]
fn rfc_7520_4_3_es512_verifies() {
    let signature = concat!(
        "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kv",
        "AD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2",
    );
    verify(&cookbook("ES512", signature), Algorithm::Es512, COOKBOOK_EC).unwrap();
}

#[test]
fn rfc_7520_4_4_hmac_is_refused_as_algorithm() {
    let header = url(r#"{"alg":"HS256","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"}"#);
    assert_eq!(
        class_of(&format!(
            "{header}.{COOKBOOK_PAYLOAD}.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
        )),
        Class::Algorithm
    );
}

// RFC 7638.

#[test]
fn rfc_7638_3_1_thumbprint() {
    let key = concat!(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3ok"#,
        "njhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91C",
        "bOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        r#"","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    );
    assert_eq!(
        Jwk::from_json(key).unwrap().thumbprint(&AwsLcRs).to_string(),
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    );
}

// RFC 8037, appendix A.

/// A.1 and A.2.
const ED25519_SECRET: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
const ED25519_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// A.4, of the payload `Example of Ed25519 signing`.
const ED25519_JWS: &str = concat!(
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.",
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
);

#[test]
fn rfc_8037_a_1_a_key_with_its_private_half_is_refused() {
    let key = ED25519_KEY.replacen('{', &format!(r#"{{"d":"{ED25519_SECRET}","#), 1);
    assert_eq!(Jwk::from_json(&key).unwrap_err().class(), Class::PrivateKey);
}

#[test]
fn rfc_8037_a_2_and_a_3_jwk_and_thumbprint() {
    let key = Jwk::from_json(ED25519_KEY).unwrap();
    assert_eq!(key.to_string(), ED25519_KEY);
    assert_eq!(key.thumbprint(&AwsLcRs).to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn rfc_8037_a_4_signs_and_verifies() {
    // RFC 8410 section 7 around the 32 bytes.
    let header = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    let pair = AwsLcRs
        .private_key_from_pkcs8_der(&[&header[..], &from_url(ED25519_SECRET)].concat())
        .unwrap();
    assert_eq!(pair.public_key(), Jwk::from_json(ED25519_KEY).unwrap().public_key());
    let text = UnsignedJws::new(&Header::new(Algorithm::EdDsa), b"Example of Ed25519 signing")
        .sign(&*pair)
        .unwrap();
    assert_eq!(text, ED25519_JWS);
    assert_eq!(
        verify(ED25519_JWS, Algorithm::EdDsa, ED25519_KEY).unwrap().payload(),
        b"Example of Ed25519 signing"
    );
}
