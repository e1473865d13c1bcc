//! Every route of this function is tried by every role, and by another organization.

use axum::body::Body;
use gatehouse::access::{About, ROUTES, Route};
use gatehouse::domain::{Action, OrganizationId, Role};
use http::Request;
use serde_json::{Value, json};

use crate::world::{Answer, World};

const SERVER: &str = "https://server.example";

/// Every operation with its row.
fn rows() -> Vec<(String, &'static Route)> {
    let document = serde_json::to_value(connect::document()).unwrap();
    let mut rows = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{integrationId}", "{integration}");
        for method in item.as_object().unwrap().keys() {
            let row = Route::of(&method.to_uppercase(), &path);
            let row = row.unwrap_or_else(|| panic!("no row: {method} {path}"));
            assert_eq!(row.about, About::Integration);
            rows.push((method.to_uppercase(), row));
        }
    }
    let described = |route: &&Route| {
        route
            .path
            .starts_with("/portal/integrations/{integration}/oauth")
    };
    assert_eq!(rows.len(), ROUTES.iter().filter(described).count());
    rows
}

/// Who may do it with an integration that nothing is said of.
fn who(action: Action) -> &'static [Role] {
    use Role::{Admin, Auditor, Developer, Operator, Owner, Viewer};
    match action {
        Action::ReadGrant => &[Owner, Admin, Operator, Developer, Auditor, Viewer],
        Action::ConnectGrant | Action::RevokeGrant => &[Owner, Admin, Developer],
        other => panic!("{other} is not this function's"),
    }
}

async fn try_row(world: &World, (method, row): (&str, &Route), id: &str, token: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(row.path.replace("{integration}", id))
        .header("authorization", format!("Bearer {token}"));
    world.send(request.body(Body::empty()).unwrap()).await
}

async fn integration(world: &World) -> String {
    let endpoint = |path: &str| format!("{SERVER}/{path}");
    let config = json!({
        "authorizationEndpoint": endpoint("authorize"), "tokenEndpoint": endpoint("token"),
    });
    let path = world.integration(config).await;
    path.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_row_is_for_the_roles_that_it_is_for() {
    let world = World::new().await;
    let id = integration(&world).await;
    for role in Role::ALL.map(Some).into_iter().chain([None]) {
        let roles: Vec<&str> = role.iter().map(|role| role.name()).collect();
        let token = world.token_with(json!({"roles": roles}));
        for (method, row) in rows() {
            let answer = try_row(&world, (&method, row), &id, &token).await;
            let said = format!("{method} {row:?} by {role:?}: {}", answer.text);
            if role.is_some_and(|role| who(row.action).contains(&role)) {
                assert!(![401, 403].contains(&answer.status.as_u16()), "{said}");
            } else {
                assert_eq!(answer.status, 403, "{said}");
                assert_eq!(answer.json()["code"], "forbidden");
            }
        }
    }
}

#[tokio::test]
async fn another_organizations_integration_does_not_exist() {
    let world = World::new().await;
    let id = integration(&world).await;
    let now = world.clock.sources().now();
    let randomness = world.clock.sources().randomness;
    let theirs = OrganizationId::generate(now, randomness.as_ref());
    let token = world.token_of(theirs);
    for (method, row) in rows() {
        let answer = try_row(&world, (&method, row), &id, &token).await;
        assert_eq!(answer.status, 404, "{method} {row:?}: {}", answer.text);
    }
    let path = format!("/portal/integrations/{id}");
    assert_eq!(world.view(&path).await["state"], "not_connected");
}

#[tokio::test]
async fn nobody_without_a_good_token_gets_anywhere() {
    let world = World::new().await;
    let id = integration(&world).await;
    let expired = world.token_with(json!({"exp": 1_700_000_000, "roles": ["owner"]}));
    let for_others = world.token_with(json!({"aud": "others", "roles": ["owner"]}));
    for token in ["", "nonsense", &expired, &for_others] {
        for (method, row) in rows() {
            let answer = try_row(&world, (&method, row), &id, token).await;
            assert_eq!(answer.status, 401, "{method} {row:?} {token}");
            assert_ne!(answer.json()["code"], Value::Null);
        }
    }
}
