use serde_json::{Value, json};

use super::{CANARY, Crm, config};
use crate::portal::with;

const ADA: &str = "/records/contacts/c1";

#[tokio::test]
async fn a_record_that_is_changed_here_waits_for_the_provider_to_be_told() {
    let crm = Crm::new().await;
    crm.see(&[("c1", Some(json!({"name": "Ada", "tags": {"a": 1, "b": 2}})))])
        .await;
    let read = crm.get(ADA).await;
    assert_eq!(read.headers["etag"], "\"1\"");
    assert_eq!(read.json()["pending"], false);
    let patch = json!({"name": "Ada L.", "tags": {"a": null}, "city": "London"});
    let changed = crm.change(("PATCH", ADA), 1, patch).await;
    assert_eq!(
        (changed.status.as_u16(), &changed.headers["etag"]),
        (200, &"\"2\"".parse().unwrap())
    );
    let view = changed.json();
    let content = json!({"name": "Ada L.", "tags": {"b": 2}, "city": "London"});
    assert_eq!(
        (&view["content"], &view["pending"], &view["origin"]),
        (&content, &json!(true), &json!("local"))
    );
    // One that makes sure, and one at once. They name the record by its digest.
    let messages = crm.messages("push").await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    let replaced = crm.change(("PUT", ADA), 2, json!({"name": "A"})).await;
    assert_eq!(replaced.json()["content"], json!({"name": "A"}));
    let deleted = crm.change(("DELETE", ADA), 3, Value::Null).await;
    assert_eq!(
        (deleted.status.as_u16(), &deleted.json()["deleted"]),
        (200, &json!(true))
    );
    assert!(deleted.json()["content"].is_null());
    let left = crm.get(ADA).await.json();
    assert_eq!(
        (&left["version"], &left["deleted"], &left["pending"]),
        (&json!(4), &json!(true), &json!(true))
    );
    let history = crm.get(&format!("{ADA}/history")).await.json();
    let versions: Vec<&Value> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|past| &past["version"])
        .collect();
    assert_eq!(versions, [4, 3, 2, 1]);
    assert_eq!(history["items"][3]["content"]["name"], "Ada");
    assert_eq!(crm.contacts().await["records"], 0);
}

#[tokio::test]
async fn a_record_that_is_made_here_has_an_id_of_ours() {
    let crm = Crm::new().await;
    let content = json!({"name": CANARY});
    let path = format!("{}/records/contacts", crm.path);
    let headers = [("idempotency-key", "once")];
    let made = crm
        .portal
        .call(("POST", &path), &crm.token, &headers, content.clone())
        .await;
    let id = made.id();
    assert!(id.starts_with("new_"), "{id}");
    assert_eq!(made.headers["location"], format!("{path}/{id}").as_str());
    assert_eq!(made.headers["etag"], "\"1\"");
    let again = crm
        .portal
        .call(("POST", &path), &crm.token, &headers, content.clone())
        .await;
    assert_eq!(again.json()["id"], id.as_str());
    let read = crm.get(&format!("/records/contacts/{id}")).await.json();
    assert_eq!(
        (&read["content"], &read["pending"]),
        (&content, &json!(true))
    );
    assert_eq!(crm.messages("push").await.len(), 2);
    assert_eq!(crm.contacts().await["records"], 1);
    let contents = crm.portal.stack.contents().await.unwrap();
    assert!(!contents.contains("canary@"));
    let trail = crm
        .portal
        .get("/portal/audit?action=record.create", &crm.token)
        .await
        .json();
    let done = &trail["items"][2];
    assert_eq!(
        (&done["outcome"], &done["subject"]["kind"]),
        (&json!("succeeded"), &json!("record"))
    );
    assert!(
        done["subject"]["id"]
            .as_str()
            .unwrap()
            .starts_with("contacts/")
    );
}

/// A contact, and one that is deleted.
async fn two() -> Crm {
    let crm = Crm::new().await;
    let ada = json!({"name": "Ada"});
    crm.see(&[("c1", Some(ada)), ("gone", Some(json!({})))])
        .await;
    crm.see(&[("gone", None)]).await;
    crm
}

/// Makes changes, none of which is right; says whether none was made.
async fn refuse(crm: &Crm, changes: &[(&str, &str, u64, &Value, &str)]) {
    let before = crm.contents().await;
    for (method, path, version, body, said) in changes {
        let body = (*body).clone();
        let answer = crm.change((method, path), *version, body).await;
        let answered = format!("{} {}", answer.status.as_u16(), answer.code());
        assert_eq!(answered, *said, "{method} {path}: {answer:?}");
    }
    assert_eq!(crm.contents().await, before);
    assert_eq!(crm.messages("push").await, [""; 0]);
}

#[tokio::test]
async fn what_is_no_change_is_refused_and_changes_nothing() {
    let crm = two().await;
    let (change, none) = (json!({"name": "B"}), Value::Null);
    let large = json!({"name": "x".repeat(140_000)});
    let (stale, invalid) = ("412 precondition_failed", "400 invalid");
    let (too_large, unknown) = ("413 too_large", "404 not_found");
    refuse(
        &crm,
        &[
            ("PATCH", ADA, 9, &change, stale),
            ("PUT", ADA, 9, &change, stale),
            ("DELETE", ADA, 9, &none, stale),
            ("PATCH", ADA, 1, &json!([]), invalid),
            ("PUT", ADA, 1, &json!("text"), invalid),
            ("PATCH", ADA, 1, &json!({"": 1}), invalid),
            ("PUT", ADA, 1, &large, too_large),
            ("PATCH", "/records/contacts/nobody", 1, &change, unknown),
            ("DELETE", "/records/contacts/nobody", 1, &none, unknown),
            ("PATCH", "/records/contacts/gone", 2, &change, unknown),
            ("PUT", "/records/deals/c1", 1, &change, unknown),
            ("PUT", "/records/a%23b/c1", 1, &change, unknown),
            ("PUT", "/records/contacts/~*", 1, &change, unknown),
            ("POST", "/records/deals", 1, &change, unknown),
            ("POST", "/records/contacts", 1, &json!(7), invalid),
            ("POST", "/records/contacts", 1, &large, too_large),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_read_and_to_be_one() {
    let crm = two().await;
    let before = crm.contents().await;
    let target = format!("{}{ADA}", crm.path);
    for method in ["PUT", "PATCH", "DELETE"] {
        let change = json!({"name": "B"});
        let answer = crm
            .portal
            .call((method, &target), &crm.token, &[], change)
            .await;
        let said = (answer.status.as_u16(), answer.code());
        assert_eq!(said, (428, "precondition_required".to_owned()));
    }
    for (method, body) in [
        ("PUT", json!({"name": "Ada"})),
        ("PATCH", json!({"other": null})),
    ] {
        let same = crm.change((method, ADA), 1, body).await;
        let said = (same.status.as_u16(), &same.json()["version"]);
        assert_eq!(said, (200, &json!(1)));
    }
    assert_eq!(crm.contents().await, before);
    assert_eq!(crm.messages("push").await, [""; 0]);
}

#[tokio::test]
async fn a_record_is_not_changed_if_the_provider_cannot_be_told() {
    let mut silent = config();
    silent["entities"]["contacts"] =
        with(silent["entities"]["contacts"].clone(), "calls", Value::Null);
    let crm = Crm::with(silent).await;
    crm.see(&[("c1", Some(json!({"name": "Ada"})))]).await;
    let before = crm.contents().await;
    for (method, path) in [
        ("PATCH", ADA),
        ("PUT", ADA),
        ("DELETE", ADA),
        ("POST", "/records/contacts"),
    ] {
        let answer = crm.change((method, path), 1, json!({"name": "B"})).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (409, "not_writable".to_owned()),
            "{method}"
        );
    }
    assert_eq!(crm.contents().await, before);
    let version = crm.portal.get(&crm.path, &crm.token).await.headers["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let headers = [("if-match", version.as_str())];
    let off = json!({"status": "inactive"});
    crm.portal
        .call(("PATCH", &crm.path), &crm.token, &headers, off)
        .await;
    let answer = crm.change(("PATCH", ADA), 1, json!({"name": "B"})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (409, "conflict".to_owned())
    );
    // It can still be read.
    assert_eq!(crm.get(ADA).await.status, 200);
}

#[tokio::test]
async fn fields_are_written_as_the_mapping_says() {
    let mut mapped = config();
    mapped["entities"]["contacts"]["mapping"] = json!({
        "name": {"from": "full_name", "type": "string"},
        "age": {"from": "profile.age", "type": "integer", "to": "age"},
        "city": {"from": "address.city"},
    });
    let crm = Crm::with(mapped).await;
    crm.see(&[(
        "c1",
        Some(json!({"name": "Ada", "age": 36, "city": "London"})),
    )])
    .await;
    let before = crm.contents().await;
    for (patch, pointer) in [
        (json!({"city": "Paris"}), "/city"),
        (json!({"phone": 1}), "/phone"),
        (json!({"name": {}}), "/name"),
    ] {
        let answer = crm.change(("PATCH", ADA), 1, patch).await;
        assert_eq!(answer.code(), "invalid");
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    assert_eq!(crm.contents().await, before);
    let answer = crm
        .change(("PATCH", ADA), 1, json!({"age": "37", "name": null}))
        .await;
    assert_eq!(
        answer.json()["content"],
        json!({"name": null, "age": 37, "city": "London"})
    );
}

#[tokio::test]
async fn an_id_that_no_path_can_hold_is_written_in_base64url() {
    let crm = Crm::new().await;
    crm.see(&[
        ("a/b?c", Some(json!({"n": 1}))),
        ("~x", Some(json!({"n": 2}))),
    ])
    .await;
    for (path, n) in [("~YS9iP2M", 1), ("a%2Fb%3Fc", 1), ("~fng", 2)] {
        let record = crm.get(&format!("/records/contacts/{path}")).await;
        assert_eq!(record.status, 200, "{path}");
        assert_eq!(record.json()["content"]["n"], n);
    }
}

#[tokio::test]
async fn a_patch_comes_as_a_merge_patch_or_as_any_json() {
    let crm = Crm::new().await;
    crm.see(&[("c1", Some(json!({"name": "Ada", "city": "London"})))])
        .await;
    let patch = async |content_type: &str, version: u64, body: &str| {
        let request = http::Request::builder()
            .method("PATCH")
            .uri(format!("{}{ADA}", crm.path))
            .header("authorization", format!("Bearer {}", crm.token))
            .header("if-match", format!("\"{version}\""))
            .header("content-type", content_type);
        let request = request.body(axum::body::Body::from(body.to_owned()));
        crm.portal.send(request.unwrap()).await
    };
    let merged = "application/merge-patch+json; charset=utf-8";
    let changed = patch(merged, 1, r#"{"name": "A", "city": null}"#).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.json()["content"], json!({"name": "A"}));
    let changed = patch("application/json", 2, r#"{"name": "B"}"#).await;
    assert_eq!(changed.json()["content"], json!({"name": "B"}));
    for other in ["application/json-patch+json", "text/plain"] {
        let refused = patch(other, 3, r#"{"name": "C"}"#).await;
        assert_eq!(refused.status, 415);
        assert_eq!(refused.code(), "unsupported_media_type");
        let accepted = &refused.headers["accept-patch"];
        assert_eq!(accepted, "application/merge-patch+json");
    }
    assert_eq!(crm.get(ADA).await.json()["content"], json!({"name": "B"}));
    // What replaces a record is no patch.
    let path = format!("{}{ADA}", crm.path);
    let request = http::Request::put(path)
        .header("authorization", format!("Bearer {}", crm.token))
        .header("if-match", "\"3\"")
        .header("content-type", merged);
    let request = request.body(axum::body::Body::from(r#"{"name": "C"}"#));
    assert_eq!(crm.portal.send(request.unwrap()).await.status, 415);
}

#[tokio::test]
async fn a_kind_of_record_may_be_called_as_the_export_is() {
    let mut config = config();
    config["entities"]["export"] = config["entities"]["contacts"].clone();
    let crm = Crm::with(config).await;
    let made = crm.post("/records/export", json!({"name": "Ada"})).await;
    let id = made.id();
    let place = format!("/records/export/{id}");
    assert_eq!(made.headers["location"], format!("{}{place}", crm.path));
    assert_eq!(made.json()["entity"], "export");
    assert_eq!(crm.get(&place).await.json()["content"]["name"], "Ada");
    let exported = crm.get("/records/export?entity=export").await;
    assert_eq!(exported.text.lines().count(), 1);
    // Where there is no such kind, there is none.
    let none = Crm::new().await;
    let refused = none.post("/records/export", json!({"name": "Ada"})).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (404, "not_found")
    );
}
