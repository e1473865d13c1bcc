use proptest::prelude::*;

use super::*;

fn base() -> Url {
    "https://api.example.com/v1".parse().unwrap()
}

fn hosts() -> Vec<String> {
    ["files.example.com", "*.example.net"]
        .map(str::to_owned)
        .to_vec()
}

fn target(endpoint: &str) -> Result<String, TargetError> {
    Target::new(&base(), &hosts(), endpoint, &[]).map(|target| target.into_url().into())
}

#[test]
fn a_path_is_put_under_the_base_path() {
    for (endpoint, url) in [
        ("customers", "https://api.example.com/v1/customers"),
        ("/customers/", "https://api.example.com/v1/customers/"),
        (
            "/customers?limit=3&a=%20",
            "https://api.example.com/v1/customers?limit=3&a=%20",
        ),
        ("", "https://api.example.com/v1"),
        ("/", "https://api.example.com/v1/"),
        ("?q=1", "https://api.example.com/v1?q=1"),
        (
            "/people:batchGet",
            "https://api.example.com/v1/people:batchGet",
        ),
        (
            "/@scope/package",
            "https://api.example.com/v1/@scope/package",
        ),
        (
            "projects/group%2fname/x",
            "https://api.example.com/v1/projects/group%2fname/x",
        ),
        (
            "/sites/https%3A%2F%2Fexample.org%2F/query",
            "https://api.example.com/v1/sites/https%3A%2F%2Fexample.org%2F/query",
        ),
        ("/a/...", "https://api.example.com/v1/a/..."),
        ("/50%25", "https://api.example.com/v1/50%25"),
        ("/a?b=..&c=//d", "https://api.example.com/v1/a?b=..&c=//d"),
        ("/{é}", "https://api.example.com/v1/%7B%C3%A9%7D"),
    ] {
        assert_eq!(target(endpoint).as_deref(), Ok(url), "{endpoint}");
    }
}

#[test]
fn what_leads_out_is_refused_in_every_spelling() {
    use TargetError::*;
    for (endpoint, error) in [
        ("..", DotSegment),
        ("/a/../b", DotSegment),
        ("/.", DotSegment),
        ("/%2e%2e/x", DotSegment),
        ("/%2E./x", DotSegment),
        ("/.%2e", DotSegment),
        ("/%252e%252e/x", DotSegment),
        ("/%25252e%25252E/x", DotSegment),
        ("/..;a=b/x", DotSegment),
        ("/..%3Ba/x", DotSegment),
        ("/..%20/x", DotSegment),
        ("/a%2f..%2fb", DotSegment),
        ("/a%2F%2e%2e", DotSegment),
        ("/a%252f..%252f", DotSegment),
        ("/%c0%ae%c0%ae/x", Encoding),
        ("/a%2525252525", Encoding),
        ("/a%2", Encoding),
        ("/a%zz", Encoding),
        ("/a\\b", Character),
        ("/a%5cb", Hidden),
        ("/a%255Cb", Hidden),
        ("/a%00", Hidden),
        ("/a%0d%0ab", Hidden),
        ("/a%c2%85", Hidden),
        ("//evil.example.org/x", EmptySegment),
        ("/a//b", EmptySegment),
        ("///", EmptySegment),
        ("@evil.example.org", NotAPath),
        ("x:@evil.example.org", NotAPath),
        ("javascript:alert(1)", NotAPath),
        ("file:///etc/passwd", NotAPath),
        ("ftp://evil.example.org/", NotAPath),
        (":80/x", NotAPath),
        ("/a#b", Character),
        ("/a b", Character),
        ("/a\u{a0}b", Character),
        ("/a\r\nHost: x", Character),
        ("\t//evil.example.org", Character),
    ] {
        assert_eq!(target(endpoint), Err(error), "{endpoint:?}");
    }
    assert_eq!(target(&"x".repeat(MAX_ENDPOINT + 1)), Err(Length));
}

#[test]
fn an_absolute_url_has_to_be_where_the_credentials_go() {
    use TargetError::*;
    for (endpoint, accepted) in [
        ("https://api.example.com/v1/a?cursor=%2F", Ok(())),
        ("HTTPS://API.example.com:443/v1", Ok(())),
        ("https://files.example.com/anything", Ok(())),
        ("https://eu.example.net/x", Ok(())),
        ("https://a.b.example.net/x", Ok(())),
        ("https://api.example.com/v10", Err(OutsideBase)),
        ("https://api.example.com/", Err(OutsideBase)),
        ("https://api.example.com", Err(OutsideBase)),
        ("https://api.example.com/v1/../admin", Err(DotSegment)),
        ("https://api.example.com/v1/%2e%2e/admin", Err(DotSegment)),
        ("http://api.example.com/v1/a", Err(Host)),
        ("https://api.example.com:8443/v1/a", Err(Host)),
        ("https://files.example.com:8443/", Err(Host)),
        ("http://files.example.com/", Err(Host)),
        ("https://example.net/x", Err(Host)),
        ("https://evilexample.net/x", Err(Host)),
        ("https://eu.example.net.evil.example.org/", Err(Host)),
        ("https://127.0.0.1/v1", Err(Host)),
        ("https://api.example.com@evil.example.org/v1", Err(Url)),
        ("https://user:pass@api.example.com/v1", Err(Url)),
        ("https:///v1", Err(Url)),
        ("https://", Err(Url)),
    ] {
        assert_eq!(target(endpoint).map(|_| ()), accepted, "{endpoint}");
    }
}

#[test]
fn the_base_hosts_other_paths_stay_closed_though_its_host_is_listed() {
    let hosts = ["api.example.com".to_owned()];
    let target = Target::new(&base(), &hosts, "https://api.example.com/admin", &[]);
    assert_eq!(target, Err(TargetError::OutsideBase));
}

#[test]
fn the_base_url_itself_has_a_path_that_can_be_read() {
    for endpoint in ["", "?a=1", "https://api.example.com/v1"] {
        let target = Target::new(&base(), &[], endpoint, &[]).unwrap();
        assert_eq!(target.path(), "/", "{endpoint}");
        assert_eq!(target.url().path(), "/v1", "{endpoint}");
    }
}

#[test]
fn parameters_are_added_and_encoded() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let parameters = [pair("q", "a b+c&d=é"), pair("x[]", "*")];
    let target = Target::new(&base(), &[], "/s?a=1", &parameters).unwrap();
    let url = "https://api.example.com/v1/s?a=1&q=a%20b%2Bc%26d%3D%C3%A9&x%5B%5D=%2A";
    assert_eq!(target.url().as_str(), url);
    assert_eq!(target.path(), "/s");
    assert_eq!(target.query_names(), ["a", "q", "x[]"]);
    let long = [pair("q", &"x".repeat(MAX_URL))];
    assert_eq!(
        Target::new(&base(), &[], "/", &long),
        Err(TargetError::Length)
    );
}

#[test]
fn patterns_of_hosts_match_whole_labels() {
    let host = |text: &str| Host::parse(text).unwrap();
    let hosts = ["API.example.com", "*.example.net", "*", "*."].map(str::to_owned);
    for (name, is_one) in [
        ("api.example.com", true),
        ("a.example.net", true),
        (".example.net", false),
        ("example.net", false),
        ("api.example.com.", false),
        ("example.org", false),
        ("10.0.0.1", false),
        ("[::1]", false),
    ] {
        assert_eq!(is_of_hosts(&hosts, &host(name)), is_one, "{name}");
    }
}

/// What decoders make of a path, however often they decode and whatever they normalise.
fn resolved(path: &str) -> Option<Vec<String>> {
    let mut path = path.to_owned();
    for _ in 0..20 {
        path = percent_decode_str(&path).decode_utf8().ok()?.into_owned();
    }
    let mut segments = Vec::new();
    for segment in path.replace('\\', "/").split('/') {
        match segment.split(';').next().unwrap_or_default().trim() {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            _ => segments.push(segment.to_owned()),
        }
    }
    Some(segments)
}

proptest! {
    #[test]
    fn whatever_is_accepted_stays_under_the_base(
        endpoint in r"(https?://)?([a-z.]{0,3}@?)(api\.example\.com)?([/.\\:@;?#a%]|%2e|%2E|%252e|%2f|%5c|%c0%ae|\.\.|v1|//){0,12}"
    ) {
        if let Ok(target) = Target::new(&base(), &[], &endpoint, &[]) {
            let url = target.url();
            prop_assert_eq!(url.origin(), base().origin());
            prop_assert!(url.username().is_empty() && url.password().is_none());
            let segments = resolved(url.path()).unwrap();
            prop_assert_eq!(segments.first().map(String::as_str), Some("v1"), "{}", endpoint);
        }
    }

    #[test]
    fn no_text_makes_it_panic_or_leave(endpoint in "\\PC{0,40}|[ -~]{0,40}") {
        if let Ok(target) = Target::new(&base(), &[], &endpoint, &[]) {
            prop_assert_eq!(target.url().origin(), base().origin());
            prop_assert!(under(&base(), target.url().path()).is_some());
        }
    }

    #[test]
    fn a_valid_path_survives_byte_for_byte(
        path in "(/([A-Za-z0-9_~!$&'()*+,=@:-]|%2[0-46-9A-B]|%[46][1-9A-F]|%2[fF]|%C3%A9){1,8}){1,4}/?"
    ) {
        let target = Target::new(&base(), &[], &path, &[]).unwrap();
        let whole = format!("/v1{path}");
        prop_assert_eq!(target.url().path(), whole.as_str());
        prop_assert_eq!(target.path(), path.as_str());
    }
}
