use serde_json::{Value, json};

use super::*;
use crate::access::Caller;
use crate::domain::{Role, Roles};

async fn caller(settings: AccessSettings, claims: &Value) -> Caller {
    let issuer = issuer();
    let verifier = Verifier::new(settings, site(issuer.jwks()));
    let authorization = format!("Bearer {}", issuer.sign(&header(), claims));
    let verified = verifier.verify([authorization.as_bytes()].into_iter(), at(NOW));
    verified.await.unwrap()
}

#[tokio::test]
async fn roles_are_those_of_the_claim_and_unknown_ones_count_for_nothing() {
    for (claim, expected) in [
        (json!("viewer"), vec![Role::Viewer]),
        (json!("viewer, admin"), vec![Role::Admin, Role::Viewer]),
        (json!(["auditor", "root", 7]), vec![Role::Auditor]),
        (json!(["Owner"]), vec![]),
        (json!([]), vec![]),
        (json!({"owner": true}), vec![]),
        (json!(7), vec![]),
    ] {
        let caller = caller(settings(), &with(claims(), "roles", claim.clone())).await;
        let expected: Roles = expected.into_iter().collect();
        assert_eq!(caller.roles, expected, "{claim}");
    }
}

#[tokio::test]
async fn the_default_role_is_for_tokens_without_the_claim_only() {
    let default_roles = Roles::NONE.with(Role::Viewer);
    let other = || AccessSettings {
        roles_claim: "https://example.com/roles".to_owned(),
        default_roles,
        ..settings()
    };
    assert_eq!(caller(settings(), &claims()).await.roles, Roles::NONE);
    assert_eq!(caller(other(), &claims()).await.roles, default_roles);
    let named = with(claims(), "https://example.com/roles", json!(["root"]));
    assert_eq!(caller(other(), &named).await.roles, Roles::NONE);
}

#[tokio::test]
async fn a_second_factor_is_what_the_token_says_of_one() {
    for (name, value, expected) in [
        ("amr", json!(["pwd"]), false),
        ("amr", json!(["pwd", "sms"]), false),
        ("amr", json!(["pwd", "mfa"]), true),
        ("amr", json!(["otp"]), true),
        ("amr", json!(["hwk"]), true),
        ("amr", json!("mfa"), false),
        ("acr", json!("phrh"), true),
        ("acr", json!("1"), false),
    ] {
        let caller = caller(settings(), &with(claims(), name, value.clone())).await;
        assert_eq!(caller.mfa, expected, "{name} {value}");
    }
}
