use serde_json::json;

use crate::portal::Portal;

const PATH: &str = "/portal/data-keys";
const ROTATE: &str = "/portal/data-keys/rotate";

#[tokio::test]
async fn the_data_key_is_replaced_once_and_not_again_at_once() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let token = portal.token(organization);
    for answer in [
        portal.get(PATH, &token).await,
        portal.post(ROTATE, &token, json!(null)).await,
    ] {
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    portal.keys.ensure(organization).await.unwrap();
    let first = portal.get(PATH, &token).await.json();
    assert_eq!(first["number"], 1);
    assert!(first["resealing"].is_null());
    let key = [("idempotency-key", "first")];
    let rotate = || portal.call(("POST", ROTATE), &token, &key, json!(null));
    let rotated = rotate().await;
    assert_eq!(rotated.status, 202, "{rotated:?}");
    assert_eq!(rotated.json()["number"], 2);
    assert_eq!(rotated.json()["resealing"]["number"], 2);
    // Repeated, it is the same; asked for again, it is too early.
    assert_eq!(rotate().await.json(), rotated.json());
    let before = portal.get(PATH, &token).await.json();
    let again = portal.post(ROTATE, &token, json!(null)).await;
    assert_eq!(again.status, 409, "{again:?}");
    assert_eq!(portal.get(PATH, &token).await.json(), before);
    assert_eq!(before["number"], 2);
    let stranger = portal.organization();
    assert_eq!(portal.get(PATH, &stranger).await.status, 404);
}

#[tokio::test]
async fn replacing_the_data_key_takes_an_admin_with_a_second_factor() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    portal.keys.ensure(organization).await.unwrap();
    let plain = portal.signed(organization, "p", json!({"roles": "owner", "amr": ["pwd"]}));
    let developer = portal.token_as(organization, "d", &["developer"]);
    let operator = portal.token_as(organization, "o", &["operator"]);
    for token in [&plain, &developer, &operator] {
        let answer = portal.post(ROTATE, token, json!(null)).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(portal.get(PATH, token).await.json()["number"], 1);
    }
    let admin = portal.token_as(organization, "a", &["admin"]);
    let answer = portal.post(ROTATE, &admin, json!(null)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}
