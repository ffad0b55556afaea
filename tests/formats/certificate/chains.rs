//! Certificates as people write them: PEM, base64 in lines, several at once.

use keyferry::{Certificate, Class, MAX_CHAIN};

use crate::certificate::support::*;

fn certificates(count: u8) -> Vec<Certificate> {
    let one = |n| {
        let fields = Fields { serial: vec![0x02, 0x01, n], ..Fields::new() };
        Certificate::from_der(&fields.der()).unwrap()
    };
    (1..=count).map(one).collect()
}

fn wrapped(base64: &str, end: &str) -> String {
    base64
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap().to_owned() + end)
        .collect()
}

#[test]
fn one_certificate_is_read_from_pem_and_from_base64_in_lines() {
    let certificate = certificates(1).remove(0);
    let (pem, base64) = (certificate.to_pem(), certificate.to_base64());
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    for text in [
        base64.clone(),
        wrapped(&base64, "\n"),
        wrapped(&base64, "\r\n"),
        format!(" \t{base64}\n\n"),
        pem.clone(),
        pem.replace('\n', "\r\n"),
        format!("\u{feff}{pem}"),
        format!("subject=CN = Jane\n{pem}"),
        pem.replace("CERTIFICATE", "X509 CERTIFICATE"),
    ] {
        assert_eq!(Certificate::from_base64(&text).unwrap(), certificate, "{text}");
        assert_eq!(
            Certificate::chain_from_text(&text).unwrap(),
            std::slice::from_ref(&certificate),
            "{text}"
        );
    }
    assert_eq!(Certificate::from_pem(&pem).unwrap(), certificate);
    assert_eq!(Certificate::from_pem(&base64).unwrap_err().class(), Class::Malformed);
}

#[test]
fn several_certificates_are_a_chain_and_never_one() {
    let all = certificates(3);
    let pem: String = all.iter().map(Certificate::to_pem).collect();
    let der: Vec<u8> = all.iter().flat_map(|one| one.as_der().to_vec()).collect();
    let base64 = base64_simd::STANDARD.encode_to_string(&der);
    for text in [&pem, &base64, &wrapped(&base64, "\n")] {
        assert_eq!(Certificate::chain_from_text(text).unwrap(), all);
        assert_eq!(Certificate::from_base64(text).unwrap_err().class(), Class::Malformed);
    }
    assert_eq!(Certificate::chain_from_pem(&pem).unwrap(), all);
    assert_eq!(Certificate::from_pem(&pem).unwrap_err().class(), Class::Malformed);
}

#[test]
fn rejects_a_chain_of_anything_else_or_of_too_many() {
    let one = certificates(1).remove(0);
    let request = request(&Fields::new().subject);
    let bytes_after = [one.as_der(), &[0]].concat();
    for text in [
        String::new(),
        format!("{}{}", one.to_pem(), request.to_pem()),
        one.to_pem().replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        one.to_pem().replace("END CERTIFICATE", "END CERTIFICATE REQUEST"),
        request.to_base64(),
        base64_simd::STANDARD.encode_to_string(bytes_after),
    ] {
        let error = Certificate::chain_from_text(&text).unwrap_err();
        assert_eq!(error.class(), Class::Malformed, "{text}");
    }
    let most = u8::try_from(MAX_CHAIN).unwrap();
    for (count, class) in [(most, None), (most + 1, Some(Class::TooLarge))] {
        let all = certificates(count);
        let pem: String = all.iter().map(Certificate::to_pem).collect();
        let der: Vec<u8> = all.iter().flat_map(|one| one.as_der().to_vec()).collect();
        for text in [pem, base64_simd::STANDARD.encode_to_string(der)] {
            assert_eq!(Certificate::chain_from_text(&text).err().map(|error| error.class()), class);
        }
    }
}
