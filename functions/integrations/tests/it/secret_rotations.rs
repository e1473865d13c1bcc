use gatehouse::domain::secret_rotation::add_untold;
use gatehouse::domain::{DestinationId, IntegrationId, OrganizationId};
use gatehouse::flows::secret_rotation::SecretMaker;
use gatehouse::lambda::system_sources;
use serde_json::{Value, json};

use crate::portal::Portal;

/// An organization's integration, with the path of its destinations.
async fn set_up(portal: &Portal) -> (OrganizationId, String, String) {
    let organization = portal.organization_id();
    let token = portal.token(organization);
    let integration = portal.integration(&token).await;
    (organization, token, integration)
}

fn http() -> Value {
    json!({"type": "http", "url": "https://example.com/in"})
}

/// What a schedule does to a destination; the id of the new secret.
async fn rotated(portal: &Portal, organization: OrganizationId, destination: &Value) -> String {
    let id: DestinationId = destination["id"].as_str().unwrap().parse().unwrap();
    let integration = destination["integrationId"].as_str().unwrap();
    let integration: IntegrationId = integration.parse().unwrap();
    let maker = SecretMaker::new(portal.keys.clone(), system_sources());
    let found = portal.store.destination(organization, integration, id);
    let mut found = found.await.unwrap().unwrap();
    let (secret, now) = (maker.generate(), system_sources().now());
    let sealed = maker.seal(organization, id.ulid(), &secret, now);
    let new = sealed.await.unwrap();
    let new_id = new.id.to_string();
    add_untold(&mut found.item, new, now);
    let updated = portal.store.update_destination(&found.item, found.version);
    updated.await.unwrap();
    new_id
}

#[tokio::test]
async fn a_secret_of_the_schedule_is_shown_once_and_the_overlap_begins_then() {
    let portal = Portal::new().await;
    let (organization, token, integration) = set_up(&portal).await;
    let mut body = http();
    body["secretRotation"] = json!({"everyDays": 30, "overlapSeconds": 3600});
    let path = format!("{integration}/destinations");
    let made = portal.post(&path, &token, body).await.json();
    let (first, path) = (
        &made["signingSecret"],
        format!("{path}/{}", made["id"].as_str().unwrap()),
    );
    assert_eq!(made["secretRotation"]["everyDays"], 30);
    assert!(made["secretRotation"]["dueAt"].is_string(), "{made}");
    let secret = rotated(&portal, organization, &made).await;
    let seen = portal.get(&path, &token).await;
    let secrets = &seen.json()["secrets"];
    assert_eq!(secrets[0]["revealable"], true);
    assert!(secrets[1]["expiresAt"].is_null(), "{secrets}");

    let reveal = format!("{path}/secrets/{secret}/reveal");
    let stranger = portal.organization();
    let of_first = secrets[1]["id"].as_str().unwrap();
    for (token, path, status) in [
        (&stranger, reveal.clone(), 404),
        (&token, format!("{path}/secrets/sec_x/reveal"), 404),
        (
            &token,
            format!("{path}/secrets/{}/reveal", secret.replace('0', "1")),
            404,
        ),
        // It was shown when it was made.
        (&token, format!("{path}/secrets/{of_first}/reveal"), 409),
    ] {
        let refused = portal.post(&path, token, Value::Null).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text);
    }
    assert_eq!(portal.get(&path, &token).await.json(), seen.json());

    let shown = portal.post(&reveal, &token, Value::Null).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert_eq!(shown.headers["cache-control"], "no-store");
    let new = shown.json()["secret"].as_str().unwrap().to_owned();
    assert!(new.starts_with("whsec_") && *first != new);
    let seen = portal.get(&path, &token).await;
    let secrets = &seen.json()["secrets"];
    assert!(secrets[0]["revealable"].is_null(), "{secrets}");
    assert!(secrets[0]["expiresAt"].is_null(), "{secrets}");
    assert!(secrets[1]["expiresAt"].is_string(), "{secrets}");
    assert_eq!(portal.post(&reveal, &token, Value::Null).await.status, 409);
    assert_eq!(portal.get(&path, &token).await.json(), seen.json());
    let contents = portal.stack.contents().await.unwrap();
    for secret in [&new, first.as_str().unwrap()] {
        assert!(!contents.contains(secret.strip_prefix("whsec_").unwrap()));
    }
    assert!(contents.contains("secret.reveal"));
}

#[tokio::test]
async fn an_emergency_leaves_the_new_secret_only() {
    let portal = Portal::new().await;
    let (organization, token, integration) = set_up(&portal).await;
    let path = format!("{integration}/destinations");
    let made = portal.post(&path, &token, http()).await.json();
    let path = format!("{path}/{}", made["id"].as_str().unwrap());
    rotated(&portal, organization, &made).await;
    let body = json!({"overlapSeconds": 0});
    let answer = portal.post(&format!("{path}/secrets"), &token, body).await;
    assert_eq!(answer.status, 201);
    assert!(answer.json()["signingSecret"].is_string());
    let secrets = answer.json()["secrets"].clone();
    assert_eq!(secrets.as_array().unwrap().len(), 1, "{secrets}");
    assert!(secrets[0]["revealable"].is_null(), "{secrets}");
}

#[tokio::test]
async fn a_policy_is_changed_and_taken_away() {
    let portal = Portal::new().await;
    let (_, token, integration) = set_up(&portal).await;
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let endpoint = json!({"scheme": "standard-webhooks", "secret": secret});
    for (path, body) in [("destinations", http()), ("webhooks", endpoint)] {
        let path = format!("{integration}/{path}");
        let made = portal.post(&path, &token, body).await;
        let path = format!("{path}/{}", made.id());
        assert!(made.json()["secretRotation"].is_null());
        let policy = json!({"everyDays": 90, "paused": true});
        for (version, policy) in [(1, &policy), (2, &Value::Null)] {
            let version = format!("\"{version}\"");
            let change = json!({"secretRotation": policy});
            let headers = [("if-match", version.as_str())];
            let changed = portal
                .call(("PATCH", &path), &token, &headers, change)
                .await;
            assert_eq!(changed.status, 200, "{}", changed.text);
            // Nothing is due of what is paused.
            assert_eq!(changed.json()["secretRotation"], *policy);
        }
    }
}

/// Where it is said, of what, the policy, and what of it is wrong.
fn wrong() -> Vec<(&'static str, Value, Value, &'static str)> {
    let queue = "https://sqs.us-east-1.amazonaws.com/000000000000/gatehouse-destination-a";
    let sqs = json!({"type": "sqs", "queueUrl": queue});
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let endpoint = json!({"scheme": "standard-webhooks", "secret": secret});
    let unsigned = json!({"scheme": "google-pubsub",
        "settings": {"audience": "a", "serviceAccount": "a@b.iam.gserviceaccount.com"}});
    let good = json!({"everyDays": 30});
    vec![
        (
            "destinations",
            http(),
            json!({"everyDays": 0}),
            "/secretRotation/everyDays",
        ),
        (
            "destinations",
            http(),
            json!({"everyDays": 30, "overlapSeconds": 1}),
            "/secretRotation/overlapSeconds",
        ),
        (
            "destinations",
            http(),
            json!({"everyDays": 1, "overlapSeconds": 86_401}),
            "/secretRotation/overlapSeconds",
        ),
        ("destinations", http(), json!([30]), "/secretRotation"),
        ("destinations", sqs, good.clone(), "/secretRotation"),
        (
            "webhooks",
            endpoint.clone(),
            json!({"everyDays": 3651}),
            "/secretRotation/everyDays",
        ),
        (
            "webhooks",
            endpoint,
            json!({"everyDays": 30, "overlapSeconds": 3600}),
            "/secretRotation/overlapSeconds",
        ),
        ("webhooks", unsigned, good, "/secretRotation"),
    ]
}

#[tokio::test]
async fn a_policy_that_is_wrong_changes_nothing() {
    let portal = Portal::new().await;
    let (_, token, integration) = set_up(&portal).await;
    for (of, body, policy, pointer) in wrong() {
        let path = format!("{integration}/{of}");
        let mut with_policy = body.clone();
        with_policy["secretRotation"] = policy.clone();
        let refused = portal.post(&path, &token, with_policy).await;
        assert_eq!(refused.status, 400, "{policy}: {}", refused.text);
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text
        );
        let made = portal.post(&path, &token, body).await;
        let path = format!("{path}/{}", made.id());
        let seen = portal.get(&path, &token).await.json();
        let change = json!({"secretRotation": policy});
        let headers = [("if-match", "\"1\"")];
        let refused = portal
            .call(("PATCH", &path), &token, &headers, change)
            .await;
        assert_eq!(refused.status, 400, "{policy}: {}", refused.text);
        assert_eq!(
            refused.json()["errors"][0]["pointer"],
            pointer,
            "{}",
            refused.text
        );
        assert_eq!(portal.get(&path, &token).await.json(), seen);
    }
}

#[tokio::test]
async fn nothing_is_left_due_of_an_integration_that_is_deleted() {
    let portal = Portal::new().await;
    let (_, token, integration) = set_up(&portal).await;
    let mut body = http();
    body["secretRotation"] = json!({"everyDays": 30});
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let endpoint = json!({"scheme": "standard-webhooks", "secret": secret,
        "secretRotation": {"everyDays": 30}});
    for (of, body) in [("destinations", body), ("webhooks", endpoint)] {
        let made = portal
            .post(&format!("{integration}/{of}"), &token, body)
            .await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    let far = system_sources()
        .now()
        .plus(std::time::Duration::from_secs(40 * 86_400));
    assert_eq!(portal.store.due_secrets(far, 10).await.unwrap().len(), 2);
    assert_eq!(portal.delete(&integration, &token).await.status, 200);
    assert_eq!(portal.store.due_secrets(far, 10).await.unwrap(), []);
}
