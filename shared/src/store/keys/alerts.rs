use std::fmt;
use std::str::FromStr;

use super::due::DueError;
use super::{Collection, shard_of};
use crate::domain::{AlertId, ChannelId, IntegrationId, NoticeId, OrganizationId, Timestamp};

/// The keys of alerts, of how they are wanted, and of what people are owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AlertKey {
    Setup(OrganizationId),
    Channel(OrganizationId, ChannelId),
    Book(OrganizationId, IntegrationId),
    /// By the hour of the week.
    Volume(OrganizationId, IntegrationId, u8),
    Alert(OrganizationId, AlertId),
    /// The same alert, as long as it is not over.
    Open(OrganizationId, AlertId),
    /// In partitions of no organization: it is found by its instant.
    Notice(NoticeDue),
}

impl AlertKey {
    /// What the item's `item_type` attribute says.
    pub(super) fn item_type(self) -> &'static str {
        match self {
            Self::Setup(..) => "alert_setup",
            Self::Channel(..) => "channel_state",
            Self::Book(..) => "alert_book",
            Self::Volume(..) => "volume_slot",
            Self::Alert(..) => "alert",
            Self::Open(..) => "open_alert",
            Self::Notice(..) => "notice_due",
        }
    }

    /// The partition key and the sort key.
    pub(super) fn render(self) -> (String, String) {
        let in_collection = |collection: Collection, id: &dyn fmt::Display| {
            let (pk, prefix) = collection.render();
            (pk, format!("{prefix}{id}"))
        };
        match self {
            Self::Setup(organization) => (format!("ORG#{organization}"), "ALERT_SETUP".to_owned()),
            Self::Channel(organization, channel) => (
                format!("ORG#{organization}"),
                format!("CHANNEL_STATE#{channel}"),
            ),
            Self::Book(organization, integration) => (
                format!("ORG#{organization}#INTEGRATION#{integration}"),
                "ALERT_BOOK".to_owned(),
            ),
            Self::Volume(organization, integration, slot) => (
                format!("ORG#{organization}#INTEGRATION#{integration}#VOLUME"),
                format!("SLOT#{slot:03}"),
            ),
            Self::Alert(organization, alert) => {
                in_collection(Collection::Alerts(organization), &alert)
            }
            Self::Open(organization, alert) => {
                in_collection(Collection::OpenAlerts(organization), &alert)
            }
            Self::Notice(due) => in_collection(Collection::NoticesDue(due.shard()), &due),
        }
    }
}

/// When a notice has to be sent. Text order is time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoticeDue {
    pub(crate) at: Timestamp,
    pub(crate) organization: OrganizationId,
    pub(crate) notice: NoticeId,
}

impl NoticeDue {
    /// Where it is found: it follows from the organization, so that those of one are found together.
    fn shard(self) -> u8 {
        shard_of(self.organization.ulid())
    }
}

impl fmt::Display for NoticeDue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.at, self.organization, self.notice)
    }
}

impl FromStr for NoticeDue {
    type Err = DueError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('#');
        let (Some(at), Some(organization), Some(notice), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(DueError);
        };
        Ok(Self {
            at: at.parse().map_err(|_| DueError)?,
            organization: organization.parse().map_err(|_| DueError)?,
            notice: notice.parse().map_err(|_| DueError)?,
        })
    }
}
