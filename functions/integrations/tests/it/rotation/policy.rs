use serde_json::{Value, json};

use super::{begun, rotate, sendgrid, stripe};
use crate::portal::{Answer, Portal};

async fn put(portal: &Portal, token: &str, path: &str, body: Value) -> Answer {
    let path = format!("{path}/rotation-policy");
    portal.call(("PUT", &path), token, &[], body).await
}

#[tokio::test]
async fn a_policy_says_when_credentials_are_replaced() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    let place = format!("{path}/rotation-policy");
    let none = portal.get(&place, &token).await;
    assert_eq!(none.json(), json!({"paused": false, "hasLeftovers": false}));
    let policy = json!({
        "everyDays": 90, "beforeExpiryDays": 14, "graceSeconds": 3600,
        "window": {"days": ["sat", "sun"], "from": "22:00", "to": "04:00"},
    });
    let set = put(&portal, &token, &path, policy.clone()).await;
    assert_eq!(set.status, 200, "{set:?}");
    assert_eq!(set.json()["policy"], policy);
    assert!(set.json()["nextLookAt"].is_string());
    let read = portal.get(&place, &token).await;
    assert_eq!(read.json(), set.json());
    assert_eq!(read.headers["etag"], set.headers["etag"]);
    // By request only.
    let cleared = put(&portal, &token, &path, json!({})).await;
    assert_eq!(cleared.json()["policy"], json!({}));
    // Who rests on what is not there any more changes nothing.
    let old = [("if-match", set.headers["etag"].to_str().unwrap())];
    let late = portal
        .call(("PUT", &place), &token, &old, policy.clone())
        .await;
    assert_eq!(late.status, 412);
    assert_eq!(portal.get(&place, &token).await.json(), cleared.json());
    let new = [("if-match", cleared.headers["etag"].to_str().unwrap())];
    let set = portal.call(("PUT", &place), &token, &new, policy).await;
    assert_eq!(set.status, 200, "{set:?}");
}

#[tokio::test]
async fn a_wrong_policy_is_pointed_at_and_changes_nothing() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    let window = |from: &str, to: &str| json!({"window": {"from": from, "to": to}});
    for (body, pointer) in [
        (json!({"everyDays": 0}), "/everyDays"),
        (json!({"everyDays": 3651}), "/everyDays"),
        (json!({"everyDays": "90"}), "/everyDays"),
        (json!({"beforeExpiryDays": 0}), "/beforeExpiryDays"),
        (json!({"graceSeconds": 119}), "/graceSeconds"),
        (json!({"graceSeconds": 2_592_001}), "/graceSeconds"),
        (window("24:00", "04:00"), "/window/from"),
        (window("9:00", "10:00"), "/window/from"),
        (window("09:00", "10:60"), "/window/to"),
        (json!({"window": {"from": "09:00"}}), "/window"),
        (
            json!({"window": {"days": ["someday"], "from": "09:00", "to": "10:00"}}),
            "/window/days/0",
        ),
        (json!({"days": 90}), "/days"),
    ] {
        let before = portal.contents().await;
        let answer = put(&portal, &token, &path, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let told = answer.json()["errors"][0]["pointer"].clone();
        let told = told.as_str().unwrap_or_default();
        assert!(told.starts_with(pointer), "{body}: {answer:?}");
        assert_eq!(portal.contents().await, before, "{body}");
    }
    let answer = put(&portal, &token, &path, json!([])).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let stranger = portal.organization();
    assert_eq!(put(&portal, &stranger, &path, json!({})).await.status, 404);
}

#[tokio::test]
async fn what_is_paused_waits_and_goes_on() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = stripe(&portal, &token).await;
    put(&portal, &token, &path, json!({"everyDays": 30})).await;
    let change = async |what: &str| {
        let path = format!("{path}/rotations/{what}");
        portal.post(&path, &token, Value::Null).await
    };
    let paused = change("pause").await;
    assert_eq!(paused.status, 200, "{paused:?}");
    assert_eq!(paused.json()["paused"], true);
    assert_eq!(paused.json()["nextLookAt"], Value::Null);
    assert_eq!(paused.json()["policy"], json!({"everyDays": 30}));
    begun(&rotate(&portal, &token, &path, json!({})).await);
    let resumed = change("resume").await;
    assert_eq!(resumed.json()["paused"], false);
    assert!(resumed.json()["nextLookAt"].is_string());
    let stranger = portal.organization();
    for what in ["pause", "resume"] {
        let path = format!("{path}/rotations/{what}");
        let answer = portal.post(&path, &stranger, Value::Null).await;
        assert_eq!(answer.status, 404, "{what}");
    }
}
