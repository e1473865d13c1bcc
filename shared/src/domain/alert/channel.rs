use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::silence::AlertMatcher;
use super::{AlertEvent, AlertNotice};
use crate::domain::{ChannelId, DestinationId, FieldError, IntegrationId, Timestamp};

/// The most characters of what names a place at a provider.
const MAX_PLACE: usize = 256;
/// The most addresses that one e-mail goes to.
const MAX_ADDRESSES: usize = 20;

/// Where people are told of alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertChannel {
    /// Its id.
    pub id: ChannelId,
    /// What people call it.
    pub name: String,
    /// By which of our own integrations or destinations, and where to.
    pub target: ChannelTarget,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Which alerts it is told of.
    #[serde(default)]
    pub matcher: AlertMatcher,
    /// Whether it is told that an alert is acknowledged or over.
    pub send_resolved: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counted from 1; each update adds 1.
    pub version: u64,
}

/// By what and where to a channel sends. It holds no credential: those are the integration's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChannelTarget {
    /// A destination: it gets an event, signed and retried like any other.
    #[serde(rename_all = "camelCase")]
    Destination {
        /// The integration that it belongs to.
        integration_id: IntegrationId,
        /// Which.
        destination_id: DestinationId,
    },
    /// Slack: `chat.postMessage`, under the base URL `https://slack.com/api`.
    #[serde(rename_all = "camelCase")]
    Slack {
        /// The integration.
        integration_id: IntegrationId,
        /// The id or name of the conversation.
        channel: String,
    },
    /// Microsoft Teams: a message in a channel by Microsoft Graph, under the base URL
    /// `https://graph.microsoft.com/v1.0`.
    #[serde(rename_all = "camelCase")]
    Teams {
        /// The integration.
        integration_id: IntegrationId,
        /// The team's id.
        team_id: String,
        /// The channel's id.
        channel_id: String,
    },
    /// PagerDuty: Events API v2, under the base URL `https://events.pagerduty.com`. The routing key is the
    /// integration's credential, put into the body.
    #[serde(rename_all = "camelCase")]
    PagerDuty {
        /// The integration.
        integration_id: IntegrationId,
    },
    /// E-mail by SendGrid: Mail Send v3, under the base URL `https://api.sendgrid.com`.
    #[serde(rename_all = "camelCase")]
    Email {
        /// The integration.
        integration_id: IntegrationId,
        /// Whom it comes from: a sender that SendGrid knows.
        from: String,
        /// Whom it goes to.
        #[schema(min_items = 1, max_items = 20)]
        to: Vec<String>,
    },
}

/// What is known of how sending by a channel goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChannelState {
    /// When something was last sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent_at: Option<Timestamp>,
    /// When sending last failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failed_at: Option<Timestamp>,
    /// Why, as a stable code: nothing of what the provider answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// How often it has failed since it last worked.
    #[serde(default)]
    pub failures: u32,
    /// How many notices were given up since it last worked.
    #[serde(default)]
    pub given_up: u32,
}

impl AlertChannel {
    /// Whether it is told of this.
    #[must_use]
    pub fn wants(&self, notice: &AlertNotice) -> bool {
        let matcher = &self.matcher;
        self.enabled
            && (self.send_resolved || notice.event == AlertEvent::Firing)
            && matcher.matches(notice.integration_id, notice.kind, notice.severity)
    }
}

impl ChannelTarget {
    /// The integration that it sends by.
    #[must_use]
    pub fn integration(&self) -> IntegrationId {
        match self {
            Self::Destination { integration_id, .. }
            | Self::Slack { integration_id, .. }
            | Self::Teams { integration_id, .. }
            | Self::PagerDuty { integration_id }
            | Self::Email { integration_id, .. } => *integration_id,
        }
    }

    /// What is wrong with it.
    #[must_use]
    pub fn wrong_fields(&self, pointer: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        let mut check = |name: &str, is_right: bool, expected: &str| {
            if !is_right {
                errors.push(FieldError::new(format!("{pointer}/{name}"), expected));
            }
        };
        match self {
            Self::Destination { .. } | Self::PagerDuty { .. } => {}
            Self::Slack { channel, .. } => {
                let expected = "expected the id or name of a conversation, without spaces";
                check("channel", is_place(channel), expected);
            }
            Self::Teams {
                team_id,
                channel_id,
                ..
            } => {
                let expected = "expected an id of letters, digits and `-_.:@`";
                check("teamId", is_segment(team_id), expected);
                check("channelId", is_segment(channel_id), expected);
            }
            Self::Email { from, to, .. } => {
                let address = "expected an e-mail address";
                check("from", is_address(from), address);
                let count = (1..=MAX_ADDRESSES).contains(&to.len());
                check("to", count, "expected 1 to 20 addresses");
                for (index, one) in to.iter().enumerate() {
                    check(&format!("to/{index}"), is_address(one), address);
                }
            }
        }
        errors
    }
}

fn is_place(text: &str) -> bool {
    (1..=MAX_PLACE).contains(&text.len())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// What may stand in a path without being escaped, and is no `..`.
fn is_segment(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:@".contains(c);
    is_place(text) && text.chars().all(allowed) && text.chars().any(|c| c.is_ascii_alphanumeric())
}

/// Not every address that RFC 5322 allows, but those that people have.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let is_plain = |part: &str| {
        let is_right = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"@".contains(c);
        !part.is_empty() && part.chars().all(is_right)
    };
    text.len() <= MAX_PLACE
        && is_plain(local)
        && is_plain(domain)
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
}
