use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long an organization wants what has ended kept: deleted records, ended jobs and settled conflicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordRetention {
    /// In days; none, if the organization leaves it to the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

impl RecordRetention {
    /// The most days that an organization may say: what a deployment may say, too.
    pub const MAX_DAYS: u16 = 3_650;

    /// What the organization says, if it says anything.
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        let seconds = |days| u64::from(days) * 24 * 60 * 60;
        self.days.map(|days| Duration::from_secs(seconds(days)))
    }
}
