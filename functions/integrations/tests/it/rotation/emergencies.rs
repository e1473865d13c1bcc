use serde_json::{Value, json};

use super::{begun, sendgrid, stripe};
use crate::portal::{Answer, Portal};

const PATH: &str = "/portal/rotations/emergency";

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn report(portal: &Portal, token: &str, answer: &Answer) -> Value {
    let path = format!("{PATH}/{}", begun(answer));
    assert_eq!(answer.headers["location"], path);
    let read = portal.get(&path, token).await;
    assert_eq!(read.status, 200, "{read:?}");
    read.json()
}

/// The integrations of a report, each with what has come of it.
fn outcomes(report: &Value) -> Vec<(String, String)> {
    let items = report["items"].as_array().unwrap().iter();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    items
        .map(|item| (text(item, "integrationId"), text(item, "outcome")))
        .collect()
}

#[tokio::test]
async fn the_credentials_of_a_provider_are_replaced_at_once() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let (one, two) = (
        sendgrid(&portal, &token).await,
        sendgrid(&portal, &token).await,
    );
    let other = stripe(&portal, &token).await;
    let answer = portal
        .post(PATH, &token, json!({"provider": "sendgrid"}))
        .await;
    let report = report(&portal, &token, &answer).await;
    assert_eq!(
        report["scope"],
        json!({"kind": "provider", "provider": "sendgrid"})
    );
    assert_eq!(report["state"], "running");
    assert_eq!(report["requestedBy"], "me");
    let progress = json!({
        "integrations": 2, "running": 2, "needsPerson": 0, "done": 0, "failed": 0, "notStarted": 0,
    });
    assert_eq!(report["progress"], progress);
    let running = |path: &str| (id(path).to_owned(), "running".to_owned());
    assert_eq!(outcomes(&report), [running(&two), running(&one)]);
    for path in [&one, &two] {
        let list = portal
            .get(&format!("{path}/rotations"), &token)
            .await
            .json();
        let rotation = &list["items"][0];
        assert_eq!(rotation["emergency"], true);
        assert_eq!(rotation["emergencyId"], report["id"]);
    }
    let list = portal.get(&format!("{other}/rotations"), &token).await;
    assert_eq!(list.json()["items"], json!([]));
    let list = portal.get(PATH, &token).await.json();
    assert_eq!(list["items"][0]["id"], report["id"]);
}

#[tokio::test]
async fn all_that_there_are_are_replaced_or_told_why_not() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let makes = sendgrid(&portal, &token).await;
    let person = stripe(&portal, &token).await;
    let answer = portal.post(PATH, &token, json!({"all": true})).await;
    let report = report(&portal, &token, &answer).await;
    let expected = [
        (id(&person).to_owned(), "needs_person".to_owned()),
        (id(&makes).to_owned(), "running".to_owned()),
    ];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(report["items"][1]["name"], "Mail");
    // A page at a time.
    let path = format!("{PATH}/{}", report["id"].as_str().unwrap());
    let first = portal.get(&format!("{path}?limit=1"), &token).await.json();
    assert_eq!(outcomes(&first), expected[..1]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = portal.get(&format!("{path}?cursor={cursor}"), &token).await;
    assert_eq!(outcomes(&rest.json()), expected[1..]);
}

#[tokio::test]
async fn of_one_integration_it_takes_the_right_to_it() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    let body = json!({"integrationId": id(&path)});
    let report = report(
        &portal,
        &token,
        &portal.post(PATH, &token, body.clone()).await,
    )
    .await;
    assert_eq!(
        outcomes(&report),
        [(id(&path).to_owned(), "running".to_owned())]
    );
    // Another organization's is as unknown as one that does not exist.
    let stranger = portal.organization();
    for (token, body) in [
        (&stranger, body),
        (
            &token,
            json!({"integrationId": "int_01K72Z5QSW0123456789ABCDEF"}),
        ),
    ] {
        let before = portal.contents().await;
        let answer = portal.post(PATH, token, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/integrationId");
        assert_eq!(portal.contents().await, before);
    }
    let place = format!("{PATH}/{}", report["id"].as_str().unwrap());
    assert_eq!(portal.get(&place, &stranger).await.status, 404);
    assert_eq!(portal.get(PATH, &stranger).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_wrong_request_is_pointed_at_and_starts_nothing() {
    let portal = Portal::new().await;
    let token = portal.organization();
    sendgrid(&portal, &token).await;
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"all": true, "provider": "sendgrid"}), ""),
        (json!({"all": false}), "/all"),
        (json!({"all": "yes"}), "/all"),
        (json!({"provider": "Send Grid"}), "/provider"),
        (json!({"provider": ""}), "/provider"),
        (json!({"integrationId": "nothing"}), "/integrationId"),
        (json!({"everything": true}), "/everything"),
    ] {
        let before = portal.contents().await;
        let answer = portal.post(PATH, &token, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        assert_eq!(
            answer.json()["errors"][0]["pointer"],
            pointer,
            "{body}: {answer:?}"
        );
        assert_eq!(portal.contents().await, before, "{body}");
    }
    let none = portal
        .get(&format!("{PATH}/rot_01K72Z5QSW0123456789ABCDEF"), &token)
        .await;
    assert_eq!(none.status, 404);
}

#[tokio::test]
async fn it_takes_an_admin_with_a_second_factor() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    sendgrid(&portal, &owner).await;
    let plain = portal.signed(organization, "p", json!({"roles": "owner", "amr": ["pwd"]}));
    let developer = portal.token_as(organization, "d", &["developer"]);
    let operator = portal.token_as(organization, "o", &["operator"]);
    for token in [&plain, &developer, &operator] {
        let before = portal.contents().await;
        let answer = portal.post(PATH, token, json!({"all": true})).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(portal.contents().await, before);
    }
    let admin = portal.token_as(organization, "a", &["admin"]);
    begun(&portal.post(PATH, &admin, json!({"all": true})).await);
}

#[tokio::test]
async fn a_repeated_request_starts_one() {
    let portal = Portal::new().await;
    let token = portal.organization();
    sendgrid(&portal, &token).await;
    let key = [("idempotency-key", "first")];
    let body = json!({"all": true});
    let first = portal
        .call(("POST", PATH), &token, &key, body.clone())
        .await;
    let again = portal.call(("POST", PATH), &token, &key, body).await;
    assert_eq!(begun(&first), begun(&again));
    let list = portal.get(PATH, &token).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}
