use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use super::{EgressError, OutboundRequest, Redirects};

/// What describes a body, and goes with it (RFC 9110 section 15.4).
const OF_THE_BODY: [HeaderName; 4] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LOCATION,
    header::CONTENT_TYPE,
];

/// Where an answer redirects a request, if it does and the request is to follow.
pub(super) fn target(
    request: &OutboundRequest,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<Url> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let mut target = request.url.join(location).ok()?;
    target.set_fragment(None);
    let follows = match request.redirects {
        Redirects::None => false,
        Redirects::SameOrigin(_) => request.url.origin() == target.origin(),
        Redirects::Follow(_) => true,
    };
    follows.then_some(target)
}

/// Turns a request into the one that follows a redirect.
///
/// What is left out at one hop stays out at the next, though it may lead back.
pub(super) fn follow(
    request: &mut OutboundRequest,
    target: Url,
    status: StatusCode,
) -> Result<(), EgressError> {
    if request.url.scheme() == "https" && target.scheme() != "https" {
        return Err(EgressError::ForbiddenUrl("a redirect must not leave https"));
    }
    if request.url.origin() != target.origin() {
        leave_credentials_behind(&mut request.headers);
        request.tls.client_identity = None;
    }
    let becomes_get = match status {
        StatusCode::SEE_OTHER => request.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        request.method = Method::GET;
        request.body = Bytes::new();
        for name in &OF_THE_BODY {
            request.headers.remove(name);
        }
    }
    request.url = target;
    Ok(())
}

fn leave_credentials_behind(headers: &mut HeaderMap) {
    let credentials: Vec<_> = headers
        .iter()
        .filter(|(_, value)| value.is_sensitive())
        .map(|(name, _)| name.clone())
        .chain([header::AUTHORIZATION, header::COOKIE])
        .collect();
    for name in credentials {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn request(method: Method, redirects: Redirects) -> OutboundRequest {
        let url = "https://a.example/path".parse().unwrap();
        let mut request = OutboundRequest::new(method, url, Duration::from_secs(1));
        request.redirects = redirects;
        request.body = Bytes::from_static(b"body");
        let media_type = HeaderValue::from_static("text/plain");
        request.headers.insert(header::CONTENT_TYPE, media_type);
        request
    }

    #[test]
    fn methods_change_as_the_standard_says() {
        let (get, head, post, put) = (Method::GET, Method::HEAD, Method::POST, Method::PUT);
        for (status, before, after) in [
            (301, &post, &get),
            (302, &post, &get),
            (303, &post, &get),
            (303, &put, &get),
            (303, &head, &head),
            (301, &put, &put),
            (302, &get, &get),
            (307, &post, &post),
            (308, &put, &put),
        ] {
            let mut request = request(before.clone(), Redirects::Follow(1));
            let status = StatusCode::from_u16(status).unwrap();
            let target = "https://a.example/next".parse().unwrap();
            follow(&mut request, target, status).unwrap();
            assert_eq!(&request.method, after, "{status} {before}");
            let keeps_body = before == after;
            assert_eq!(!request.body.is_empty(), keeps_body, "{status} {before}");
            let has_type = request.headers.contains_key(header::CONTENT_TYPE);
            assert_eq!(has_type, keeps_body, "{status} {before}");
        }
    }

    #[test]
    fn only_what_may_be_followed_is() {
        let [none, same, any] = [
            Redirects::None,
            Redirects::SameOrigin(1),
            Redirects::Follow(1),
        ];
        for (redirects, status, location, expected) in [
            (none, 302, "/b", None),
            (same, 302, "/b", Some("https://a.example/b")),
            (same, 302, "b#f", Some("https://a.example/b")),
            (
                same,
                302,
                "https://A.example:443/",
                Some("https://a.example/"),
            ),
            (same, 302, "https://a.example:8443/", None),
            (same, 302, "http://a.example/", None),
            (same, 302, "https://b.example/", None),
            (same, 302, "//b.example/", None),
            (any, 302, "//b.example/", Some("https://b.example/")),
            (any, 300, "/b", None),
            (any, 304, "/b", None),
            (any, 302, "https://[", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static(location));
            let status = StatusCode::from_u16(status).unwrap();
            let target = target(&request(Method::GET, redirects), status, &headers);
            assert_eq!(target.as_ref().map(Url::as_str), expected, "{location}");
        }
    }

    #[test]
    fn credentials_stay_with_their_origin() {
        for (target, stays) in [
            ("https://a.example/b", true),
            ("https://a.example:8443/b", false),
            ("https://b.example/path", false),
            ("https://a.example./path", false),
        ] {
            let mut request = request(Method::GET, Redirects::Follow(1));
            let mut key = HeaderValue::from_static("canary");
            request.headers.insert(header::AUTHORIZATION, key.clone());
            request.headers.insert(header::COOKIE, key.clone());
            key.set_sensitive(true);
            request.headers.insert("x-key", key);
            follow(&mut request, target.parse().unwrap(), StatusCode::FOUND).unwrap();
            for name in ["authorization", "cookie", "x-key"] {
                assert_eq!(request.headers.contains_key(name), stays, "{target} {name}");
            }
        }
    }

    #[test]
    fn a_redirect_does_not_leave_https() {
        let mut request = request(Method::GET, Redirects::Follow(1));
        let target = "http://a.example/".parse().unwrap();
        let left = follow(&mut request, target, StatusCode::FOUND);
        assert!(matches!(left, Err(EgressError::ForbiddenUrl(_))));
        assert_eq!(request.url.scheme(), "https");
    }
}
