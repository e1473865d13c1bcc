//! What every answer of every function has to carry, whatever its status.

use http::HeaderMap;

/// # Panics
///
/// If an answer lacks one of them, or has it twice.
pub(crate) fn check_headers_of_edge(headers: &HeaderMap) {
    for (name, expected) in [
        (
            "strict-transport-security",
            "max-age=63072000; includeSubDomains",
        ),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(values, [expected], "{name} in {headers:?}");
    }
    assert!(headers.contains_key("x-request-id"), "{headers:?}");
    let credentials = headers.get("access-control-allow-credentials");
    assert!(credentials.is_none(), "{headers:?}");
    assert!(!headers.contains_key("set-cookie"), "{headers:?}");
}

/// As [`check_headers_of_edge`], of an answer that nobody may store.
///
/// # Panics
///
/// As it.
pub(crate) fn check_headers_of_secrets(headers: &HeaderMap) {
    check_headers_of_edge(headers);
    let values: Vec<_> = headers.get_all("cache-control").iter().collect();
    assert_eq!(values, ["no-store"], "{headers:?}");
}
