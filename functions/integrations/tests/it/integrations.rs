use serde_json::{Value, json};

use crate::portal::{Portal, integration};

#[tokio::test]
async fn an_integration_is_made_read_changed_and_listed() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let made = portal
        .post("/portal/integrations", &token, integration())
        .await;
    let path = format!("/portal/integrations/{}", made.id());
    assert_eq!(made.headers["location"], path.as_str());
    assert_eq!(made.json()["status"], "active");
    assert_eq!(made.json()["credentials"]["fields"], json!(["apiKey"]));
    let read = portal.get(&path, &token).await;
    assert_eq!(
        (read.json(), &read.headers["etag"]),
        (made.json(), &made.headers["etag"])
    );
    let change = json!({"name": "Cards", "status": "inactive"});
    let version = [("if-match", read.headers["etag"].to_str().unwrap())];
    let changed = portal
        .call(("PATCH", &path), &token, &version, change)
        .await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_ne!(changed.headers["etag"], read.headers["etag"]);
    assert_eq!(changed.json()["name"], "Cards");
    assert_eq!(portal.get(&path, &token).await.json()["status"], "inactive");
}

#[tokio::test]
async fn an_update_names_the_version_that_it_rests_on() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let change = json!({"name": "Lost"});
    let none = portal
        .call(("PATCH", &path), &token, &[], change.clone())
        .await;
    assert_eq!(
        (none.status.as_u16(), none.code().as_str()),
        (428, "precondition_required")
    );
    for version in ["\"1\"", "2", "*", "\"x\""] {
        let headers = [("if-match", version)];
        let old = portal
            .call(("PATCH", &path), &token, &headers, change.clone())
            .await;
        assert_eq!(
            (old.status.as_u16(), old.code().as_str()),
            (412, "precondition_failed")
        );
    }
    assert_eq!(portal.get(&path, &token).await.json()["name"], "Payments");
}

#[tokio::test]
async fn lists_go_on_where_they_ended() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(
            portal
                .post("/portal/integrations", &token, integration())
                .await
                .id(),
        );
    }
    let mut listed = Vec::new();
    let mut path = "/portal/integrations?limit=2".to_owned();
    loop {
        let page = portal.get(&path, &token).await.json();
        listed.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].clone()),
        );
        match &page["nextCursor"] {
            Value::String(cursor) => path = format!("/portal/integrations?limit=2&cursor={cursor}"),
            _ => break,
        }
    }
    made.sort_by(|a, b| b.cmp(a));
    assert_eq!(listed, made);
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=e30"] {
        let answer = portal
            .get(&format!("/portal/integrations?{query}"), &token)
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_deleted_integration_takes_all_that_belongs_to_it_along() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let endpoint = json!({"endpoint": "/webhooks/gone", "secret": "s"});
    portal
        .post(&format!("{path}/webhooks"), &token, endpoint.clone())
        .await
        .id();
    let destination = json!({"type": "http", "url": "https://example.com/"});
    portal
        .post(&format!("{path}/destinations"), &token, destination)
        .await
        .id();
    let deleted = portal.delete(&path, &token).await;
    assert_eq!(deleted.status, 200);
    let said = deleted.json();
    assert_eq!(said["endpointsDeleted"], 1);
    assert_eq!(said["destinationsDeleted"], 1);
    assert!(said["credentialsRecoverableUntil"].is_string(), "{said}");
    assert_eq!(portal.get(&path, &token).await.status, 404);
    assert_eq!(portal.delete(&path, &token).await.status, 404);
    // The path is free again.
    let other = portal.integration(&token).await;
    portal
        .post(&format!("{other}/webhooks"), &token, endpoint)
        .await
        .id();
}

#[tokio::test]
async fn none_is_deleted_whose_records_might_stay() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let endpoint = json!({"endpoint": "/webhooks/stays", "secret": "s"});
    let webhooks = format!("{path}/webhooks");
    portal.post(&webhooks, &token, endpoint).await.id();
    let before = portal.contents().await;
    portal.stack.refuse(Some("purge"));
    let refused = portal.delete(&path, &token).await;
    let operations = json!({"operations": [{"op": "delete", "id": path.rsplit('/').next()}]});
    let many = portal
        .post("/portal/integrations:bulk", &token, operations)
        .await;
    portal.stack.refuse(None);
    assert_eq!(refused.status, 500, "{refused:?}");
    assert_eq!(many.json()["results"][0]["status"], 500, "{many:?}");
    assert_eq!(portal.contents().await, before);
    // Who is told is told before: of a deletion that is done, and of one that is not, after all.
    let stale = [("if-match", "\"7\"")];
    let stale = portal
        .call(("DELETE", &path), &token, &stale, Value::Null)
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(portal.contents().await, before);
    assert_eq!(portal.delete(&path, &token).await.status, 200);
    let contents = portal.contents().await;
    let told: Vec<&str> = contents
        .lines()
        .filter(|line| line.contains(r#""kind":"purge""#))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains(path.rsplit('/').next().unwrap()),
        "{told:?}"
    );
    assert!(!told[0].contains("gone_at"), "{told:?}");
    // One that is not there is nothing to purge.
    assert_eq!(portal.delete(&path, &token).await.status, 404);
    assert_eq!(
        portal.contents().await.matches(r#""kind":"purge""#).count(),
        1
    );
}

#[tokio::test]
async fn no_secret_comes_back_or_lies_in_the_table() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let endpoint = json!({"secret": "canary-of-the-endpoint"});
    let endpoint = portal
        .post(&format!("{path}/webhooks"), &token, endpoint)
        .await;
    let destination = json!({"type": "http", "url": "https://example.com/"});
    let destination = portal
        .post(&format!("{path}/destinations"), &token, destination)
        .await;
    let shown = destination.json()["signingSecret"]
        .as_str()
        .unwrap()
        .to_owned();
    let endpoint = format!("{path}/webhooks/{}", endpoint.id());
    let destination = format!("{path}/destinations/{}", destination.id());
    let mut texts = vec![portal.stack.contents().await.unwrap()];
    for path in [&path, &endpoint, &destination, "/portal/integrations"] {
        let answer = portal.get(path, &token).await;
        texts.push(format!("{:?} {}", answer.headers, answer.text));
    }
    for list in ["/webhooks", "/destinations", "/status", "/webhooks/logs"] {
        texts.push(portal.get(&format!("{path}{list}"), &token).await.text);
    }
    for text in texts {
        assert!(!text.contains("canary") && !text.contains(&shown), "{text}");
    }
}

#[tokio::test]
async fn null_clears_a_setting_and_what_is_not_named_stays() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let settings = json!({
        "rateLimits": {"requestsPerSecond": 5}, "tlsConfig": {"minVersion": "1.2"},
        "gatewayConfig": {"timeoutMs": 500}, "webhookConfig": {"b": 2},
        "syncConfig": {"entities": {"contacts": {"mapping": {"mail": "email"}}}},
        "apiProfile": {"idempotencyHeader": "x-key"},
    });
    let change = async |version: &str, body: Value| {
        let headers = [("if-match", version)];
        let answer = portal.call(("PATCH", &path), &token, &headers, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    let changed = change("\"2\"", settings.clone()).await;
    for (name, value) in settings.as_object().unwrap() {
        for (field, expected) in value.as_object().unwrap() {
            assert_eq!(&changed[name][field], expected, "{name}/{field}");
        }
    }
    let changed = change("\"3\"", json!({"rateLimits": null, "gatewayConfig": null})).await;
    assert!(changed.get("rateLimits").is_none() && changed.get("gatewayConfig").is_none());
    assert_eq!(changed["tlsConfig"]["minVersion"], "1.2");
    let rest =
        json!({"tlsConfig": null, "syncConfig": null, "webhookConfig": null, "apiProfile": null});
    let changed = change("\"4\"", rest).await;
    for name in ["tlsConfig", "syncConfig", "webhookConfig", "apiProfile"] {
        assert!(changed.get(name).is_none(), "{name}: {changed}");
    }
}
