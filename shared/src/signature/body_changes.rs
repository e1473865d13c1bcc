//! What proxies and frameworks do to bodies on their way, undone.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A body is not written out to more than this, in bytes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

type Candidate = (&'static str, Vec<u8>);

/// Bodies that may have become this one, each with what was done to it.
pub(super) fn undone(body: &[u8]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for (what, end) in [
        ("a line end was cut off", &b"\n"[..]),
        ("a line end was cut off", b"\r\n"),
        ("a space at the end was cut off", b" "),
    ] {
        found.push((what, [body, end].concat()));
    }
    if let Some(rest) = body.strip_suffix(b"\n") {
        let rest = rest.strip_suffix(b"\r").unwrap_or(rest);
        found.push(("a line end was appended", rest.to_vec()));
    }
    found.push(("it was padded with white space", body.trim_ascii().to_vec()));
    if let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        found.push(("a byte order mark was put before it", rest.to_vec()));
    }
    found.push((
        "its byte order mark was cut off",
        [b"\xef\xbb\xbf", body].concat(),
    ));
    let mut unpacked = Vec::new();
    let gzip = flate2::read::GzDecoder::new(body);
    if gzip
        .take(MAX_BYTES as u64)
        .read_to_end(&mut unpacked)
        .is_ok()
    {
        found.push(("it was compressed", unpacked));
    }
    if let Ok(decoded) = STANDARD.decode(body) {
        found.push(("it was encoded as base64", decoded));
    }
    if let Ok(text) = std::str::from_utf8(body) {
        of_text(text, &mut found);
    }
    found.retain(|(_, candidate)| candidate != body && candidate.len() <= MAX_BYTES);
    found
}

fn of_text(text: &str, found: &mut Vec<Candidate>) {
    let unix = text.replace("\r\n", "\n");
    found.push((
        "its line ends were changed",
        unix.replace('\n', "\r\n").into_bytes(),
    ));
    found.push(("its line ends were changed", unix.into_bytes()));
    let bytes: Option<Vec<u8>> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect();
    if let Some(bytes) = bytes {
        found.push(("it was read as Latin-1 and written as UTF-8", bytes));
    }
    if let Some(json) = Json::of(text) {
        let reserialised = "it was parsed and written anew, with other white space";
        let escaped = "it was parsed and written anew, with other escapes";
        for layout in [
            json.compact(),
            json.spaced(),
            json.indented(2),
            json.indented(4),
        ] {
            for (what, text) in [
                (reserialised, layout.clone()),
                (escaped, escape_non_ascii(&layout)),
                (escaped, layout.replace('/', "\\/")),
                (escaped, escape_non_ascii(&layout.replace('/', "\\/"))),
                (escaped, layout.replace("\\/", "/")),
                (escaped, unescape_non_ascii(&layout)),
            ] {
                found.push((what, text.into_bytes()));
            }
        }
        found.push((escaped, escape_non_ascii(text).into_bytes()));
        found.push((escaped, unescape_non_ascii(text).into_bytes()));
    } else if text.contains('=') {
        for (from, to) in [("%20", "+"), ("+", "%20")] {
            found.push((
                "its form was written anew",
                text.replace(from, to).into_bytes(),
            ));
        }
    }
}

/// A JSON text as its tokens, each as it was written. Members keep their order.
struct Json<'a>(Vec<&'a str>);

impl<'a> Json<'a> {
    fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        let mut tokens = Vec::new();
        let mut rest = text.trim_ascii();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => string_length(rest)?,
                '{' | '}' | '[' | ']' | ',' | ':' => 1,
                _ => rest
                    .find(['{', '}', '[', ']', ',', ':', ' ', '\t', '\n', '\r'])
                    .unwrap_or(rest.len()),
            };
            let (token, after) = rest.split_at_checked(length)?;
            tokens.push(token);
            rest = after.trim_ascii_start();
        }
        Some(Self(tokens))
    }

    fn compact(&self) -> String {
        self.0.concat()
    }

    /// As Python writes it by default.
    fn spaced(&self) -> String {
        let spaced = self.0.iter().map(|token| match *token {
            "," => ", ",
            ":" => ": ",
            other => other,
        });
        spaced.collect()
    }

    /// With a line for each member, as most languages write it on demand.
    fn indented(&self, width: usize) -> String {
        let mut text = String::new();
        let mut depth = 0_usize;
        let mut before = "";
        for token in &self.0 {
            let closes = matches!(*token, "}" | "]");
            let opened = matches!(before, "{" | "[");
            depth -= usize::from(closes && depth > 0);
            if (closes && !opened) || (!closes && opened) || before == "," {
                text.push('\n');
                text.extend(std::iter::repeat_n(' ', depth * width));
            }
            text.push_str(token);
            if *token == ":" {
                text.push(' ');
            }
            depth += usize::from(matches!(*token, "{" | "["));
            before = token;
        }
        text
    }
}

/// How long the string is that a text begins with, its quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

fn escape_non_ascii(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

/// `\u00e9` as the letter that it is. Escapes of ASCII stay.
fn unescape_non_ascii(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let digits = rest.strip_prefix("\\u").and_then(|after| after.get(..4));
        let code = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let (taken, unit) = match code.filter(|code| *code >= 0x80) {
            Some(code) => (6, Some(code)),
            // What is escaped by a backslash is no escape itself.
            None if rest.starts_with("\\\\") => (2, None),
            None => (character.len_utf8(), None),
        };
        let (written, after) = rest.split_at_checked(taken).unwrap_or((rest, ""));
        match unit {
            Some(unit) => units.push(unit),
            None => units.extend(written.encode_utf16()),
        }
        rest = after;
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_undone(original: &str, altered: &[u8], what: &str) {
        let found = undone(altered);
        let found = found.iter().find(|(_, body)| body == original.as_bytes());
        assert_eq!(found.map(|(what, _)| *what), Some(what), "{original:?}");
    }

    #[test]
    fn what_was_done_to_a_body_is_found() {
        is_undone("{}\n", b"{}", "a line end was cut off");
        is_undone("{}", b"{}\r\n", "a line end was appended");
        is_undone("{}", b" {} ", "it was padded with white space");
        is_undone("{}", b"e30=", "it was encoded as base64");
        is_undone("a\r\nb", b"a\nb", "its line ends were changed");
        is_undone("a=b+c", b"a=b%20c", "its form was written anew");
        let spaces = "it was parsed and written anew, with other white space";
        let compact = "{\"b\":[1.50,{}],\"a\":\"x: y, z\"}";
        is_undone(
            compact,
            b"{ \"b\": [1.50, {}], \"a\": \"x: y, z\" }",
            spaces,
        );
        is_undone(
            "{\"b\": [1.50, {}], \"a\": \"x: y, z\"}",
            compact.as_bytes(),
            spaces,
        );
        let indented = "{\n  \"b\": [\n    1.50,\n    {}\n  ],\n  \"a\": \"x: y, z\"\n}";
        is_undone(indented, compact.as_bytes(), spaces);
        let escapes = "it was parsed and written anew, with other escapes";
        is_undone(
            "{\"a\":\"caf\\u00e9 \\ud83d\\udcb3\"}",
            "{\"a\":\"café 💳\"}".as_bytes(),
            escapes,
        );
        is_undone(
            "{\"a\":\"café 💳\"}",
            b"{\"a\":\"caf\\u00e9 \\ud83d\\udcb3\"}",
            escapes,
        );
        is_undone("{\"a\":\"b\\/c\"}", b"{\"a\":\"b/c\"}", escapes);
        let latin = "it was read as Latin-1 and written as UTF-8";
        is_undone("café", "cafÃ©".as_bytes(), latin);
    }
}
