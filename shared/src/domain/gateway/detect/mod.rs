//! What gives itself away in any text: addresses, card and account numbers, tokens. Each scanner
//! looks at each character a bounded number of times, so a hostile text costs no more than its
//! length.

use std::borrow::Cow;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that is found by its form.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// What looks like a JSON Web Token, signed or encrypted.
    Jwt,
    /// An e-mail address.
    Email,
    /// An account number (ISO 13616) whose check digits are right, with or without spaces.
    Iban,
    /// 13 to 19 digits whose check digit is right (ISO/IEC 7812), together or in groups with a
    /// space, a dash or a point between.
    CardNumber,
}

impl Detector {
    /// All of them, in the order in which they are applied: what may hold another comes first.
    pub const ALL: [Self; 4] = [Self::Jwt, Self::Email, Self::Iban, Self::CardNumber];

    /// What stands in the place of what was found.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Jwt => "[jwt]",
            Self::Email => "[email]",
            Self::Iban => "[iban]",
            Self::CardNumber => "[card_number]",
        }
    }

    /// `text` with labels in the place of what is found.
    #[must_use]
    pub fn mask(self, text: &str) -> Cow<'_, str> {
        let found = match self {
            Self::Jwt => tokens(text.as_bytes()),
            Self::Email => addresses(text),
            Self::Iban => account_numbers(text.as_bytes()),
            Self::CardNumber => card_numbers(text.as_bytes()),
        };
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for range in found {
            masked.push_str(text.get(end..range.start).unwrap_or_default());
            masked.push_str(self.label());
            end = range.end;
        }
        masked.push_str(text.get(end..).unwrap_or_default());
        Cow::Owned(masked)
    }
}

/// Two parts of base64url that begin with `{"`, and one or three more.
fn tokens(text: &[u8]) -> Vec<Range<usize>> {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-' || *b == b'_';
    let run = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|b| is_base64(b)).count()
    };
    let part = |end: usize| (text.get(end) == Some(&b'.')).then(|| run(end + 1));
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end = run(at);
        let candidate = text.get(at..end).unwrap_or_default();
        let start = candidate.windows(3).position(|window| window == b"eyJ");
        let second = start.and(part(end));
        let third = second.and_then(part);
        if let (Some(start), Some(third)) = (start, third) {
            let last = part(third).and_then(part).unwrap_or(third);
            found.push(at + start..last);
            at = last;
        } else {
            at = end + 1;
        }
    }
    found
}

/// `local@domain.tld`.
fn addresses(text: &str) -> Vec<Range<usize>> {
    let is_local = |c: char| c.is_alphanumeric() || "._%+-'".contains(c);
    let is_domain = |c: char| c.is_alphanumeric() || c == '.' || c == '-';
    let length = |chars: &mut dyn Iterator<Item = char>| chars.map(char::len_utf8).sum::<usize>();
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut done = 0;
    for (at, _) in text.match_indices('@') {
        let before = text.get(done..at).unwrap_or_default();
        let local = length(&mut before.chars().rev().take_while(|c| is_local(*c)));
        let after = text.get(at + 1..).unwrap_or_default();
        let domain = length(&mut after.chars().take_while(|c| is_domain(*c)));
        let domain = domain_length(after.get(..domain).unwrap_or_default());
        done = at + 1;
        if let Some(domain) = domain.filter(|_| local > 0) {
            done += domain;
            found.push(at - local..done);
        }
    }
    found
}

/// How much of `text` is a name with a top-level domain. What follows the letters of that is
/// another matter, such as a number without a space before it.
fn domain_length(text: &str) -> Option<usize> {
    let mut name = text;
    loop {
        let (rest, top) = name.rsplit_once('.')?;
        let letters = top.chars().take_while(|c| c.is_alphabetic());
        let (count, length) = letters.fold((0, 0), |(n, len), c| (n + 1, len + c.len_utf8()));
        let length = if top.starts_with("xn--") {
            top.trim_end_matches('-').len()
        } else {
            length
        };
        if count >= 2 && !rest.is_empty() {
            return Some(rest.len() + 1 + length);
        }
        name = rest;
    }
}

/// Country, check digits and up to 30 more characters; in one piece, or in groups of four. Searched
/// from the end, so that of several without anything between each ends where the next begins.
fn account_numbers(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut text = text;
    for at in (0..text.len()).rev() {
        // A number may stand before it without a space, a word not.
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        if before.is_some_and(u8::is_ascii_alphabetic) {
            continue;
        }
        if let Some(end) = account_number(text, at) {
            found.push(at..end);
            text = text.get(..at).unwrap_or_default();
        }
    }
    found.reverse();
    found
}

fn account_number(text: &[u8], start: usize) -> Option<usize> {
    let (country, check) = (text.get(start..start + 2)?, text.get(start + 2..start + 4)?);
    let is_head =
        country.iter().all(u8::is_ascii_alphabetic) && check.iter().all(u8::is_ascii_digit);
    if !is_head {
        return None;
    }
    let head = text.get(start..start + 4)?;
    let is_inside = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
    let mut found = None;
    let (mut at, mut count, mut rest) = (start + 4, 4, 0);
    let separator = |at: usize| separator_at(text, at).map(<[u8]>::len);
    let is_grouped = separator(at).is_some();
    while count <= 34 {
        let byte = text.get(at).copied().unwrap_or_default();
        if byte.is_ascii_alphanumeric() {
            rest = mod_97(rest, byte);
            count += 1;
            at += 1;
        } else {
            let ends_group = is_grouped && count % 4 == 0;
            let next = separator(at)
                .filter(|_| ends_group)
                .map(|length| at + length);
            let Some(next) = next.filter(|next| is_inside(*next)) else {
                break;
            };
            at = next;
        }
        let is_whole = (15..=34).contains(&count) && !is_inside(at);
        if is_whole && head.iter().fold(rest, |rest, byte| mod_97(rest, *byte)) == 1 {
            found = Some(at);
        }
    }
    found
}

/// What stands between groups, where people or programs have written a number in groups.
const SEPARATORS: [&str; 9] = [
    " ", "-", ".", "\u{a0}", "\u{2009}", "\u{2011}", "\u{2013}", "\u{2014}", "\u{202f}",
];

fn separator_at(text: &[u8], at: usize) -> Option<&'static [u8]> {
    let text = text.get(at..)?;
    let mut separators = SEPARATORS.iter().map(|separator| separator.as_bytes());
    separators.find(|separator| text.starts_with(separator))
}

fn is_separator(bytes: &[u8]) -> bool {
    separator_at(bytes, 0).is_some_and(|separator| separator == bytes)
}

fn mod_97(rest: u32, byte: u8) -> u32 {
    let value = char::from(byte).to_digit(36).unwrap_or_default();
    (rest * if value < 10 { 10 } else { 100 } + value) % 97
}

/// Runs of digits, and groups of them with the same separator between.
fn card_numbers(text: &[u8]) -> Vec<Range<usize>> {
    let runs = digit_runs(text);
    let mut found = Vec::new();
    let mut rest = runs.as_slice();
    while let Some((first, others)) = rest.split_first() {
        if let Some(count) = card_number(text, rest) {
            let last = rest.get(count - 1).unwrap_or(first);
            found.push(first.start..last.end);
            rest = rest.get(count..).unwrap_or_default();
        } else {
            rest = others;
        }
    }
    found
}

/// How many of the first `runs` are a card number together: as many as possible.
fn card_number(text: &[u8], runs: &[Range<usize>]) -> Option<usize> {
    let (mut digits, mut separator, mut found) = (Vec::with_capacity(19), None, None);
    let mut end = None;
    for (index, run) in runs.iter().enumerate() {
        if let Some(end) = end {
            let between = text.get(end..run.start)?;
            let is_same = separator.is_none_or(|known| known == between);
            if !is_separator(between) || !is_same {
                break;
            }
            separator = Some(between);
        }
        if digits.len() + run.len() > 19 {
            break;
        }
        digits.extend(text.get(run.clone())?);
        // A point between two groups makes a fraction of them.
        let is_fraction = index == 1 && separator == Some(b".");
        if digits.len() >= 13 && is_luhn(&digits) && !is_fraction {
            found = Some(index + 1);
        }
        // Cards are printed in groups of this size; other rows of numbers are no card.
        if !(3..=7).contains(&run.len()) {
            break;
        }
        end = Some(run.end);
    }
    found
}

fn digit_runs(text: &[u8]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let digits = text.iter().enumerate().filter(|(_, b)| b.is_ascii_digit());
    for (at, _) in digits {
        match runs.last_mut() {
            Some(run) if run.end == at => run.end += 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

/// ISO/IEC 7812-1 annex B.
pub(super) fn is_luhn(digits: &[u8]) -> bool {
    let values = digits.iter().rev().map(|digit| u32::from(digit & 0x0f));
    let sum: u32 = values
        .enumerate()
        .map(|(index, value)| match (index % 2, value * 2) {
            (0, _) => value,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests;
