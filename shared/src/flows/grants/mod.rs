//! Grants: tokens that are kept sealed, renewed once for all running functions, and not lost.
//!
//! Who finds that the tokens have to be renewed writes a lease into the grant's item, on condition
//! that nobody has written since it was read: so one function asks the authorization server, and
//! the lease says that it does before it does. The others go on with the old token while that is
//! good, and read again until there is a new one. The answer is written on condition that the tokens
//! are still those that it replaces, again and again until it is; only then is it used. All of that
//! happens in a task of its own, which goes on if the caller hangs up.
//!
//! Guarantees: no two functions renew a grant at the same time, while clocks differ by less than
//! [`LEASE`] and the call's time. An answer that was received is not given up for a table that does
//! not answer for a while. `needs_consent` is written only after the authorization server has said
//! `invalid_grant` for the very tokens that stand in the table. Tokens are used with the set-up that
//! they were obtained for, and with no other.
//!
//! Does not guarantee, since no client can: where a function is killed, or loses its connection,
//! after the authorization server has exchanged a refresh token that it takes only once, and before
//! the answer has arrived, the new tokens are nowhere but there. The next try finds out whether the
//! server takes the old one again within a while, as many do (RFC 9700 section 4.14.2); if not, it
//! says `invalid_grant`, and a person has to consent again.

mod access;
mod context;
mod endpoint;
mod error;
mod look;
mod memory;
mod renew;
mod revoke;
mod running;
mod tokens;
mod visit;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretSlice;

use crate::audit::Trail;
use crate::domain::{
    Grant, GrantEnd, GrantIdentity, GrantReply, IntegrationId, OrganizationId, Sources, Timestamp,
};
use crate::egress::Egress;
use crate::lambda::metrics::Metrics;
use crate::lambda::telemetry::chain;
use crate::oauth::{Client, MetadataCache, TokenReply};
use crate::store::{DueGrant, GrantWrite, Store, StoreError, StoredGrant, Versioned, contended};
use crate::vault::{DataKeys, SealContext, VaultError};

use super::Circuit;

use memory::Memory;
use running::Running;

pub use context::GrantContext;
pub use endpoint::TokenEndpoint;
pub use error::GrantError;
pub use revoke::{AtProvider, Forgotten, revoke_at_provider};
pub use tokens::GrantTokens;
pub use visit::Visited;

/// How long a call of the authorization server may take, reading its metadata included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nobody else renews a grant: longer than a call, and the writing of its answer, take.
pub const LEASE: Duration = Duration::from_secs(20);
/// How often a write is tried that meets others.
const TRIES: usize = 24;

/// What a person has consented to, as it was obtained.
#[derive(Debug)]
pub struct NewGrant {
    /// The answer of the token endpoint.
    pub reply: TokenReply,
    /// Who consented, if there is an ID token. It has been verified.
    pub identity: Option<GrantIdentity>,
    /// The scopes that were asked for.
    pub scopes_asked: Vec<String>,
    /// The key that the tokens are bound to, as PKCS #8, if they are.
    pub dpop_key: Option<SecretSlice<u8>>,
}

/// What a logout token says of who has logged out (OpenID Connect Back-Channel Logout 1.0).
#[derive(Clone, Copy, Debug)]
pub struct LoggedOut<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The subject: all of its sessions, if no session is named.
    pub subject: Option<&'a str>,
    /// The session.
    pub sid: Option<&'a str>,
}

/// Grants. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Grants(Arc<Inner>);

struct Inner {
    store: Store,
    keys: DataKeys,
    endpoint: Arc<dyn TokenEndpoint>,
    sources: Sources,
    metrics: Metrics,
    trail: Option<Trail>,
    memory: Memory,
    running: Running,
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").finish_non_exhaustive()
    }
}

impl Grants {
    /// Grants that are kept in `store`, sealed under `keys`, and renewed at `endpoint`; each renewal is
    /// recorded in `trail` first, if there is one.
    #[must_use]
    pub fn new(
        store: Store,
        keys: DataKeys,
        endpoint: Arc<dyn TokenEndpoint>,
        sources: Sources,
        metrics: Metrics,
        trail: Option<Trail>,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            keys,
            endpoint,
            sources,
            metrics,
            trail,
            memory: Memory::default(),
            running: Running::default(),
        }))
    }

    /// The same, renewed at the authorization servers themselves, by way of `egress`.
    #[must_use]
    pub fn of_servers(
        store: Store,
        keys: DataKeys,
        egress: &Egress,
        sources: &Sources,
        metrics: Metrics,
        trail: Trail,
    ) -> Self {
        let metadata = Arc::new(MetadataCache::new(egress.clone(), sources.clone()));
        let client = Client::new(egress.clone(), sources.clone(), metadata);
        let endpoint = Arc::new(client);
        Self::new(store, keys, endpoint, sources.clone(), metrics, Some(trail))
    }

    /// Keeps what a person has consented to, in place of an earlier grant of the integration.
    ///
    /// # Errors
    ///
    /// If the table or KMS does not answer.
    pub async fn connect(
        &self,
        context: &GrantContext<'_>,
        new: NewGrant,
    ) -> Result<Grant, GrantError> {
        let inner = &self.0;
        let (organization, integration) = (context.organization, context.integration);
        inner.keys.ensure(organization).await?;
        let facts = facts(&new.reply);
        let tokens = GrantTokens::of(new.reply, None, new.dpop_key);
        let mut found = inner.store.grant(organization, integration).await?;
        for _ in 0..TRIES {
            let before = found.as_ref().map_or(0, |f| f.item.grant.tokens_version);
            let mut grant = Grant::connected(&facts, context.config, &context.basis(), before);
            grant.identity.clone_from(&new.identity);
            grant.scopes_asked.clone_from(&new.scopes_asked);
            if facts.scopes.is_none() {
                grant.scopes_granted.clone_from(&new.scopes_asked);
            }
            grant.look_at = grant.look_next(inner.sources.now());
            let owned = (organization, integration);
            let sealed = inner.seal(owned, grant.tokens_version, &tokens).await?;
            let stored = StoredGrant {
                grant,
                tokens: Some(sealed),
            };
            let version = found.map_or(0, |found| found.version);
            match inner
                .write(owned, &stored, version, stored.grant.look_at)
                .await?
            {
                GrantWrite::Done(_) => {
                    inner.memory.forget(owned);
                    inner.forget_answers(owned).await;
                    return Ok(stored.grant);
                }
                GrantWrite::Passed(other) => found = other.map(|other| *other),
            }
        }
        Err(contended().into())
    }

    /// The grant of an integration as it stands in the table; none, if it has never had tokens.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn read(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Grant>, GrantError> {
        let found = self.0.store.grant(organization, integration).await?;
        let grant = found.map(|found| found.item.grant);
        Ok(grant.filter(|grant| grant.tokens_version > 0))
    }

    /// Forgets the tokens of an integration, and gives them out a last time: to be revoked at the
    /// provider. None, if there are none. Other functions notice within five seconds.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn forget(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
    ) -> Result<Option<Forgotten>, GrantError> {
        let owned = (organization, integration);
        let ended = self.0.end(owned, GrantEnd::Revoked, |_| true).await?;
        let Some(ended) = ended.filter(|stored| stored.tokens.is_some()) else {
            return Ok(None);
        };
        match self.0.open(owned, &ended).await {
            Ok(tokens) => Ok(tokens.map(|tokens| Forgotten {
                tokens,
                basis: ended.grant.basis,
            })),
            // They are gone all the same, which is what was asked for.
            Err(GrantError::Vault(error))
                if matches!(*error, VaultError::Tampered | VaultError::NoKey) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The person who consented has logged out at the provider: ends the grant, if it is theirs.
    /// Whether it was.
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn log_out(
        &self,
        organization: OrganizationId,
        integration: IntegrationId,
        who: LoggedOut<'_>,
    ) -> Result<bool, GrantError> {
        let is_theirs = |grant: &Grant| {
            let identity = grant.identity.as_ref();
            grant.end.is_none() && identity.is_some_and(|identity| who.is(identity))
        };
        let owned = (organization, integration);
        let ended = self.0.end(owned, GrantEnd::LoggedOut, is_theirs).await?;
        Ok(ended.is_some())
    }
}

impl LoggedOut<'_> {
    /// Whether `identity` is meant: its session, or, if none is named, its subject.
    #[must_use]
    pub fn is(&self, identity: &GrantIdentity) -> bool {
        let subject = self
            .subject
            .is_none_or(|subject| subject == identity.subject);
        let session = match (self.sid, &identity.sid) {
            (Some(sid), Some(known)) => sid == known,
            (Some(_), None) => self.subject.is_some(),
            (None, _) => self.subject.is_some(),
        };
        self.issuer == identity.issuer && subject && session
    }
}

type Key = (OrganizationId, IntegrationId);

impl Inner {
    /// Ends a grant that `is_meant`, and says what it was.
    async fn end(
        &self,
        owned: Key,
        end: GrantEnd,
        is_meant: impl Fn(&Grant) -> bool,
    ) -> Result<Option<StoredGrant>, GrantError> {
        let mut found = self.store.grant(owned.0, owned.1).await?;
        for _ in 0..TRIES {
            let Some(Versioned { item, version }) = found.filter(|f| is_meant(&f.item.grant))
            else {
                return Ok(None);
            };
            let ended = StoredGrant {
                grant: item.grant.ended_by(end),
                tokens: None,
            };
            match self
                .store
                .put_grant(owned.0, owned.1, &ended, version)
                .await?
            {
                GrantWrite::Done(_) => {
                    self.memory.forget(owned);
                    self.forget_answers(owned).await;
                    return Ok(Some(item));
                }
                GrantWrite::Passed(other) => found = other.map(|other| *other),
            }
        }
        Err(contended().into())
    }

    /// Answers that are cached were given to the person who had consented, and perhaps to no other.
    async fn forget_answers(&self, (organization, integration): Key) {
        let circuit = Circuit::new(self.store.clone(), self.sources.clone());
        if let Err(error) = Box::pin(circuit.purge(organization, integration)).await {
            tracing::warn!(
                integration.id = %integration,
                cause = chain(&error),
                "cached answers of {integration} outlive its grant"
            );
        }
    }

    /// Writes a grant in place of the one of `version`, and sees to it that it is looked at, if it
    /// is to be at another time than before.
    async fn write(
        &self,
        (organization, integration): Key,
        stored: &StoredGrant,
        version: u64,
        look_at: Option<Timestamp>,
    ) -> Result<GrantWrite, StoreError> {
        let Some(at) = look_at else {
            let put = self
                .store
                .put_grant(organization, integration, stored, version);
            return put.await;
        };
        let due = DueGrant {
            at,
            organization,
            integration,
        };
        self.store.put_grant_due(stored, version, &due).await
    }

    async fn seal(
        &self,
        (organization, integration): Key,
        version: u64,
        tokens: &GrantTokens,
    ) -> Result<crate::domain::Sealed, GrantError> {
        let context = SealContext::Tokens {
            integration,
            version,
        };
        let bytes = tokens.write().ok_or(VaultError::Corrupt("tokens"))?;
        Ok(self.keys.seal(organization, &context, &bytes).await?)
    }

    /// The tokens of what was read.
    async fn open(
        &self,
        (organization, integration): Key,
        stored: &StoredGrant,
    ) -> Result<Option<GrantTokens>, GrantError> {
        let Some(sealed) = &stored.tokens else {
            return Ok(None);
        };
        let context = SealContext::Tokens {
            integration,
            version: stored.grant.tokens_version,
        };
        let bytes = self.keys.open(organization, &context, sealed).await?;
        let tokens = GrantTokens::read(&bytes).ok_or(VaultError::Corrupt("tokens"))?;
        Ok(Some(tokens))
    }
}

/// What an answer says, without its tokens.
fn facts(reply: &TokenReply) -> GrantReply {
    GrantReply {
        asked_at: reply.asked_at,
        expires_in: reply.expires_in,
        has_refresh_token: reply.refresh_token.is_some(),
        refresh_token_expires_in: reply.refresh_token_expires_in,
        scopes: reply.scopes.clone(),
    }
}
