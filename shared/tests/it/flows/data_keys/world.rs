//! An organization with one of each that is sealed and never expires.

use std::collections::BTreeMap;

use gatehouse::domain::data_key::DataKeyPlan;
use gatehouse::domain::secret_rotation::SecretPlan;
use gatehouse::domain::sync::{
    ChangeOrigin, ConflictStatus, EntityName, Fields, RecordBody, RecordChange, RecordConflict,
    RecordHead, RecordLink, record_digest,
};
use gatehouse::domain::{
    AuthMethod, ConflictId, Destination, DestinationId, DestinationStatus, DestinationTarget,
    Endpoint, EndpointId, EndpointStatus, Grant, GrantType, HttpTarget, Integration, IntegrationId,
    IntegrationStatus, IntegrationType, OrganizationId, Sealed, StoredSecret, Timestamp,
};
use gatehouse::store::{
    ChangeSet, Committed, ConflictWrite, FeedQuery, LinkWrite, RecordRef, RecordWrite, Store,
    StoredGrant,
};
use gatehouse::vault::{DataKeys, SealContext};
use ulid::Ulid;

use crate::account::Account;

pub(super) struct World {
    pub(super) account: Account,
    pub(super) store: Store,
    pub(super) organization: OrganizationId,
    pub(super) integration: IntegrationId,
    pub(super) endpoint: EndpointId,
    pub(super) destination: DestinationId,
    pub(super) entity: EntityName,
    conflict: ConflictId,
}

/// So many records are in the feed.
const RECORDS: u64 = 3;

/// The number of the key that something is sealed under.
pub(super) fn number(sealed: &Sealed) -> u16 {
    let bytes = sealed.as_bytes().get(1..3).unwrap();
    u16::from_be_bytes(bytes.try_into().unwrap())
}

fn fields(text: &str) -> Fields {
    Fields::from_iter([("name".to_owned(), text.into())])
}

impl World {
    pub(super) async fn new() -> Self {
        let account = Account::new().await;
        let world = Self {
            store: account.store(),
            organization: account.id(),
            integration: account.id(),
            endpoint: account.id(),
            destination: account.id(),
            conflict: account.id(),
            entity: "contacts".parse().unwrap(),
            account,
        };
        let keys = world.account.data_keys();
        keys.ensure(world.organization).await.unwrap();
        world.set_up(&keys).await;
        world.records(&keys).await;
        world
    }

    pub(super) fn now(&self) -> Timestamp {
        self.account.sources().now()
    }

    pub(super) async fn plan(&self) -> DataKeyPlan {
        let plan = self.store.data_key_plan(self.organization).await.unwrap();
        plan.unwrap().item
    }

    async fn set_up(&self, keys: &DataKeys) {
        let integration = self.integration();
        self.store.create_integration(&integration).await.unwrap();
        let endpoint = self.endpoint(keys).await;
        self.store.create_endpoint(&endpoint).await.unwrap();
        let destination = self.destination(keys).await;
        self.store.create_destination(&destination).await.unwrap();
        let grant = Grant::new(GrantType::ClientCredentials, "basis".to_owned(), self.now());
        let context = self.tokens();
        let tokens = keys.seal(self.organization, &context, b"tokens");
        let grant = StoredGrant {
            grant,
            tokens: Some(tokens.await.unwrap()),
        };
        let put = self
            .store
            .put_grant(self.organization, self.integration, &grant, 0);
        put.await.unwrap();
    }

    fn integration(&self) -> Integration {
        Integration {
            id: self.integration,
            organization_id: self.organization,
            name: "CRM".to_owned(),
            integration_type: IntegrationType::Enterprise,
            provider: None,
            classification: Default::default(),
            environment: Default::default(),
            base_url: "https://api.example.com/".parse().unwrap(),
            variables: BTreeMap::new(),
            api_profile: None,
            tls_config: None,
            gateway_config: None,
            auth_method: AuthMethod::ApiKey,
            auth_config: None,
            rate_limits: None,
            webhook_config: None,
            sync_config: None,
            status: IntegrationStatus::Active,
            credentials: None,
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    async fn secret(&self, keys: &DataKeys, owner: Ulid) -> StoredSecret {
        let id = self.account.id();
        let context = SealContext::SigningSecret { owner, secret: id };
        let sealed = keys.seal(self.organization, &context, b"secret").await;
        StoredSecret {
            id,
            sealed: sealed.unwrap(),
            created_at: self.now(),
            expires_at: None,
            unseen: false,
        }
    }

    async fn endpoint(&self, keys: &DataKeys) -> Endpoint {
        let owner = self.endpoint.ulid();
        let path = format!("/webhooks/{owner}").to_lowercase();
        Endpoint {
            id: self.endpoint,
            organization_id: self.organization,
            integration_id: self.integration,
            path: path.parse().unwrap(),
            scheme: "stripe".to_owned(),
            settings: serde_json::json!({}),
            events: Vec::new(),
            allowed_networks: Vec::new(),
            blocked_networks: Vec::new(),
            tolerance_seconds: None,
            retry_policy: None,
            status: EndpointStatus::Active,
            secrets: vec![
                self.secret(keys, owner).await,
                self.secret(keys, owner).await,
            ],
            secret_plan: SecretPlan::default(),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    async fn destination(&self, keys: &DataKeys) -> Destination {
        Destination {
            id: self.destination,
            organization_id: self.organization,
            integration_id: self.integration,
            target: DestinationTarget::Http(HttpTarget {
                url: "https://example.com/hook".parse().unwrap(),
                timeout_ms: 10_000,
            }),
            events: Vec::new(),
            filter: None,
            transform: None,
            retry_policy: None,
            status: DestinationStatus::Active,
            disabled_reason: None,
            secrets: vec![self.secret(keys, self.destination.ulid()).await],
            breaker: None,
            secret_plan: SecretPlan::default(),
            created_at: self.now(),
            updated_at: self.now(),
        }
    }

    fn tokens(&self) -> SealContext {
        SealContext::Tokens {
            integration: self.integration,
            version: 0,
        }
    }

    pub(super) fn record(&self, id: u64) -> RecordRef {
        RecordRef {
            organization: self.organization,
            integration: self.integration,
            entity: self.entity.digest(),
            record: record_digest(&id.to_string()),
        }
    }

    fn link_context(&self, of: RecordRef, link: &RecordLink) -> SealContext {
        SealContext::RecordLink {
            integration: of.integration,
            entity: of.entity,
            record: of.record,
            other: of.place_of(link).other,
            version: link.version,
        }
    }

    async fn records(&self, keys: &DataKeys) {
        let (organization, integration, now) = (self.organization, self.integration, self.now());
        let state = self
            .store
            .entity_state(organization, integration, &self.entity);
        let mut set = ChangeSet::new(organization, integration, state.await.unwrap(), now);
        for id in 0..RECORDS {
            let body = RecordBody {
                id: id.to_string(),
                content: fields("record"),
                base: None,
                history: Vec::new(),
                moved_to: None,
            };
            let body = keys.seal_record(organization, integration, &self.entity, 1, &body);
            let change = RecordChange {
                digest: self.record(id).record.to_string(),
                version: 1,
                deleted: false,
                origin: ChangeOrigin::Sync,
                created_at: now,
                changed_at: now,
                body: body.await.unwrap(),
            };
            set.changes
                .push(record_write(self, &mut set.state, id, change));
        }
        self.beside(keys, &mut set).await;
        let committed = self.store.commit_changes(&set).await.unwrap();
        assert!(matches!(committed, Committed::Done(_)), "{committed:?}");
    }

    /// A link and a conflict.
    async fn beside(&self, keys: &DataKeys, set: &mut ChangeSet) {
        let (organization, integration, now) = (self.organization, self.integration, self.now());
        let of = self.record(1);
        let mut link = RecordLink {
            integration: self.account.id(),
            entity: "leads".parse().unwrap(),
            record: record_digest("other"),
            is_answered: false,
            turns: 0,
            changed_at: now,
            version: 1,
            held: None,
        };
        let context = self.link_context(of, &link);
        link.held = Some(
            keys.seal_held(organization, context, &fields("held"))
                .await
                .unwrap(),
        );
        set.links.push(LinkWrite {
            of,
            link,
            version: 0,
        });
        let sides = fields("sides");
        let sides = keys.seal_sides(organization, self.conflict, &sides);
        let conflict = RecordConflict {
            id: self.conflict,
            organization_id: organization,
            integration_id: integration,
            entity: self.entity.clone(),
            record: self.record(2).record.to_string(),
            status: ConflictStatus::Open,
            sides: sides.await.unwrap(),
            opened_at: now,
            resolved_at: None,
            resolved_by: None,
        };
        set.conflicts.push(ConflictWrite {
            conflict,
            version: 0,
            expires_at: None,
        });
    }

    /// The whole feed.
    pub(super) async fn feed(&self) -> Vec<(u64, RecordChange)> {
        let query = FeedQuery {
            after: 0,
            up_to: None,
            limit: 100,
            now: self.now(),
        };
        let (organization, integration) = (self.organization, self.integration);
        let page = self
            .store
            .changes_after(organization, integration, &self.entity, query);
        page.await.unwrap().items
    }

    /// Everything, with the place that it is sealed for and what it holds.
    async fn all(&self) -> Vec<(SealContext, Sealed)> {
        let (organization, integration) = (self.organization, self.integration);
        let mut all = Vec::new();
        let secrets = |owner: Ulid, secrets: Vec<StoredSecret>| {
            secrets.into_iter().map(move |secret| {
                let context = SealContext::SigningSecret {
                    owner,
                    secret: secret.id,
                };
                (context, secret.sealed)
            })
        };
        let endpoint = self
            .store
            .endpoint(organization, integration, self.endpoint);
        let endpoint = endpoint.await.unwrap().unwrap().item;
        all.extend(secrets(self.endpoint.ulid(), endpoint.secrets));
        let destination = self
            .store
            .destination(organization, integration, self.destination);
        let destination = destination.await.unwrap().unwrap().item;
        all.extend(secrets(self.destination.ulid(), destination.secrets));
        let grant = self.store.grant(organization, integration).await.unwrap();
        all.push((self.tokens(), grant.unwrap().item.tokens.unwrap()));
        let conflict = self.conflict;
        let found = self
            .store
            .record_conflict(organization, integration, conflict, self.now());
        let sides = found.await.unwrap().unwrap().item.sides;
        all.push((SealContext::Conflict { conflict }, sides));
        for (_, change) in self.feed().await {
            let context = SealContext::Record {
                integration,
                entity: self.entity.digest(),
                record: change.digest.parse().unwrap(),
                version: change.version,
            };
            all.push((context, change.body));
        }
        let of = self.record(1);
        for link in self.store.record_links(of).await.unwrap() {
            let context = self.link_context(of, &link.item);
            all.push((context, link.item.held.unwrap()));
        }
        all
    }

    /// Opens everything, as a function that has just started; under which keys it is sealed.
    pub(super) async fn opened(&self) -> Vec<u16> {
        let keys = self.account.data_keys();
        let all = self.all().await;
        // Two and one secrets, tokens, a conflict, three records, a link.
        assert_eq!(all.len(), 9);
        let mut numbers = Vec::new();
        for (context, sealed) in all {
            let opened = keys.open(self.organization, &context, &sealed).await;
            assert!(opened.is_ok(), "{context:?}: {opened:?}");
            numbers.push(number(&sealed));
        }
        numbers
    }
}

fn record_write(
    world: &World,
    state: &mut gatehouse::domain::sync::EntityState,
    id: u64,
    change: RecordChange,
) -> RecordWrite {
    let (sequence, _) = state.take_change(false, true, world.now());
    RecordWrite {
        record: world.record(id).record,
        before: None,
        head: RecordHead {
            sequence,
            version: 1,
            source_hash: "1".to_owned(),
            deleted: false,
            source_version: None,
            observed_at: world.now(),
            pending: false,
            conflict: None,
        },
        change: Some(change),
        expires_at: None,
    }
}
