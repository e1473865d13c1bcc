use serde_json::{Value, json};

use crate::portal::{Portal, integration, with};

const PATH: &str = "/portal/integrations:bulk";

fn create(body: Value) -> Value {
    json!({"op": "create", "body": body})
}

async fn results(portal: &Portal, token: &str, operations: Value) -> Vec<Value> {
    let answer = portal
        .post(PATH, token, json!({"operations": operations}))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["results"].as_array().unwrap().clone()
}

#[tokio::test]
async fn each_operation_has_the_result_of_its_single_call() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let first = portal
        .post("/portal/integrations", &token, integration())
        .await
        .id();
    let second = portal
        .post("/portal/integrations", &token, integration())
        .await
        .id();
    let version = portal
        .get(&format!("/portal/integrations/{first}"), &token)
        .await;
    let version: u64 = version.headers["etag"]
        .to_str()
        .unwrap()
        .trim_matches('"')
        .parse()
        .unwrap();
    let operations = json!([
        create(integration()),
        {"op": "update", "id": first, "version": version, "body": {"name": "Renamed"}},
        {"op": "delete", "id": second},
        create(with(integration(), "name", json!(""))),
        {"op": "delete", "id": "int_01K72Z5QSW0123456789ABCDEF"},
    ]);
    let results = results(&portal, &token, operations).await;
    let statuses: Vec<_> = results
        .iter()
        .map(|result| result["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 200, 200, 400, 404]);
    let indices: Vec<_> = results
        .iter()
        .map(|result| result["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indices, [0, 1, 2, 3, 4]);
    let made = results[0]["id"].as_str().unwrap();
    let read = portal
        .get(&format!("/portal/integrations/{made}"), &token)
        .await;
    assert_eq!(read.json(), results[0]["integration"]);
    assert_eq!(
        read.headers["etag"],
        format!("\"{}\"", results[0]["version"])
    );
    assert_eq!(results[1]["integration"]["name"], "Renamed");
    assert_eq!(results[1]["version"], version + 1);
    assert_eq!(results[2]["deleted"]["id"], second);
    assert_eq!(results[3]["problem"]["code"], "invalid");
    assert_eq!(
        results[3]["problem"]["errors"][0]["pointer"],
        "/operations/3/body/name"
    );
    assert_eq!(results[4]["problem"]["code"], "not_found");
    assert!(results[4]["problem"]["instance"].is_string());
}

/// Runs each operation on its own; its status, and the pointer of its first wrong field.
async fn assert_refused(portal: &Portal, token: &str, wrong: Vec<(Value, u16, &str)>) {
    for (operation, status, pointer) in wrong {
        let results = results(portal, token, json!([operation])).await;
        assert_eq!(results[0]["status"], status, "{operation} {results:?}");
        if status == 400 {
            let found = results[0]["problem"]["errors"][0]["pointer"]
                .as_str()
                .unwrap();
            assert_eq!(found, format!("/operations/0{pointer}"), "{operation}");
        }
        assert!(!results[0].to_string().contains("canary"));
    }
}

#[tokio::test]
async fn what_an_operation_lacks_or_has_too_much_is_its_own_problem() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let id = portal
        .post("/portal/integrations", &token, integration())
        .await
        .id();
    let operation = |op: &str, rest: Value| with(rest, "op", json!(op));
    let wrong = vec![
        (operation("create", json!({})), 400, "/body"),
        (
            operation("create", json!({"id": id, "body": {}})),
            400,
            "/id",
        ),
        (
            operation("create", json!({"version": 1, "body": {}})),
            400,
            "/version",
        ),
        (
            operation("update", json!({"version": 1, "body": {}})),
            400,
            "/id",
        ),
        (
            operation("update", json!({"id": id, "body": {}})),
            400,
            "/version",
        ),
        (
            operation("update", json!({"id": id, "version": 1})),
            400,
            "/body",
        ),
        (
            operation("update", json!({"id": id, "version": 1, "body": {}})),
            412,
            "",
        ),
        (
            operation("update", json!({"id": "x", "version": 1, "body": {}})),
            404,
            "",
        ),
        (operation("delete", json!({})), 400, "/id"),
        (
            operation("delete", json!({"id": id, "version": 2})),
            400,
            "/version",
        ),
        (
            operation("delete", json!({"id": id, "body": {}})),
            400,
            "/body",
        ),
    ];
    assert_refused(&portal, &token, wrong).await;
    let list = portal.get("/portal/integrations", &token).await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_body_is_its_own_problem_and_is_not_quoted() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let colour = with(integration(), "colour", json!("red"));
    let key = with(integration(), "credentials", json!({"apiKey": ["canary"]}));
    let wrong = vec![
        (create(json!({})), 400, "/body/name"),
        (create(json!([])), 400, "/body"),
        (create(json!("canary")), 400, "/body"),
        (create(colour), 400, "/body/colour"),
        (create(key), 400, "/body/credentials/apiKey"),
    ];
    assert_refused(&portal, &token, wrong).await;
}

#[tokio::test]
async fn a_request_that_is_no_list_of_1_to_100_operations_does_nothing() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let many = vec![create(integration()); 101];
    for (body, pointer) in [
        (json!({}), "/operations"),
        (json!({"operations": []}), "/operations"),
        (json!({"operations": many}), "/operations"),
        (
            json!({"operations": [{"op": "upsert"}]}),
            "/operations/0/op",
        ),
        (
            json!({"operations": [{"op": "create", "colour": 1}]}),
            "/operations/0/colour",
        ),
        (
            json!({"operations": [create(integration()), 7]}),
            "/operations/1",
        ),
    ] {
        let answer = portal.post(PATH, &token, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid")
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
    let large = json!({"operations": [create(json!({"name": "x".repeat(1_100_000)}))]});
    assert_eq!(portal.post(PATH, &token, large).await.status, 413);
    assert_eq!(
        portal.get("/portal/integrations", &token).await.json(),
        json!({"items": []})
    );
}

#[tokio::test]
async fn what_belongs_to_others_is_neither_changed_nor_deleted() {
    let portal = Portal::new().await;
    let (ours, theirs) = (portal.organization(), portal.organization());
    let id = portal
        .post("/portal/integrations", &ours, integration())
        .await
        .id();
    let operations = json!([
        {"op": "update", "id": id, "version": 2, "body": {"name": "Taken"}},
        {"op": "delete", "id": id},
    ]);
    for result in results(&portal, &theirs, operations).await {
        assert_eq!(result["status"], 404, "{result}");
    }
    let read = portal
        .get(&format!("/portal/integrations/{id}"), &ours)
        .await
        .json();
    assert_eq!(read["name"], "Payments");
}

#[tokio::test]
async fn a_repeated_request_has_one_effect_and_the_same_answer() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let key = [("idempotency-key", "first")];
    let operations: Vec<_> = (0..100).map(|_| create(integration())).collect();
    let body = json!({"operations": operations});
    let first = portal
        .call(("POST", PATH), &token, &key, body.clone())
        .await;
    assert_eq!(first.status, 200, "{first:?}");
    let again = portal.call(("POST", PATH), &token, &key, body).await;
    assert_eq!(first.text, again.text);
    let list = portal
        .get("/portal/integrations?limit=200", &token)
        .await
        .json();
    assert_eq!(list["items"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn an_answer_leaves_out_the_integrations_that_it_has_no_room_for() {
    let portal = Portal::new().await;
    let token = portal.organization();
    let config = json!({"note": "x".repeat(15_000)});
    let operations: Vec<_> = (0..12)
        .map(|_| create(with(integration(), "webhookConfig", config.clone())))
        .collect();
    let results = results(&portal, &token, json!(operations)).await;
    assert!(
        results
            .iter()
            .all(|result| result["status"] == 201 && result["version"].is_u64())
    );
    let shown = results
        .iter()
        .filter(|result| result["integration"].is_object())
        .count();
    assert_eq!(shown, 8);
}
