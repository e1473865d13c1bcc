use serde_json::{Value, json};

use super::Crm;
use crate::portal::Answer;

const PATH: &str = "/portal/records/retention";

impl Crm {
    async fn retention(&self) -> Value {
        self.portal.get(PATH, &self.token).await.json()
    }

    async fn keep(&self, token: &str, version: &str, body: Value) -> Answer {
        let headers = [("if-match", version)];
        let call = ("PUT", PATH);
        self.portal.call(call, token, &headers, body).await
    }
}

#[tokio::test]
async fn an_organization_says_how_long_its_records_are_kept() {
    let crm = Crm::new().await;
    let left = json!({"days": null, "effectiveDays": 30});
    assert_eq!(crm.retention().await, left);
    let said = crm.keep(&crm.token, "\"0\"", json!({"days": 400})).await;
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(said.headers["etag"], "\"1\"");
    assert_eq!(said.json(), json!({"days": 400, "effectiveDays": 400}));
    assert_eq!(crm.retention().await, said.json());
    let stranger = crm.portal.organization();
    assert_eq!(crm.portal.get(PATH, &stranger).await.json(), left);
    let unsaid = crm.keep(&crm.token, "\"1\"", json!({"days": null})).await;
    assert_eq!(unsaid.json(), left);
    assert_eq!(crm.retention().await, left);
}

#[tokio::test]
async fn a_retention_that_is_wrong_changes_nothing() {
    let crm = Crm::new().await;
    crm.keep(&crm.token, "\"0\"", json!({"days": 7})).await;
    let before = crm.retention().await;
    for body in [
        json!({"days": 0}),
        json!({"days": 3_651}),
        json!({"days": -1}),
        json!({"days": 65_536}),
        json!({"days": "7"}),
        json!({"days": 1.5}),
        json!({"hours": 7}),
        json!([7]),
    ] {
        let answer = crm.keep(&crm.token, "\"1\"", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
    let stale = crm.keep(&crm.token, "\"0\"", json!({"days": 8})).await;
    assert_eq!(stale.status, 412, "{stale:?}");
    let call = ("PUT", PATH);
    let unguarded = crm.portal.call(call, &crm.token, &[], json!({"days": 8}));
    assert_eq!(unguarded.await.status, 428);
    for role in ["viewer", "operator", "developer", "auditor"] {
        let token = crm.portal.token_as(crm.organization, role, &[role]);
        let denied = crm.keep(&token, "\"1\"", json!({"days": 8})).await;
        assert_eq!(denied.status, 403, "{role}: {denied:?}");
        assert_eq!(crm.portal.get(PATH, &token).await.json(), before);
    }
    assert_eq!(crm.retention().await, before);
}
