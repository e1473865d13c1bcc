use std::fmt;

use super::begin::is_by_person;
use crate::domain::rotation::{
    Candidate, Rotation, RotationFailure, RotationPlan, RotationPolicy, RotationState,
    RotationStrategy, RotationTrigger,
};
use crate::domain::{
    Error, Integration, IntegrationId, OrganizationId, RotationId, Sources, Timestamp,
};
use crate::store::{Page, RotationWrite, Store, Versioned, contended};
use crate::vault::{CredentialSet, Credentials};

/// How often a change is decided anew, if others write at the same time.
const TRIES: usize = 8;

/// Whose rotations: an organization's, of one integration.
pub(super) type Of = (OrganizationId, IntegrationId);

/// Starts rotations and answers questions about them. Makes no step, and calls no provider.
#[derive(Clone)]
pub struct RotationDesk {
    pub(super) store: Store,
    pub(super) credentials: Credentials,
    pub(super) sources: Sources,
}

impl fmt::Debug for RotationDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotationDesk").finish_non_exhaustive()
    }
}

/// How a rotation is to be.
#[derive(Debug)]
pub struct StartRotation {
    /// What starts it.
    pub trigger: RotationTrigger,
    /// Whether the old credentials are given no grace.
    pub emergency: bool,
    /// The emergency of many integrations that it belongs to.
    pub batch: Option<RotationId>,
    /// New credentials, whole, that a person hands in; the fields are checked by the caller.
    pub credentials: Option<CredentialSet>,
    /// When these stop being valid, if that is known.
    pub expires_at: Option<Timestamp>,
    /// The version that the new credentials have to get.
    pub wanted_version: Option<String>,
}

impl StartRotation {
    /// One that `trigger` starts, with a grace, of credentials that are to be made.
    #[must_use]
    pub fn by(trigger: RotationTrigger) -> Self {
        Self {
            trigger,
            emergency: false,
            batch: None,
            credentials: None,
            expires_at: None,
            wanted_version: None,
        }
    }
}

/// An integration's plan as it was read, with its active rotation.
pub(super) struct Read {
    pub(super) plan: Versioned<RotationPlan>,
    pub(super) active: Option<Versioned<Rotation>>,
}

impl RotationDesk {
    /// A desk over `store`, where new credentials go into `credentials`.
    #[must_use]
    pub fn new(store: Store, credentials: Credentials, sources: Sources) -> Self {
        Self {
            store,
            credentials,
            sources,
        }
    }

    /// Starts a rotation: new credentials are made, or waited for, or are those that are given. One
    /// that waits for credentials takes those that are given. An emergency, where a rotation is
    /// active already, takes that one's grace away.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if another rotation is active, there are no
    /// credentials to replace, or new ones can neither be made nor tested; or the table or the vault
    /// does not answer.
    pub async fn start(&self, of: Of, mut start: StartRotation) -> Result<Rotation, Error> {
        let integration = self.integration(of).await?;
        for _ in 0..TRIES {
            let read = self.read(of).await?;
            let Some(active) = read.active.clone() else {
                let given = start.credentials.as_ref();
                let rotation = self.begin(&integration, &read, &start, given).await?;
                let new = Versioned::new(rotation, 0);
                if let Some(written) = self.write(of, &read, new).await? {
                    return Ok(written.item);
                }
                continue;
            };
            if let Some(credentials) = start.credentials.take() {
                let given = (&credentials, start.expires_at);
                let rotation = self.supply_until(of, active.item.id, given).await?;
                if !start.emergency {
                    return Ok(rotation);
                }
                continue;
            }
            if !start.emergency || start.wanted_version.is_some() {
                return Err(is_active(&active.item));
            }
            let now = self.sources.now();
            let mut rotation = active;
            rotation.item.make_emergency(now);
            rotation.item.batch = start.batch.or(rotation.item.batch);
            if let Some(written) = self.write(of, &read, rotation).await? {
                return Ok(written.item);
            }
        }
        Err(contended().into())
    }

    /// Takes in new credentials, whole, for a rotation that waits for them. The caller has checked
    /// their fields.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it does not wait for any; or the table or the
    /// vault does not answer.
    pub async fn supply(
        &self,
        of: Of,
        rotation: RotationId,
        credentials: &CredentialSet,
    ) -> Result<Rotation, Error> {
        self.supply_until(of, rotation, (credentials, None)).await
    }

    /// The same, of credentials that are known to stop being valid.
    async fn supply_until(
        &self,
        of: Of,
        rotation: RotationId,
        (credentials, expires_at): (&CredentialSet, Option<Timestamp>),
    ) -> Result<Rotation, Error> {
        let integration = self.integration(of).await?;
        let read = self.read(of).await?;
        let Some(mut found) = read
            .active
            .clone()
            .filter(|found| found.item.id == rotation)
        else {
            self.get(of, rotation).await?;
            return Err(Error::Conflict("the rotation has ended".to_owned()));
        };
        if found.item.state != RotationState::Due {
            return Err(Error::Conflict(
                "the rotation does not wait for credentials".to_owned(),
            ));
        }
        let candidate = Candidate {
            expires_at,
            ..self.stage(&integration, credentials, None).await?
        };
        // Whoever hands them in takes the rotation over, wherever they were to come from.
        found.item.strategy = RotationStrategy::OperatorSupplied;
        let now = self.sources.now();
        found.item.staged(candidate, false, now).map_err(internal)?;
        match self.write(of, &read, found).await? {
            Some(written) => Ok(written.item),
            None => Err(contended().into()),
        }
    }

    /// Sets when credentials are replaced; never by themselves, if nothing is given. `expected` is
    /// the version of the plan that was read, if that matters.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`], [`Error::NotFound`], [`Error::PreconditionFailed`], or the table does not
    /// answer.
    pub async fn set_policy(
        &self,
        of: Of,
        policy: Option<RotationPolicy>,
        expected: Option<u64>,
    ) -> Result<Versioned<RotationPlan>, Error> {
        if let Some(policy) = &policy {
            policy
                .check()
                .map_err(|error| Error::Invalid(vec![error]))?;
        }
        self.change_plan(of, expected, |plan| plan.policy.clone_from(&policy))
            .await
    }

    /// Holds back everything but emergencies, until it is resumed: no rotation begins by itself, and
    /// one that is active stays where it is, its old credentials valid.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn pause(&self, of: Of) -> Result<Versioned<RotationPlan>, Error> {
        self.change_plan(of, None, |plan| plan.paused = true).await
    }

    /// Lets rotations go on.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn resume(&self, of: Of) -> Result<Versioned<RotationPlan>, Error> {
        self.change_plan(of, None, |plan| plan.paused = false).await
    }

    /// What is planned.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn plan(&self, of: Of) -> Result<Versioned<RotationPlan>, Error> {
        self.integration(of).await?;
        Ok(self.store.rotation_plan(of.0, of.1).await?)
    }

    /// One rotation.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn get(&self, of: Of, rotation: RotationId) -> Result<Versioned<Rotation>, Error> {
        let found = self.store.rotation(of.0, of.1, rotation).await?;
        found.ok_or(Error::NotFound("rotation"))
    }

    /// At most `limit` rotations begun before `after`, newest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], or the table does not answer.
    pub async fn list(
        &self,
        of: Of,
        limit: u16,
        after: Option<RotationId>,
    ) -> Result<Page<Versioned<Rotation>, RotationId>, Error> {
        self.integration(of).await?;
        Ok(self.store.rotations(of.0, of.1, limit, after).await?)
    }

    /// Ends a rotation whose new credentials are not in use yet. What the provider has made for it is
    /// deleted.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it is too late, or somebody makes a step of it
    /// just now; or the table does not answer.
    pub async fn cancel(&self, of: Of, rotation: RotationId) -> Result<Rotation, Error> {
        let read = self.read(of).await?;
        let Some(mut found) = read
            .active
            .clone()
            .filter(|found| found.item.id == rotation)
        else {
            self.get(of, rotation).await?;
            return Err(Error::Conflict("the rotation has ended".to_owned()));
        };
        let now = self.sources.now();
        let is_busy = found.item.is_leased(now) || found.item.creation.is_some();
        let given_up = found.item.give_up(RotationFailure::Cancelled, None, now);
        if is_busy || given_up.is_err() {
            return Err(Error::Conflict(
                "the rotation cannot be ended in this step".to_owned(),
            ));
        }
        found.item.lease = None;
        match self.write(of, &read, found).await? {
            Some(written) => Ok(written.item),
            None => Err(contended().into()),
        }
    }

    /// Notes that a person has cleaned up at the provider what a rotation has left there.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`]; [`Error::Conflict`], if it has not ended; or the table does not answer.
    pub async fn cleaned_up(&self, of: Of, rotation: RotationId) -> Result<Rotation, Error> {
        for _ in 0..TRIES {
            let mut found = self.get(of, rotation).await?;
            let read = self.read(of).await?;
            if !found.item.state.is_end() {
                return Err(Error::Conflict("the rotation has not ended".to_owned()));
            }
            found.item.cleaned_up(self.sources.now());
            let mut plan = read.plan.item.clone();
            if plan.last == Some(rotation) {
                plan.has_leftovers = false;
            }
            let wrote = self
                .store
                .write_rotation(of, &read.plan, &plan, Some(&found))
                .await?;
            if let RotationWrite::Done { .. } = wrote {
                return Ok(found.item);
            }
        }
        Err(contended().into())
    }

    async fn change_plan(
        &self,
        of: Of,
        expected: Option<u64>,
        change: impl Fn(&mut RotationPlan),
    ) -> Result<Versioned<RotationPlan>, Error> {
        let integration = self.integration(of).await?;
        for _ in 0..TRIES {
            let read = self.read(of).await?;
            if expected.is_some_and(|expected| expected != read.plan.version) {
                return Err(Error::PreconditionFailed);
            }
            let now = self.sources.now();
            let mut plan = read.plan.item.clone();
            change(&mut plan);
            match &read.active {
                Some(active) => plan.follow(&active.item, now),
                None => plan.look(
                    integration.credentials.as_ref(),
                    is_by_person(&integration),
                    now,
                ),
            }
            let wrote = self
                .store
                .write_rotation(of, &read.plan, &plan, None)
                .await?;
            if let RotationWrite::Done { plan: version, .. } = wrote {
                return Ok(Versioned::new(plan, version));
            }
        }
        Err(contended().into())
    }

    /// Writes a rotation, and the plan as it follows from it; nothing, if somebody else has written.
    pub(super) async fn write(
        &self,
        of: Of,
        read: &Read,
        rotation: Versioned<Rotation>,
    ) -> Result<Option<Versioned<Rotation>>, Error> {
        let mut plan = read.plan.item.clone();
        plan.follow(&rotation.item, self.sources.now());
        let wrote = self
            .store
            .write_rotation(of, &read.plan, &plan, Some(&rotation))
            .await?;
        Ok(match wrote {
            RotationWrite::Done {
                rotation: version, ..
            } => Some(Versioned::new(rotation.item, version)),
            RotationWrite::Moved => None,
        })
    }

    pub(super) async fn read(&self, of: Of) -> Result<Read, Error> {
        let plan = self.store.rotation_plan(of.0, of.1).await?;
        let active = match plan.item.active {
            Some(id) => self.store.rotation(of.0, of.1, id).await?,
            None => None,
        };
        Ok(Read { plan, active })
    }

    async fn integration(&self, of: Of) -> Result<Integration, Error> {
        let found = self.store.integration(of.0, of.1).await?;
        found
            .map(|found| found.item)
            .ok_or(Error::NotFound("integration"))
    }
}

fn is_active(rotation: &Rotation) -> Error {
    Error::Conflict(format!("the rotation {} has not ended", rotation.id))
}

pub(super) fn internal(error: crate::domain::rotation::OutOfStep) -> Error {
    Error::Internal(Box::new(error))
}
