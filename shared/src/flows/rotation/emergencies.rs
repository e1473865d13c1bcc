use std::fmt;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};

use super::{RotationDesk, StartRotation};
use crate::domain::rotation::{
    EmergencyMember, EmergencyProgress, EmergencyRotation, EmergencyScope, EmergencyState,
    MemberOutcome, Rotation, RotationTrigger,
};
use crate::domain::{Error, Integration, IntegrationId, OrganizationId, RotationId, Timestamp};
use crate::lambda::telemetry::chain;
use crate::store::{DueEmergency, StoreError, Versioned};

/// How many integrations are looked at in one go.
const PAGE: u16 = 25;
/// How many of them at the same time.
const AT_ONCE: usize = 5;
/// How many members are read in one go.
const MEMBERS: u16 = 100;
/// How many rotations of an integration are looked through for the one that was started.
const RECENT: u16 = 10;
/// How many emergencies are gone on with in one run.
const MOST: u16 = 50;
/// So long a run may go on with them.
pub const EMERGENCY_TIME: Duration = Duration::from_secs(30);

/// Replaces the credentials of many integrations at once, without grace.
///
/// Guarantees: whatever dies when, each integration that the organization had when it was asked for
/// gets one rotation, or a reason why it gets none; and the progress is that of all of them. Does not
/// guarantee: that integrations made meanwhile are among them. Their credentials are new.
#[derive(Clone)]
pub struct Emergencies {
    desk: RotationDesk,
    page: u16,
}

impl fmt::Debug for Emergencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emergencies").finish_non_exhaustive()
    }
}

/// What a run has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EmergencyReport {
    /// So many emergencies were gone on with.
    pub advanced: usize,
    /// So many could not be: they are gone on with by the next run.
    pub failed: usize,
}

impl Emergencies {
    /// Emergencies whose rotations are started at `desk`.
    #[must_use]
    pub fn new(desk: RotationDesk) -> Self {
        Self { desk, page: PAGE }
    }

    /// The same, of `page` integrations in one go.
    #[must_use]
    pub fn in_pages_of(self, page: u16) -> Self {
        Self { page, ..self }
    }

    /// Begins one. It goes on by [`Emergencies::advance`].
    ///
    /// # Errors
    ///
    /// If the table does not answer.
    pub async fn begin(
        &self,
        organization: OrganizationId,
        scope: EmergencyScope,
        requested_by: String,
    ) -> Result<Versioned<EmergencyRotation>, Error> {
        let now = self.desk.sources.now();
        let id = RotationId::generate(now, self.desk.sources.randomness.as_ref());
        let emergency = EmergencyRotation::new(id, organization, scope, requested_by, now);
        let version = self.desk.store.write_emergency(None, &emergency).await?;
        Ok(Versioned::new(emergency, version))
    }

    /// Goes on with one: starts the rotations of a page of integrations or, when all are started,
    /// looks what has become of them.
    ///
    /// # Errors
    ///
    /// [`Error::Conflict`], if somebody else goes on with it just now; or the table or the vault does
    /// not answer. It can be gone on with again.
    pub async fn advance(
        &self,
        emergency: Versioned<EmergencyRotation>,
    ) -> Result<Versioned<EmergencyRotation>, Error> {
        let mut next = emergency.item.clone();
        match next.state {
            EmergencyState::Starting => {
                let (members, reached, has_more) = self.start_page(&next).await?;
                next.started(&members, reached, has_more, self.desk.sources.now());
            }
            EmergencyState::Running => {
                let progress = self.look(&next).await?;
                next.looked(progress, self.desk.sources.now());
            }
            EmergencyState::Done => return Ok(emergency),
        }
        let store = &self.desk.store;
        let version = store.write_emergency(Some(&emergency), &next).await?;
        Ok(Versioned::new(next, version))
    }

    /// Goes on with those whose time has come, until `until`.
    ///
    /// # Errors
    ///
    /// If the index cannot be read.
    pub async fn run(&self, until: Timestamp) -> Result<EmergencyReport, StoreError> {
        let mut report = EmergencyReport::default();
        let now = self.desk.sources.now();
        for due in self.desk.store.due_emergencies(now, MOST).await? {
            if self.desk.sources.now() >= until {
                break;
            }
            match self.run_one(&due, until).await {
                Ok(()) => report.advanced += 1,
                Err(error) => {
                    report.failed += 1;
                    tracing::warn!(
                        emergency.id = %due.emergency,
                        cause = chain(&error),
                        "the emergency {} could not be gone on with", due.emergency
                    );
                }
            }
        }
        Ok(report)
    }

    async fn run_one(&self, due: &DueEmergency, until: Timestamp) -> Result<(), Error> {
        let store = &self.desk.store;
        let found = store.emergency(due.organization, due.emergency).await?;
        let known = found.filter(|found| found.item.due_at == Some(due.at));
        let Some(mut emergency) = known else {
            return Ok(store.remove_due_emergency(due).await?);
        };
        loop {
            emergency = self.advance(emergency).await?;
            let now = self.desk.sources.now();
            if now >= until || emergency.item.due_at.is_none_or(|due| now < due) {
                return Ok(());
            }
        }
    }

    /// Starts the rotations of the next integrations: the members, the last integration that was
    /// looked at, and whether there may be more.
    async fn start_page(
        &self,
        emergency: &EmergencyRotation,
    ) -> Result<(Vec<EmergencyMember>, Option<IntegrationId>, bool), Error> {
        let (organization, store) = (emergency.organization_id, &self.desk.store);
        let (integrations, has_more) = match emergency.scope {
            EmergencyScope::Integration { integration_id } => {
                let found = store.integration(organization, integration_id).await?;
                (found.into_iter().collect(), false)
            }
            EmergencyScope::Provider { .. } | EmergencyScope::All {} => {
                let page = store.integrations(organization, self.page, emergency.reached);
                let page = page.await?;
                (page.items, page.next.is_some())
            }
        };
        let reached = integrations.last().map(|last| last.item.id);
        let members = integrations
            .into_iter()
            .map(|found| found.item)
            .filter(|integration| is_of(emergency, integration))
            .map(|integration| self.member(emergency, integration));
        let members = futures::stream::iter(members).buffered(AT_ONCE);
        Ok((members.try_collect().await?, reached, has_more))
    }

    /// An integration as a member, with a rotation; the same one, if that was started before.
    async fn member(
        &self,
        emergency: &EmergencyRotation,
        integration: Integration,
    ) -> Result<EmergencyMember, Error> {
        let of = (integration.organization_id, integration.id);
        let store = &self.desk.store;
        if let Some(known) = store.emergency_member(of.0, emergency.id, of.1).await? {
            return Ok(known);
        }
        let started = match self.started(of, emergency.id).await? {
            Some(rotation) => Ok(rotation),
            None => {
                let start = StartRotation {
                    emergency: true,
                    batch: Some(emergency.id),
                    ..StartRotation::by(RotationTrigger::Request)
                };
                self.desk.start(of, start).await
            }
        };
        let member = match started {
            Ok(rotation) => EmergencyMember::rotated(of.1, integration.name, &rotation),
            Err(error @ (Error::Conflict(_) | Error::NotFound(_))) => EmergencyMember {
                integration_id: of.1,
                name: integration.name,
                outcome: MemberOutcome::NotStarted,
                rotation_id: None,
                reason: Some(error.to_string()),
                updated_at: self.desk.sources.now(),
            },
            Err(error) => return Err(error),
        };
        store.put_emergency_member(emergency, &member).await?;
        Ok(member)
    }

    /// The rotation that was started for the emergency, if one was and nobody knows of it.
    async fn started(
        &self,
        of: (OrganizationId, IntegrationId),
        emergency: RotationId,
    ) -> Result<Option<Rotation>, Error> {
        let recent = self.desk.store.rotations(of.0, of.1, RECENT, None).await?;
        let mut recent = recent.items.into_iter().map(|found| found.item);
        Ok(recent.find(|rotation| rotation.batch == Some(emergency)))
    }

    /// Looks what has become of all rotations.
    async fn look(&self, emergency: &EmergencyRotation) -> Result<EmergencyProgress, Error> {
        let (organization, store) = (emergency.organization_id, &self.desk.store);
        let mut progress = EmergencyProgress::default();
        let mut after = None;
        loop {
            let page = store.emergency_members(organization, emergency.id, MEMBERS, after);
            let page = page.await?;
            let members = page.items.into_iter();
            let members = members.map(|member| self.look_at(emergency, member));
            let members = futures::stream::iter(members).buffered(AT_ONCE);
            let members: Vec<_> = members.try_collect().await?;
            members.iter().for_each(|one| progress.add(one.outcome));
            after = page.next;
            if after.is_none() {
                return Ok(progress);
            }
        }
    }

    async fn look_at(
        &self,
        emergency: &EmergencyRotation,
        member: EmergencyMember,
    ) -> Result<EmergencyMember, Error> {
        let Some(rotation) = member.rotation_id.filter(|_| member.outcome.is_open()) else {
            return Ok(member);
        };
        let (organization, integration) = (emergency.organization_id, member.integration_id);
        let store = &self.desk.store;
        let found = store.rotation(organization, integration, rotation).await?;
        let now = match found {
            Some(found) => EmergencyMember::rotated(integration, member.name.clone(), &found.item),
            None => EmergencyMember {
                outcome: MemberOutcome::Failed,
                reason: Some("the rotation is gone".to_owned()),
                ..member.clone()
            },
        };
        if now != member {
            store.put_emergency_member(emergency, &now).await?;
        }
        Ok(now)
    }
}

fn is_of(emergency: &EmergencyRotation, integration: &Integration) -> bool {
    // What was made since is not meant: its credentials are new.
    integration.created_at <= emergency.started_at && emergency.scope.includes(integration)
}
