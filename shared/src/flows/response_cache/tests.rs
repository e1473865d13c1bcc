use http::{HeaderName, HeaderValue, StatusCode, header};
use proptest::prelude::*;

use super::policy::{Use, is_for_cache, kept_headers, renewed, selecting, storable, usable};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A status, headers, and for how many seconds such an answer is kept as fresh.
type Case<'a> = (u16, &'a [(&'a str, &'a str)], Option<u64>);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn headers(texts: &[(&str, &str)]) -> HeaderMap {
    let header = |(name, value): &(&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        // As a provider may send it: not only ASCII.
        let value: Vec<u8> = value.chars().map(|c| u8::try_from(c).unwrap()).collect();
        (name, HeaderValue::from_bytes(&value).unwrap())
    };
    texts.iter().map(header).collect()
}

fn request(method: Method, texts: &[(&str, &str)]) -> request::Parts {
    let request = http::Request::builder().method(method);
    let request = request.uri("https://api.example.com/a?b=c");
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    parts.headers = headers(texts);
    parts
}

fn get(texts: &[(&str, &str)]) -> request::Parts {
    request(Method::GET, texts)
}

/// The answer to `request` at 0 s.
fn answer(request: &request::Parts, status: u16, texts: &[(&str, &str)]) -> CachedAnswer {
    let headers = kept_headers(&headers(texts));
    CachedAnswer {
        status: StatusCode::from_u16(status).unwrap(),
        selecting: selecting(&headers, request),
        headers,
        body: Bytes::from_static(b"{}"),
        method: request.method.clone(),
        received_at: at(0),
        ttl: None,
    }
}

fn assert_kept(cases: &[Case<'_>], ttl: Option<Duration>) {
    for (status, texts, expected) in cases {
        let answer = CachedAnswer {
            ttl,
            ..answer(&get(&[]), *status, texts)
        };
        let fresh = storable(&answer, &get(&[]), at(0)).map(|fresh| fresh.as_secs());
        assert_eq!(fresh, *expected, "{status} {texts:?}");
    }
}

#[test]
fn what_may_be_kept_and_for_how_long() {
    let etag = ("etag", "\"1\"");
    let cases: &[Case<'_>] = &[
        (200, &[("cache-control", "max-age=60")], Some(60)),
        (200, &[("cache-control", "private, max-age=60")], Some(60)),
        (200, &[("cache-control", "Max-Age=\"60\"")], Some(60)),
        (
            200,
            &[("cache-control", "max-age=60"), ("age", "20")],
            Some(40),
        ),
        (
            200,
            &[("cache-control", "max-age=99999999")],
            Some(30 * 86_400),
        ),
        (404, &[("cache-control", "max-age=60")], Some(60)),
        (302, &[("cache-control", "max-age=60")], Some(60)),
        (
            200,
            &[
                ("date", "Mon, 21 Sep 2026 13:33:20 GMT"),
                ("expires", "Mon, 21 Sep 2026 13:34:20 GMT"),
            ],
            Some(60),
        ),
        // To be asked for each time.
        (200, &[etag], Some(0)),
        (
            200,
            &[("last-modified", "Mon, 21 Sep 2020 13:33:20 GMT")],
            Some(0),
        ),
        (200, &[("cache-control", "no-cache"), etag], Some(0)),
        (200, &[("expires", "0"), etag], Some(0)),
        (
            200,
            &[
                ("cache-control", "max-age=60"),
                ("age", "18446744073709551615"),
                etag,
            ],
            Some(0),
        ),
    ];
    assert_kept(cases, None);
}

#[test]
fn what_may_not_be_kept_or_is_of_no_use() {
    let etag = ("etag", "\"1\"");
    let cases: &[Case<'_>] = &[
        // Of no use.
        (200, &[], None),
        (200, &[("cache-control", "no-cache")], None),
        (200, &[("cache-control", "max-age=60"), ("vary", "*")], None),
        (
            200,
            &[("cache-control", "max-age=60"), ("vary", "accept, *")],
            None,
        ),
        // Not allowed.
        (200, &[("cache-control", "max-age=60, no-store")], None),
        (
            200,
            &[
                ("cache-control", "max-age=60"),
                ("cache-control", "no-store"),
            ],
            None,
        ),
        (200, &[("cache-control", "max-age=60, No-Store")], None),
        (
            200,
            &[("cache-control", "max-age=60, x=\u{e9}, no-store")],
            None,
        ),
        (500, &[("cache-control", "max-age=60")], None),
        (206, &[("cache-control", "max-age=60")], None),
        (304, &[("cache-control", "max-age=60")], None),
        (302, &[etag], None),
    ];
    assert_kept(cases, None);
}

#[test]
fn the_integrations_time_holds_where_the_provider_says_nothing() {
    let cases: &[Case<'_>] = &[
        (200, &[], Some(30)),
        (
            200,
            &[("cache-control", "private, must-revalidate")],
            Some(30),
        ),
        (200, &[("etag", "\"1\"")], Some(30)),
        (204, &[], Some(30)),
        (200, &[("cache-control", "max-age=5")], Some(5)),
        (200, &[("expires", "0")], None),
        (200, &[("pragma", "no-cache")], None),
        (200, &[("cache-control", "no-cache")], None),
        (200, &[("cache-control", "no-store")], None),
        (404, &[], None),
        (410, &[], None),
        (302, &[], None),
    ];
    assert_kept(cases, Some(SECOND * 30));
}

#[test]
fn a_request_may_ask_for_nothing_to_be_kept_or_for_nothing_that_was() {
    let request = get(&[("cache-control", "No-Store")]);
    let kept = answer(&request, 200, &[("cache-control", "max-age=60")]);
    assert_eq!(storable(&kept, &request, at(0)), None);

    let texts = [("cache-control", "max-age=60"), ("etag", "\"1\"")];
    let kept = answer(&get(&[]), 200, &texts);
    for (name, value) in [
        ("cache-control", "no-cache"),
        ("cache-control", "max-age=5"),
        ("pragma", "no-cache"),
    ] {
        let request = get(&[(name, value)]);
        assert!(
            matches!(usable(&kept, &request, at(10)), Use::Ask(_)),
            "{value}"
        );
    }
    assert!(matches!(usable(&kept, &get(&[]), at(10)), Use::Fresh(age) if age == SECOND * 10));
}

#[test]
fn conditions_and_parts_are_the_callers_own_affair() {
    assert!(is_for_cache(&get(&[("accept", "*/*")])));
    assert!(is_for_cache(&request(Method::HEAD, &[])));
    assert!(!is_for_cache(&request(Method::POST, &[])));
    assert!(!is_for_cache(&request(Method::OPTIONS, &[])));
    for name in ["range", "if-range", "if-match", "if-none-match"] {
        assert!(!is_for_cache(&get(&[(name, "\"1\"")])), "{name}");
    }
    for name in ["if-modified-since", "if-unmodified-since"] {
        assert!(!is_for_cache(&get(&[(
            name,
            "Mon, 21 Sep 2026 13:33:20 GMT"
        )])));
    }
}

#[test]
fn an_answer_depends_on_the_headers_that_vary_names_and_all_their_values() {
    let texts = [
        ("cache-control", "max-age=60"),
        ("vary", "Accept"),
        ("vary", "X-B"),
    ];
    let asked = get(&[("accept", "a"), ("accept", "b"), ("x-c", "1")]);
    let kept = answer(&asked, 200, &texts);
    assert_eq!(kept.selecting, headers(&[("accept", "a, b")]));
    let is_fresh =
        |texts: &[(&str, &str)]| matches!(usable(&kept, &get(texts), at(0)), Use::Fresh(_));
    assert!(is_fresh(&[("accept", "a, b"), ("x-c", "2")]));
    assert!(!is_fresh(&[("accept", "a")]));
    assert!(!is_fresh(&[("accept", "a"), ("accept", "c")]));
    assert!(!is_fresh(&[("accept", "a, b"), ("x-b", "1")]));
}

#[test]
fn a_stale_answer_is_asked_about_by_its_validators() {
    let modified = "Mon, 21 Sep 2020 13:33:20 GMT";
    let texts = [
        ("cache-control", "max-age=60"),
        ("etag", "W/\"1\""),
        ("last-modified", modified),
    ];
    let kept = answer(&get(&[]), 200, &texts);
    let Use::Ask(validators) = usable(&kept, &get(&[]), at(60)) else {
        panic!("it is fresh");
    };
    let expected = [
        ("if-none-match", "W/\"1\""),
        ("if-modified-since", modified),
    ];
    assert_eq!(validators, headers(&expected));
    let kept = answer(&get(&[]), 200, &texts[..1]);
    assert!(matches!(usable(&kept, &get(&[]), at(60)), Use::Not));
}

#[test]
fn a_304_renews_the_headers_and_the_age_and_not_the_bodys_headers() {
    let texts = [
        ("cache-control", "max-age=60"),
        ("etag", "\"1\""),
        ("age", "50"),
        ("link", "<a>"),
        ("content-length", "2"),
        ("x-old", "1"),
    ];
    let kept = answer(&get(&[]), 200, &texts);
    let said = [
        ("cache-control", "max-age=90"),
        ("link", "<b>"),
        ("link", "<c>"),
        ("content-length", "0"),
        ("set-cookie", "a=b"),
        ("x-new", "1"),
    ];
    let renewed = renewed(&kept, &get(&[]), &headers(&said), at(100)).unwrap();
    let expected = [
        ("cache-control", "max-age=90"),
        ("etag", "\"1\""),
        ("link", "<b>"),
        ("link", "<c>"),
        ("content-length", "2"),
        ("x-old", "1"),
        ("x-new", "1"),
    ];
    assert_eq!(renewed.headers, headers(&expected));
    assert_eq!((renewed.status, &renewed.body), (kept.status, &kept.body));
    assert_eq!(storable(&renewed, &get(&[]), at(100)), Some(SECOND * 90));
}

#[test]
fn a_304_of_another_answer_renews_nothing() {
    let kept = answer(&get(&[]), 200, &[("etag", "\"1\"")]);
    for (said, is_same) in [
        ("\"1\"", true),
        ("W/\"1\"", true),
        ("\"2\"", false),
        ("W/\"2\"", false),
    ] {
        let renewed = renewed(&kept, &get(&[]), &headers(&[("etag", said)]), at(1));
        assert_eq!(renewed.is_some(), is_same, "{said}");
    }
}

#[test]
fn cookies_and_what_concerns_one_connection_are_not_kept() {
    let kept = kept_headers(&headers(&[
        ("set-cookie", "a=b"),
        ("connection", "X-Hop, close"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("link", "<a>"),
        ("link", "<b>"),
    ]));
    assert_eq!(kept, headers(&[("link", "<a>"), ("link", "<b>")]));
    assert_eq!(kept.get_all(header::LINK).iter().count(), 2);
}

const NAMES: [&str; 11] = [
    "age",
    "cache-control",
    "connection",
    "date",
    "etag",
    "expires",
    "last-modified",
    "pragma",
    "vary",
    "warning",
    "accept",
];

/// A header that matters, with a value that is well formed, nearly so, or not at all.
fn some_header() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let value = prop_oneof![
        "(max-age|min-fresh|max-stale|no-cache|immutable)=?\"?[0-9]{0,22}\"?",
        "[0-9]{1,22}",
        "Mon, [0-9]{2} (Jan|Feb) [0-9]{4} [0-9]{2}:00:00 (GMT|[+-]9999)",
        "W?/?\"[a-z,]{0,3}\"?",
        "[a-z*]{0,6}, ?[a-z*:]{0,6}",
    ];
    let value = prop_oneof![
        value.prop_map(String::into_bytes),
        prop::collection::vec(0x20_u8..0x7f, 0..12),
        prop::collection::vec(0x80_u8..=0xff, 0..4),
    ];
    (prop::sample::select(&NAMES[..]), value).prop_map(|(name, value)| {
        let value = HeaderValue::from_bytes(&value).unwrap();
        (HeaderName::from_static(name), value)
    })
}

fn some_headers() -> impl Strategy<Value = HeaderMap> {
    prop::collection::vec(some_header(), 0..6).prop_map(|headers| headers.into_iter().collect())
}

proptest! {
    /// Nothing that a provider or a caller sends stops the function, or is fresh for ever.
    #[test]
    fn whatever_is_sent_is_decided_on(
        asked in some_headers(), answered in some_headers(), said in some_headers(),
        seconds in 0_i64..100_000, ttl in prop::option::of(0_u64..1_000),
    ) {
        let mut asked_for = get(&[]);
        asked_for.headers = asked;
        let answer = CachedAnswer {
            headers: kept_headers(&answered),
            selecting: selecting(&answered, &asked_for),
            ttl: ttl.map(Duration::from_secs),
            ..answer(&asked_for, 200, &[])
        };
        let fresh = storable(&answer, &asked_for, at(0));
        prop_assert!(fresh.is_none_or(|fresh| fresh <= policy::LONGEST));
        for answer in [renewed(&answer, &asked_for, &said, at(seconds)), Some(answer)] {
            let Some(answer) = answer else { continue };
            storable(&answer, &asked_for, at(seconds));
            for request in [&get(&[]), &asked_for] {
                usable(&answer, request, at(seconds));
            }
        }
    }
}
