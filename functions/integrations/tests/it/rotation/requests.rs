use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};

use super::{begun, rotate, sendgrid, stripe};
use crate::portal::{Portal, integration, with};

const CANARY: &str = "sk_canary_that_was_handed_in";

fn handed_in() -> Value {
    json!({"credentials": {"apiKey": CANARY}, "credentialsExpireAt": "2090-01-01T00:00:00.000Z"})
}

#[tokio::test]
async fn a_rotation_is_started_once_and_shown() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    let before = portal.get(&path, &token).await.json();
    let first = rotate(&portal, &token, &path, Value::Null).await;
    let id = begun(&first);
    assert_eq!(first.headers["location"], format!("{path}/rotations/{id}"));
    let shown = first.json();
    assert_eq!(shown["state"], "create");
    assert_eq!(shown["strategy"], "provider_api");
    assert_eq!(shown["trigger"], "request");
    assert_eq!(shown["fromVersion"], before["credentials"]["version"]);
    assert_eq!(shown["emergency"], false);
    assert_eq!(shown["needs"], Value::Null);
    for body in [Value::Null, json!({}), json!({"emergency": false})] {
        assert_eq!(begun(&rotate(&portal, &token, &path, body).await), id);
    }
    let list = portal.get(&format!("{path}/rotations"), &token).await;
    assert_eq!(list.json()["items"], json!([shown]));
    let read = portal.get(&format!("{path}/rotations/{id}"), &token).await;
    assert_eq!(read.json(), shown);
    let plan = portal.get(&format!("{path}/rotation-policy"), &token).await;
    assert_eq!(plan.json()["activeRotationId"], json!(id));
    // Nothing has changed yet.
    assert_eq!(portal.get(&path, &token).await.json(), before);
}

#[tokio::test]
async fn what_a_person_hands_in_is_staged_beside_what_is_in_use() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = stripe(&portal, &token).await;
    let before = portal.get(&path, &token).await.json();
    let waiting = rotate(&portal, &token, &path, Value::Null).await;
    let id = begun(&waiting);
    assert_eq!(waiting.json()["state"], "due");
    assert_eq!(waiting.json()["needs"], "credentials");
    let staged = rotate(&portal, &token, &path, handed_in()).await;
    assert_eq!(begun(&staged), id);
    assert_eq!(staged.json()["state"], "test");
    assert_eq!(staged.json()["needs"], Value::Null);
    assert_eq!(staged.json()["expiresAt"], "2090-01-01T00:00:00.000Z");
    assert!(!staged.text.contains("canary"));
    let contents = portal.stack.contents().await.unwrap();
    assert!(!contents.contains(CANARY), "it is in the table");
    assert_eq!(portal.get(&path, &token).await.json(), before);

    let name = |field: &str| before[field].as_str().unwrap().to_owned();
    let secret = format!("gatehouse/dev/{}/{}", name("organizationId"), name("id"));
    let client = Client::new(&portal.stack.sdk_config());
    let version = staged.json()["toVersion"].as_str().unwrap().to_owned();
    let described = client.describe_secret().secret_id(&secret).send().await;
    let stages = described.unwrap().version_ids_to_stages.unwrap();
    assert_eq!(stages[&version], ["AWSPENDING"]);
    let current = before["credentials"]["version"].as_str().unwrap();
    assert_eq!(stages[current], ["AWSCURRENT"]);
    let held = client.get_secret_value().secret_id(&secret);
    let held = held.version_id(&version).send().await.unwrap();
    assert_eq!(
        held.secret_string.unwrap(),
        json!({"apiKey": CANARY}).to_string()
    );
}

#[tokio::test]
async fn credentials_that_are_wrong_are_pointed_at_and_nothing_changes() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    for (body, pointer) in [
        (json!({"credentials": {}}), "/credentials/apiKey"),
        (
            json!({"credentials": {"apiKey": ""}}),
            "/credentials/apiKey",
        ),
        (
            json!({"credentials": {"apiKey": "canary"}}),
            "/credentials/apiKey",
        ),
        (
            json!({"credentials": {"apiKey": super::KEY, "password": "canary"}}),
            "/credentials/password",
        ),
        (
            json!({"credentials": {"apiKey": super::KEY, "apiKeyId": "canary!"}}),
            "/credentials/apiKeyId",
        ),
        (json!({"credentials": {"apiKey": 7}}), "/credentials/apiKey"),
        (json!({"credentials": "canary"}), "/credentials"),
        (
            json!({"credentialsExpireAt": "2090-01-01T00:00:00Z"}),
            "/credentialsExpireAt",
        ),
        (
            json!({"credentials": {"apiKey": super::KEY}, "credentialsExpireAt": "2020-01-01T00:00:00Z"}),
            "/credentialsExpireAt",
        ),
        (json!({"emergency": "canary"}), "/emergency"),
        (json!({"canary": true}), "/canary"),
    ] {
        let before = portal.contents().await;
        let answer = rotate(&portal, &token, &path, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors[0]["pointer"], pointer, "{body}: {answer:?}");
        let values = ["\"canary\"", "canary!"];
        assert!(!values.iter().any(|value| answer.text.contains(value)));
        assert_eq!(portal.contents().await, before, "{body}");
    }
    let list = format!("{path}/rotations");
    let answer = portal.post(&list, &token, Value::Null).await;
    assert_eq!(answer.status, 405);
}

#[tokio::test]
async fn what_cannot_be_replaced_is_told() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let nobody = "/portal/integrations/int_01K72Z5QSW0123456789ABCDEF";
    let answer = rotate(&portal, &token, nobody, json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (404, "not_found")
    );
    // Of another organization.
    let path = stripe(&portal, &token).await;
    let other = portal.organization();
    for body in [json!({}), handed_in(), json!({"emergency": true})] {
        assert_eq!(rotate(&portal, &other, &path, body).await.status, 404);
    }
    // There is nothing to replace.
    let body = with(integration(), "authMethod", json!("oauth2"));
    let body = with(
        with(body, "provider", Value::Null),
        "authConfig",
        Value::Null,
    );
    let body = with(body, "credentials", Value::Null);
    let made = portal.post("/portal/integrations", &token, body).await;
    let bare = format!("/portal/integrations/{}", made.id());
    let before = portal.contents().await;
    let answer = rotate(&portal, &token, &bare, json!({})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (409, "conflict")
    );
    assert_eq!(portal.contents().await, before);
    // A rotation that makes new ones takes none.
    let path = sendgrid(&portal, &token).await;
    begun(&rotate(&portal, &token, &path, json!({})).await);
    let given = json!({"credentials": {"apiKey": super::KEY}});
    let before = portal.contents().await;
    let answer = rotate(&portal, &token, &path, given).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (409, "conflict")
    );
    assert_eq!(portal.contents().await, before);
}

#[tokio::test]
async fn an_emergency_takes_the_grace_of_a_rotation_that_is_active() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    let id = begun(&rotate(&portal, &token, &path, json!({})).await);
    let answer = rotate(&portal, &token, &path, json!({"emergency": true})).await;
    assert_eq!(begun(&answer), id);
    assert_eq!(answer.json()["emergency"], true);
}

#[tokio::test]
async fn a_rotation_is_ended_before_its_credentials_are_in_use() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = stripe(&portal, &token).await;
    let id = begun(&rotate(&portal, &token, &path, handed_in()).await);
    let rotation = format!("{path}/rotations/{id}");
    let (cancel, tidy) = (
        format!("{rotation}/cancel"),
        format!("{rotation}/cleaned-up"),
    );
    let early = portal.post(&tidy, &token, Value::Null).await;
    assert_eq!(early.status, 409, "{early:?}");
    let ended = portal.post(&cancel, &token, Value::Null).await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(ended.json()["state"], "failed");
    assert_eq!(ended.json()["trouble"]["reason"], "cancelled");
    assert!(ended.json()["endedAt"].is_string());
    let again = portal.post(&cancel, &token, Value::Null).await;
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(portal.post(&tidy, &token, Value::Null).await.status, 200);
    // The next one is another.
    let next = begun(&rotate(&portal, &token, &path, json!({})).await);
    assert_ne!(next, id);
    let list = portal
        .get(&format!("{path}/rotations?limit=1"), &token)
        .await;
    let list = list.json();
    assert_eq!(list["items"][0]["id"], json!(next));
    let cursor = list["nextCursor"].as_str().unwrap();
    let rest = portal
        .get(&format!("{path}/rotations?cursor={cursor}"), &token)
        .await;
    assert_eq!(rest.json()["items"][0]["id"], json!(id));
    let other = format!(
        "{}/rotations?cursor={cursor}",
        sendgrid(&portal, &token).await
    );
    assert_eq!(portal.get(&other, &token).await.status, 400);
}

#[tokio::test]
async fn a_rotation_is_found_under_its_integration_only() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let (path, other) = (
        sendgrid(&portal, &token).await,
        stripe(&portal, &token).await,
    );
    let id = begun(&rotate(&portal, &token, &path, json!({})).await);
    let stranger = portal.organization();
    for (token, place) in [
        (&token, format!("{other}/rotations/{id}")),
        (&stranger, format!("{path}/rotations/{id}")),
        (
            &token,
            format!("{path}/rotations/rot_01K72Z5QSW0123456789ABCDEF"),
        ),
        (&token, format!("{path}/rotations/nothing")),
    ] {
        assert_eq!(portal.get(&place, token).await.status, 404, "{place}");
        for change in ["cancel", "cleaned-up"] {
            let answer = portal
                .post(&format!("{place}/{change}"), token, Value::Null)
                .await;
            assert_eq!(answer.status, 404, "{place}/{change}");
        }
    }
    let list = portal.get(&format!("{path}/rotations"), &stranger).await;
    assert_eq!(list.status, 404);
}

/// What a key is known by is shown: a secret is refused, in any body that would make it one.
#[tokio::test]
async fn an_id_that_is_a_secret_is_refused_and_nothing_changes() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = sendgrid(&portal, &token).await;
    let mut rotation = super::calls();
    rotation["keys"]["created"] = json!({"apiKey": "api_key"});
    rotation["keys"]["keyId"] = json!("apiKey");
    let pair = json!({"strategy": "asymmetric", "keys": {
        "publish": {"method": "POST", "path": "/keys", "body": {"key": "{publicKeyPem}"}},
        "keyId": "apiKey", "revoke": [{"method": "DELETE", "path": "/keys/1"}]}});
    for rotation in [rotation, pair] {
        let body = json!({"apiProfile": {"rotation": rotation}});
        let seen = portal.get(&path, &token).await;
        let version = [("if-match", seen.headers["etag"].to_str().unwrap())];
        let before = portal.contents().await;
        let answer = portal
            .call(("PATCH", &path), &token, &version, body.clone())
            .await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let text = &answer.text;
        assert!(text.contains("/apiProfile/rotation/keys/keyId"), "{text}");
        assert_eq!(portal.contents().await, before);
        let mut own = integration();
        own["apiProfile"] = body["apiProfile"].clone();
        let answer = portal.post("/portal/integrations", &token, own).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
}

/// Also where the configuration does not say that it is used.
#[tokio::test]
async fn an_id_that_is_always_a_secret_is_refused_with_credentials_too() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for name in ["sessionToken", "secret"] {
        let mut rotation = super::calls();
        rotation["keys"]["created"] = json!({name: "token"});
        rotation["keys"]["keyId"] = json!(name);
        rotation["keys"]["revoke"] = json!([{"method": "DELETE", "path": "/keys/1"}]);
        let body = json!({
            "name": "Files", "type": "cloud_storage", "baseUrl": "https://s3.example.com",
            "authMethod": "custom",
            "authConfig": {"kind": "sigv4", "service": "s3", "region": "eu-west-1"},
            "credentials": {"accessKeyId": "me", "secretAccessKey": "canary", name: "canary"},
            "apiProfile": {"verification": {"path": "/x"}, "rotation": rotation},
        });
        let answer = portal.post("/portal/integrations", &token, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let pointer = &answer.json()["errors"][0]["pointer"];
        assert_eq!(pointer, "/apiProfile/rotation/keys/keyId", "{answer:?}");
    }
}

#[tokio::test]
async fn a_repeated_request_has_the_same_answer() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = format!("{}/credentials/rotate", stripe(&portal, &token).await);
    let key = [("idempotency-key", "first")];
    let first = portal
        .call(("POST", &path), &token, &key, handed_in())
        .await;
    let again = portal
        .call(("POST", &path), &token, &key, handed_in())
        .await;
    assert_eq!(begun(&first), begun(&again));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let changed = json!({"credentials": {"apiKey": "sk_canary_of_another"}});
    let reused = portal.call(("POST", &path), &token, &key, changed).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    assert!(!portal.stack.contents().await.unwrap().contains("sk_canary"));
}

#[tokio::test]
async fn who_may_have_credentials_replaced_may_not_always_bring_them_in() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    let path = stripe(&portal, &owner).await;
    let key = json!({
        "name": "CI", "roles": ["admin"], "actions": ["rotateCredentials"],
        "expiresAt": gatehouse::lambda::system_sources().now().plus(std::time::Duration::from_secs(3600)),
    });
    let made = portal.post("/portal/access/keys", &owner, key).await.json();
    let key = made["key"].as_str().unwrap();
    let answer = rotate(&portal, key, &path, handed_in()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    begun(&rotate(&portal, key, &path, json!({})).await);
}
