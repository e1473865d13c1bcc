use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{Bytes, BytesMut};
use percent_encoding::{AsciiSet, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::place::RESERVED;
use crate::egress::OutboundRequest;
use crate::vault::CredentialSet;

/// What stands in a secret's place.
const BLOT: &str = "[redacted]";
/// As JavaScript's `encodeURIComponent` does it.
const COMPONENT: &AsciiSet = &RESERVED
    .remove(b'!')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*');

/// Blots credentials out of what comes back from a provider: an error that quotes the key, an echo.
///
/// Every field counts as secret, a user name too. Each value is looked for as it is, percent-encoded,
/// as a JSON text and as HTML write it, and inside of base64 (so in `Basic` credentials too),
/// wherever it stands. Bodies that are compressed are not looked into: they have to be unpacked before.
///
/// Values of less than 6 characters are not looked for. They are no secrets that could be kept, they
/// occur by chance in every answer, and a blot in so many places would tell what they are.
pub struct Redactor {
    forms: Vec<Zeroizing<String>>,
    /// Made when it is first needed: most answers are never looked at.
    search: OnceLock<Option<AhoCorasick>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    const MIN_CHARS: usize = 6;

    /// Blots out the values of `credentials`.
    #[must_use]
    pub fn new(credentials: &CredentialSet) -> Self {
        let redactor = Self {
            forms: Vec::new(),
            search: OnceLock::new(),
        };
        credentials.values().fold(redactor, Self::and)
    }

    /// Blots out `secret` too, such as a token that was obtained.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "what is to be found has to be known"
    )]
    pub fn and(self, secret: &SecretString) -> Self {
        self.and_text(secret.expose_secret())
    }

    /// Blots out the sensitive headers of a request too, and what follows the scheme in them.
    #[must_use]
    pub fn and_request(mut self, request: &OutboundRequest) -> Self {
        for value in request
            .headers
            .values()
            .filter(|value| value.is_sensitive())
        {
            let Ok(text) = value.to_str() else { continue };
            self = self.and_text(text);
            if let Some((_, credentials)) = text.split_once(' ') {
                self = self.and_text(credentials);
            }
        }
        self
    }

    fn and_text(mut self, text: &str) -> Self {
        let text = text.trim();
        if text.chars().count() >= Self::MIN_CHARS {
            for form in forms(text).map(Zeroizing::new) {
                if !self.forms.contains(&form) {
                    self.forms.push(form);
                }
            }
            self.search = OnceLock::new();
        }
        self
    }

    /// The text without secrets.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        let spans = self.spans(text.as_bytes());
        let mut blotted = String::with_capacity(text.len());
        let mut from = 0;
        for span in spans {
            blotted.push_str(text.get(from..span.start).unwrap_or_default());
            blotted.push_str(BLOT);
            from = span.end;
        }
        blotted.push_str(text.get(from..).unwrap_or_default());
        blotted
    }

    /// The bytes without secrets. What has none is not copied.
    #[must_use]
    pub fn bytes(&self, bytes: &Bytes) -> Bytes {
        let spans = self.spans(bytes);
        if spans.is_empty() {
            return bytes.clone();
        }
        let mut blotted = BytesMut::with_capacity(bytes.len());
        let mut from = 0;
        for span in spans {
            blotted.extend_from_slice(bytes.get(from..span.start).unwrap_or_default());
            blotted.extend_from_slice(BLOT.as_bytes());
            from = span.end;
        }
        blotted.extend_from_slice(bytes.get(from..).unwrap_or_default());
        blotted.freeze()
    }

    /// Where secrets are. One may stand in another, or overlap it: what touches is one span.
    fn spans(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let Some(search) = self.search.get_or_init(|| search(&self.forms)) else {
            return Vec::new();
        };
        let mut found: Vec<_> = search.find_overlapping_iter(bytes).collect();
        found.sort_unstable_by_key(aho_corasick::Match::start);
        let mut spans: Vec<Range<usize>> = Vec::new();
        for found in found {
            match spans.last_mut() {
                Some(last) if found.start() <= last.end => last.end = last.end.max(found.end()),
                _ => spans.push(found.range()),
            }
        }
        spans
    }
}

/// The kind that is made fastest: it is used for one answer.
fn search(forms: &[Zeroizing<String>]) -> Option<AhoCorasick> {
    if forms.is_empty() {
        return None;
    }
    AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::NoncontiguousNFA))
        .build(forms.iter().map(|form| form.as_bytes()))
        .ok()
}

/// How a text may be written.
fn forms(text: &str) -> impl Iterator<Item = String> {
    let percent = utf8_percent_encode(text, RESERVED).to_string();
    let json = serde_json::Value::from(text).to_string();
    let inner = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    let json = inner.unwrap_or(text).to_owned();
    let html = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let written = [
        text.to_owned(),
        with_small_digits(&percent),
        utf8_percent_encode(text, COMPONENT).to_string(),
        form_urlencoded::byte_serialize(text.as_bytes()).collect(),
        percent,
        json.replace('/', "\\/"),
        in_ascii(&json),
        json,
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html,
    ];
    written.into_iter().chain(in_base64(text))
}

/// `%C3%A4` as `%c3%a4`.
fn with_small_digits(percent: &str) -> String {
    let mut digits = 0;
    let lower = |c: char| {
        let small = if digits > 0 {
            c.to_ascii_lowercase()
        } else {
            c
        };
        digits = if c == '%' {
            2
        } else {
            digits - i32::from(digits > 0)
        };
        small
    };
    percent.chars().map(lower).collect()
}

/// As those write JSON who leave nothing but ASCII in it.
fn in_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            ascii.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii
}

/// The characters of base64 that depend on nothing but the text, at each of the three places in a
/// group where it may begin.
fn in_base64(text: &str) -> impl Iterator<Item = String> {
    [(0, 0), (1, 2), (2, 3)]
        .into_iter()
        .flat_map(|(before, shared)| {
            let mut bytes = Zeroizing::new(vec![0; before]);
            bytes.extend_from_slice(text.as_bytes());
            let whole = bytes.len() * 8 / 6;
            [
                STANDARD_NO_PAD.encode(&*bytes),
                URL_SAFE_NO_PAD.encode(&*bytes),
            ]
            .map(|base64| base64.get(shared..whole).unwrap_or_default().to_owned())
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &str = "s3cr+t/\"\u{e4}<&'!";

    fn redactor(values: &[&str]) -> Redactor {
        let values = values.iter().enumerate();
        let fields = values.map(|(at, value)| (at.to_string(), SecretString::from(*value)));
        Redactor::new(&fields.collect())
    }

    #[test]
    fn a_secret_is_blotted_out_however_it_is_written() {
        for written in [
            SECRET,
            "s3cr%2Bt%2F%22%C3%A4%3C%26%27%21",
            "s3cr%2bt%2f%22%c3%a4%3c%26%27%21",
            "s3cr%2Bt%2F%22%C3%A4%3C%26'!",
            "s3cr+t/\\\"\u{e4}<&'!",
            "s3cr+t\\/\\\"\u{e4}<&'!",
            "s3cr+t/\\\"\\u00e4<&'!",
            "s3cr+t/\"\u{e4}&lt;&amp;'!",
            "s3cr+t/&quot;\u{e4}&lt;&amp;&#39;!",
        ] {
            let text = format!("key {written}, not accepted");
            let blotted = redactor(&[SECRET]).text(&text);
            assert_eq!(blotted, "key [redacted], not accepted", "{written}");
        }
    }

    #[test]
    fn what_touches_is_one_blot_and_what_is_short_stays() {
        let redactor = redactor(&["abcdef", "defghi", "bcdefg", "short", ""]);
        assert_eq!(redactor.text("xabcdefghix short"), "x[redacted]x short");
        assert_eq!(redactor.text("abcdefabcdef"), "[redacted]");
        let plain = Bytes::from_static(b"nothing \xff here");
        assert_eq!(redactor.bytes(&plain).as_ptr(), plain.as_ptr());
        let mixed = Bytes::from_static(b"\xffabcdef\xff");
        assert_eq!(&redactor.bytes(&mixed)[..], b"\xff[redacted]\xff");
    }

    #[test]
    fn sensitive_headers_of_the_request_count_as_secret() {
        let url = "https://a.example/".parse().unwrap();
        let second = std::time::Duration::from_secs(1);
        let mut request = OutboundRequest::new(http::Method::GET, url, second);
        let value = super::super::fields::sensitive("Bearer the-token");
        let value = value.unwrap();
        request.headers.insert("authorization", value);
        let shown = http::HeaderValue::from_static("visible");
        request.headers.insert("x-shown", shown);
        let redactor = redactor(&[]).and_request(&request);
        assert_eq!(redactor.text("the-token visible"), "[redacted] visible");
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!("{:?}", redactor(&["canary"]));
        assert_eq!(shown, "Redactor { .. }");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn no_base64_holds_a_secret(
            secret in "[a-zA-Z0-9]{8,40}", before in ".{0,20}", after in ".{0,20}",
        ) {
            for engine in [&base64::engine::general_purpose::STANDARD, &URL_SAFE_NO_PAD] {
                let text = engine.encode(format!("{before}{secret}{after}"));
                let blotted = redactor(&[&secret]).text(&text);
                prop_assert!(blotted.contains(BLOT), "{blotted}");
                // What is left at both sides holds less than a byte of it.
                let left = blotted.len() - BLOT.len();
                prop_assert!(left <= text.len() - (secret.len() * 8 - 12).div_ceil(6));
            }
        }
    }
}
