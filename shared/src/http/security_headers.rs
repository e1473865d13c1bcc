//! The headers that every answer carries.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What every answer has, unless its handler has set it: a page has a content security policy of
/// its own.
const DEFAULTS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    // No answer of the API is a document: should a browser show one as such, it does nothing.
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    // Whoever may read answers from another origin is told by CORS, which this does not concern.
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // For browsers that do not know `frame-ancestors`.
    (header::X_FRAME_OPTIONS, "DENY"),
];

/// What pages have besides: they need no device.
const OF_PAGES: (HeaderName, &str) = (
    HeaderName::from_static("permissions-policy"),
    "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
);

/// Two years, as lists of preloaded hosts want it.
const TRANSPORT: &str = "max-age=63072000; includeSubDomains";

/// Put into an answer's extensions, lets its own `Cache-Control` stand: everything else is not to
/// be stored by anybody. For what is the same for everybody, and public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MayBeCached;

/// Adds what every answer has. Where answers `may_be_cached`, they say how long.
pub(super) fn add(headers: &mut HeaderMap, may_be_cached: bool) {
    for (name, value) in DEFAULTS {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    let transport = HeaderValue::from_static(TRANSPORT);
    headers.insert(header::STRICT_TRANSPORT_SECURITY, transport);
    if !may_be_cached || !headers.contains_key(header::CACHE_CONTROL) {
        let never = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, never);
    }
    if is_page(headers) {
        let (name, value) = OF_PAGES;
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE);
    let bytes = media_type.map(HeaderValue::as_bytes).unwrap_or_default();
    let html = b"text/html";
    bytes
        .get(..html.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(given: &[(HeaderName, &'static str)], may_be_cached: bool) -> HeaderMap {
        let given = given.iter().cloned();
        let mut headers = given
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect();
        add(&mut headers, may_be_cached);
        headers
    }

    #[test]
    fn a_page_keeps_its_own_policy_and_gets_no_devices() {
        let policy = "default-src 'none'; style-src 'sha256-x'";
        let page = added(
            &[
                (header::CONTENT_TYPE, "Text/HTML; charset=utf-8"),
                (header::CONTENT_SECURITY_POLICY, policy),
            ],
            false,
        );
        assert_eq!(page[header::CONTENT_SECURITY_POLICY], policy);
        assert_eq!(
            page.get_all(header::CONTENT_SECURITY_POLICY).iter().count(),
            1
        );
        assert!(
            page["permissions-policy"]
                .to_str()
                .unwrap()
                .contains("camera=()")
        );
        let json = added(&[(header::CONTENT_TYPE, "application/json")], false);
        assert!(!json.contains_key("permissions-policy"));
    }

    #[test]
    fn nothing_is_stored_unless_it_is_marked_and_says_how_long() {
        let public = (header::CACHE_CONTROL, "public, max-age=300");
        for (given, may_be_cached, expected) in [
            (vec![], false, "no-store"),
            (vec![public.clone()], false, "no-store"),
            (vec![], true, "no-store"),
            (vec![public.clone()], true, "public, max-age=300"),
        ] {
            let headers = added(&given, may_be_cached);
            assert_eq!(headers[header::CACHE_CONTROL], expected);
        }
    }

    #[test]
    fn transport_security_is_nobody_elses_to_say() {
        let weaker = (header::STRICT_TRANSPORT_SECURITY, "max-age=0");
        let headers = added(&[weaker], false);
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], TRANSPORT);
    }
}
