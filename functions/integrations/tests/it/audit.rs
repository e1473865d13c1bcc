//! The audit trail as the API shows it.

use gatehouse::domain::OrganizationId;
use serde_json::{Value, json};

use crate::portal::{Answer, Portal, integration};

/// What stands for a page of the trail in a request to the table.
const PAGES: &str = "\"audit_page\"";

impl Portal {
    /// The newest entries, without those about the trail itself.
    async fn trail(&self, token: &str) -> Vec<Value> {
        let answer = self.get("/portal/audit", token).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let items = answer.json()["items"].as_array().unwrap().clone();
        let of_trail = |entry: &Value| entry["action"].as_str().unwrap().starts_with("audit.");
        items.into_iter().filter(|entry| !of_trail(entry)).collect()
    }

    async fn verify(&self, token: &str, body: Value) -> Answer {
        self.post("/portal/audit/verify", token, body).await
    }
}

fn words(entries: &[Value]) -> Vec<(&str, &str)> {
    let words = entries.iter().map(|entry| {
        let (action, outcome) = (&entry["action"], &entry["outcome"]);
        (action.as_str().unwrap(), outcome.as_str().unwrap())
    });
    words.collect()
}

#[tokio::test]
async fn a_change_is_in_the_trail_before_it_is_made_and_when_it_has_ended() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let changed = json!({"nothing": 1});
    let headers = [("if-match", "\"1\"")];
    let refused = portal
        .call(("PATCH", &path), &token, &headers, changed)
        .await;
    assert_eq!(refused.status, 400);
    let entries = portal.trail(&token).await;
    let expected = [
        ("integration.update", "refused"),
        ("integration.update", "started"),
        ("integration.create", "succeeded"),
        ("integration.create", "started"),
        ("session.start", "succeeded"),
    ];
    assert_eq!(words(&entries), expected);
    let id = path.rsplit('/').next().unwrap();
    let subject = json!({"kind": "integration", "id": id});
    for entry in &entries[..3] {
        assert_eq!(entry["subject"], subject, "{entry}");
    }
    assert_eq!(entries[0]["code"], "invalid");
    assert_eq!(entries[0]["actor"], json!({"kind": "user", "id": "me"}));
    let request = refused.headers["x-request-id"].to_str().unwrap();
    assert_eq!(entries[0]["requestId"], request);
    assert_eq!(entries[1]["requestId"], request);
    assert_eq!(entries[4]["sequence"], 1);
}

/// What is done, refused and denied in bulk is there as what is done one by one.
#[tokio::test]
async fn each_operation_of_many_is_in_the_trail_by_itself() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token_as(organization, "owner", &["owner"]);
    let first = portal.integration(&owner).await;
    let mut confidential = integration();
    confidential["classification"] = json!("confidential");
    let second = portal.post("/portal/integrations", &owner, confidential);
    let second = second.await.id();
    let first = first.rsplit('/').next().unwrap();
    // Who has no second factor may not delete the second.
    let token = portal.signed(organization, "me", json!({"roles": ["owner"]}));
    let operations = json!({"operations": [
        {"op": "create", "body": integration()},
        {"op": "update", "id": first, "version": 99, "body": {"name": "Renamed"}},
        {"op": "delete", "id": second},
    ]});
    let answer = portal
        .post("/portal/integrations:bulk", &token, operations)
        .await;
    let results = answer.json()["results"].clone();
    let statuses = [0, 1, 2].map(|n: usize| results[n]["status"].as_u64().unwrap());
    assert_eq!(statuses, [201, 412, 403], "{answer:?}");
    let made = results[0]["id"].as_str().unwrap();
    let request = answer.headers["x-request-id"].to_str().unwrap();
    let entries = portal.trail(&owner).await;
    let mut told: Vec<String> = entries
        .iter()
        .filter(|entry| entry["requestId"] == request)
        .map(|entry| {
            assert_eq!(entry["actor"], json!({"kind": "user", "id": "me"}));
            let of = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            let subject = entry["subject"]["id"].as_str().unwrap_or("-");
            let (action, outcome, code) = (of("action"), of("outcome"), of("code"));
            format!("{action} {outcome} {subject} {code}")
        })
        .collect();
    told.sort();
    let expected = [
        "integration.bulk started - -".to_owned(),
        "integration.bulk succeeded - -".to_owned(),
        "integration.create started - -".to_owned(),
        format!("integration.create succeeded {made} -"),
        format!("integration.delete denied {second} forbidden"),
        format!("integration.delete started {second} -"),
        format!("integration.update refused {first} precondition_failed"),
        format!("integration.update started {first} -"),
        "session.start succeeded - -".to_owned(),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn no_secret_and_nothing_of_a_body_is_in_the_trail() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let secret = json!({"secret": "whsec_canary_of_the_endpoint"});
    portal
        .post(&format!("{path}/webhooks"), &token, secret)
        .await;
    portal
        .post(
            &format!("{path}/webhooks"),
            &token,
            json!({"canary": "canary"}),
        )
        .await;
    let destination = json!({"type": "http", "url": "https://canary.example/"});
    let made = portal
        .post(&format!("{path}/destinations"), &token, destination)
        .await;
    let shown = made.json()["secret"]
        .as_str()
        .unwrap_or("canary")
        .to_owned();
    let contents = portal.stack.contents().await.unwrap();
    let trail: Vec<&str> = contents
        .lines()
        .filter(|line| line.contains("item_type=audit_"))
        .collect();
    assert!(trail.len() >= 6, "{}", trail.len());
    for line in trail {
        assert!(!line.contains("canary") && !line.contains(&shown), "{line}");
        assert!(!line.contains(&token), "{line}");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    portal.stack.refuse(Some(PAGES));
    let created = portal
        .post("/portal/integrations", &token, integration())
        .await;
    let deleted = portal.delete(&path, &token).await;
    let exported = portal.get("/portal/audit/export", &token).await;
    // Nor is anybody let in who was not here before.
    let stranger = portal
        .get("/portal/integrations", &portal.organization())
        .await;
    for answer in [created, deleted, exported, stranger] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert_eq!(answer.code(), "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    portal.stack.refuse(None);
    let list = portal.get("/portal/integrations", &token).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    let verified = portal.verify(&token, Value::Null).await.json();
    assert_eq!(verified["whole"], true, "{verified}");
}

#[tokio::test]
async fn a_session_is_recorded_when_its_token_comes_for_the_first_time() {
    let portal = Portal::new().await;
    let token = portal.organization();
    for _ in 0..3 {
        portal.get("/portal/integrations", &token).await;
    }
    let entries = portal.trail(&token).await;
    assert_eq!(words(&entries), [("session.start", "succeeded")]);
}

#[tokio::test]
async fn the_trail_of_another_organization_is_not_seen() {
    let portal = Portal::new().await;
    let (ours, theirs) = (portal.organization(), portal.organization());
    portal.integration(&ours).await;
    let anchor = portal.verify(&ours, Value::Null).await.json()["anchor"].clone();
    let entries = portal.trail(&theirs).await;
    assert_eq!(words(&entries), [("session.start", "succeeded")]);
    let cursor = portal.get("/portal/audit?limit=1", &ours).await.json()["nextCursor"].clone();
    let path = format!("/portal/audit?cursor={}", cursor.as_str().unwrap());
    let text = portal.get(&path, &theirs).await.text;
    assert!(!text.contains("integration.create"), "{text}");
    let export = portal.get("/portal/audit/export", &theirs).await.text;
    assert!(!export.contains("integration.create"), "{export}");
    let answer = portal.verify(&theirs, json!({"anchor": anchor})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.json()["errors"][0]["pointer"],
        "/anchor/organizationId"
    );
}

#[tokio::test]
async fn filters_pick_and_pages_go_on() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let path = portal.integration(&token).await;
    let id = path.rsplit('/').next().unwrap();
    let count = async |query: &str| {
        let answer = portal.get(&format!("/portal/audit?{query}"), &token).await;
        answer.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(count("action=integration.create").await, 2);
    assert_eq!(count("action=integration.create&outcome=started").await, 1);
    assert_eq!(count(&format!("subject={id}")).await, 1);
    assert_eq!(count("actor=you").await, 0);
    assert_eq!(
        count("from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z").await,
        0
    );
    let mut seen = Vec::new();
    let mut path = "/portal/audit?limit=2&to=2100-01-01T00:00:00Z".to_owned();
    loop {
        let page = portal.get(&path, &token).await.json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|e| e["id"].to_string()),
        );
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        path = format!("/portal/audit?limit=2&cursor={cursor}");
    }
    let mut ordered = seen.clone();
    ordered.sort_by(|one, other| other.cmp(one));
    ordered.dedup();
    assert_eq!(seen, ordered);
    assert!(seen.len() >= 8, "{}", seen.len());
}

#[tokio::test]
async fn what_is_no_filter_and_no_cursor_is_refused() {
    let portal = Portal::new().await;
    let token = portal.organization();
    portal.integration(&token).await;
    let events = portal.get("/portal/audit?limit=1", &token).await.json();
    let cursor = events["nextCursor"].as_str().unwrap().to_owned();
    for path in [
        "/portal/audit?limit=0",
        "/portal/audit?limit=201",
        "/portal/audit?limit=x",
        "/portal/audit?cursor=x",
        "/portal/audit?outcome=good",
        "/portal/audit?from=yesterday",
        "/portal/audit?organization=other",
        "/portal/audit/export?cursor=x",
        "/portal/audit/export?from=x",
        &format!("/portal/audit/export?cursor={cursor}"),
        &format!("/portal/audit/export?cursor={cursor}&from=2026-01-01T00:00:00Z"),
    ] {
        let answer = portal.get(path, &token).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed"),
            "{path}"
        );
    }
    let good = portal.verify(&token, Value::Null).await.json()["anchor"].clone();
    let mut damaged = good.clone();
    damaged["spine"]["sequence"] = json!(1_000);
    for (body, code) in [
        (json!({"anchor": damaged}), "invalid"),
        (json!({"anchor": {}}), "invalid"),
        (json!({"anchors": good}), "invalid"),
        (json!({"from": "yesterday"}), "invalid"),
        (json!({"cursor": cursor}), "malformed"),
    ] {
        let answer = portal.verify(&token, body.clone()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, code),
            "{body}"
        );
    }
    // What was refused has changed nothing, and is in the trail itself.
    let again = portal.verify(&token, json!({"anchor": good})).await.json();
    assert_eq!(again["whole"], true, "{again}");
}

#[tokio::test]
async fn an_export_is_json_lines_and_a_verification_gives_an_anchor() {
    let portal = Portal::new().await;
    let id: OrganizationId = "org_01K72Z5QSW0123456789ABCDEF".parse().unwrap();
    let token = portal.token(id);
    portal.integration(&token).await;
    let verified = portal.verify(&token, Value::Null).await.json();
    assert_eq!(
        (&verified["whole"], &verified["complete"]),
        (&json!(true), &json!(true))
    );
    let anchor = verified["anchor"].clone();
    assert_eq!(anchor["organizationId"], id.to_string());
    let (mut path, mut lines) = ("/portal/audit/export".to_owned(), Vec::new());
    loop {
        let page = portal.get(&path, &token).await;
        assert_eq!(page.headers["content-type"], "application/jsonl");
        assert_eq!(page.headers["cache-control"], "no-store");
        lines.extend(page.text.lines().map(str::to_owned));
        let Some(link) = page.headers.get("link") else {
            break;
        };
        let link = link.to_str().unwrap();
        let (target, _) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert!(link.ends_with("; rel=\"next\""));
        path = target.to_owned();
    }
    let entries: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let actions: Vec<&str> = entries
        .iter()
        .map(|e| e["action"].as_str().unwrap())
        .collect();
    let expected = [
        "audit.anchor",
        "audit.lane",
        "audit.export",
        "audit.verify",
        "integration.create",
        "integration.create",
        "session.start",
    ];
    assert_eq!(actions, expected);
    let again = portal
        .verify(&token, json!({"anchor": anchor}))
        .await
        .json();
    assert_eq!(again["findings"], json!([]), "{again}");
}
