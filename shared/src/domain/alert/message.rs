//! What is said of alerts, in the form that each provider wants it. Names and numbers of ours only: no
//! secret, and nothing that a provider has answered.

use serde_json::{Value, json};

use super::{AlertEvent, AlertNotice, AlertSeverity, ChannelTarget, NoticeBody};
use crate::domain::{IntegrationId, OrganizationId};

/// The most notices that one message lists; of more it says how many there are.
const MAX_LINES: usize = 20;
/// The most characters of PagerDuty's summary, which takes 1,024.
const MAX_SUMMARY: usize = 1_000;

/// A `POST` under the base URL of a channel's integration.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelMessage {
    /// The path.
    pub endpoint: String,
    /// The JSON body.
    pub body: Value,
}

/// What is posted to tell a channel of these notices: one message for all of them, but for PagerDuty, which
/// takes one alert at a time. Nothing for a destination: see [`told`].
#[must_use]
pub fn messages(target: &ChannelTarget, notices: &[NoticeBody]) -> Vec<ChannelMessage> {
    if notices.is_empty() {
        return Vec::new();
    }
    match target {
        ChannelTarget::Destination { .. } => Vec::new(),
        ChannelTarget::Slack { channel, .. } => vec![ChannelMessage {
            endpoint: "/chat.postMessage".to_owned(),
            body: json!({
                "channel": channel,
                "text": escaped_for_slack(&text(notices)),
                "unfurl_links": false,
                "unfurl_media": false,
            }),
        }],
        ChannelTarget::Teams {
            team_id,
            channel_id,
            ..
        } => vec![ChannelMessage {
            endpoint: format!("/teams/{team_id}/channels/{channel_id}/messages"),
            body: json!({"body": {"contentType": "text", "content": text(notices)}}),
        }],
        ChannelTarget::PagerDuty { integration_id } => {
            let each = notices.iter();
            each.map(|notice| pager_duty(*integration_id, notice))
                .collect()
        }
        ChannelTarget::Email { from, to, .. } => {
            let to: Vec<Value> = to.iter().map(|one| json!({"email": one})).collect();
            vec![ChannelMessage {
                endpoint: "/v3/mail/send".to_owned(),
                body: json!({
                    "personalizations": [{"to": to}],
                    "from": {"email": from},
                    "subject": title(notices),
                    "content": [{"type": "text/plain", "value": text(notices)}],
                }),
            }]
        }
    }
}

/// The body of the event that a destination gets of these notices, all of one type.
#[must_use]
pub fn told(organization: OrganizationId, event_type: &str, notices: &[NoticeBody]) -> Value {
    let alerts: Vec<Value> = notices
        .iter()
        .filter_map(|notice| match notice {
            NoticeBody::Alert(notice) => Some(alert(notice)),
            NoticeBody::Playbook(_) | NoticeBody::Test { .. } => None,
        })
        .collect();
    let mut body = json!({"type": event_type, "organizationId": organization, "alerts": alerts});
    let runs = notices.iter().filter_map(|notice| match notice {
        NoticeBody::Playbook(notice) => Some(json!(notice)),
        NoticeBody::Alert(_) | NoticeBody::Test { .. } => None,
    });
    let runs: Vec<Value> = runs.collect();
    if let (false, Some(fields)) = (runs.is_empty(), body.as_object_mut()) {
        fields.insert("runs".to_owned(), runs.into());
    }
    body
}

fn alert(notice: &AlertNotice) -> Value {
    json!({
        "id": notice.alert_id,
        "integrationId": notice.integration_id,
        "kind": notice.kind,
        "severity": notice.severity,
        "summary": notice.summary,
        "value": notice.value,
        "threshold": notice.threshold,
        "startedAt": notice.started_at,
        "at": notice.at,
        "by": notice.by,
    })
}

/// One line for all of it.
fn title(notices: &[NoticeBody]) -> String {
    match notices {
        [one] => format!("[Gatehouse] {}", cut(&line(one), 200)),
        _ => format!("[Gatehouse] {} alerts have changed", notices.len()),
    }
}

fn text(notices: &[NoticeBody]) -> String {
    let mut lines: Vec<String> = notices.iter().take(MAX_LINES).map(line).collect();
    let more = notices.len().saturating_sub(MAX_LINES);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.join("\n")
}

fn line(notice: &NoticeBody) -> String {
    let notice = match notice {
        NoticeBody::Alert(notice) => notice,
        NoticeBody::Playbook(notice) => {
            let (summary, run) = (clean(&notice.summary()), notice.run_id);
            return format!("Playbook: {summary} [{run}]");
        }
        NoticeBody::Test { .. } => return "A test: this channel works.".to_owned(),
    };
    let word = match notice.event {
        AlertEvent::Firing => "Firing",
        AlertEvent::Acknowledged => "Acknowledged",
        AlertEvent::Resolved => "Resolved",
    };
    let severity = notice.severity.name();
    let (summary, id) = (clean(&notice.summary), notice.alert_id);
    format!("{word} ({severity}): {summary} [{id}]")
}

/// An event of PagerDuty's Events API v2. The routing key is added where credentials are. All that is said
/// of one alert has one `dedup_key`, so what is said twice is said once.
fn pager_duty(integration: IntegrationId, notice: &NoticeBody) -> ChannelMessage {
    let endpoint = "/v2/enqueue".to_owned();
    let body = match notice {
        NoticeBody::Test { channel, at } => json!({
            "event_action": "trigger",
            "dedup_key": format!("{channel}-test"),
            "payload": {
                "summary": "A test of Gatehouse: this channel works.",
                "source": integration,
                "severity": "info",
                "timestamp": at,
            },
        }),
        // An incident that is known to PagerDuty by its alert is told of there; this is one more.
        NoticeBody::Playbook(notice) => json!({
            "event_action": "trigger",
            "dedup_key": notice.run_id,
            "payload": {
                "summary": cut(&clean(&notice.summary()), MAX_SUMMARY),
                "source": notice.integration_id,
                "severity": "warning",
                "timestamp": notice.at,
                "custom_details": {"incident": notice.incident_id},
            },
        }),
        NoticeBody::Alert(notice) => {
            let action = match notice.event {
                AlertEvent::Firing => "trigger",
                AlertEvent::Acknowledged => "acknowledge",
                AlertEvent::Resolved => "resolve",
            };
            let severity = match notice.severity {
                AlertSeverity::Info => "info",
                AlertSeverity::Warning => "warning",
                AlertSeverity::Critical => "critical",
            };
            json!({
                "event_action": action,
                "dedup_key": notice.alert_id,
                "payload": {
                    "summary": cut(&clean(&notice.summary), MAX_SUMMARY),
                    "source": notice.integration_id,
                    "severity": severity,
                    "timestamp": notice.at,
                    "component": notice.kind,
                    "custom_details": {"value": notice.value, "threshold": notice.threshold},
                },
            })
        }
    };
    ChannelMessage { endpoint, body }
}

/// A name cannot forge a line of its own.
fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(plain).collect()
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// Slack reads `<!channel>` and links otherwise.
fn escaped_for_slack(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
