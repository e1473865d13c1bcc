use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;

/// 2025-10-09T08:53:20Z
const NOW: i64 = 1_760_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        let name: HeaderName = name.parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    });
    let mut headers = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        headers.append(name, value);
    });
    headers
}

/// Remaining, limit, and seconds to the reset.
type Said = (Option<u64>, Option<u64>, Option<u64>);

fn said(pairs: &[(&str, &str)], declared: &[RateLimitHeaders]) -> Said {
    let headroom = Headroom::read(&headers(pairs), declared, now());
    let resets_in = headroom.resets_in.map(|wait| wait.as_secs());
    (headroom.remaining, headroom.limit, resets_in)
}

fn x_headers(reset_form: ResetForm) -> RateLimitHeaders {
    RateLimitHeaders {
        limit: Some("X-RateLimit-Limit".to_owned()),
        remaining: Some("X-RateLimit-Remaining".to_owned()),
        used: None,
        reset: Some("X-RateLimit-Reset".to_owned()),
        reset_form,
        window_seconds: None,
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let parsed = |value| {
        let headers = headers(&[("retry-after", value)]);
        retry_after(&headers, now()).map(|wait| wait.as_secs())
    };
    assert_eq!(parsed("120"), Some(120));
    assert_eq!(parsed("Thu, 09 Oct 2025 08:55:20 GMT"), Some(120));
    assert_eq!(parsed("Thu, 09 Oct 2025 08:00:00 GMT"), Some(0));
    assert_eq!(parsed("Thursday, 09-Oct-25 08:55:20 GMT"), Some(120));
    assert_eq!(parsed("200000"), Some(200_000));
    assert_eq!(parsed("soon"), None);
    assert_eq!(parsed("-5"), None);
    assert_eq!(parsed("1.5"), None);
}

#[test]
fn the_fields_of_the_draft_are_read() {
    let policy = (
        "ratelimit-policy",
        r#""burst";q=100;w=60,"daily";q=1000;w=86400"#,
    );
    for (pairs, expected) in [
        (
            vec![("ratelimit", r#""default";r=50;t=30"#)],
            (Some(50), None, Some(30)),
        ),
        (
            vec![policy, ("ratelimit", r#""burst";r=7;t=5"#)],
            (Some(7), Some(100), Some(5)),
        ),
        (
            vec![
                policy,
                ("ratelimit", r#""burst";r=7;t=5, "daily";r=0;t=900"#),
            ],
            (Some(0), Some(1000), Some(900)),
        ),
        (
            vec![
                policy,
                ("ratelimit", r#""burst";r=7"#),
                ("ratelimit", r#""daily";r=6"#),
            ],
            (Some(6), Some(1000), Some(3600)),
        ),
        (
            vec![("ratelimit", "default;r=999;pk=:dHJpYWwxMjEzMjM=:")],
            (Some(999), None, None),
        ),
        (
            vec![
                (
                    "ratelimit-policy",
                    r#""bytes";q=65535;qu="content-bytes";w=10"#,
                ),
                ("ratelimit", r#""bytes";r=0;t=10"#),
            ],
            (None, None, None),
        ),
        (
            vec![("ratelimit", "limit=100, remaining=50, reset=30")],
            (Some(50), Some(100), Some(30)),
        ),
    ] {
        assert_eq!(said(&pairs, &[]), expected, "{pairs:?}");
    }
}

#[test]
fn the_three_older_headers_are_read() {
    for (limit, reset, expected) in [
        ("100", "30", (Some(3), Some(100), Some(30))),
        ("100, 100;w=60", "0", (Some(3), Some(100), Some(0))),
        ("100;w=60", "1760000042", (Some(3), Some(100), Some(42))),
        ("many", "soon", (Some(3), None, None)),
    ] {
        let pairs = [
            ("ratelimit-limit", limit),
            ("ratelimit-remaining", "3"),
            ("ratelimit-reset", reset),
        ];
        assert_eq!(said(&pairs, &[]), expected);
    }
}

#[test]
fn declared_headers_say_their_reset_in_any_form() {
    for (form, reset, seconds) in [
        (ResetForm::Seconds, "42", Some(42)),
        (ResetForm::Seconds, "1.9", Some(1)),
        (ResetForm::Milliseconds, "42000", Some(42)),
        (ResetForm::EpochSeconds, "1760000042", Some(42)),
        (ResetForm::EpochSeconds, "1759999999", Some(0)),
        (ResetForm::EpochMilliseconds, "1760000042000", Some(42)),
        (ResetForm::Rfc3339, "2025-10-09T08:54:02Z", Some(42)),
        (
            ResetForm::HttpDate,
            "Thu, 09 Oct 2025 08:54:02 GMT",
            Some(42),
        ),
        (ResetForm::Seconds, "inf", None),
        (ResetForm::Seconds, "-1", None),
        (ResetForm::Seconds, "1e3", None),
        (ResetForm::Rfc3339, "42", None),
    ] {
        let pairs = [("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", reset)];
        let expected = (Some(1), None, seconds);
        assert_eq!(
            said(&pairs, &[x_headers(form)]),
            expected,
            "{form:?} {reset}"
        );
    }
}

#[test]
fn calls_made_are_taken_from_all() {
    let used = |limit: Option<&str>| RateLimitHeaders {
        limit: limit.map(str::to_owned),
        remaining: None,
        used: Some("x-used".to_owned()),
        reset: None,
        reset_form: ResetForm::Seconds,
        window_seconds: Some(2),
    };
    for (value, expected) in [
        ("32/40", (Some(8), Some(40), Some(2))),
        ("41/40", (Some(0), Some(40), Some(2))),
        ("api-usage=18/5000", (Some(4982), Some(5000), Some(2))),
        (
            "api-usage=18/5000; per-app-api-usage=17/250(appName=x)",
            (Some(4982), Some(5000), Some(2)),
        ),
        ("18", (None, None, None)),
        ("/", (None, None, None)),
    ] {
        assert_eq!(
            said(&[("x-used", value)], &[used(None)]),
            expected,
            "{value}"
        );
    }
    let pairs = [("x-used", "18"), ("x-all", "20")];
    assert_eq!(
        said(&pairs, &[used(Some("x-all"))]),
        (Some(2), Some(20), Some(2))
    );
}

#[test]
fn the_limit_that_is_nearest_to_its_end_counts() {
    let daily = RateLimitHeaders {
        limit: None,
        remaining: Some("x-daily".to_owned()),
        used: None,
        reset: None,
        reset_form: ResetForm::Seconds,
        window_seconds: Some(600),
    };
    let declared = [x_headers(ResetForm::Seconds), daily];
    let pairs = |second, day| {
        [
            ("x-ratelimit-remaining", second),
            ("x-ratelimit-reset", "1"),
            ("x-daily", day),
        ]
    };
    assert_eq!(
        said(&pairs("5", "4"), &declared),
        (Some(4), None, Some(600))
    );
    assert_eq!(said(&pairs("3", "4"), &declared), (Some(3), None, Some(1)));
    assert_eq!(
        said(&pairs("0", "0"), &declared),
        (Some(0), None, Some(600))
    );
}

#[test]
fn a_provider_is_left_alone_as_it_asks() {
    for (status, pairs, seconds) in [
        (429, vec![("retry-after", "7")], Some(7)),
        (503, vec![("retry-after", "7")], Some(7)),
        (403, vec![("retry-after", "7")], Some(7)),
        (301, vec![("retry-after", "7")], None),
        (429, vec![], None),
        (429, vec![("retry-after", "0")], None),
        (200, vec![("ratelimit", r#""a";r=0;t=9"#)], Some(9)),
        (200, vec![("ratelimit", r#""a";r=1;t=9"#)], None),
        (429, vec![("ratelimit", r#""a";r=1;t=9"#)], None),
        (
            429,
            vec![("ratelimit", r#""a";r=0;t=9"#), ("retry-after", "7")],
            Some(7),
        ),
        (429, vec![("retry-after", "86400")], Some(3600)),
        (200, vec![("ratelimit", r#""a";r=0;t=86400"#)], Some(3600)),
    ] {
        let headroom = Headroom::read(&headers(&pairs), &[], now());
        let status = StatusCode::from_u16(status).unwrap();
        let wait = headroom.block_for(status).map(|wait| wait.as_secs());
        assert_eq!(wait, seconds, "{status} {pairs:?}");
    }
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let likely = "[0-9a-z\"/=;:, .-]{0,30}|\"[a-z]\";r=[0-9]{1,20};t=[0-9]{1,20}|[0-9]{1,25}";
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        likely.prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_wait_longer_than_an_hour(
        values in proptest::collection::vec(any_value(), 9),
        form in 0..6,
        second in 0..4_000_000_000_i64,
        status in 100..600_u16,
    ) {
        let names = ["retry-after", "ratelimit", "ratelimit-policy", "ratelimit-limit",
            "ratelimit-remaining", "ratelimit-reset", "x-ratelimit-limit",
            "x-ratelimit-remaining", "x-ratelimit-reset"];
        let mut headers = HeaderMap::new();
        for (name, value) in names.into_iter().zip(&values) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.insert(name, value);
            }
        }
        let forms = [ResetForm::Seconds, ResetForm::Milliseconds, ResetForm::EpochSeconds,
            ResetForm::EpochMilliseconds, ResetForm::Rfc3339, ResetForm::HttpDate];
        let used = RateLimitHeaders { used: Some("x-ratelimit-limit".to_owned()),
            ..x_headers(forms[usize::try_from(form).unwrap()]) };
        let now = Timestamp::from_second(second).unwrap();
        let headroom = Headroom::read(&headers, &[used], now);
        let waits = [headroom.resets_in, headroom.retry_after,
            headroom.block_for(StatusCode::from_u16(status).unwrap())];
        prop_assert!(waits.into_iter().flatten().all(|wait| wait <= LONGEST));
    }
}
