//! The step that reaches a provider.

use std::collections::BTreeMap;

use gatehouse::audit::Trail;
use gatehouse::domain::playbook::{PlaybookRun, RunStatus, StepState};
use gatehouse::domain::{
    AuthConfig, AuthMethod, CredentialInfo, GrantEnd, Integration, IntegrationStatus,
};
use gatehouse::egress::TlsSettings;
use gatehouse::flows::grants::{GrantContext, NewGrant};
use gatehouse::flows::playbooks::{Playbooks, Would};
use gatehouse::oauth::TokenReply;
use gatehouse::vault::CredentialSet;
use serde_json::{Value, json};

use super::world::{MINUTE, Process, World, spec, step};
use crate::life::Kill;

const VERSION: &str = "gatehouse-01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Has the integration use OAuth 2.0, and gives it tokens.
async fn connect(world: &World, process: &Process) {
    connect_as(world, process, json!({})).await;
}

/// The same, with what its configuration says besides.
async fn connect_as(world: &World, process: &Process, more: Value) {
    let mut found = world.integration_now().await;
    found.item.auth_method = AuthMethod::Oauth2;
    found.item.auth_config = Some(json!({
        "grantType": "authorization_code",
        "authorizationEndpoint": "https://id.example.com/authorize",
        "tokenEndpoint": "https://id.example.com/token",
    }));
    for (name, value) in more.as_object().unwrap() {
        found.item.auth_config.as_mut().unwrap()[name] = value.clone();
    }
    let credentials: CredentialSet = BTreeMap::from([
        ("clientId".to_owned(), "client".into()),
        ("clientSecret".to_owned(), "secret".into()),
    ]);
    found.item.credentials = Some(CredentialInfo {
        version: VERSION.to_owned(),
        fields: credentials.keys().cloned().collect(),
        created_at: world.now(),
        last_used_at: None,
        expires_at: None,
        fields_expire_at: BTreeMap::new(),
    });
    let vault = world.account.credentials();
    let staged = vault.stage(world.organization, world.integration, &credentials, VERSION);
    staged.await.unwrap();
    let store = world.store();
    store
        .update_integration(&found.item, found.version)
        .await
        .unwrap();
    let item: Integration = found.item;
    let config = AuthConfig::read(item.auth_method, item.auth_config.as_ref()).unwrap();
    let AuthConfig::Oauth2(config) = config else {
        panic!("{config:?}");
    };
    let tls = TlsSettings::default();
    let context = GrantContext::of(&item, &config, &credentials, &tls);
    let new = NewGrant {
        reply: TokenReply {
            access_token: "access".into(),
            is_dpop: false,
            refresh_token: Some("refresh".into()),
            id_token: None,
            expires_in: None,
            refresh_token_expires_in: None,
            scopes: None,
            asked_at: world.now(),
        },
        identity: None,
        scopes_asked: Vec::new(),
        dpop_key: None,
    };
    process.grants.connect(&context, new).await.unwrap();
}

async fn read(world: &World, run: &PlaybookRun) -> PlaybookRun {
    let found = world.store().playbook_run(world.organization, run.id).await;
    found.unwrap().unwrap().item
}

#[tokio::test]
async fn tokens_are_forgotten_and_the_integration_waits_for_a_person() {
    let world = World::new().await;
    let process = world.process();
    let revoke = spec(&step("revoke_grant", "automatic"));
    connect(&world, &process).await;
    let outlook = process
        .playbooks
        .outlook(&world.run(&revoke, None))
        .await
        .unwrap();
    assert_eq!(
        (outlook[0].would, outlook[0].can_be_undone),
        (Would::Change, false)
    );
    let ended = process
        .playbooks
        .begin(world.run(&revoke, None))
        .await
        .unwrap()
        .item;
    assert_eq!(ended.status, RunStatus::Succeeded, "{ended:?}");
    let said = ended.steps[0].said.as_deref().unwrap();
    assert!(
        said.contains("forgotten") && said.contains("withdraw them there"),
        "{said}"
    );
    let status = world.integration_now().await.item.status;
    assert_eq!(status, IntegrationStatus::Pending);
    let again = process
        .playbooks
        .begin(world.run(&revoke, None))
        .await
        .unwrap()
        .item;
    assert_eq!(again.steps[0].state, StepState::Unchanged, "{again:?}");
    let by = super::world::approver();
    let undo = process.playbooks.undo(world.organization, ended.id, &by);
    assert!(undo.await.is_err());
}

/// Tokens are shown to the server that they are of, and not to one that was named since.
#[tokio::test]
async fn tokens_are_revoked_where_they_are_of_and_nowhere_else() {
    const OWN: &str = "https://id.example.com/revoke";
    for (endpoint, asked) in [(OWN, vec![OWN; 2]), ("https://evil.example/revoke", vec![])] {
        let world = World::new().await;
        let process = world.process();
        connect_as(&world, &process, json!({"revocationEndpoint": OWN})).await;
        let mut found = world.integration_now().await;
        found.item.auth_config.as_mut().unwrap()["revocationEndpoint"] = json!(endpoint);
        let updated = world.store();
        let updated = updated.update_integration(&found.item, found.version);
        updated.await.unwrap();
        let run = world.run(&spec(&step("revoke_grant", "automatic")), None);
        let ended = process.playbooks.begin(run).await.unwrap().item;
        assert_eq!(ended.status, RunStatus::Succeeded, "{ended:?}");
        assert_eq!(process.providers.asked(), asked);
        let said = ended.steps[0].said.as_deref().unwrap();
        let is_revoked = said.contains("the provider has revoked them");
        assert_eq!(is_revoked, !asked.is_empty(), "{said}");
        let grant = process
            .grants
            .read(world.organization, world.integration)
            .await;
        assert_eq!(grant.unwrap().unwrap().end, Some(GrantEnd::Revoked));
    }
}

#[tokio::test]
async fn an_integration_without_a_grant_fails_the_step() {
    let world = World::new().await;
    let process = world.process();
    let run = world.run(&spec(&step("revoke_grant", "automatic")), None);
    let ended = process.playbooks.begin(run).await.unwrap().item;
    assert_eq!(ended.status, RunStatus::Failed);
    let said = ended.steps[0].said.as_deref().unwrap();
    assert!(said.contains("does not use OAuth 2.0"), "{said}");
    assert!(
        world
            .trail()
            .await
            .contains(&"playbook.step failed".to_owned())
    );
}

#[tokio::test]
async fn a_revocation_that_is_killed_anywhere_is_tried_again() {
    let account = std::sync::Arc::new(crate::account::Account::new().await);
    let mut died = 0;
    for call in 0..100 {
        for has_effect in [false, true] {
            let kill = Kill { call, has_effect };
            let world = World::in_account(&account).await;
            let other = world.process();
            connect(&world, &other).await;
            let run = world.run(&spec(&step("revoke_grant", "automatic")), None);
            let process = world.process_that_dies(Some(kill));
            let begun = process.playbooks.begin(run.clone()).await;
            if !process.life.is_dead() {
                assert!(begun.is_ok(), "{begun:?}");
                assert!(died > 20, "{died}");
                return;
            }
            died += 1;
            let found = world.store().playbook_run(world.organization, run.id).await;
            if found.unwrap().is_none() {
                other.playbooks.begin(run.clone()).await.unwrap();
            }
            // Nobody takes what may still be under way before its lease is over.
            account.clock.advance(MINUTE * 2);
            other
                .playbooks
                .tick(world.now().plus(MINUTE))
                .await
                .unwrap();
            let run = read(&world, &run).await;
            assert_eq!(run.status, RunStatus::Succeeded, "{kill:?} {run:?}");
            assert!(run.steps[0].tries <= 2, "{kill:?}");
            let grant = other
                .grants
                .read(world.organization, world.integration)
                .await;
            assert!(grant.unwrap().unwrap().end.is_some(), "{kill:?}");
            let status = world.integration_now().await.item.status;
            assert_eq!(status, IntegrationStatus::Pending, "{kill:?}");
        }
    }
    panic!("it never ends");
}

/// Who has no way to use credentials leaves the step to who has one.
#[tokio::test]
async fn a_step_that_takes_credentials_is_for_who_may_use_them() {
    let world = World::new().await;
    let process = world.process();
    connect(&world, &process).await;
    let (store, sources) = (world.store(), world.account.sources());
    let trail = Trail::new(store.clone(), sources.clone(), "others", MINUTE);
    let others = Playbooks::new(store, trail, sources);
    let steps = step("revoke_grant", "automatic") + &step("suspend_integration", "automatic");
    let run = world.run(&spec(&steps), None);
    let outlook = others.outlook(&run).await.unwrap();
    assert_eq!(outlook[0].would, Would::Change);
    let begun = others.begin(run).await.unwrap().item;
    let states: Vec<_> = begun.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Pending; 2]);
    assert_eq!(begun.due_at, Some(world.now()));
    let again = others.go_on(world.organization, begun.id).await.unwrap();
    assert_eq!(again.item, begun);
    process
        .playbooks
        .tick(world.now().plus(MINUTE))
        .await
        .unwrap();
    let ended = read(&world, &begun).await;
    assert_eq!(ended.status, RunStatus::Succeeded, "{ended:?}");
    let outlook = others.outlook(&ended).await.unwrap();
    assert_eq!(outlook[0].would, Would::Nothing);
}

/// What has lost its tokens meanwhile is not in use again: somebody has to consent.
#[tokio::test]
async fn an_integration_without_tokens_waits_for_a_person_once_it_is_switched_on() {
    let world = World::new().await;
    let process = world.process();
    connect(&world, &process).await;
    let steps = step("suspend_integration", "automatic") + &step("revoke_grant", "automatic");
    let run = process
        .playbooks
        .begin(world.run(&spec(&steps), None))
        .await;
    let run = run.unwrap().item;
    assert_eq!(run.status, RunStatus::Succeeded, "{run:?}");
    let status = world.integration_now().await.item.status;
    assert_eq!(status, IntegrationStatus::Inactive);
    let by = gatehouse::domain::Actor::user("me");
    let undone = process
        .playbooks
        .undo(world.organization, run.id, &by)
        .await;
    assert_eq!(undone.unwrap().item.steps[0].state, StepState::Undone);
    let status = world.integration_now().await.item.status;
    assert_eq!(status, IntegrationStatus::Pending);
}

/// One that nobody ever finishes is given up, and said to be.
#[tokio::test]
async fn a_step_that_never_ends_is_given_up() {
    let world = World::new().await;
    let process = world.process();
    connect(&world, &process).await;
    let run = world.run(&spec(&step("revoke_grant", "automatic")), None);
    let mut begun = run.started(0, world.now());
    for _ in 1..gatehouse::domain::playbook::MAX_TRIES {
        begun = begun.started(0, world.now());
    }
    let write = gatehouse::store::RunWrite {
        run: begun.clone(),
        expected: 0,
        was_due_at: None,
        effect: None,
        incident: None,
    };
    world
        .store()
        .commit_run(world.organization, &write)
        .await
        .unwrap();
    world.account.clock.advance(MINUTE * 2);
    let report = process
        .playbooks
        .tick(world.now().plus(MINUTE))
        .await
        .unwrap();
    assert_eq!(report.moved, 1);
    let run = read(&world, &run).await;
    assert_eq!(
        (run.status, run.steps[0].state),
        (RunStatus::Failed, StepState::Failed)
    );
}
