use serde_json::{Value, json};

use super::{CANARY, Crm};

const ADA: &str = "/records/contacts/c1";

/// A contact whose phone, and title, both sides have changed: the conflict's id.
async fn disputed(crm: &Crm) -> String {
    let content =
        |phone: &str, title: &str| json!({"phone": phone, "title": title, "name": CANARY});
    crm.see(&[("c1", Some(content("1", "Ms")))]).await;
    let ours = json!({"phone": "3", "title": "Dr"});
    assert_eq!(crm.change(("PATCH", ADA), 1, ours).await.status, 200);
    crm.see(&[("c1", Some(content("2", "Prof")))]).await;
    let record = crm.get(ADA).await.json();
    record["conflictId"].as_str().unwrap().to_owned()
}

fn decide(fields: Value) -> Value {
    json!({"fields": fields})
}

#[tokio::test]
async fn a_conflict_shows_both_sides_and_their_base() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let path = format!("/conflicts/{id}");
    let shown = crm.get(&path).await;
    assert_eq!(shown.headers["etag"], "\"1\"");
    let view = shown.json();
    assert_eq!(
        (&view["status"], &view["recordId"], &view["entity"]),
        (&json!("open"), &json!("c1"), &json!("contacts"))
    );
    let phone = json!({"field": "phone", "base": "1", "source": "2", "destination": "3", "reason": "strategy"});
    assert_eq!(view["fields"][0], phone);
}

#[tokio::test]
async fn a_record_in_conflict_is_read_and_not_changed() {
    let crm = Crm::new().await;
    disputed(&crm).await;
    let record = crm.get(ADA).await.json();
    assert_eq!(record["content"]["phone"], "3");
    let version = record["version"].as_u64().unwrap();
    let refused = crm
        .change(("PATCH", ADA), version, json!({"name": "B"}))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (409, "conflict_open".to_owned())
    );
}

#[tokio::test]
async fn a_conflict_is_settled_field_by_field() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let path = format!("/conflicts/{id}");
    let shown = crm.get(&path).await;
    let tag = shown.headers["etag"].to_str().unwrap().to_owned();
    let some = decide(json!([{"field": "phone", "side": "source"}]));
    let target = format!("{}{path}/resolve", crm.path);
    let headers = [("if-match", tag.as_str())];
    let answer = crm
        .portal
        .call(("POST", &target), &crm.token, &headers, some)
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (
            &answer.json()["status"],
            answer.json()["fields"].as_array().unwrap().len()
        ),
        (&json!("open"), 1)
    );
    let stale = decide(json!([{"field": "title", "value": "Dame"}]));
    let answer = crm
        .portal
        .call(("POST", &target), &crm.token, &headers, stale.clone())
        .await;
    assert_eq!(answer.code(), "precondition_failed");
    let pushed = crm.messages("push").await.len();
    let answer = crm.post(&format!("{path}/resolve"), stale).await.json();
    assert_eq!(
        (&answer["status"], &answer["resolvedBy"]),
        (&json!("resolved"), &json!("me"))
    );
    let record = crm.get(ADA).await.json();
    assert_eq!(
        (&record["content"]["phone"], &record["content"]["title"]),
        (&json!("2"), &json!("Dame"))
    );
    assert_eq!(
        (&record["pending"], &record["origin"]),
        (&json!(true), &json!("conflict"))
    );
    assert!(record["conflictId"].is_null());
    assert_eq!(crm.messages("push").await.len(), pushed + 2);
    assert_eq!(crm.contacts().await["openConflicts"], 0);
    let contents = crm.portal.stack.contents().await.unwrap();
    assert!(!contents.contains("canary@"));
}

#[tokio::test]
async fn conflicts_are_listed_by_how_they_stand() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let count = async |query: &str| {
        let list = crm.get(&format!("/conflicts{query}")).await;
        assert_eq!(list.status, 200, "{list:?}");
        list.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 1);
    assert_eq!(count("?status=open&entity=contacts").await, 1);
    assert_eq!(count("?status=resolved").await, 0);
    let all = json!([{"field": "phone", "side": "source"}, {"field": "title", "side": "source"}]);
    let answer = crm
        .post(&format!("/conflicts/{id}/resolve"), decide(all))
        .await;
    assert_eq!(answer.json()["status"], "resolved");
    // The provider has it all: it has not to be told.
    assert_eq!(crm.get(ADA).await.json()["pending"], false);
    assert_eq!(count("?status=open").await, 0);
    assert_eq!(count("?status=resolved").await, 1);
    for query in ["?status=waiting", "?limit=0", "?cursor=x", "?entity=a%23b"] {
        let answer = crm.get(&format!("/conflicts{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "malformed".to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn what_is_no_decision_changes_nothing() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let path = format!("/conflicts/{id}/resolve");
    let before = crm.contents().await;
    let phone = json!({"field": "phone", "side": "source"});
    for (body, pointer) in [
        (json!({}), "/fields"),
        (decide(json!([])), "/fields"),
        (decide(json!([{"field": "phone"}])), "/fields/0"),
        (
            decide(json!([{"field": "phone", "side": "source", "value": 1}])),
            "/fields/0",
        ),
        (
            decide(json!([{"field": "phone", "side": "ours"}])),
            "/fields/0/side",
        ),
        (decide(json!([phone, phone])), "/fields/1/field"),
        (
            decide(json!([phone, {"field": "name", "side": "source"}])),
            "/fields/1/field",
        ),
        (
            decide(json!([{"field": "a?b", "side": "source"}])),
            "/fields/0/field",
        ),
        (
            json!({"fields": [phone], "rule": {"field": "phone"}}),
            "/rule/action",
        ),
        (
            json!({"fields": [phone], "rule": {"field": "", "action": "flag"}}),
            "/rule/field",
        ),
        (
            json!({"fields": [phone], "rule": {"field": "*", "action": "flag", "condition": "["}}),
            "/rule/condition",
        ),
        (json!({"fields": [phone], "because": 1}), "/because"),
    ] {
        let text = body.to_string();
        let answer = crm.post(&path, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "invalid".to_owned()),
            "{text} {answer:?}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{text}");
    }
    assert_eq!(crm.contents().await, before);
}

#[tokio::test]
async fn a_value_that_the_record_cannot_hold_is_refused() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let path = format!("/conflicts/{id}/resolve");
    let before = crm.contents().await;
    let large = json!([{"field": "title", "side": "source"}, {"field": "phone", "value": "x".repeat(131_072)}]);
    let answer = crm.post(&path, decide(large)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "invalid")
    );
    let error = &answer.json()["errors"][0];
    assert_eq!(error["pointer"], "/fields");
    assert_eq!(
        error["message"],
        "the record cannot hold that: it is larger than 131072 bytes"
    );
    assert_eq!(crm.contents().await, before);
}

#[tokio::test]
async fn a_decision_that_comes_too_late_or_on_nothing_changes_nothing() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let path = format!("/conflicts/{id}/resolve");
    let before = crm.contents().await;
    let phone = json!({"field": "phone", "side": "source"});
    // The rule of a decision that cannot be is not added either.
    let both = json!({"fields": [{"field": "name", "side": "source"}], "rule": {"field": "phone", "action": "overwrite"}});
    assert_eq!(crm.post(&path, both).await.code(), "invalid");
    let unknown = "/conflicts/cfl_01K72Z5QSW0123456789ABCDEF";
    assert_eq!(crm.get(unknown).await.status, 404);
    let answer = crm
        .post(&format!("{unknown}/resolve"), decide(json!([phone])))
        .await;
    assert_eq!(answer.status, 404);
    assert_eq!(crm.contents().await, before);
    let all = json!([phone, {"field": "title", "side": "source"}]);
    assert_eq!(crm.post(&path, decide(all)).await.status, 200);
    let again = crm.post(&path, decide(json!([phone]))).await;
    assert_eq!(
        (again.status.as_u16(), again.code()),
        (409, "conflict".to_owned())
    );
}

#[tokio::test]
async fn a_rule_for_the_future_takes_the_right_to_change_the_integration() {
    let crm = Crm::new().await;
    let id = disputed(&crm).await;
    let path = format!("{}/conflicts/{id}/resolve", crm.path);
    let body = json!({
        "fields": [{"field": "phone", "side": "destination"}],
        "rule": {"field": "phone", "condition": "source != null", "action": "overwrite"},
    });
    let operator = crm.portal.token_as(crm.organization, "o", &["operator"]);
    let before = crm.contents().await;
    let answer = crm.portal.post(&path, &operator, body.clone()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (403, "forbidden".to_owned())
    );
    assert_eq!(crm.contents().await, before);
    assert_eq!(
        crm.portal
            .post(&path, &crm.token, body.clone())
            .await
            .status,
        200
    );
    let rules = async || {
        let integration = crm.portal.get(&crm.path, &crm.token).await.json();
        integration["syncConfig"]["entities"]["contacts"]["conflicts"]["rules"].clone()
    };
    assert_eq!(rules().await, json!([body["rule"]]));
    let changes = async || {
        let list = crm
            .portal
            .get("/portal/audit?action=integration.update", &crm.token);
        let entries = list.await.json()["items"].as_array().unwrap().clone();
        let id = crm.integration.to_string();
        let told = entries.iter().map(|entry| {
            assert_eq!(entry["subject"], json!({"kind": "integration", "id": id}));
            assert_eq!(entry["actor"]["id"], "me");
            assert!(entry["requestId"].is_string());
            entry["outcome"].as_str().unwrap().to_owned()
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(changes().await, ["succeeded", "started"]);
    // From now on it decides; a rule that is there is not added again.
    let title = json!({"fields": [{"field": "title", "side": "source"}], "rule": body["rule"]});
    assert_eq!(crm.portal.post(&path, &crm.token, title).await.status, 200);
    assert_eq!(rules().await, json!([body["rule"]]));
    assert_eq!(changes().await.len(), 2, "nothing else has changed");
    crm.see(&[(
        "c1",
        Some(json!({"phone": "9", "title": "Prof", "name": CANARY})),
    )])
    .await;
    let record = crm.get(ADA).await.json();
    assert_eq!(
        (&record["content"]["phone"], &record["conflictId"]),
        (&json!("9"), &Value::Null)
    );
    let without = decide(json!([{"field": "phone", "side": "source"}]));
    let answer = crm.portal.post(&path, &operator, without).await;
    assert_eq!(answer.code(), "conflict");
}
