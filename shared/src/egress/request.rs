use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use super::TlsSettings;

/// Headers that belong to the connection, not to the caller. Those that `Connection` names are, too.
const OF_THE_CONNECTION: [HeaderName; 11] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Whether a redirect is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// It is the answer.
    #[default]
    None,
    /// Up to so many, within the origin (scheme, host and port). One that leads out is the answer.
    SameOrigin(u8),
    /// Up to so many. Across origins, headers that are marked sensitive are left out; the body of
    /// a request that is repeated (307, 308) is not, so one that holds a secret must not use this.
    /// The client identity is left out too; pins stay, so that only what they hold for is called.
    Follow(u8),
}

impl Redirects {
    pub(super) fn limit(self) -> u8 {
        match self {
            Self::None => 0,
            Self::SameOrigin(limit) | Self::Follow(limit) => limit,
        }
    }
}

/// A request.
#[derive(Clone)]
pub struct OutboundRequest {
    /// The method.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// Headers. Credentials are to be marked sensitive; those of the connection are left out.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// For everything, from the look-up of the name to the last byte of the answer.
    pub timeout: Duration,
    /// More of the answer's body is not read.
    pub max_response_bytes: usize,
    /// Whether redirects are followed.
    pub redirects: Redirects,
    /// What is asked of TLS. Has no meaning for `http`.
    pub tls: TlsSettings,
}

impl OutboundRequest {
    /// A request without headers and body that follows no redirect and reads up to 1 MiB.
    #[must_use]
    pub fn new(method: Method, url: Url, timeout: Duration) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout,
            max_response_bytes: 1024 * 1024,
            redirects: Redirects::None,
            tls: TlsSettings::default(),
        }
    }
}

impl fmt::Debug for OutboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundRequest")
            .field("method", &self.method)
            .field("url", &redact_url(&self.url))
            .field("headers", &names(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("timeout", &self.timeout)
            .field("max_response_bytes", &self.max_response_bytes)
            .field("redirects", &self.redirects)
            .field("tls", &self.tls)
            .finish()
    }
}

/// An answer.
#[derive(Clone)]
pub struct OutboundResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's beginning, as it was sent: nothing is decompressed.
    pub body: Bytes,
    /// Whether the body is longer.
    pub truncated: bool,
    /// From the look-up of the name to the last byte that was read, redirects included.
    pub duration: Duration,
}

impl fmt::Debug for OutboundResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundResponse")
            .field("status", &self.status)
            .field("headers", &names(&self.headers))
            .field("body_bytes", &self.body.len())
            .field("truncated", &self.truncated)
            .field("duration", &self.duration)
            .finish()
    }
}

/// A URL for logs: scheme, host, port and path. Queries and user information hold credentials.
#[must_use]
pub fn redact_url(url: &Url) -> String {
    let Some(host) = url.host_str() else {
        // What has no host is content (`data:`) or a place on this machine (`file:`).
        return format!("{}:", url.scheme());
    };
    let (scheme, path) = (url.scheme(), url.path());
    match url.port() {
        Some(port) => format!("{scheme}://{host}:{port}{path}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

/// The caller's headers without those that decide how the message is framed and where it goes.
pub(super) fn without_connection_headers(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_CONNECTION.iter().chain(&named) {
        headers.remove(name);
    }
    headers
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    headers.keys().map(HeaderName::as_str).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_redacted_url_has_no_query_and_no_user_information() {
        for (url, redacted) in [
            (
                "https://u:canary@example.com/a/b?k=canary#canary",
                "https://example.com/a/b",
            ),
            (
                "https://canary@example.com:8443?canary",
                "https://example.com:8443/",
            ),
            ("http://[::1]:80/x", "http://[::1]/x"),
            ("data:text/plain,canary", "data:"),
            ("file:///canary", "file:"),
        ] {
            assert_eq!(redact_url(&url.parse().unwrap()), redacted);
        }
    }

    #[test]
    fn debug_output_has_no_values() {
        let url = "https://canary@example.com/?canary".parse().unwrap();
        let mut request = OutboundRequest::new(Method::POST, url, Duration::from_secs(1));
        let value = HeaderValue::from_static("canary");
        request.headers.insert("x-key", value);
        request.body = Bytes::from_static(b"canary");
        let response = OutboundResponse {
            status: StatusCode::OK,
            headers: request.headers.clone(),
            body: request.body.clone(),
            truncated: false,
            duration: Duration::ZERO,
        };
        let text = format!("{request:?} {response:?}");
        assert!(text.contains("x-key") && !text.contains("canary"), "{text}");
    }

    #[test]
    fn headers_of_the_connection_are_left_out() {
        let mut headers = HeaderMap::new();
        for name in OF_THE_CONNECTION {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        let named = HeaderValue::from_static("close, X-Hop");
        headers.append(header::CONNECTION, named);
        headers.insert("x-hop", HeaderValue::from_static("x"));
        headers.insert("x-end", HeaderValue::from_static("x"));
        assert_eq!(names(&without_connection_headers(headers)), ["x-end"]);
    }
}
