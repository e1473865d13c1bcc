//! Answers that are compressed though that was not asked for: some servers always do it, and
//! objects in a storage may be kept so.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderName, header};

use crate::egress::OutboundResponse;

/// An answer is packed in a way that is not undone here, so it cannot be searched for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed;

/// Unpacks an answer's body, up to `limit` bytes: what is longer counts as truncated, so that an
/// answer that grows by a factor of 1,000 takes no more memory than any other.
pub(super) fn unpack(response: &mut OutboundResponse, limit: usize) -> Result<(), Packed> {
    if response.body.is_empty() || response.truncated {
        return Ok(());
    }
    let transfer = codings(&response.headers, &header::TRANSFER_ENCODING);
    if transfer.iter().any(|coding| coding != "chunked") {
        return Err(Packed);
    }
    let content = codings(&response.headers, &header::CONTENT_ENCODING);
    let packed: &[u8] = &response.body;
    let body = match content.as_slice() {
        [] => return Ok(()),
        [coding] if coding == "gzip" || coding == "x-gzip" => {
            beginning(MultiGzDecoder::new(packed), limit)?
        }
        [coding] if coding == "deflate" => beginning(ZlibDecoder::new(packed), limit)?,
        _ => return Err(Packed),
    };
    response.truncated = body.len() > limit;
    response.body = Bytes::from(body);
    response.body.truncate(limit);
    response.headers.remove(header::CONTENT_ENCODING);
    Ok(())
}

/// One byte more than `limit` at most.
fn beginning(unpacked: impl Read, limit: usize) -> Result<Vec<u8>, Packed> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut body = Vec::new();
    match unpacked.take(most).read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(_) => Err(Packed),
    }
}

/// What a header of codings names, in small letters, but for what changes nothing.
fn codings(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values
        // What cannot be read is no coding that is known.
        .flat_map(|value| value.to_str().unwrap_or("?").split(','))
        .map(|coding| coding.trim().to_ascii_lowercase())
        .filter(|coding| !coding.is_empty() && coding != "identity")
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn answer(name: &'static str, coding: &'static str, body: Vec<u8>) -> OutboundResponse {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_static(coding));
        OutboundResponse {
            status: StatusCode::OK,
            headers,
            body: body.into(),
            truncated: false,
            duration: Duration::ZERO,
        }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for (coding, body) in [
            ("gzip", gzip(b"hello")),
            ("X-GZIP", gzip(b"hello")),
            ("identity, gzip", gzip(b"hello")),
            ("gzip", [gzip(b"hel"), gzip(b"lo")].concat()),
            ("deflate", deflate(b"hello")),
            ("identity", b"hello".to_vec()),
            ("", b"hello".to_vec()),
        ] {
            let mut response = answer("content-encoding", coding, body);
            unpack(&mut response, 5).unwrap();
            assert_eq!(
                (&*response.body, response.truncated),
                (&b"hello"[..], false)
            );
            let named = response.headers.get("content-encoding");
            let named = named.map(|value| value.to_str().unwrap());
            assert!(
                !named.is_some_and(|named| named.contains("gzip")),
                "{coding}"
            );
        }
    }

    #[test]
    fn what_grows_beyond_the_limit_is_cut_off() {
        let bomb = gzip(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        let mut response = answer("content-encoding", "gzip", bomb);
        unpack(&mut response, 100_000).unwrap();
        assert_eq!((response.body.len(), response.truncated), (100_000, true));
    }

    #[test]
    fn what_cannot_be_unpacked_is_told() {
        let half = |mut body: Vec<u8>| {
            body.truncate(body.len() / 2);
            body
        };
        for (name, coding, body) in [
            ("content-encoding", "br", b"x".to_vec()),
            ("content-encoding", "zstd", b"x".to_vec()),
            ("content-encoding", "gzip, gzip", gzip(&gzip(b"hello"))),
            ("content-encoding", "gzip", b"hello".to_vec()),
            ("content-encoding", "gzip", half(gzip(b"hello"))),
            ("content-encoding", "deflate", b"hello".to_vec()),
            ("transfer-encoding", "gzip, chunked", gzip(b"hello")),
        ] {
            let mut response = answer(name, coding, body);
            assert_eq!(unpack(&mut response, 100), Err(Packed), "{coding}");
        }
    }

    #[test]
    fn what_has_no_body_is_left_as_it_is() {
        let mut response = answer("content-encoding", "br", Vec::new());
        unpack(&mut response, 100).unwrap();
        assert_eq!(response.headers["content-encoding"], "br");
    }
}
