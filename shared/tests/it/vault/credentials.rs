use std::collections::BTreeMap;
use std::time::Duration;

use gatehouse::domain::{self, Clock as _, IntegrationId, OrganizationId};
use gatehouse::vault::{
    CachedCredentials, CredentialSet, Credentials, VaultError, VersionStanding,
};
use secrecy::ExposeSecret as _;

use crate::account::Account;

const FIRST: &str = "token-of-the-first-version-000001";
const SECOND: &str = "token-of-the-second-version-00002";
const THIRD: &str = "token-of-the-third-version-000003";

fn api_key(value: &str) -> CredentialSet {
    [("apiKey".to_owned(), value.into())].into()
}

/// The credentials of one integration.
struct Place {
    credentials: Credentials,
    organization: OrganizationId,
    integration: IntegrationId,
}

impl Place {
    fn of(account: &Account) -> Self {
        Self {
            credentials: account.credentials(),
            organization: account.id(),
            integration: account.id(),
        }
    }

    /// Stores a version and labels it as the current one.
    async fn put(&self, value: &str, version: &str) -> Result<(), VaultError> {
        self.stage(value, version).await?;
        self.credentials
            .promote(self.organization, self.integration, version)
            .await
    }

    async fn stage(&self, value: &str, version: &str) -> Result<(), VaultError> {
        let values = api_key(value);
        self.credentials
            .stage(self.organization, self.integration, &values, version)
            .await
    }

    async fn get(&self, version: &str) -> Result<String, VaultError> {
        let found = self
            .credentials
            .get(self.organization, self.integration, version);
        found.await.map(|values| text(&values))
    }
}

fn text(values: &CredentialSet) -> String {
    values.get("apiKey").unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn credentials_are_read_in_the_version_that_is_named() {
    let account = Account::new().await;
    let place = Place::of(&account);
    assert!(matches!(place.get(FIRST).await, Err(VaultError::NotFound)));
    place.put("old", FIRST).await.unwrap();
    place.stage("new", SECOND).await.unwrap();
    assert_eq!(place.get(FIRST).await.unwrap(), "old");
    assert_eq!(place.get(SECOND).await.unwrap(), "new");
    assert!(matches!(place.get(THIRD).await, Err(VaultError::NotFound)));
}

#[tokio::test]
async fn labels_follow_the_version_in_use() {
    let account = Account::new().await;
    let place = Place::of(&account);
    place.put("first", FIRST).await.unwrap();
    account.wire.said();
    place.stage("second", SECOND).await.unwrap();
    let (_, create) = account.wire.said().remove(0);
    let stages = async || {
        let secret = create["Name"].as_str().unwrap();
        let described = account.secrets().describe_secret().secret_id(secret).send();
        let versions = described.await.unwrap().version_ids_to_stages.unwrap();
        let labels = versions.into_iter().flat_map(|(version, stages)| {
            let labelled = stages.into_iter();
            labelled.map(move |stage| (stage, version.clone()))
        });
        labels.collect::<BTreeMap<_, _>>()
    };
    let (current, pending, previous) = ("AWSCURRENT", "AWSPENDING", "AWSPREVIOUS");
    assert_eq!(stages().await[current], FIRST);
    assert_eq!(stages().await[pending], SECOND);
    // Another change is staged and won; the one before it is labelled by nobody.
    place.put("third", THIRD).await.unwrap();
    for _ in 0..2 {
        let promoted = place
            .credentials
            .promote(place.organization, place.integration, THIRD);
        promoted.await.unwrap();
        assert_eq!(stages().await[current], THIRD);
        assert_eq!(stages().await[previous], FIRST);
    }
}

#[tokio::test]
async fn one_version_has_one_value() {
    let account = Account::new().await;
    let place = Place::of(&account);
    for (value, version) in [("old", FIRST), ("new", SECOND)] {
        for _ in 0..2 {
            place.stage(value, version).await.unwrap();
        }
    }
    let other = place.stage("other", SECOND).await;
    assert!(matches!(other, Err(VaultError::Refused(_))));
    assert_eq!(place.get(FIRST).await.unwrap(), "old");
    assert_eq!(place.get(SECOND).await.unwrap(), "new");
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_has_one_effect() {
    let account = Account::new().await;
    let place = Place::of(&account);
    account.wire.fail(1, 500, "InternalServiceError");
    place.stage("value", FIRST).await.unwrap();
    assert_eq!(place.get(FIRST).await.unwrap(), "value");
    let operations = account.wire.operations();
    assert_eq!(operations[..2], ["CreateSecret", "CreateSecret"]);
}

#[tokio::test]
async fn another_organization_finds_no_credentials() {
    let account = Account::new().await;
    let place = Place::of(&account);
    place.put("value", FIRST).await.unwrap();
    let stranger = Place {
        organization: account.id(),
        ..place
    };
    assert!(matches!(
        stranger.get(FIRST).await,
        Err(VaultError::NotFound)
    ));
}

#[tokio::test]
async fn deleted_credentials_are_unusable_at_once_and_gone_after_thirty_days() {
    let account = Account::new().await;
    let place = Place::of(&account);
    place.put("value", FIRST).await.unwrap();
    let delete = || {
        place
            .credentials
            .delete(place.organization, place.integration)
    };
    let gone_at = delete().await.unwrap().unwrap();
    let window = gone_at.since(account.clock.now());
    let month = Duration::from_secs(30 * 86_400);
    assert!(
        window.abs_diff(month) < Duration::from_secs(120),
        "{window:?}"
    );
    assert!(matches!(
        place.get(FIRST).await,
        Err(VaultError::BeingDeleted)
    ));
    assert_eq!(delete().await.unwrap(), None);
}

#[tokio::test]
async fn deleted_credentials_are_not_brought_back_by_new_ones() {
    let account = Account::new().await;
    let place = Place::of(&account);
    place.put("value", FIRST).await.unwrap();
    let deleted = place
        .credentials
        .delete(place.organization, place.integration);
    deleted.await.unwrap();
    if !account.is_embedded() {
        // moto 5.2 gives a deleted secret a new version, where AWS refuses both calls.
        account.wire.fail(1, 400, "ResourceExistsException");
        account.wire.fail(1, 400, "InvalidRequestException");
    }
    let put = place.put("other", SECOND).await;
    assert!(matches!(put, Err(VaultError::BeingDeleted)));
    let error = domain::Error::from(put.unwrap_err());
    assert!(matches!(error, domain::Error::Conflict(_)));
}

#[tokio::test]
async fn where_there_are_no_credentials_there_is_nothing_to_delete() {
    let account = Account::new().await;
    let place = Place::of(&account);
    let delete = || {
        place
            .credentials
            .delete(place.organization, place.integration)
    };
    assert_eq!(delete().await.unwrap(), None);
}

#[tokio::test]
async fn what_does_not_fit_a_secret_is_refused_before_it_is_sent() {
    let account = Account::new().await;
    let place = Place::of(&account);
    let room = 65_536 - r#"{"apiKey":""}"#.len();
    // Escapes count: these are two bytes each in JSON.
    let fits = ["x".repeat(room), "\"".repeat(room / 2)];
    let too_large = ["x".repeat(room + 1), "\"".repeat(room / 2 + 1)];
    for value in too_large {
        let put = place.put(&value, FIRST).await;
        let limit_bytes = 65_536;
        assert!(
            matches!(put, Err(VaultError::TooLarge { limit_bytes: limit }) if limit == limit_bytes)
        );
    }
    assert!(account.wire.operations().is_empty());
    for (value, version) in fits.iter().zip([FIRST, SECOND]) {
        place.stage(value, version).await.unwrap();
        assert_eq!(place.get(version).await.unwrap(), *value);
    }
}

#[tokio::test]
async fn cached_credentials_are_asked_for_anew_after_a_minute() {
    let account = Account::new().await;
    let place = Place::of(&account);
    let cached = CachedCredentials::new(place.credentials.clone(), account.sources());
    let get = async |version| {
        let found = cached.get(place.organization, place.integration, version);
        text(&found.await.unwrap())
    };
    place.put("old", FIRST).await.unwrap();
    place.stage("new", SECOND).await.unwrap();
    assert_eq!(get(FIRST).await, "old");
    assert_eq!(get(SECOND).await, "new");
    account.clock.advance(Duration::from_secs(59));
    account.wire.said();
    assert_eq!(get(FIRST).await, "old");
    assert!(account.wire.operations().is_empty());
    account.clock.advance(Duration::from_secs(1));
    assert_eq!(get(FIRST).await, "old");
    assert_eq!(account.wire.operations(), ["GetSecretValue"]);
}

#[tokio::test]
async fn the_next_version_goes_only_where_there_is_one() {
    let account = Account::new().await;
    let place = Place::of(&account);
    let (organization, integration) = (place.organization, place.integration);
    let values = api_key("next");
    let credentials = &place.credentials;
    let none = credentials.stage_next(organization, integration, &values, SECOND);
    assert!(matches!(none.await, Err(VaultError::NotFound)));
    place.put("first", FIRST).await.unwrap();
    for _ in 0..2 {
        let next = credentials.stage_next(organization, integration, &values, SECOND);
        next.await.unwrap();
    }
    assert_eq!(place.get(SECOND).await.unwrap(), "next");
    let standing = async |version: &str| {
        let standing = credentials.standing(organization, integration, version);
        standing.await.unwrap()
    };
    // Nobody has had Secrets Manager rotate it.
    assert_eq!(standing(FIRST).await, VersionStanding::Current);
    assert_eq!(standing(SECOND).await, VersionStanding::NoRotation);
    let promoted = credentials.promote(organization, integration, SECOND);
    promoted.await.unwrap();
    assert_eq!(standing(SECOND).await, VersionStanding::Current);
}

#[tokio::test]
async fn a_secret_tells_whose_it_is() {
    let account = Account::new().await;
    let place = Place::of(&account);
    account.wire.said();
    place.stage("first", FIRST).await.unwrap();
    let (_, create) = account.wire.said().remove(0);
    let name = create["Name"].as_str().unwrap();
    let owner = Some((place.organization, place.integration));
    let described = account.secrets().describe_secret().secret_id(name).send();
    let arn = described.await.unwrap().arn.unwrap();
    assert_eq!(place.credentials.owner_of(name), owner);
    assert_eq!(place.credentials.owner_of(&arn), owner);
    for other in [
        "",
        "other/x",
        &format!("{name}/more"),
        "arn:aws:secretsmanager:a:1:secret:x",
    ] {
        assert_eq!(place.credentials.owner_of(other), None, "{other}");
    }
}
