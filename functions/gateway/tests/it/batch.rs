use serde_json::json;

use crate::provider::{Provider, Reply};
use crate::world::World;

#[tokio::test]
async fn each_request_of_a_batch_has_its_own_result_in_its_place() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    provider.always(Reply::json(404, &json!({})));
    let batch = json!({"requests": [
        {"method": "GET", "endpoint": "/a"},
        {"method": "GET", "endpoint": "/../b"},
        {"method": "NOT A METHOD", "endpoint": "/c"},
        {"method": "GET", "endpoint": "/d"},
    ]});
    let path = format!("{integration}/requests:batch");
    let answer = world.post(&path, &[], batch).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    let codes: Vec<_> = results
        .iter()
        .map(|result| &result["problem"]["code"])
        .collect();
    assert_eq!(codes[1..3], [&json!("invalid"), &json!("invalid")]);
    assert_eq!(codes[0], codes[3]);
    assert_eq!(results[0]["problem"]["upstream"]["status"], 404);
    assert_eq!(results[1]["status"], 400);
    assert_eq!(provider.calls().len(), 2);
    provider.always(Reply::json(200, &json!({"ok": true})));
    let requests: Vec<_> = (0..25)
        .map(|n| json!({"method": "GET", "endpoint": format!("/{n}")}))
        .collect();
    let answer = world
        .post(&path, &[], json!({"requests": requests}))
        .await
        .json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 25);
    assert!(
        results
            .iter()
            .all(|result| result["response"]["body"]["ok"] == true)
    );
    assert_eq!(provider.calls().len(), 25);
}

#[tokio::test]
async fn a_batch_has_1_to_25_requests() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let path = format!("{integration}/requests:batch");
    for count in [0, 26] {
        let requests = vec![json!({"method": "GET", "endpoint": "/"}); count];
        let answer = world.post(&path, &[], json!({"requests": requests})).await;
        assert_eq!(answer.problem(), (400, "invalid".to_owned()), "{count}");
    }
    assert!(provider.calls().is_empty());
}
