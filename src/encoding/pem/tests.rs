use super::*;

const LABELS: &[&str] = &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"];

fn one(text: &str) -> Result<Vec<u8>, Error> {
    read_pasted(text, LABELS, "x")
}

#[test]
fn reads_what_it_writes_with_any_line_ends_and_blanks_around() {
    for length in [1, 2, 3, 47, 48, 49, 500] {
        let der = vec![7; length];
        let pem = write("CERTIFICATE REQUEST", &der);
        assert!(pem.lines().all(|line| line.len() <= 64));
        for text in [
            pem.clone(),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', "\r"),
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            pem.replace("CERTIFICATE", "NEW CERTIFICATE"),
            format!("\u{feff}{pem}"),
            format!("\n \t{pem}\n\n"),
            format!("Certificate Request:\n    Data:\n{pem}"),
            encode_standard(&der),
            format!(" {}\r\n", encode_standard(&der)),
        ] {
            assert_eq!(one(&text).unwrap(), der, "{text}");
        }
    }
}

#[test]
fn several_objects_other_labels_and_bad_boundaries_are_refused() {
    let pem = write("CERTIFICATE REQUEST", &[1, 2, 3]);
    for text in [
        "",
        "-----BEGIN ",
        "-----BEGIN CERTIFICATE REQUEST-----",
        "-----BEGIN CERTIFICATE REQUEST-----\nAQID",
        "-----BEGIN CERTIFICATE REQUEST-----\nAQID\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE REQUEST-----\nAQID\n-----END CERTIFICATE REQUEST",
        "-----BEGIN CERTIFICATE REQUEST-----\nAQI\n-----END CERTIFICATE REQUEST-----",
        "-----BEGIN CERTIFICATE REQUEST-----\nA: b\n\nAQID\n-----END CERTIFICATE REQUEST-----",
        &write("CERTIFICATE", &[1, 2, 3]),
        &format!("{pem}{pem}"),
        &format!("{}{pem}", write("PRIVATE KEY", &[1])),
        &format!("{pem}{}", write("CERTIFICATE", &[1])),
        &format!("{pem}AQID"),
    ] {
        let read = read_one(text, LABELS, "x");
        assert_eq!(read.unwrap_err().class(), crate::Class::Malformed, "{text}");
    }
}
