//! As much of the Basic Encoding Rules (ITU-T X.690) as LDAP uses (RFC 4511 section 5.1): definite
//! lengths, and tags of one byte.

use super::DirectoryError;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// A value with its tag and length.
pub(super) fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 10);
    bytes.push(tag);
    match u8::try_from(content.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            let length = content.len().to_be_bytes();
            let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            bytes.push(0x80 | u8::try_from(length.len()).unwrap_or_default());
            bytes.extend(length);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// A number that is not negative.
pub(super) fn number(tag: u8, value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let mut content: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
    // The first bit is the sign.
    if content.first().is_none_or(|first| *first >= 0x80) {
        content.insert(0, 0);
    }
    tagged(tag, &content)
}

/// Reads values one after the other. Nothing of what comes is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next value, with its tag.
    pub(super) fn next(&mut self) -> Result<(u8, &'a [u8]), DirectoryError> {
        let (tag, rest) = self.0.split_first().ok_or(SHORT)?;
        let (first, rest) = rest.split_first().ok_or(SHORT)?;
        let (length, rest) = match length_of(*first)? {
            Length::Short(length) => (length, rest),
            Length::Long(count) => {
                let (length, rest) = rest.split_at_checked(count).ok_or(SHORT)?;
                (long_length(length), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok((*tag, content))
    }

    /// The next value, which has to have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], DirectoryError> {
        match self.next()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(DirectoryError::Protocol("a value is of another kind")),
        }
    }

    /// The next value as a number that is not negative.
    pub(super) fn expect_number(&mut self, tag: u8) -> Result<u32, DirectoryError> {
        let content = self.expect(tag)?;
        let is_number = (1..=5).contains(&content.len()) && content.first() < Some(&0x80);
        if !is_number || (content.len() == 5 && content.first() != Some(&0)) {
            return Err(DirectoryError::Protocol("a number is out of range"));
        }
        Ok(content
            .iter()
            .fold(0, |all, byte| all << 8 | u32::from(*byte)))
    }
}

const SHORT: DirectoryError = DirectoryError::Protocol("a message is too short");

/// What the first byte of a length says.
pub(super) enum Length {
    Short(usize),
    /// So many bytes follow.
    Long(usize),
}

pub(super) fn length_of(first: u8) -> Result<Length, DirectoryError> {
    match first {
        0..=0x7f => Ok(Length::Short(first.into())),
        0x81..=0x84 => Ok(Length::Long((first & 0x7f).into())),
        _ => Err(DirectoryError::Protocol("a length is of another form")),
    }
}

pub(super) fn long_length(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |all, byte| all << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let bytes = tagged(OCTET_STRING, &content);
            let mut reader = Reader(&bytes);
            assert_eq!(reader.expect(OCTET_STRING).unwrap(), content);
            assert!(reader.is_empty());
        }
        for value in [0, 1, 127, 128, 255, 256, 0x7fff_ffff, u32::MAX] {
            let bytes = number(INTEGER, value);
            assert_eq!(Reader(&bytes).expect_number(INTEGER).unwrap(), value);
        }
        // X.690 section 8.3.2: in as few bytes as it can be.
        assert_eq!(number(INTEGER, 128), [2, 2, 0, 128]);
    }

    #[test]
    fn what_is_not_whole_or_of_another_form_is_refused() {
        for bytes in [
            [].as_slice(),
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[4, 0x82, 1],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 7],
        ] {
            assert!(Reader(bytes).next().is_err(), "{bytes:?}");
        }
        for bytes in [
            [2, 0].as_slice(),
            &[2, 1, 0x80],
            &[2, 5, 1, 0, 0, 0, 0],
            &[4, 1, 1],
        ] {
            assert!(Reader(bytes).expect_number(INTEGER).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_ends_the_reader_otherwise_than_with_an_error(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.next().is_ok() {}
            let _ = Reader(&bytes).expect_number(INTEGER);
        }
    }
}
