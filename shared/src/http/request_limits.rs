//! How large the head of a request may be. API Gateway takes 10,240 bytes of request line and
//! headers together; what comes another way meets these.

use axum::extract::Request;
use http::HeaderMap;

use crate::domain::Error;

/// Of path and query together.
const MAX_URL_BYTES: usize = 8 * 1024;
const MAX_HEADERS: usize = 100;
/// Of all names and values together.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// # Errors
///
/// [`Error::UrlTooLong`] and [`Error::HeadersTooLarge`].
pub(super) fn check(request: &Request) -> Result<(), Error> {
    let url = request.uri().path_and_query();
    if url.is_some_and(|url| url.as_str().len() > MAX_URL_BYTES) {
        return Err(Error::UrlTooLong {
            limit_bytes: MAX_URL_BYTES as u64,
        });
    }
    let headers = request.headers();
    if headers.len() > MAX_HEADERS || bytes_of(headers) > MAX_HEADER_BYTES {
        return Err(Error::HeadersTooLarge {
            limit: MAX_HEADERS as u64,
            limit_bytes: MAX_HEADER_BYTES as u64,
        });
    }
    Ok(())
}

fn bytes_of(headers: &HeaderMap) -> usize {
    let sizes = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len());
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::HeaderValue;

    use super::*;

    fn with_headers(count: usize, value_bytes: usize) -> Request {
        let mut request = Request::new(Body::empty());
        let value = HeaderValue::from_str(&"v".repeat(value_bytes)).unwrap();
        for _ in 0..count {
            request.headers_mut().append("x", value.clone());
        }
        request
    }

    #[test]
    fn a_url_has_at_most_8_kib() {
        for (bytes, is_taken) in [(MAX_URL_BYTES, true), (MAX_URL_BYTES + 1, false)] {
            let path = format!("/{}?q", "a".repeat(bytes - 3));
            let request = Request::get(path).body(Body::empty()).unwrap();
            let checked = check(&request);
            assert_eq!(checked.is_ok(), is_taken, "{bytes}");
            assert!(is_taken || matches!(checked, Err(Error::UrlTooLong { .. })));
        }
    }

    #[test]
    fn headers_are_at_most_100_and_16_kib() {
        for (count, value_bytes, is_taken) in [
            (MAX_HEADERS, 1, true),
            (MAX_HEADERS + 1, 1, false),
            (1, MAX_HEADER_BYTES - 1, true),
            (1, MAX_HEADER_BYTES, false),
            (64, MAX_HEADER_BYTES / 64, false),
        ] {
            let checked = check(&with_headers(count, value_bytes));
            assert_eq!(checked.is_ok(), is_taken, "{count} of {value_bytes}");
            assert!(is_taken || matches!(checked, Err(Error::HeadersTooLarge { .. })));
        }
    }
}
