use http::HeaderValue;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn shape(value: Value) -> ErrorShape {
    serde_json::from_value(value).unwrap()
}

fn classified(
    status: u16,
    body: &[u8],
    shape: &ErrorShape,
    hints: &RetryHints,
    headroom: &Headroom,
) -> Option<UpstreamProblem> {
    let answer = Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: &HeaderMap::new(),
        body,
    };
    UpstreamProblem::classify(&answer, shape, hints, headroom)
}

fn of(status: u16, body: &[u8], of_errors: Value) -> Option<UpstreamProblem> {
    let hints = RetryHints::default();
    classified(
        status,
        body,
        &shape(of_errors),
        &hints,
        &Headroom::default(),
    )
}

#[test]
fn each_status_has_a_category() {
    use ErrorCategory::*;
    for (statuses, category) in [
        (vec![401, 403], Authentication),
        (vec![429], RateLimit),
        (
            vec![408, 421, 425, 500, 501, 502, 503, 504, 520, 529, 599, 999],
            Network,
        ),
        (
            vec![400, 406, 411, 413, 414, 415, 416, 417, 422, 428, 431],
            Data,
        ),
        (
            vec![
                402, 404, 405, 407, 409, 410, 412, 418, 423, 424, 426, 451, 499,
            ],
            Business,
        ),
    ] {
        for status in statuses {
            let problem = of(status, b"", json!({})).unwrap();
            assert_eq!(problem.category, category, "{status}");
            assert_eq!(problem.status, Some(status));
        }
    }
}

#[test]
fn success_and_redirects_are_no_errors() {
    for status in [
        100, 103, 200, 201, 202, 204, 206, 226, 300, 301, 302, 303, 304, 307, 308,
    ] {
        assert_eq!(of(status, b"{\"error\":1}", json!({})), None, "{status}");
    }
}

#[test]
fn some_statuses_pass_and_others_by_hints() {
    let hints = RetryHints {
        statuses: vec![500, 409],
        codes: vec!["lock_timeout".to_owned()],
        ..RetryHints::default()
    };
    let none = ErrorShape::default();
    let is_transient = |status: u16, body: &str, hints: &RetryHints| {
        let headroom = Headroom::default();
        classified(status, body.as_bytes(), &none, hints, &headroom)
            .unwrap()
            .is_transient
    };
    for status in [408, 425, 429, 502, 503, 504] {
        assert!(is_transient(status, "", &RetryHints::default()), "{status}");
    }
    for status in [400, 401, 403, 404, 409, 422, 500, 501] {
        assert!(
            !is_transient(status, "", &RetryHints::default()),
            "{status}"
        );
    }
    assert!(is_transient(500, "", &hints) && is_transient(409, "", &hints));
    assert!(is_transient(
        400,
        r#"{"error":{"code":"lock_timeout"}}"#,
        &hints
    ));
    assert!(!is_transient(400, r#"{"error":{"code":"other"}}"#, &hints));
}

#[test]
fn a_status_that_may_mean_a_limit_does_when_the_answer_says_when_to_come_back() {
    let hints = RetryHints {
        rate_limit_statuses: vec![503],
        ..RetryHints::default()
    };
    let says_when = Headroom {
        retry_after: Some(Duration::from_secs(1)),
        ..Headroom::default()
    };
    let shape = ErrorShape::default();
    let category = |hints: &RetryHints, headroom: &Headroom| {
        let problem = classified(503, b"", &shape, hints, headroom);
        problem.unwrap().category
    };
    assert_eq!(category(&hints, &says_when), ErrorCategory::RateLimit);
    assert_eq!(
        category(&hints, &Headroom::default()),
        ErrorCategory::Network
    );
    assert_eq!(
        category(&RetryHints::default(), &says_when),
        ErrorCategory::Network
    );
}

#[test]
fn a_403_is_a_rate_limit_when_no_call_is_left() {
    let hour = Duration::from_secs(3600);
    let spent = Headroom {
        remaining: Some(0),
        resets_in: Some(hour),
        ..Headroom::default()
    };
    let asked = Headroom {
        retry_after: Some(hour),
        ..Headroom::default()
    };
    let (none, hints) = (ErrorShape::default(), RetryHints::default());
    for headroom in [spent, asked] {
        let problem = classified(403, b"", &none, &hints, &headroom).unwrap();
        assert_eq!(problem.category, ErrorCategory::RateLimit);
        assert_eq!(problem.retry_after, Some(hour));
        assert!(problem.is_transient);
    }
    let left = Headroom {
        remaining: Some(1),
        resets_in: Some(hour),
        ..Headroom::default()
    };
    let problem = classified(403, b"", &none, &hints, &left).unwrap();
    assert_eq!(problem.category, ErrorCategory::Authentication);
    assert_eq!(problem.retry_after, None);
    let problem = classified(404, b"", &none, &hints, &spent).unwrap();
    assert_eq!(
        (problem.category, problem.retry_after),
        (ErrorCategory::Business, None)
    );
}

#[test]
fn an_error_may_come_with_200() {
    let slack = json!({
        "when": "ok == `false`",
        "code": "error",
        "authenticationCodes": ["invalid_auth"],
        "rateLimitCodes": ["ratelimited"],
    });
    let category = |body: &str| of(200, body.as_bytes(), slack.clone()).map(|p| p.category);
    assert_eq!(category(r#"{"ok":true}"#), None);
    assert_eq!(category("not JSON"), None);
    assert_eq!(
        category(r#"{"ok":false,"error":"channel_not_found"}"#),
        Some(ErrorCategory::Business)
    );
    assert_eq!(
        category(r#"{"ok":false,"error":"invalid_auth"}"#),
        Some(ErrorCategory::Authentication)
    );
    assert_eq!(
        category(r#"{"ok":false,"error":"ratelimited"}"#),
        Some(ErrorCategory::RateLimit)
    );
    let refused = of(400, br#"{"error":"invalid_auth"}"#, slack).unwrap();
    assert_eq!(refused.category, ErrorCategory::Authentication);
}

#[test]
fn code_and_message_are_where_the_shape_or_habit_has_them() {
    let declared = json!({"code": "[0].errorCode", "message": "[].message"});
    for (shape, body, code, message) in [
        (
            declared,
            r#"[{"errorCode":"X1","message":"a"},{"message":"b"}]"#,
            Some("X1"),
            Some("a; b"),
        ),
        (
            json!({}),
            r#"{"error":{"code":"c","message":"m"}}"#,
            Some("c"),
            Some("m"),
        ),
        (
            json!({}),
            r#"{"error":"invalid_grant","error_description":"d"}"#,
            Some("invalid_grant"),
            Some("d"),
        ),
        (
            json!({}),
            r#"{"title":"t","detail":"d","code":40}"#,
            Some("40"),
            Some("d"),
        ),
        (
            json!({}),
            r#"{"errors":[{"code":7,"message":"m"}]}"#,
            Some("7"),
            Some("m"),
        ),
        (
            json!({}),
            "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>no &lt;key&gt;</Message></Error>",
            Some("NoSuchKey"),
            Some("no <key>"),
        ),
        (json!({}), "<html><title>x</title></html>", None, None),
        (json!({}), "Code: <Code>x</Code>", None, None),
        (
            json!({}),
            "{\"message\":\"a\\r\\nb\\u0000\"}",
            None,
            Some("a  b"),
        ),
        (
            json!({"code": "length(`1`)"}),
            r#"{"code":"c"}"#,
            None,
            None,
        ),
    ] {
        let problem = of(400, body.as_bytes(), shape).unwrap();
        assert_eq!(problem.code.as_deref(), code, "{body}");
        assert_eq!(problem.message.as_deref(), message, "{body}");
    }
}

#[test]
fn the_providers_request_id_is_told() {
    let mut headers = HeaderMap::new();
    headers.insert("request-id", HeaderValue::from_static("req_1"));
    headers.insert("x-own", HeaderValue::from_static("own_1"));
    let answer = Answer {
        status: StatusCode::BAD_REQUEST,
        headers: &headers,
        body: b"",
    };
    let id = |of_errors: Value| {
        let problem = UpstreamProblem::classify(
            &answer,
            &shape(of_errors),
            &RetryHints::default(),
            &Headroom::default(),
        );
        problem.unwrap().request_id
    };
    assert_eq!(id(json!({})).as_deref(), Some("req_1"));
    assert_eq!(
        id(json!({"requestIdHeader": "X-Own"})).as_deref(),
        Some("own_1")
    );
    assert_eq!(id(json!({"requestIdHeader": "x-other"})), None);
}

#[test]
fn categories_are_spelled_the_same_everywhere() {
    for category in [ErrorCategory::RateLimit, ErrorCategory::Authentication] {
        assert_eq!(json!(category), json!(category.as_str()));
    }
}

proptest! {
    #[test]
    fn no_body_makes_it_panic_or_talk_without_end(
        status in 100..1000_u16,
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\PC{0,3000}".prop_map(|text| json!({"message": text, "code": text}).to_string().into()),
            "(<Code>|</Code>|<Message>|</Message>|&amp;|\\PC){0,20}".prop_map(String::into_bytes),
        ],
    ) {
        if let Some(problem) = of(status, &body, json!({})) {
            let texts = [(problem.code, 128), (problem.message, 1024)];
            for (text, max) in texts.into_iter().filter_map(|(text, max)| Some((text?, max))) {
                prop_assert!(text.len() <= max && !text.chars().any(char::is_control));
            }
        }
    }
}

#[test]
fn a_code_in_a_header_counts_where_the_provider_has_one() {
    let shape = shape(json!({"codeHeader": "x-code", "authenticationCodes": ["NotYou"]}));
    let (hints, mut headers) = (RetryHints::default(), HeaderMap::new());
    let mut problem = |value: &'static str, body: &[u8]| {
        headers.insert("x-code", HeaderValue::from_static(value));
        let answer = Answer {
            status: StatusCode::CONFLICT,
            headers: &headers,
            body,
        };
        UpstreamProblem::classify(&answer, &shape, &hints, &Headroom::default()).unwrap()
    };
    // As a `HEAD` is answered.
    let of_head = problem("NotYou", b"");
    assert_eq!(of_head.code.as_deref(), Some("NotYou"));
    assert_eq!(of_head.category, ErrorCategory::Authentication);
    let of_both = problem("InTheHeader", b"{\"code\": \"in_the_body\"}");
    assert_eq!(of_both.code.as_deref(), Some("InTheHeader"));
    let of_neither = problem(" ", b"{\"code\": \"in_the_body\"}");
    assert_eq!(of_neither.code.as_deref(), Some("in_the_body"));
}
