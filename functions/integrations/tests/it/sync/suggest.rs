use serde_json::{Value, json};

use super::{CANARY, Crm, config};

const PATH: &str = "/sync/mapping/suggest";

fn wanted(more: Value) -> Value {
    let mut body = json!({"entity": "contacts", "fields": [
        {"name": "email", "type": "string"}, {"name": "firstName"}, {"name": "shoeSize", "type": "integer"},
    ]});
    let fields = body.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_mapping_is_proposed_and_nothing_of_the_samples_told() {
    let crm = Crm::new().await;
    let sample = json!({"mail": CANARY, "given_name": "Ada", "id": 7});
    let given = crm.post(PATH, wanted(json!({"samples": [sample]}))).await;
    assert_eq!(given.status, 200, "{given:?}");
    assert!(!given.text.contains("canary@"));
    let answer = given.json();
    let from = |field: &str| {
        let suggestions = answer["suggestions"].as_array().unwrap();
        let found = suggestions.iter().find(|one| one["field"] == field);
        found.map(|one| one["mapping"]["from"].clone())
    };
    assert_eq!(from("email"), Some(json!("mail")));
    assert_eq!(from("firstName"), Some(json!("given_name")));
    assert_eq!(answer["without"], json!(["shoeSize"]));
    // Without a mapping, what is here is as the provider has it.
    crm.see(&[("c1", Some(sample))]).await;
    let before = crm.portal.contents().await;
    let stored = crm.post(PATH, wanted(json!({}))).await;
    assert_eq!(stored.json(), answer);
    assert_eq!(crm.portal.contents().await, before);
}

#[tokio::test]
async fn what_nothing_can_be_proposed_from_is_refused() {
    let crm = Crm::new().await;
    for (body, pointer) in [
        (wanted(json!({})), "/samples"),
        (wanted(json!({"samples": [{}, 7]})), "/samples/1"),
        (wanted(json!({"samples": vec![json!({}); 21]})), "/samples"),
        (wanted(json!({"fields": []})), "/fields"),
        (
            wanted(json!({"fields": [{"name": "a", "type": "text"}]})),
            "/fields/0/type",
        ),
        (wanted(json!({"entity": "a#b"})), "/entity"),
        (wanted(json!({"apply": true})), "/apply"),
    ] {
        let text = body.to_string();
        let answer = crm.post(PATH, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (400, "invalid".to_owned()),
            "{text}"
        );
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{text}");
    }
    let unknown = crm.post(PATH, wanted(json!({"entity": "leads"}))).await;
    assert_eq!(unknown.status, 404);
    let mut mapped = config();
    mapped["entities"]["contacts"]["mapping"] = json!({"name": "full_name"});
    let crm = Crm::with(mapped).await;
    crm.see(&[("c1", Some(json!({"name": "Ada"})))]).await;
    let answer = crm.post(PATH, wanted(json!({}))).await;
    assert_eq!(answer.json()["errors"][0]["pointer"], "/samples");
}
