//! Who may reach what. These tests take their routes from the OpenAPI document, so that a route
//! that is added is tested.

use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::Portal;

/// Every operation under `/portal`: method and path, with the ids of `placeholder`.
fn operations() -> Vec<(String, String)> {
    let document = serde_json::to_value(integrations::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            operations.push((method.to_uppercase(), path.clone()));
        }
    }
    assert!(operations.len() > 20, "{operations:?}");
    operations
}

/// A body that would be taken.
fn body(path: &str, method: &str) -> Value {
    match (method, path) {
        ("POST", "/portal/integrations") => crate::portal::integration(),
        ("POST", path) if path.ends_with("/webhooks") => json!({"secret": "s"}),
        ("POST", path) if path.ends_with("/destinations") => {
            json!({"type": "http", "url": "https://example.com/"})
        }
        ("POST", path) if path.ends_with("{endpointId}/secrets") => json!({"secret": "s"}),
        ("POST", path) if path.ends_with("{endpointId}/retry") => {
            json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"})
        }
        ("POST", path) if path.ends_with("/sync") => {
            json!({"syncType": "full", "entities": ["contacts"]})
        }
        ("POST", path) if path.ends_with("/suggest") => {
            json!({"entity": "contacts", "fields": [{"name": "email"}], "samples": [{}]})
        }
        ("POST" | "PUT", path) if path.contains("/channels") && !path.ends_with("/test") => {
            crate::alerts::slack("int_01K72Z5QSW0123456789ABCDEF")
        }
        ("POST" | "PUT", path) if path.contains("/silences") => crate::alerts::silence(),
        ("POST", path) if path.contains("/alerts/") => Value::Null,
        ("POST", path) if path.ends_with("}/timeline") => json!({"text": "x"}),
        ("PUT", path) if path.ends_with("}/notes") => json!({"text": "x"}),
        ("PATCH", path) if path.contains("/incidents/") => json!({"severity": "low"}),
        ("POST", path) if path.contains("/incidents/") => Value::Null,
        ("POST" | "PUT", path) if path.starts_with("/portal/playbooks") => {
            if path.ends_with("/runs") {
                json!({"integrationId": "int_01K72Z5QSW0123456789ABCDEF"})
            } else {
                json!({"name": "x", "steps": [{"action": "notify"}]})
            }
        }
        ("POST", path) if path.contains("/playbook-runs/") => json!({"step": 1}),
        ("POST", path) if path.ends_with("/resolve") => {
            json!({"fields": [{"field": "name", "side": "source"}]})
        }
        ("POST" | "PATCH" | "PUT", _) => json!({}),
        _ => Value::Null,
    }
}

/// What a path needs besides.
fn query(path: &str) -> &'static str {
    if path.ends_with("/records") || path.ends_with("/export") && !path.contains("audit") {
        "?entity=contacts"
    } else {
        ""
    }
}

fn fill(path: &str, ids: &[(&str, &str)]) -> String {
    ids.iter()
        .fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
}

#[tokio::test]
async fn every_route_refuses_callers_without_a_good_token() {
    let portal = Portal::new().await;
    let now = system_sources().now().as_second();
    let claims = json!({
        "iss": "https://issuer.example", "aud": "gatehouse", "sub": "me",
        "org_id": "org_01K72Z5QSW0123456789ABCDEF", "iat": now, "exp": now + 60,
        "roles": ["viewer"],
    });
    let header = json!({"alg": "EdDSA", "kid": "development"});
    let expired = crate::portal::with(claims.clone(), "exp", json!(now - 120));
    let for_others = crate::portal::with(claims.clone(), "aud", json!("others"));
    let unsigned = portal.issuer.sign(&json!({"alg": "none"}), &claims);
    let tokens = [
        String::new(),
        "nonsense".to_owned(),
        portal.issuer.sign(&header, &expired),
        portal.issuer.sign(&header, &for_others),
        unsigned
            .rsplit_once('.')
            .map(|(text, _)| format!("{text}."))
            .unwrap(),
    ];
    let good = portal.issuer.sign(&header, &claims);
    assert_eq!(portal.get("/portal/integrations", &good).await.status, 200);
    for (method, path) in operations() {
        for token in &tokens {
            let answer = portal
                .call((&method, &path), token, &[], body(&path, &method))
                .await;
            assert_eq!(answer.status, 401, "{method} {path} {token}");
            assert_eq!(answer.code(), "unauthenticated");
            assert!(answer.headers.contains_key("www-authenticate"));
        }
    }
}

/// The ids of an incident, a playbook, and a run of it that waits.
async fn an_incident_and_a_run(
    portal: &Portal,
    token: &str,
    integration: &str,
) -> (String, String, String) {
    let incident = json!({"title": "x", "type": "other", "severity": "low"});
    let incident = portal.post("/portal/incidents", token, incident).await.id();
    let playbook = json!({"name": "x", "steps": [{"action": "suspend_integration"}]});
    let playbook = portal.post("/portal/playbooks", token, playbook).await.id();
    let on = json!({"integrationId": integration.rsplit('/').next().unwrap()});
    let path = format!("/portal/playbooks/{playbook}/runs");
    let run = portal.post(&path, token, on).await.id();
    (incident, playbook, run)
}

#[tokio::test]
async fn what_belongs_to_another_organization_does_not_exist() {
    let portal = Portal::new().await;
    let (ours, theirs) = (portal.organization(), portal.organization());
    let integration = portal.integration(&ours).await;
    let endpoint = json!({"secret": "whsec_canary"});
    let endpoint = portal
        .post(&format!("{integration}/webhooks"), &ours, endpoint)
        .await;
    let destination = json!({"type": "http", "url": "https://example.com/"});
    let destination = portal
        .post(&format!("{integration}/destinations"), &ours, destination)
        .await;
    let secret = endpoint.json()["secrets"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let elevation = json!({"role": "admin", "reason": "r", "durationMinutes": 5});
    let elevation = portal
        .post("/portal/access/elevations", &ours, elevation)
        .await;
    let key = json!({"name": "CI", "roles": ["viewer"], "expiresAt":
        system_sources().now().plus(std::time::Duration::from_secs(3600))});
    let key = portal.post("/portal/access/keys", &ours, key).await;
    let (channel, silence) = crate::alerts::made(&portal, &ours, &integration).await;
    let (incident, playbook, run) = an_incident_and_a_run(&portal, &ours, &integration).await;
    let ids: [(&str, &str); 17] = [
        ("{incidentId}", &incident),
        ("{playbookId}", &playbook),
        ("{runId}", &run),
        ("{channelId}", &channel),
        ("{silenceId}", &silence),
        ("{alertId}", "alr_01K72Z5QSW0123456789ABCDEF"),
        ("{integrationId}", integration.rsplit('/').next().unwrap()),
        ("{endpointId}", &endpoint.id()),
        ("{destinationId}", &destination.id()),
        ("{secretId}", &secret),
        ("{elevationId}", &elevation.id()),
        ("{keyId}", &key.id()),
        ("{eventId}", "evt_01K72Z5QSW0123456789ABCDEF"),
        ("{jobId}", "syn_01K72Z5QSW0123456789ABCDEF"),
        ("{conflictId}", "cfl_01K72Z5QSW0123456789ABCDEF"),
        ("{entity}", "contacts"),
        ("{recordId}", "c1"),
    ];
    let before = portal.contents().await;
    for (method, path) in operations() {
        if !path.contains('{') {
            continue;
        }
        let headers = [("if-match", "\"1\"")];
        let filled = fill(&path, &ids) + query(&path);
        let answer = portal
            .call((&method, &filled), &theirs, &headers, body(&path, &method))
            .await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        assert_eq!(answer.code(), "not_found");
    }
    assert_eq!(portal.contents().await, before, "something was changed");
    let list = portal.get("/portal/integrations", &theirs).await;
    assert_eq!(list.json(), json!({"items": []}));
    assert_eq!(portal.get(&integration, &ours).await.status, 200);
}

#[tokio::test]
async fn a_token_that_names_no_organization_is_allowed_nothing() {
    let portal = Portal::new().await;
    let now = system_sources().now().as_second();
    let claims = json!({
        "iss": "https://issuer.example", "aud": "gatehouse", "sub": "me", "iat": now, "exp": now + 60,
    });
    let token = portal
        .issuer
        .sign(&json!({"alg": "EdDSA", "kid": "development"}), &claims);
    let answer = portal.get("/portal/integrations", &token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (403, "forbidden")
    );
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let answer = portal.get("/portal/nothing", &token).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (404, "not_found")
    );
    let answer = portal
        .call(("PUT", "/portal/integrations"), &token, &[], Value::Null)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (405, "method_not_allowed")
    );
    assert!(answer.headers.contains_key("allow"));
    let description = portal.get("/openapi.json", "").await;
    assert_eq!(description.headers["cache-control"], "public, max-age=300");
    let document = description.json();
    assert_eq!(document["openapi"], "3.1.0");
    let path = "/portal/integrations/{integrationId}";
    // What other functions answer is described too.
    for operation in [format!("{path}/status"), format!("{path}/requests")] {
        assert!(
            document["paths"][&operation]["get"].is_object(),
            "{operation}"
        );
    }
    assert!(document["components"]["schemas"]["NewRequest"].is_object());
}

/// Every answer in these tests is held against what all have to carry; here every operation gets
/// one of each kind.
#[tokio::test]
async fn every_route_answers_every_kind_of_request_with_the_headers_of_the_edge() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let long = format!("?q={}", "a".repeat(8 * 1024));
    let many = [("x-a", "v"); 101];
    for (method, path) in operations() {
        let route = (method.as_str(), path.as_str());
        let good = body(&path, &method);
        let mut statuses = Vec::new();
        for (token, headers, body) in [
            ("", [].as_slice(), good.clone()),
            (token.as_str(), &[], good.clone()),
            (&token, &[], json!([])),
            (&token, &many, good.clone()),
        ] {
            let answer = portal.call(route, token, headers, body).await;
            statuses.push(answer.status.as_u16());
        }
        let target = format!("{path}{long}");
        let answer = portal.call((&method, &target), &token, &[], good).await;
        assert_eq!(answer.code(), "url_too_long", "{method} {path}");
        assert_eq!(answer.status, 414);
        assert_eq!((statuses[0], statuses[3]), (401, 431), "{method} {path}");
    }
}
