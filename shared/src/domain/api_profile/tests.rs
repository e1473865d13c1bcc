use serde_json::{Value, json};

use super::*;
use crate::domain::FieldError;

/// The profile with `change` merged into one that says everything.
fn checked(change: &Value) -> Result<(), FieldError> {
    let mut profile = json!({
        "hosts": ["api.example.com", "*.files.example.com"],
        "verification": {"path": "/me?full=1", "headers": {"Accept": "application/json"}},
        "rateLimits": {"requestsPerSecond": 1},
        "rateLimitHeaders": [{"remaining": "x-left", "reset": "x-reset"}],
        "entities": {"users": {"listPath": "/users", "items": "@", "id": "id"}},
    });
    for (name, value) in change.as_object().unwrap() {
        profile[name] = value.clone();
    }
    let profile: ApiProfile = serde_json::from_value(profile).unwrap();
    profile.check()
}

fn entity(change: Value) -> Value {
    let mut entity = json!({"listPath": "/users", "items": "@", "id": "id"});
    for (name, value) in change.as_object().unwrap() {
        entity[name] = value.clone();
    }
    json!({"entities": {"users": entity}})
}

fn assert_pointed_at(change: &Value, pointer: &str) {
    let error = checked(change).unwrap_err();
    assert_eq!(error.pointer, format!("/apiProfile/{pointer}"), "{change}");
}

#[test]
fn a_good_profile_passes() {
    assert_eq!(checked(&json!({})), Ok(()));
    assert_eq!(ApiProfile::default().check(), Ok(()));
}

#[test]
fn a_wrong_field_of_a_call_is_pointed_at() {
    for (change, pointer) in [
        (json!({"path": "me"}), "path"),
        (json!({"path": "//evil.example"}), "path"),
        (json!({"path": "/a/../b"}), "path"),
        (json!({"path": "/a\\b"}), "path"),
        (json!({"path": "/a b"}), "path"),
        (json!({"path": "/a#b"}), "path"),
        (json!({"path": "/", "method": "CONNECT"}), "method"),
        (json!({"path": "/", "method": "get"}), "method"),
        (json!({"path": "/", "body": {}}), "body"),
        (json!({"path": "/", "headers": {"a b": "x"}}), "headers/a b"),
        (json!({"path": "/", "headers": {"X": "a\nb"}}), "headers/X"),
        (
            json!({"path": "/", "headers": {"authorization": "x"}}),
            "headers/authorization",
        ),
        (
            json!({"path": "/", "headers": {"X-HTTP-Method-Override": "DELETE"}}),
            "headers/X-HTTP-Method-Override",
        ),
    ] {
        for name in ["verification", "healthCheck", "revocation"] {
            let error = checked(&json!({name: change})).unwrap_err();
            assert_eq!(error.pointer, format!("/apiProfile/{name}/{pointer}"));
        }
    }
}

#[test]
fn a_wrong_field_of_a_profile_is_pointed_at() {
    let many: Vec<_> = (0..21).map(|n| format!("a{n}.example.com")).collect();
    for (change, pointer) in [
        (json!({"hosts": ["a.example.com", "*"]}), "hosts/1"),
        (json!({"hosts": ["10.0.0.1"]}), "hosts/0"),
        (json!({"hosts": many}), "hosts"),
        (
            json!({"rateLimits": {"requestsPerHour": 0}}),
            "rateLimits/requestsPerHour",
        ),
        (
            json!({"rateLimits": {"concurrentRequests": 1001}}),
            "rateLimits/concurrentRequests",
        ),
        (
            json!({"rateLimitHeaders": [{"reset": "x"}]}),
            "rateLimitHeaders/0",
        ),
        (
            json!({"rateLimitHeaders": [{"used": "x"}]}),
            "rateLimitHeaders/0",
        ),
        (
            json!({"rateLimitHeaders": [{"used": "a b"}]}),
            "rateLimitHeaders/0/used",
        ),
        (
            json!({"rateLimitHeaders": [{"used": "x", "windowSeconds": 0}]}),
            "rateLimitHeaders/0/windowSeconds",
        ),
        (
            json!({"retry": {"statuses": [409, 200]}}),
            "retry/statuses/1",
        ),
        (
            json!({"retry": {"rateLimitStatuses": [99]}}),
            "retry/rateLimitStatuses/0",
        ),
        (json!({"retry": {"codes": [""]}}), "retry/codes/0"),
        (json!({"errors": {"codeHeader": ""}}), "errors/codeHeader"),
        (
            json!({"errors": {"requestIdHeader": "a:b"}}),
            "errors/requestIdHeader",
        ),
        (
            json!({"errors": {"authenticationCodes": [""]}}),
            "errors/authenticationCodes/0",
        ),
        (
            json!({"errors": {"rateLimitCodes": vec!["x"; 101]}}),
            "errors/rateLimitCodes",
        ),
        (json!({"idempotencyHeader": "a b"}), "idempotencyHeader"),
    ] {
        assert_pointed_at(&change, pointer);
    }
}

#[test]
fn a_wrong_field_of_a_list_is_pointed_at() {
    for (change, pointer) in [
        (
            json!({"pagination": {"kind": "page", "parameter": ""}}),
            "pagination/parameter",
        ),
        (
            json!({"pagination": {"kind": "link", "size": {"parameter": "n", "max": 0}}}),
            "pagination/size/max",
        ),
        (
            json!({"entities": {"a/b": {"listPath": "/", "items": "@", "id": "id"}}}),
            "entities",
        ),
        (
            entity(json!({"listPath": "users"})),
            "entities/users/listPath",
        ),
        (entity(json!({"method": "LIST"})), "entities/users/method"),
        (
            entity(json!({"changedSince": {"parameter": "since"}})),
            "entities/users/cursorField",
        ),
        (
            entity(
                json!({"cursorField": "at", "changedSince": {"parameter": "since", "template": "x"}}),
            ),
            "entities/users/changedSince/template",
        ),
        (
            json!({"rotation": {"strategy": "operator_supplied", "remindAfterDays": 0}}),
            "rotation/remindAfterDays",
        ),
    ] {
        assert_pointed_at(&change, pointer);
    }
}

#[test]
fn fields_of_credentials_stand_only_where_those_are_given_up() {
    let call = json!({"path": "/keys/{keyId}", "method": "DELETE"});
    assert_eq!(checked(&json!({"revocation": call})), Ok(()));
    for name in ["verification", "healthCheck"] {
        assert_pointed_at(&json!({name: call}), &format!("{name}/path"));
    }
    let change = entity(json!({"listPath": "/{keyId}"}));
    assert_pointed_at(&change, "entities/users/listPath");
}

/// A rotation by the provider's API that is right, with `change` made to its calls.
fn keys(change: impl FnOnce(&mut Value)) -> Value {
    let mut keys = json!({
        "create": {"method": "POST", "path": "/keys", "body": {"name": "{rotation}"}},
        "created": {"apiKey": "key", "apiKeyId": "id"},
        "keyId": "apiKeyId",
        "list": {
            "call": {"method": "GET", "path": "/keys"},
            "items": "keys", "id": "id", "label": "name",
        },
        "maxKeys": 2,
        "revoke": [{"method": "DELETE", "path": "/keys/{apiKeyId}"}],
    });
    change(&mut keys);
    json!({
        "hosts": ["api.example.com"],
        "rotation": {"strategy": "provider_api", "keys": keys},
    })
}

#[test]
fn what_a_rotation_does_not_say_is_pointed_at() {
    assert_eq!(checked(&keys(|_| {})), Ok(()));
    let long = "a".repeat(2049);
    for (pointer, value, at) in [
        ("/created", json!({}), "created"),
        ("/created", json!({"apiKey": "key"}), "keyId"),
        ("/keyId", json!("other"), "keyId"),
        ("/revoke", json!([]), "revoke"),
        ("/maxKeys", json!(1), "maxKeys"),
        ("/list", Value::Null, "list"),
        ("/keyId", Value::Null, "keyId"),
        ("/create/method", json!("TRACE"), "create/method"),
        ("/create/path", json!("keys"), "create/path"),
        ("/create/body", json!({"name": "gatehouse"}), "list"),
        ("/create/host", json!("evil.example.com"), "create/host"),
        ("/create/form", json!({"name": "{rotation}"}), "create/form"),
        (
            "/create/headers",
            json!({"X-A": long}),
            "create/headers/X-A",
        ),
        (
            "/create/headers",
            json!({"Host": "a"}),
            "create/headers/Host",
        ),
        ("/list/call/path", json!("/keys?q={rotation}"), "list/call"),
        ("/list/call/form", json!({"a": "b"}), "list/call/form"),
        (
            "/revoke/0/doneStatuses",
            json!([200]),
            "revoke/0/doneStatuses",
        ),
    ] {
        let wrong = keys(|keys| {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            keys.pointer_mut(parent).unwrap()[name] = value.clone();
        });
        assert_pointed_at(&wrong, &format!("rotation/keys/{at}"));
    }
    assert_eq!(
        checked(&keys(
            |keys| keys["create"]["host"] = json!("api.example.com")
        )),
        Ok(())
    );
    let mut graced = keys(|_| {});
    graced["rotation"]["graceSeconds"] = json!(2_592_001);
    assert_pointed_at(&graced, "rotation/graceSeconds");
}

#[test]
fn a_key_pair_is_published_with_its_public_part() {
    let rotation = |publish: &str, revoke: Value| {
        json!({"rotation": {"strategy": "asymmetric", "keys": {
            "publish": {"method": "POST", "path": "/jwks", "body": {"key": publish}},
            "keyId": "keyId",
            "revoke": revoke,
        }}})
    };
    let revoke = json!([{"method": "DELETE", "path": "/jwks/{keyId}"}]);
    for name in ["publicKeyPem", "publicKeyDer", "publicKeyJwk"] {
        let published = rotation(&format!("{{{name}}}"), revoke.clone());
        assert_eq!(checked(&published), Ok(()), "{name}");
    }
    let nothing = rotation("{privateKey}", revoke);
    assert_pointed_at(&nothing, "rotation/keys/publish");
    assert_pointed_at(
        &rotation("{publicKeyPem}", json!([])),
        "rotation/keys/revoke",
    );
}

fn profile(value: serde_json::Value) -> ApiProfile {
    serde_json::from_value(value).unwrap()
}

#[test]
fn what_is_said_replaces_what_the_base_says_but_for_the_hosts() {
    let base = profile(json!({
        "hosts": ["api.example.com"], "idempotencyHeader": "Base",
        "retry": {"statuses": [409]}, "verification": {"path": "/me"},
        "entities": {
            "users": {"listPath": "/users", "items": "@", "id": "id"},
            "teams": {"listPath": "/teams", "items": "@", "id": "id"},
        },
    }));
    let own = profile(json!({
        "hosts": ["evil.example.com"], "verification": {"path": "/ping"},
        "entities": {"users": {"listPath": "/v2/users", "items": "@", "id": "id"}},
    }));
    let both = own.over(&base);
    assert_eq!(both.hosts, base.hosts);
    assert_eq!(both.retry, base.retry);
    assert_eq!(both.idempotency_header, base.idempotency_header);
    assert_eq!(both.verification.unwrap().path, "/ping");
    let paths: Vec<_> = both.entities.values().map(|e| &*e.list_path).collect();
    assert_eq!(paths, ["/teams", "/v2/users"]);
    assert_eq!(ApiProfile::default().over(&base), base);
}

#[test]
fn a_profile_reads_as_it_was_written() {
    let written = profile(json!({
        "pagination": {"kind": "cursor", "next": "data[-1].id", "parameter": "after", "more": "has_more"},
        "rotation": {"strategy": "operator_supplied", "remindAfterDays": 90},
    }));
    assert_eq!(profile(json!(written)), written);
}

#[test]
fn the_header_of_a_repetition_is_one_that_may_be_set() {
    for name in ["Idempotency-Key", "X-Request-Token", "Stripe-Once"] {
        assert_eq!(
            checked(&json!({"idempotencyHeader": name})),
            Ok(()),
            "{name}"
        );
    }
    for name in [
        "Authorization",
        "Host",
        "Cookie",
        "Content-Length",
        "Transfer-Encoding",
        "X-HTTP-Method-Override",
        "X-Forwarded-For",
        "Proxy-Authorization",
    ] {
        let error = checked(&json!({"idempotencyHeader": name})).unwrap_err();
        assert_eq!(error.pointer, "/apiProfile/idempotencyHeader", "{name}");
    }
}

#[test]
fn as_many_calls_may_run_at_the_same_time_as_can_be_counted() {
    let most = json!({"rateLimits": {"concurrentRequests": 1000}});
    assert_eq!(checked(&most), Ok(()));
}
