//! How long things are kept, and how many there may be.

use std::time::Duration;

use super::{ConfigError, Environment};

impl Environment {
    /// `GATEHOUSE_EVENT_RETENTION_DAYS`: how long events are kept; 1 to 3650 days.
    ///
    /// # Errors
    ///
    /// If it is not set, or not such a number.
    pub fn event_retention(&self) -> Result<Duration, ConfigError> {
        self.days("GATEHOUSE_EVENT_RETENTION_DAYS")
    }

    /// `GATEHOUSE_REQUEST_RETENTION_DAYS`: how long outbound requests are kept; 1 to 3650 days.
    ///
    /// # Errors
    ///
    /// If it is not set, or not such a number.
    pub fn request_retention(&self) -> Result<Duration, ConfigError> {
        self.days("GATEHOUSE_REQUEST_RETENTION_DAYS")
    }

    /// `GATEHOUSE_RECORD_RETENTION_DAYS`: how long deleted records, ended jobs and settled conflicts
    /// are kept; 1 to 3650 days.
    ///
    /// # Errors
    ///
    /// If it is not set, or not such a number.
    pub fn record_retention(&self) -> Result<Duration, ConfigError> {
        self.days("GATEHOUSE_RECORD_RETENTION_DAYS")
    }

    /// `GATEHOUSE_ORGANIZATION_REQUESTS_PER_SECOND`: how many requests of our API an organization may
    /// make in a second. 0 or not set: as many as it likes.
    ///
    /// # Errors
    ///
    /// If it is not a number.
    pub fn organization_requests_per_second(&self) -> Result<Option<u32>, ConfigError> {
        self.limit("GATEHOUSE_ORGANIZATION_REQUESTS_PER_SECOND")
    }

    /// `GATEHOUSE_CALLER_REQUESTS_PER_SECOND`: how many of them one caller may make. 0 or not set: as
    /// many as it likes.
    ///
    /// # Errors
    ///
    /// If it is not a number.
    pub fn caller_requests_per_second(&self) -> Result<Option<u32>, ConfigError> {
        self.limit("GATEHOUSE_CALLER_REQUESTS_PER_SECOND")
    }

    /// `GATEHOUSE_MAX_INTEGRATIONS`: how many integrations an organization may have. 0 or not set: as
    /// many as it likes.
    ///
    /// # Errors
    ///
    /// If it is not a number.
    pub fn max_integrations(&self) -> Result<Option<u32>, ConfigError> {
        self.limit("GATEHOUSE_MAX_INTEGRATIONS")
    }

    /// `GATEHOUSE_MAX_ENDPOINTS`: how many endpoints an integration may have, at most 200.
    ///
    /// # Errors
    ///
    /// If it is not set, or not such a number.
    pub fn max_endpoints(&self) -> Result<u32, ConfigError> {
        let (name, expected) = ("GATEHOUSE_MAX_ENDPOINTS", "a number from 1 to 200");
        let max = self.parsed(name, expected)?;
        if (1..=200).contains(&max) {
            Ok(max)
        } else {
            Err(ConfigError::Invalid { name, expected })
        }
    }

    fn limit(&self, name: &'static str) -> Result<Option<u32>, ConfigError> {
        let Some(_) = self.optional(name) else {
            return Ok(None);
        };
        let limit: u32 = self.parsed(name, "a whole number")?;
        Ok(Some(limit).filter(|limit| *limit > 0))
    }

    /// `GATEHOUSE_AUDIT_RETENTION_DAYS`: how long entries of the audit trail are kept; 1 to 3650 days.
    ///
    /// # Errors
    ///
    /// If it is not set, or not such a number.
    pub fn audit_retention(&self) -> Result<Duration, ConfigError> {
        self.days("GATEHOUSE_AUDIT_RETENTION_DAYS")
    }

    /// `GATEHOUSE_DATA_KEY_ROTATION_DAYS`: after how many days an organization's data key is replaced, and
    /// those that KMS has wrapped are wrapped anew; up to 3650. 0: never.
    ///
    /// # Errors
    ///
    /// If it is not set, or not such a number.
    pub fn data_key_rotation(&self) -> Result<Option<Duration>, ConfigError> {
        let name = "GATEHOUSE_DATA_KEY_ROTATION_DAYS";
        let days: u16 = self.parsed(name, "a number from 0 to 3650")?;
        match days {
            0 => Ok(None),
            _ => self.days(name).map(Some),
        }
    }

    fn days(&self, name: &'static str) -> Result<Duration, ConfigError> {
        let expected = "a number from 1 to 3650";
        let days: u16 = self.parsed(name, expected)?;
        if (1..=3650).contains(&days) {
            Ok(Duration::from_secs(u64::from(days) * 24 * 60 * 60))
        } else {
            Err(ConfigError::Invalid { name, expected })
        }
    }
}
