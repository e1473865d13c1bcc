use std::fmt;
use std::str::FromStr;

use super::shard_of;
use crate::domain::secret_rotation::SecretOwner;
use crate::domain::{Digest, IntegrationId, OrganizationId, RotationId, Timestamp};

/// When a grant, a rotation, or an integration has to be looked at. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
}

/// The day of an instant, in UTC: `2026-11-26`.
pub(super) fn day(at: Timestamp) -> impl fmt::Display {
    jiff::Timestamp::from(at).strftime("%Y-%m-%d")
}

impl Due {
    /// In which part of an index it is found that is not by day: it follows from the integration.
    pub(super) fn shard(&self) -> u8 {
        shard_of(self.integration.ulid())
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.at, self.organization, self.integration)
    }
}

/// A text is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueError;

impl FromStr for Due {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('#');
        let (Some(at), Some(organization), Some(integration), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DueError);
        };
        Ok(Self {
            at: at.parse().map_err(|_| DueError)?,
            organization: organization.parse().map_err(|_| DueError)?,
            integration: integration.parse().map_err(|_| DueError)?,
        })
    }
}

/// When a kind of record of an integration has to be looked at. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncDue {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    pub(crate) entity: Digest,
}

impl SyncDue {
    /// Where it is found: it follows from the integration.
    pub(super) fn shard(&self) -> u8 {
        shard_of(self.integration.ulid())
    }
}

impl fmt::Display for SyncDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let due = Due {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
        };
        write!(f, "{due}#{}", self.entity)
    }
}

impl FromStr for SyncDue {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (due, entity) = text.rsplit_once('#').ok_or(DueError)?;
        let due: Due = due.parse()?;
        Ok(Self {
            at: due.at,
            organization: due.organization,
            integration: due.integration,
            entity: entity.parse().map_err(|_| DueError)?,
        })
    }
}

/// When an emergency of many integrations has to be looked at. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EmergencyDue {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
    pub(crate) emergency: RotationId,
}

impl fmt::Display for EmergencyDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.at, self.organization, self.emergency)
    }
}

impl FromStr for EmergencyDue {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('#');
        let (Some(at), Some(organization), Some(emergency), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DueError);
        };
        Ok(Self {
            at: at.parse().map_err(|_| DueError)?,
            organization: organization.parse().map_err(|_| DueError)?,
            emergency: emergency.parse().map_err(|_| DueError)?,
        })
    }
}

/// When signing secrets have to be looked at. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretsDue {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
    pub(crate) integration: IntegrationId,
    pub(crate) owner: SecretOwner,
}

impl SecretsDue {
    /// Where it is found: it follows from the integration.
    pub(super) fn shard(&self) -> u8 {
        shard_of(self.integration.ulid())
    }
}

impl fmt::Display for SecretsDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let due = Due {
            at: self.at,
            organization: self.organization,
            integration: self.integration,
        };
        write!(f, "{due}#{}", self.owner)
    }
}

impl FromStr for SecretsDue {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (due, owner) = text.rsplit_once('#').ok_or(DueError)?;
        let due: Due = due.parse()?;
        Ok(Self {
            at: due.at,
            organization: due.organization,
            integration: due.integration,
            owner: owner.parse().map_err(|_| DueError)?,
        })
    }
}

/// When an organization's data keys have to be looked at. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DataKeyDue {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
}

impl fmt::Display for DataKeyDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.at, self.organization)
    }
}

impl FromStr for DataKeyDue {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, organization) = text.split_once('#').ok_or(DueError)?;
        Ok(Self {
            at: at.parse().map_err(|_| DueError)?,
            organization: organization.parse().map_err(|_| DueError)?,
        })
    }
}
