use serde_json::json;

use super::*;

fn read(value: Value) -> GatewayConfig {
    GatewayConfig::read(Some(&value)).unwrap()
}

#[test]
fn what_is_not_said_has_a_default() {
    for value in [None, Some(&json!({}))] {
        let config = GatewayConfig::read(value).unwrap();
        assert_eq!(config, GatewayConfig::default());
        let rules = config.rules_for(&Method::GET, "/a");
        assert_eq!(rules.timeout, Duration::from_secs(10));
        assert_eq!(rules.max_response_bytes, 1024 * 1024);
        assert_eq!(rules.retry.max_attempts, 3);
        assert_eq!((rules.cache, rules.route), (None, None));
    }
}

#[test]
fn what_is_written_reads_as_it_was() {
    let value = json!({
        "timeoutMs": 5000,
        "maxResponseBytes": 2048,
        "retry": {"maxAttempts": 5},
        "cache": {"ttlSeconds": 60, "respectCacheControl": false},
        "allowedHeaders": ["x-a", "x-amz-meta-*"],
        "request": {"body": "data", "headers": {"set": {"x-a": "1"}, "remove": ["prefer"]}},
        "response": {"body": "data"},
        "masking": {"paths": ["a[].b"], "detectors": ["email", "card_number", "iban", "jwt"]},
        "keepBodies": true,
        "routes": [{
            "method": "POST",
            "path": "/a/*",
            "rateLimits": {"requestsPerSecond": 1},
            "requestSchema": {"type": "object"},
            "timeoutMs": 100,
            "idempotent": true,
        }],
    });
    assert_eq!(json!(read(value.clone())), value);
}

#[test]
fn the_first_route_that_fits_counts() {
    let config = read(json!({
        "timeoutMs": 9000,
        "cache": {"ttlSeconds": 1},
        "request": {"body": "a"},
        "response": {"body": "b"},
        "routes": [
            {"method": "post", "path": "/a", "timeoutMs": 1000, "idempotent": true},
            {"path": "/a/**", "cache": {"respectCacheControl": false}, "response": {"body": "c"},
             "rateLimits": {"requestsPerHour": 9}, "requestSchema": true},
            {"path": "/**", "timeoutMs": 2000},
        ],
    }));
    let post = config.rules_for(&Method::POST, "/a");
    assert_eq!((post.route, post.timeout.as_millis()), (Some(0), 1000));
    assert_eq!(post.idempotent, Some(true));
    assert_eq!(post.cache, config.cache.as_ref());
    let get = config.rules_for(&Method::GET, "/a/b");
    assert_eq!((get.route, get.timeout.as_millis()), (Some(1), 9000));
    assert_eq!((get.cache, get.idempotent), (None, None));
    assert_eq!(get.request, config.request.as_ref());
    assert_eq!(get.response, config.routes[1].response.as_ref());
    assert_eq!(get.rate_limits.unwrap().requests_per_hour, Some(9));
    assert_eq!(get.request_schema, Some(&json!(true)));
    let other = config.rules_for(&Method::GET, "/b");
    assert_eq!((other.route, other.timeout.as_millis()), (Some(2), 2000));
}

fn assert_named(value: &Value, place: &str) {
    let error = GatewayConfig::read(Some(value)).unwrap_err();
    let expected = format!("/gatewayConfig{place}");
    assert_eq!(error.pointer, expected, "{}", error.message);
}

#[test]
fn a_wrong_field_is_named() {
    for (value, place) in [
        (json!("x"), ""),
        (json!({"timeout": 1}), "/timeout"),
        (
            json!({"allowedHeaders": ["x-a", "host"]}),
            "/allowedHeaders/1",
        ),
        (json!({"request": {"body": "a.["}}), "/request/body"),
        (
            json!({"request": {"headers": {"set": {"host": "x"}}}}),
            "/request/headers/set/host",
        ),
        (
            json!({"response": {"headers": {"remove": ["te"]}}}),
            "/response/headers/remove/0",
        ),
        (json!({"masking": {"paths": ["a", ""]}}), "/masking/paths/1"),
        (
            json!({"masking": {"detectors": ["phone"]}}),
            "/masking/detectors/0",
        ),
    ] {
        assert_named(&value, place);
    }
}

#[test]
fn a_number_out_of_range_is_named() {
    for (value, place) in [
        (json!({"timeoutMs": 99}), "/timeoutMs"),
        (json!({"timeoutMs": 25_001}), "/timeoutMs"),
        (json!({"timeoutMs": -1}), "/timeoutMs"),
        (json!({"maxResponseBytes": 1023}), "/maxResponseBytes"),
        (json!({"maxResponseBytes": 4_194_305}), "/maxResponseBytes"),
        (json!({"retry": {"maxAttempts": 0}}), "/retry/maxAttempts"),
        (json!({"retry": {"maxAttempts": 6}}), "/retry/maxAttempts"),
        (
            json!({"cache": {"ttlSeconds": 86_401}}),
            "/cache/ttlSeconds",
        ),
        (
            json!({"allowedHeaders": vec!["x-a"; 51]}),
            "/allowedHeaders",
        ),
        (
            json!({"masking": {"paths": vec!["a"; 101]}}),
            "/masking/paths",
        ),
        (
            json!({"routes": vec![json!({"path": "/"}); 101]}),
            "/routes",
        ),
        (json!({"keepBodies": "x".repeat(200_000)}), ""),
    ] {
        assert_named(&value, place);
    }
}

#[test]
fn a_wrong_field_of_a_route_is_named() {
    for (route, place) in [
        (json!({}), ""),
        (json!({"path": "a"}), "/path"),
        (json!({"path": "/", "method": "A B"}), "/method"),
        (json!({"path": "/", "timeoutMs": 1}), "/timeoutMs"),
        (
            json!({"path": "/", "cache": {"ttlSeconds": 86_401}}),
            "/cache/ttlSeconds",
        ),
        (
            json!({"path": "/", "rateLimits": {"requestsPerHour": 0}}),
            "/rateLimits/requestsPerHour",
        ),
        (
            json!({"path": "/", "rateLimits": {"concurrentRequests": 1001}}),
            "/rateLimits/concurrentRequests",
        ),
        (
            json!({"path": "/", "requestSchema": {"type": 1}}),
            "/requestSchema",
        ),
        (
            json!({"path": "/", "requestSchema": {"$ref": "https://example.com/"}}),
            "/requestSchema",
        ),
        (json!({"path": "/", "x": 1}), "/x"),
    ] {
        let value = json!({"routes": [{"path": "/"}, route]});
        assert_named(&value, &format!("/routes/1{place}"));
    }
}
