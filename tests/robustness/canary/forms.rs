//! The forms that a secret can be written in, and the search for all of them at once.

use std::collections::{BTreeSet, HashMap};

use base64_simd::STANDARD_NO_PAD;

/// Bytes of a form by which it is found. No form is shorter.
const KEY: usize = 8;
/// Bytes of a secret, at least: less would be found by chance.
const SHORTEST: usize = 16;

/// Secrets, each with the name of its place.
#[derive(Default)]
pub(crate) struct Canaries {
    names: BTreeSet<String>,
    known: BTreeSet<Vec<u8>>,
    forms: HashMap<[u8; KEY], Vec<Form>>,
    begins: HashMap<u8, [bool; 256]>,
}

struct Form {
    of: String,
    text: Vec<u8>,
}

impl Canaries {
    /// Adds a secret: its bytes as they are, not encoded.
    pub(crate) fn add(&mut self, name: &str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        assert!(secret.len() >= SHORTEST, "{name} is too short to be looked for");
        self.names.insert(name.to_owned());
        if !self.known.insert(secret.to_vec()) {
            return;
        }
        for (form, text) in forms(secret) {
            let form = Form { of: format!("{name}, {form}"), text };
            self.begins.entry(form.text[0]).or_insert([false; 256])[usize::from(form.text[1])] =
                true;
            self.forms.entry(form.text[..KEY].try_into().unwrap()).or_default().push(form);
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The secrets that stand in a text, with their forms. White space does not hide them.
    pub(crate) fn found(&self, text: &str) -> BTreeSet<String> {
        let bytes: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mut found = BTreeSet::new();
        for (at, window) in bytes.windows(KEY).enumerate() {
            if !self.begins.get(&window[0]).is_some_and(|seconds| seconds[usize::from(window[1])]) {
                continue;
            }
            let Some(forms) = self.forms.get(window) else { continue };
            found.extend(
                forms
                    .iter()
                    .filter(|form| bytes[at..].starts_with(&form.text))
                    .map(|form| form.of.clone()),
            );
        }
        found
    }
}

/// The forms of a secret, without white space: plain, hexadecimal, percent, as bytes that `Debug`
/// lists or escapes, base64, and base64 of that, up to three times: a request in a JWS in a JWS.
fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let each = |write: &dyn Fn(&u8) -> String, between: &str| {
        secret.iter().map(write).collect::<Vec<_>>().join(between).into_bytes()
    };
    let mut forms = vec![
        ("plain", secret.to_vec()),
        ("hexadecimal", each(&|byte| format!("{byte:02x}"), "")),
        ("HEXADECIMAL", each(&|byte| format!("{byte:02X}"), "")),
        ("hexadecimal with colons", each(&|byte| format!("{byte:02x}"), ":")),
        ("percent", each(&|byte| format!("%{byte:02x}"), "")),
        ("PERCENT", each(&|byte| format!("%{byte:02X}"), "")),
        ("escaped", each(&|byte| format!("\\x{byte:02x}"), "")),
        ("a list", each(&u8::to_string, ",")),
        ("a list in hexadecimal", each(&|byte| format!("{byte:x}"), ",")),
    ];
    let mut inner = vec![secret.to_vec()];
    for name in ["base64", "base64 twice", "base64 thrice"] {
        inner = inner.iter().flat_map(|bytes| cores(bytes)).collect();
        forms.extend(inner.iter().map(|core| (name, core.clone())));
    }
    forms
}

/// What base64 of whatever holds these bytes has in it, at each of the three alignments, in both
/// alphabets. Padding is not among it.
fn cores(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut cores = BTreeSet::new();
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode_to_string([&[0; 2][..before], bytes].concat());
        let core = &encoded[(before * 8).div_ceil(6)..(before + bytes.len()) * 8 / 6];
        cores.insert(core.to_owned().into_bytes());
        cores.insert(core.replace('+', "-").replace('/', "_").into_bytes());
    }
    cores.into_iter().collect()
}

#[test]
fn finds_a_secret_in_every_form_and_wherever_it_stands() {
    let secret = "canary?>~of-the-search";
    let mut canaries = Canaries::default();
    canaries.add("search", secret);
    for before in ["", "a", "ab", "abc"] {
        let text = format!("{before}{secret}z");
        let standard = base64_simd::STANDARD.encode_to_string(&text);
        for written in [
            text.clone(),
            standard.clone(),
            base64_simd::URL_SAFE.encode_to_string(&text),
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(&text),
            base64_simd::URL_SAFE_NO_PAD.encode_to_string(format!("{{\"a\":\"{standard}\"}}")),
            text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            text.bytes().map(|byte| format!("{byte:02X} ")).collect(),
            text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
            format!("{:?}", text.as_bytes()),
            format!("{:#?}", text.as_bytes()),
        ] {
            assert!(!canaries.found(&written).is_empty(), "{written}");
        }
    }
    assert!(canaries.found("canary?>~of-the-searcH").is_empty());
}
