use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::policies::{Circumstances, Resource, decide};
use super::{ApiKeys, Caller};
use crate::domain::{
    Action, ActiveElevation, Error, IntegrationAttributes, IntegrationId, OrganizationId, Sighting,
    Timestamp,
};
use crate::lambda::WarmCache;
use crate::store::{Digest, Seen, Store};

/// How long the elevations of a person are remembered. Their ends are among what is remembered, so
/// only one that is ended before its time goes on for so long elsewhere.
const ELEVATIONS_MAX_AGE: Duration = Duration::from_secs(30);
/// How often it is written down that somebody is here.
const SIGHTING_PAUSE: Duration = Duration::from_secs(5 * 60);
const CAPACITY: usize = 1_000;

type Person = (OrganizationId, Digest);

/// Where it is known what policies may ask of an integration: in the table, or in what a function
/// remembers of it anyway.
pub trait AttributesSource: Send + Sync {
    /// The attributes of an integration, if it exists.
    fn attributes<'a>(
        &'a self,
        organization: OrganizationId,
        integration: IntegrationId,
        now: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Option<IntegrationAttributes>, Error>> + Send + 'a>>;
}

impl AttributesSource for Store {
    fn attributes<'a>(
        &'a self,
        organization: OrganizationId,
        integration: IntegrationId,
        _: Timestamp,
    ) -> Pin<Box<dyn Future<Output = Result<Option<IntegrationAttributes>, Error>> + Send + 'a>>
    {
        Box::pin(async move {
            let found = self.integration(organization, integration).await?;
            Ok(found.map(|stored| (&stored.item).into()))
        })
    }
}

/// Finds out what callers may do. Cheap to clone; clones share what they remember.
#[derive(Clone)]
pub struct Authorizer(Arc<Inner>);

struct Inner {
    store: Store,
    elevated: WarmCache<Person, Arc<[ActiveElevation]>>,
    seen: WarmCache<Person, ()>,
    api_keys: ApiKeys,
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer").finish_non_exhaustive()
    }
}

impl Authorizer {
    /// Takes elevations from `store`, and writes there who was here.
    #[must_use]
    pub fn new(store: Store, api_keys: ApiKeys) -> Self {
        Self(Arc::new(Inner {
            store,
            elevated: WarmCache::new(CAPACITY, ELEVATIONS_MAX_AGE),
            seen: WarmCache::new(CAPACITY, SIGHTING_PAUSE),
            api_keys,
        }))
    }

    /// What `caller` may do now, from `source`.
    #[must_use]
    pub fn access(&self, caller: &Caller, source: Option<IpAddr>, now: Timestamp) -> Access {
        Access {
            authorizer: self.clone(),
            caller: caller.clone(),
            source,
            now,
        }
    }

    /// Writes down that `caller` is here, now and then. That this fails is no reason to turn anybody
    /// away.
    pub async fn note(&self, caller: &Caller, now: Timestamp) {
        let person = person(caller.organization_id, &caller.subject);
        if self.0.seen.get(&person, now).is_some() {
            return;
        }
        self.0.seen.insert(person, (), now);
        let seen = match &caller.api_key {
            Some(key) => Seen::ApiKey(key.id),
            None => Seen::User(&caller.subject),
        };
        let sighting = Sighting {
            subject: caller.subject.clone(),
            roles: caller.roles,
            first_seen_at: now,
            last_seen_at: now,
        };
        let noted = self
            .0
            .store
            .note_sighting(caller.organization_id, seen, sighting, SIGHTING_PAUSE)
            .await;
        if let Err(error) = noted {
            tracing::warn!(%error, "that a caller was here could not be written down");
        }
    }

    /// Forgets the elevations of `subject`: they have changed.
    pub fn forget_elevations(&self, organization: OrganizationId, subject: &str) {
        self.0.elevated.remove(&person(organization, subject));
    }

    /// Forgets an API key: it has changed.
    pub fn forget_key(&self, id: crate::domain::ApiKeyId) {
        self.0.api_keys.forget(id);
    }

    async fn elevations(
        &self,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Arc<[ActiveElevation]>, Error> {
        let (organization, subject) = (caller.organization_id, caller.subject.as_str());
        let person = person(organization, subject);
        if let Some(known) = self.0.elevated.get(&person, now) {
            return Ok(known);
        }
        let found = self.0.store.elevated(organization, subject).await?;
        let found: Arc<[ActiveElevation]> = found.into();
        self.0.elevated.insert(person, Arc::clone(&found), now);
        Ok(found)
    }
}

fn person(organization: OrganizationId, subject: &str) -> Person {
    (organization, Digest::of(subject.as_bytes()))
}

/// What one caller may do with one request. Handlers find it in the request's extensions.
#[derive(Clone, Debug)]
pub struct Access {
    authorizer: Authorizer,
    caller: Caller,
    source: Option<IpAddr>,
    now: Timestamp,
}

impl Access {
    /// What finds it out.
    #[must_use]
    pub fn authorizer(&self) -> &Authorizer {
        &self.authorizer
    }

    /// Who it is.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Lets the caller do `action` to `resource`, or not.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`]; or it cannot be found out, and then nothing may be done.
    pub async fn check(&self, action: Action, resource: &Resource<'_>) -> Result<(), Error> {
        if self.may(action, resource).await? {
            Ok(())
        } else {
            Err(Error::Forbidden)
        }
    }

    /// Whether the caller may do `action` to `resource`.
    ///
    /// # Errors
    ///
    /// If it cannot be found out.
    pub async fn may(&self, action: Action, resource: &Resource<'_>) -> Result<bool, Error> {
        // Elevations only ever add: who may do it without any need not have them looked up.
        if self.decide(action, resource, &[])? {
            return Ok(true);
        }
        if self.caller.api_key.is_some() {
            return Ok(false);
        }
        let elevations = self.authorizer.elevations(&self.caller, self.now).await?;
        if elevations.is_empty() {
            return Ok(false);
        }
        self.decide(action, resource, &elevations)
    }

    fn decide(
        &self,
        action: Action,
        resource: &Resource<'_>,
        elevations: &[ActiveElevation],
    ) -> Result<bool, Error> {
        let circumstances = Circumstances {
            now: self.now,
            source: self.source,
            elevations,
        };
        decide(&self.caller, action, resource, &circumstances).map_err(Error::Internal)
    }
}
