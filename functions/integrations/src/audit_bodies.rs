//! What comes in and goes out of the audit trail.

use gatehouse::audit::Checked;
use gatehouse::audit::verify::Finding;
use gatehouse::domain::{Anchor, AuditOutcome, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which entries are listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AuditFilter {
    pub(crate) limit: Option<u16>,
    pub(crate) cursor: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) outcome: Option<AuditOutcome>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// What is exported.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExportRange {
    pub(crate) cursor: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

/// What is verified: all that is kept, unless this says less.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Verification {
    /// An anchor that an earlier verification gave. Without one, those in the trail itself count.
    pub(crate) anchor: Option<Anchor>,
    /// Nothing of before this instant.
    pub(crate) from: Option<Timestamp>,
    /// Nothing of this instant or later.
    pub(crate) to: Option<Timestamp>,
    /// The `cursor` of an answer, to go on with what is older.
    pub(crate) cursor: Option<String>,
}

/// What is known of the trail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verified {
    /// Whether nothing was found in what was looked at.
    pub(crate) whole: bool,
    /// Whether everything was looked at. If not, `cursor` goes on with what is older.
    pub(crate) complete: bool,
    /// From when on the trail was looked at; from its oldest kept entry on, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Timestamp>,
    /// How many entries were looked at.
    pub(crate) entries: usize,
    /// In how many lanes.
    pub(crate) lanes: usize,
    /// Where the trail is not whole, and what was done to it.
    pub(crate) findings: Vec<Finding>,
    /// A new anchor, to be kept elsewhere; if all of the trail was looked at, up to now, and is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) anchor: Option<Anchor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

impl Verified {
    pub(crate) fn of(checked: &Checked, cursor: Option<String>, anchor: Option<Anchor>) -> Self {
        Self {
            whole: checked.report.findings.is_empty(),
            complete: cursor.is_none(),
            from: checked.from,
            entries: checked.report.entries,
            lanes: checked.report.lanes,
            findings: checked.report.findings.clone(),
            anchor,
            cursor,
        }
    }
}
