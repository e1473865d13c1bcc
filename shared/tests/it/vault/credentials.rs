use std::time::Duration;

use gatehouse::domain::{self, Clock as _, IntegrationId, OrganizationId};
use gatehouse::vault::{CachedCredentials, CredentialSet, Credentials, VaultError};
use secrecy::ExposeSecret as _;

use crate::account::Account;

const FIRST: &str = "token-of-the-first-version-000001";
const SECOND: &str = "token-of-the-second-version-00002";

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

    async fn put(&self, value: &str, token: &str) -> Result<(), VaultError> {
        let values = api_key(value);
        self.credentials
            .put(self.organization, self.integration, &values, token)
            .await
    }

    async fn get(&self) -> Result<String, VaultError> {
        let found = self.credentials.get(self.organization, self.integration);
        found.await.map(|values| text(&values))
    }
}

fn text(values: &CredentialSet) -> String {
    values.get("apiKey").unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn the_newest_credentials_are_the_ones_that_are_read() {
    let account = Account::new().await;
    let place = Place::of(&account);
    assert!(matches!(place.get().await, Err(VaultError::NotFound)));
    place.put("old", FIRST).await.unwrap();
    assert_eq!(place.get().await.unwrap(), "old");
    place.put("new", SECOND).await.unwrap();
    account.wire.said();
    assert_eq!(place.get().await.unwrap(), "new");
    let (operation, body) = account.wire.said().remove(0);
    assert_eq!(operation, "GetSecretValue");
    assert_eq!(body["VersionStage"], "AWSCURRENT");
}

#[tokio::test]
async fn one_token_has_one_effect() {
    let account = Account::new().await;
    let place = Place::of(&account);
    for _ in 0..2 {
        place.put("old", FIRST).await.unwrap();
    }
    for _ in 0..2 {
        place.put("new", SECOND).await.unwrap();
    }
    // A repetition that comes late does not bring the old value back.
    place.put("old", FIRST).await.unwrap();
    assert_eq!(place.get().await.unwrap(), "new");
    let other = place.put("other", SECOND).await;
    assert!(matches!(other, Err(VaultError::Refused(_))));
    assert_eq!(place.get().await.unwrap(), "new");
}

#[tokio::test]
async fn a_put_whose_answer_is_lost_has_one_effect() {
    let account = Account::new().await;
    let place = Place::of(&account);
    account.wire.fail(1, 500, "InternalServiceError");
    place.put("value", FIRST).await.unwrap();
    assert_eq!(place.get().await.unwrap(), "value");
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
    assert!(matches!(stranger.get().await, Err(VaultError::NotFound)));
}

#[tokio::test]
async fn deleted_credentials_are_unusable_and_can_be_restored_for_thirty_days() {
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
    assert!(matches!(place.get().await, Err(VaultError::BeingDeleted)));
    assert_eq!(delete().await.unwrap(), None);
    let restored = place
        .credentials
        .restore(place.organization, place.integration);
    restored.await.unwrap();
    assert_eq!(place.get().await.unwrap(), "value");
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
    for (value, token) in fits.iter().zip([FIRST, SECOND]) {
        place.put(value, token).await.unwrap();
        assert_eq!(place.get().await.unwrap(), *value);
    }
}

#[tokio::test]
async fn cached_credentials_are_a_minute_old_at_most() {
    let account = Account::new().await;
    let place = Place::of(&account);
    let cached = CachedCredentials::new(place.credentials.clone(), account.sources());
    let get = async || {
        let found = cached.get(place.organization, place.integration).await;
        text(&found.unwrap())
    };
    place.put("old", FIRST).await.unwrap();
    assert_eq!(get().await, "old");
    place.put("new", SECOND).await.unwrap();
    account.clock.advance(Duration::from_secs(59));
    account.wire.said();
    assert_eq!(get().await, "old");
    assert!(account.wire.operations().is_empty());
    account.clock.advance(Duration::from_secs(1));
    assert_eq!(get().await, "new");
}
