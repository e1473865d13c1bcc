//! Every operation of the API has a row that says what it does, every row is of an operation, and
//! every row of this function is tried by every role.

use std::collections::BTreeSet;

use gatehouse::access::{ROUTES, Route};
use gatehouse::domain::Action as A;
use gatehouse::domain::Role::{Admin, Auditor, Developer, Operator, Owner, Viewer};
use gatehouse::domain::{Action, Role};
use serde_json::{Value, json};

use crate::portal::Portal;

/// A path with its parameters nameless: descriptions and routers name them differently.
fn nameless(path: &str) -> String {
    let mut parts = path.split('/').map(|part| match part.strip_prefix('{') {
        Some(_) => "{}",
        None => part,
    });
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |path, part| format!("{path}/{part}"))
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            operations.insert((method.to_uppercase(), nameless(path)));
        }
    }
    operations
}

/// The row of an operation.
fn row(method: &str, path: &str) -> Option<&'static Route> {
    let mut rows = ROUTES.iter();
    rows.find(|row| nameless(row.path) == path && (row.method == method || row.method == "*"))
}

#[test]
fn every_operation_has_a_row_and_every_row_is_of_an_operation() {
    let whole = integrations::whole_document().unwrap();
    let mut rows = BTreeSet::new();
    for (method, path) in operations(&whole) {
        let row = row(&method, &path).unwrap_or_else(|| panic!("no row: {method} {path}"));
        rows.insert((row.method, row.path));
    }
    for row in ROUTES {
        assert!(
            rows.contains(&(row.method, row.path)),
            "not described: {row:?}"
        );
    }
}

/// Who may do it with an integration that nothing is said of (internal, in production), with a
/// second factor; or with the organization.
#[expect(clippy::too_many_lines, reason = "one table, easier to read whole")]
fn who(action: Action) -> &'static [Role] {
    match action {
        A::ReadProviders
        | A::ListIntegrations
        | A::ReadIntegration
        | A::ReadIncidents
        | A::ReadEndpoints
        | A::ReadDestinations
        | A::ReadGrant
        | A::ReadSync
        | A::ReadRecords
        | A::ReadAlerts
        | A::ReadAlertRules
        | A::ReadRetention
        | A::ReadRotations
        | A::ChangeInBulk
        | A::ReadEvents
        | A::ReadRequests
        | A::ListElevations
        | A::RequestElevation
        | A::EndElevation => &[Owner, Admin, Operator, Developer, Auditor, Viewer],
        A::CreateIntegration
        | A::UpdateIntegration
        | A::DeleteIntegration
        | A::ManageEndpoints
        | A::ManageDestinations
        | A::ManageAlertRules
        | A::ChangeCredentials
        | A::RotateCredentials
        | A::ManageRotations
        | A::ManageEndpointSecrets
        | A::RotateDestinationSecrets
        | A::ConnectGrant
        | A::RevokeGrant => &[Owner, Admin, Developer],
        A::ManageIncidents | A::RunPlaybooks | A::ApprovePlaybooks | A::SettleAlerts => {
            &[Owner, Admin, Operator]
        }
        A::CallProvider
        | A::TestIntegration
        | A::LookUpUsers
        | A::TestEndpoint
        | A::RetryEvents
        | A::PurgeCache
        | A::StartSync
        | A::ManageSync
        | A::WriteRecords
        | A::ResolveConflicts => &[Owner, Admin, Operator, Developer],
        A::ReadAudit | A::VerifyAudit | A::ReviewAccess | A::ListApiKeys | A::ListRevocations => {
            &[Owner, Admin, Auditor]
        }
        A::LowerProtection
        | A::ManagePlaybooks
        | A::ManageAlerts
        | A::ManageRetention
        | A::RotateInEmergency
        | A::RotateDataKey
        | A::CreateApiKey
        | A::RevokeApiKey
        | A::RevokeTokens
        | A::ApproveElevation
        | A::DenyElevation => &[Owner, Admin],
        A::GrantOwner => &[Owner],
    }
}

#[tokio::test]
async fn every_row_of_the_portal_is_for_the_roles_that_it_is_for() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let integration = portal.integration(&portal.token(organization)).await;
    let id = integration.rsplit('/').next().unwrap();
    let document = serde_json::to_value(integrations::document()).unwrap();
    let rows: Vec<(String, &Route)> = operations(&document)
        .into_iter()
        .filter(|(_, path)| path.starts_with("/portal"))
        .map(|(method, path)| {
            let row = row(&method, &path).unwrap();
            (method, row)
        })
        .collect();
    let callers = Role::ALL.map(Some).into_iter().chain([None]);
    for role in callers {
        let roles: Vec<&str> = role.iter().map(|role| role.name()).collect();
        let token = portal.token_as(organization, "somebody", &roles);
        let before = portal.contents().await;
        let may = |action| role.is_some_and(|role| who(action).contains(&role));
        let (allowed, denied): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| may(row.action));
        for (method, row) in denied {
            let answer = try_row(&portal, (method, row), id, &token).await;
            assert_eq!(
                answer.status, 403,
                "{method} {row:?} by {role:?}: {answer:?}"
            );
            assert_eq!(answer.code(), "forbidden");
        }
        assert_eq!(portal.contents().await, before, "{role:?}");
        for (method, row) in allowed {
            let answer = try_row(&portal, (method, row), id, &token).await;
            let status = answer.status.as_u16();
            let got_past = ![401, 403].contains(&status) && status < 500;
            assert!(got_past, "{method} {row:?} by {role:?}: {answer:?}");
        }
    }
}

/// Asks for what a row says, in a way that nothing takes: who passes is stopped by what comes next.
async fn try_row(
    portal: &Portal,
    (method, row): (&str, &Route),
    id: &str,
    token: &str,
) -> crate::portal::Answer {
    let path = row.path.replace("{integration}", id);
    let path = path.replace("{slug}", "stripe");
    let headers = [("content-type", "text/plain"), ("if-match", "\"99\"")];
    portal
        .call((method, &path), token, &headers, Value::Null)
        .await
}

#[tokio::test]
async fn what_is_denied_does_not_say_which_rule_denies_it() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let viewer = portal.token_as(organization, "v", &["viewer"]);
    let answer = portal
        .post(
            "/portal/integrations",
            &viewer,
            crate::portal::integration(),
        )
        .await;
    assert_eq!(
        answer.json()["detail"],
        "the access token does not allow this"
    );
}

/// Makes a change of what stands there now; its status.
async fn patch(portal: &Portal, path: &str, token: &str, change: Value) -> u16 {
    let read = portal.get(path, token).await;
    let version = read.headers["etag"].to_str().unwrap();
    let headers = [("if-match", version)];
    let answer = portal.call(("PATCH", path), token, &headers, change).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn what_an_integration_is_decides_who_may_change_it() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    let developer = portal.token_as(organization, "d", &["developer"]);
    let plain = portal.signed(organization, "p", json!({"roles": "owner", "amr": ["pwd"]}));
    let path = portal.integration(&developer).await;
    let read = portal.get(&path, &developer).await.json();
    assert_eq!(read["classification"], "internal");
    assert_eq!(read["environment"], "production");
    let name = json!({"name": "x"});
    let secret = json!({"credentials": {"apiKey": "sk_another"}});
    let class = |name: &str| json!({"classification": name});
    for (token, change, status) in [
        // To lower is for admins, to raise for whoever may change it; and then it is out of reach.
        (&developer, class("public"), 403),
        (&developer, json!({"environment": "staging"}), 403),
        (&developer, class("confidential"), 200),
        (&developer, name.clone(), 403),
        // A secret that is confidential and in production takes a second factor.
        (&plain, name.clone(), 200),
        (&plain, secret.clone(), 403),
        (&plain, class("internal"), 403),
        (&owner, secret, 200),
        (&owner, class("secret"), 400),
        (&owner, class("restricted"), 200),
        // What is restricted takes it for everything but a look at its set-up.
        (&plain, name, 403),
    ] {
        let (text, before) = (change.to_string(), portal.get(&path, &owner).await.json());
        assert_eq!(patch(&portal, &path, token, change).await, status, "{text}");
        let after = portal.get(&path, &owner).await.json();
        assert_eq!(after == before, status != 200, "{text}");
    }
    assert_eq!(portal.get(&path, &plain).await.status, 200);
    let events = format!("{path}/webhooks/logs");
    assert_eq!(portal.get(&events, &plain).await.status, 403);
    assert_eq!(portal.get(&events, &owner).await.status, 200);
}

#[tokio::test]
async fn what_would_be_made_is_decided_by_what_it_would_be() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let developer = portal.token_as(organization, "d", &["developer"]);
    let body =
        |name, value: &str| crate::portal::with(crate::portal::integration(), name, json!(value));
    for (body, status) in [
        (body("classification", "confidential"), 403),
        (body("type", "identity_provider"), 403),
        (body("environment", "staging"), 201),
        (body("environment", "elsewhere"), 400),
    ] {
        let before = portal.contents().await;
        let answer = portal.post("/portal/integrations", &developer, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(status == 201, portal.contents().await != before);
    }
}

#[tokio::test]
async fn each_operation_of_a_bulk_is_decided_by_itself() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    let developer = portal.token_as(organization, "d", &["developer"]);
    let viewer = portal.token_as(organization, "v", &["viewer"]);
    let (one, two) = (
        portal.integration(&owner).await,
        portal.integration(&owner).await,
    );
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let raised = json!({"classification": "confidential"});
    let headers = [("if-match", "\"2\"")];
    let raised = portal.call(("PATCH", &two), &owner, &headers, raised).await;
    assert_eq!(raised.status, 200, "{raised:?}");
    let body = json!({"operations": [
        {"op": "update", "id": id(&one), "version": 2, "body": {"name": "x"}},
        {"op": "update", "id": id(&two), "version": 3, "body": {"name": "x"}},
        {"op": "update", "id": id(&one), "version": 3, "body": {"classification": "public"}},
        {"op": "delete", "id": id(&two)},
        {"op": "create", "body": crate::portal::with(crate::portal::integration(), "classification", json!("restricted"))},
    ]});
    let statuses = async |token: &str| {
        let answer = portal
            .post("/portal/integrations:bulk", token, body.clone())
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let results = answer.json()["results"].as_array().unwrap().clone();
        results
            .iter()
            .map(|one| one["status"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(statuses(&viewer).await, [403; 5]);
    let statuses = statuses(&developer).await;
    // The first and the third run at the same time: the right comes before the version.
    assert_eq!(statuses, [200, 403, 403, 403, 403]);
    assert_eq!(portal.get(&two, &owner).await.json()["name"], "Payments");
}

#[tokio::test]
async fn a_target_takes_what_a_write_of_its_records_takes() {
    let portal = Portal::new().await;
    let organization = portal.organization_id();
    let owner = portal.token(organization);
    let plain = portal.signed(organization, "p", json!({"roles": "owner", "amr": ["pwd"]}));
    let path = portal.integration(&owner).await;
    let target = portal.integration(&owner).await;
    let id = target.rsplit('/').next().unwrap();
    let config = |id: &str| {
        let list = json!({"listPath": "/c", "items": "data", "id": "id"});
        let target = json!({"integration": id, "entity": "contacts"});
        let rules = json!({"source": list, "target": target});
        json!({"syncConfig": {"entities": {"contacts": rules}}})
    };
    let restricted = json!({"classification": "restricted"});
    assert_eq!(patch(&portal, &target, &owner, restricted).await, 200);
    let nobody = "int_01K72Z5QSW0123456789ABCDEF";
    let before = portal.get(&path, &owner).await.json();
    for (token, id, status) in [(&plain, id, 403), (&owner, nobody, 400)] {
        assert_eq!(patch(&portal, &path, token, config(id)).await, status);
        assert_eq!(portal.get(&path, &owner).await.json(), before);
    }
    // Who may set it does; who changes something else leaves it as it is.
    assert_eq!(patch(&portal, &path, &owner, config(id)).await, 200);
    let name = json!({"name": "x"});
    assert_eq!(patch(&portal, &path, &plain, name).await, 200);
    // Two may follow each other; a ring of three is none that ends.
    let third = portal.integration(&owner).await;
    let first = path.rsplit('/').next().unwrap();
    for (path, to, status) in [
        (&target, first, 200),
        (&target, third.rsplit('/').next().unwrap(), 200),
        (&third, first, 400),
    ] {
        assert_eq!(patch(&portal, path, &owner, config(to)).await, status);
    }
}
