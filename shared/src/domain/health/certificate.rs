//! When a certificate is valid (RFC 5280 section 4.1.2.5). It has been verified before, by the TLS
//! library; here only its two instants are looked up.

use crate::domain::Timestamp;

const SEQUENCE: u8 = 0x30;
/// The version, if it is written: `[0] EXPLICIT`.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The instants between which a certificate (X.509, DER) is valid. None, if it is none.
#[must_use]
pub fn validity(certificate: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let (certificate, _) = element(certificate, SEQUENCE)?;
    let (mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        fields = skip(fields)?;
    }
    // The serial number, the signature's algorithm, the issuer.
    for _ in 0..3 {
        fields = skip(fields)?;
    }
    let (validity, _) = element(fields, SEQUENCE)?;
    let (not_before, rest) = instant(validity)?;
    let (not_after, _) = instant(rest)?;
    Some((not_before, not_after))
}

/// The contents of the element that begins here, and what follows it, if it has this tag.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = any(der)?;
    (found == tag).then_some((contents, rest))
}

fn skip(der: &[u8]) -> Option<&[u8]> {
    let (_, _, rest) = any(der)?;
    Some(rest)
}

/// Tag, contents and what follows (ITU-T X.690 section 8.1, one byte of tag).
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let bytes = rest.get(..usize::from(first & 0x7f))?;
        // No certificate is longer than four bytes can say.
        if bytes.is_empty() || bytes.len() > 4 {
            return None;
        }
        rest = rest.get(bytes.len()..)?;
        bytes
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte))
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// `YYMMDDHHMMSSZ` of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn instant(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (tag, contents, rest) = any(der)?;
    let text = std::str::from_utf8(contents).ok()?;
    let full = match tag {
        UTC_TIME => {
            let year: u8 = text.get(..2)?.parse().ok()?;
            let century = if year < 50 { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    if full.len() != 15 {
        return None;
    }
    let digits = full.strip_suffix('Z')?;
    let part = |from: usize, to: usize| digits.get(from..to);
    let written = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?
    );
    Some((written.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(before: i32, after: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["example.com".to_owned()]).unwrap();
        params.not_before = date_time_ymd(before, 1, 2);
        params.not_after = date_time_ymd(after, 11, 30);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_instants_are_found_in_either_writing() {
        for (before, after) in [(1999, 2026), (2024, 2049), (2024, 2055)] {
            let (not_before, not_after) = validity(&certificate(before, after)).unwrap();
            assert_eq!(
                not_before.to_string(),
                format!("{before}-01-02T00:00:00.000Z")
            );
            assert_eq!(
                not_after.to_string(),
                format!("{after}-11-30T00:00:00.000Z")
            );
        }
    }

    #[test]
    fn what_is_no_certificate_has_none() {
        let whole = certificate(2024, 2026);
        for end in 0..whole.len().min(200) {
            assert_eq!(validity(&whole[..end]), None, "{end}");
        }
        for place in 0..whole.len().min(120) {
            let mut changed = whole.clone();
            changed[place] ^= 0xff;
            // Whatever it says, nothing breaks.
            let _ = validity(&changed);
        }
        assert_eq!(validity(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(validity(&[0x30, 0x80]), None);
    }
}
