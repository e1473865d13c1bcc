//! Until when certificates are valid.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::domain::Timestamp;

/// Tags of X.690 section 8.1.2 and X.680 section 8.6, as they stand in a certificate.
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When the first certificate in `pem` that ends ends, of all those that are in it. None, if there
/// is none, or one cannot be read: half a chain says nothing of the whole.
#[must_use]
pub fn chain_ends_at(pem: &str) -> Option<Timestamp> {
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes());
    let ends: Option<Vec<_>> = chain
        .map(|certificate| certificate_ends_at(&certificate.ok()?))
        .collect();
    ends?.into_iter().min()
}

/// When a certificate (RFC 5280 section 4.1, as DER) ends: its `notAfter`. Nothing of it is verified.
#[must_use]
pub fn certificate_ends_at(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    let rest = match signed.first()? {
        &VERSION => any(signed)?.2,
        _ => signed,
    };
    // The serial number, the algorithm, the issuer.
    let rest = any(rest)?.2;
    let rest = any(rest)?.2;
    let rest = any(rest)?.2;
    let (validity, _) = element(rest, SEQUENCE)?;
    let not_before = any(validity)?.2;
    let (tag, not_after, _) = any(not_before)?;
    instant(tag, not_after)
}

/// What an element with this tag holds, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == tag).then_some((content, rest))
}

/// An element: its tag, its content, and what follows it. Lengths have one form in DER (X.690
/// section 10.1), of which this reads up to four bytes.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = match first {
        0..=0x7f => (usize::from(first), der),
        0x81..=0x84 => {
            let (bytes, der) = der.split_at_checked(usize::from(first & 0x7f))?;
            let length = bytes
                .iter()
                .fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
            (length, der)
        }
        _ => return None,
    };
    let (content, rest) = der.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A time of a certificate: always in UTC, with seconds, without fractions (RFC 5280 section
/// 4.1.2.5). Of two digits of a year, those from 50 on are of the last century.
fn instant(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = text.split_at_checked(2)?;
            let century = if year < "50" { "20" } else { "19" };
            (format!("{century}{year}"), rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    let part = |from: usize| rest.get(from..from + 2);
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let written = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    written.parse().ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(year: i32) -> (Vec<u8>, String) {
        let mut params = CertificateParams::new(vec!["client".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 2, 28);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.der().to_vec(), certificate.pem())
    }

    fn end(year: i32) -> Option<Timestamp> {
        Some(format!("{year}-02-28T00:00:00Z").parse().unwrap())
    }

    #[test]
    fn both_forms_of_a_year_are_read() {
        // Up to 2049 with two digits, later with four.
        for year in [1999, 2026, 2049, 2050, 2999] {
            assert_eq!(certificate_ends_at(&certificate(year).0), end(year));
        }
    }

    #[test]
    fn a_chain_ends_with_the_first_of_it() {
        let (one, other) = (certificate(2031).1, certificate(2030).1);
        assert_eq!(chain_ends_at(&format!("{one}{other}")), end(2030));
        assert_eq!(chain_ends_at(&one), end(2031));
        let broken = "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n";
        assert_eq!(chain_ends_at(&format!("{one}{broken}")), None);
        assert_eq!(chain_ends_at(broken), None);
        assert_eq!(chain_ends_at("canary"), None);
        assert_eq!(chain_ends_at(""), None);
    }

    #[test]
    fn no_text_is_read_beyond_its_end() {
        let whole = certificate(2026).0;
        for length in 0..whole.len() {
            assert_eq!(certificate_ends_at(&whole[..length]), None, "{length}");
        }
        // A byte that is another byte makes it another text, and never a panic.
        for at in 0..whole.len().min(200) {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut text = whole.clone();
                text[at] = byte;
                let _ = certificate_ends_at(&text);
            }
        }
    }

    #[test]
    fn a_time_that_is_none_is_none() {
        for (tag, text) in [
            (UTC_TIME, "260228000000"),
            (UTC_TIME, "2602280000Z"),
            (UTC_TIME, "260230000000Z"),
            (UTC_TIME, "26022800000é"),
            (UTC_TIME, "20260228000000Z"),
            (GENERALIZED_TIME, "260228000000Z"),
            (GENERALIZED_TIME, "20260228000000+0100"),
            (0x02, "260228000000Z"),
        ] {
            assert_eq!(instant(tag, text.as_bytes()), None, "{text}");
        }
        let read = instant(UTC_TIME, b"500101000000Z").unwrap().to_string();
        assert_eq!(read, "1950-01-01T00:00:00.000Z");
    }
}
