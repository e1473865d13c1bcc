//! Every row of this function is tried by every role, and a warm call costs no read for it.

use gatehouse::access::{About, ROUTES, Route};
use gatehouse::domain::{Action, Classification, Role};
use serde_json::{Value, json};

use crate::provider::Provider;
use crate::world::{Answer, World};

/// Every operation with its row.
fn rows() -> Vec<(String, &'static Route)> {
    let document = serde_json::to_value(gateway::document()).unwrap();
    let mut rows = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path
            .replace("{integrationId}", "{integration}")
            .replace("{requestId}", "{request}")
            .replace("{path}", "{*path}");
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            let is_it =
                |row: &&Route| row.path == path && [method.as_str(), "*"].contains(&row.method);
            let row = ROUTES.iter().find(is_it);
            rows.push((
                method.clone(),
                row.unwrap_or_else(|| panic!("no row: {method} {path}")),
            ));
        }
    }
    assert!(rows.iter().all(|(_, row)| row.about == About::Integration));
    rows
}

/// Who may do it with an integration that nothing is said of.
fn who(action: Action) -> &'static [Role] {
    use Role::{Admin, Auditor, Developer, Operator, Owner, Viewer};
    match action {
        Action::ReadRequests => &[Owner, Admin, Operator, Developer, Auditor, Viewer],
        Action::CallProvider
        | Action::TestIntegration
        | Action::LookUpUsers
        | Action::PurgeCache => &[Owner, Admin, Operator, Developer],
        other => panic!("{other} is not the gateway's"),
    }
}

async fn try_row(world: &World, (method, row): (&str, &Route), id: &str, token: &str) -> Answer {
    let path = row
        .path
        .replace("{integration}", id)
        .replace("{*path}", "a");
    let path = path.replace("{request}", "req_01K72Z5QSW0123456789ABCDEF");
    world
        .call_as(
            token,
            (method, &path),
            json!({"method": "GET", "endpoint": "/"}),
        )
        .await
}

#[tokio::test]
async fn every_row_is_for_the_roles_that_it_is_for() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let id = integration.rsplit('/').next().unwrap();
    for role in Role::ALL.map(Some).into_iter().chain([None]) {
        let roles: Vec<&str> = role.iter().map(|role| role.name()).collect();
        let token = world.token_with("somebody", json!({"roles": roles}));
        for (method, row) in rows() {
            let answer = try_row(&world, (&method, row), id, &token).await;
            if role.is_some_and(|role| who(row.action).contains(&role)) {
                assert_ne!(answer.status, 403, "{method} {row:?} by {role:?}");
                provider.calls();
            } else {
                assert_eq!(
                    answer.problem(),
                    (403, "forbidden".to_owned()),
                    "{method} {row:?} by {role:?}"
                );
                assert!(provider.calls().is_empty());
            }
        }
    }
}

#[tokio::test]
async fn what_is_restricted_is_called_with_a_second_factor_only() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world
        .integration(&provider.url, json!({"classification": "restricted"}))
        .await;
    let call = json!({"method": "GET", "endpoint": "/"});
    let path = format!("{integration}/requests");
    for (amr, roles, status) in [
        ("pwd", "owner", 403),
        ("mfa", "owner", 200),
        ("mfa", "operator", 200),
        ("mfa", "developer", 403),
    ] {
        let token = world.token_with("me", json!({"roles": [roles], "amr": [amr]}));
        let answer = world.call_as(&token, ("POST", &path), call.clone()).await;
        assert_eq!(answer.status, status, "{amr} {roles}: {}", answer.text());
        assert_eq!(provider.calls().len(), usize::from(status == 200));
    }
    world
        .change(&integration, |one| {
            one.classification = Classification::Public
        })
        .await;
    let token = world.token_with("me", json!({"roles": ["developer"]}));
    let answer = world
        .another_function()
        .call_as(&token, ("POST", &path), call)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_warm_call_costs_no_read_for_its_authorization() {
    let (world, provider) = (World::new().await, Provider::start().await);
    let integration = world.integration(&provider.url, json!({})).await;
    let list = format!("{integration}/requests");
    let reads = async || {
        world.stack.reset_calls();
        let token = world.token();
        let answer = world.call_as(&token, ("GET", &list), Value::Null).await;
        assert_eq!(answer.status, 200);
        world.stack.calls()
    };
    reads().await;
    let warm = reads().await;
    let gets: u64 = warm
        .iter()
        // What the limits of callers lease is written, and not read.
        .filter(|(name, _)| name.contains("GetItem"))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(gets, 0, "{warm:?}");
}
