//! Undoes escapes while it remembers where they stand.

use std::collections::VecDeque;

/// The longest escape has so many bytes after its first: a pair of surrogates in JSON.
const LOOKAHEAD: usize = 11;

/// One byte of a text, and where that stands which it is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) byte: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A text as it stands.
pub(super) fn units(text: &[u8]) -> impl Iterator<Item = Unit> {
    text.iter().enumerate().map(|(start, byte)| Unit {
        byte: *byte,
        start,
        end: start + 1,
    })
}

/// The text without one level of escapes: of percent-encoding, of JSON, of HTML, in any mixture.
///
/// Reads each unit once, and keeps a dozen of them.
#[derive(Debug)]
pub(super) struct Unescaped<I> {
    escaped: I,
    ahead: VecDeque<Unit>,
    /// What an escape stands for, as far as it is not given yet.
    meant: VecDeque<Unit>,
    has_undone: bool,
}

impl<I: Iterator<Item = Unit>> Unescaped<I> {
    pub(super) fn new(escaped: I) -> Self {
        Self {
            escaped,
            ahead: VecDeque::with_capacity(LOOKAHEAD),
            meant: VecDeque::with_capacity(4),
            has_undone: false,
        }
    }

    /// Whether there was an escape in what was read.
    pub(super) fn has_undone(&self) -> bool {
        self.has_undone
    }

    /// What comes next, without taking it. Zeros follow the end: no escape has one.
    fn look_ahead(&mut self) -> [u8; LOOKAHEAD] {
        while self.ahead.len() < LOOKAHEAD
            && let Some(unit) = self.escaped.next()
        {
            self.ahead.push_back(unit);
        }
        let mut bytes = [0; LOOKAHEAD];
        for (byte, unit) in bytes.iter_mut().zip(&self.ahead) {
            *byte = unit.byte;
        }
        bytes
    }
}

impl<I: Iterator<Item = Unit>> Iterator for Unescaped<I> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        if let Some(unit) = self.meant.pop_front() {
            return Some(unit);
        }
        let first = self.ahead.pop_front().or_else(|| self.escaped.next())?;
        if !begins_escape(first.byte) {
            return Some(first);
        }
        let rest = self.look_ahead();
        let Some((meant, length)) = escape(first.byte, &rest) else {
            return Some(first);
        };
        self.has_undone = true;
        let last = self.ahead.drain(..length.min(self.ahead.len())).next_back();
        let unit = |byte| Unit {
            byte,
            start: first.start,
            end: last.map_or(first.end, |last| last.end),
        };
        match meant {
            Meant::Byte(byte) => self.meant.push_back(unit(byte)),
            Meant::Char(c) => {
                let mut bytes = [0; 4];
                let bytes = c.encode_utf8(&mut bytes).bytes();
                self.meant.extend(bytes.map(unit));
            }
        }
        self.meant.pop_front()
    }
}

/// Whether an escape may begin with this byte.
pub(super) fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&')
}

enum Meant {
    Byte(u8),
    Char(char),
}

/// What the escape that begins here stands for, and how many bytes it has after its first.
fn escape(first: u8, rest: &[u8]) -> Option<(Meant, usize)> {
    match first {
        b'%' => match rest {
            [high, low, ..] => Some((Meant::Byte(hex_byte(*high, *low)?), 2)),
            _ => None,
        },
        b'\\' => in_json(rest).map(|(c, length)| (Meant::Char(c), length)),
        b'&' => {
            let length = rest.iter().position(|byte| *byte == b';')?;
            let c = entity(rest.get(..length)?)?;
            Some((Meant::Char(c), length + 1))
        }
        _ => None,
    }
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// RFC 8259 section 7, and the apostrophe of JavaScript.
fn in_json(rest: &[u8]) -> Option<(char, usize)> {
    let c = match rest.first()? {
        b'u' => return in_utf16(rest),
        c @ (b'"' | b'\'' | b'\\' | b'/') => char::from(*c),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => return None,
    };
    Some((c, 1))
}

fn in_utf16(rest: &[u8]) -> Option<(char, usize)> {
    let unit = |digits: &[u8]| match digits {
        [b'u', a, b, c, d, ..] => Some(u16::from_be_bytes([hex_byte(*a, *b)?, hex_byte(*c, *d)?])),
        _ => None,
    };
    let first = unit(rest)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Some((c, 5));
    }
    let second = unit(rest.get(5..)?.strip_prefix(b"\\")?)?;
    let c = char::decode_utf16([first, second]).next()?.ok()?;
    Some((c, 11))
}

fn entity(name: &[u8]) -> Option<char> {
    let number = |digits: &[u8], radix| {
        let digits = std::str::from_utf8(digits).ok()?;
        u32::from_str_radix(digits, radix)
            .ok()
            .and_then(char::from_u32)
    };
    match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unescaped(text: &str) -> String {
        let bytes = Unescaped::new(units(text.as_bytes())).map(|unit| unit.byte);
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn every_escape_is_undone() {
        for (escaped, meant) in [
            ("%2B%2b%c3%A4", "++\u{e4}"),
            (r#"\"\\\/\b\f\n\r\t\'"#, "\"\\/\u{8}\u{c}\n\r\t'"),
            (r"\u002B\u002b\u00E4\u20ac", "++\u{e4}\u{20ac}"),
            (r"\ud83d\uDE00", "\u{1f600}"),
            ("&amp;&lt;&gt;&quot;&apos;", "&<>\"'"),
            ("&#43;&#043;&#x2b;&#X2B;&#x10FFFF;", "++++\u{10ffff}"),
            (r"\u002525%252B&amp;lt;\\n", r"%25%2B&lt;\n"),
        ] {
            assert_eq!(unescaped(escaped), meant, "{escaped}");
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "",
            "100%",
            "%4",
            "%zz %+1",
            r"\",
            r"\x \u12 \u00g0",
            r"\ud83d \ude00 \ud83d\ud83d",
            "&",
            "&; &#; &#x; &#xd800; &#99999999; &unknown; &amp",
        ] {
            assert_eq!(unescaped(text), text);
        }
    }

    #[test]
    fn where_an_escape_stands_is_remembered_through_two_levels() {
        let text = b"a%2541&amp;lt;\\u00e4";
        let once = Unescaped::new(units(text));
        let twice: Vec<_> = Unescaped::new(once)
            .map(|unit| (unit.byte, unit.start..unit.end))
            .collect();
        let expected = [
            (b'a', 0..1),
            (b'A', 1..6),
            (b'<', 6..14),
            (0xc3, 14..20),
            (0xa4, 14..20),
        ];
        assert_eq!(twice, expected);
    }

    #[test]
    fn nothing_is_read_twice_and_little_is_kept() {
        for text in ["%", "\\u00", "&#", "&", "\\ud83d", "%25", "a"] {
            let text = text.repeat(10_000);
            let mut read = 0;
            let counted = units(text.as_bytes()).inspect(|_| read += 1);
            let mut once = Unescaped::new(counted);
            let mut kept = 0;
            while once.next().is_some() {
                kept = kept.max(once.ahead.capacity() + once.meant.capacity());
            }
            drop(once);
            assert_eq!(read, text.len());
            assert!(kept <= 4 * LOOKAHEAD, "{kept}");
        }
    }
}
