use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::records::Secret;
use super::{Call, DAY, Input};
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

const MAX_VALUE_BYTES: usize = 65_536;
/// How many versions a secret has at most. Of those without a stage, the oldest make room, if they
/// are older than a day.
const MAX_VERSIONS: i64 = 100;
/// How many staging labels a secret has at most, and how long each is.
const MAX_STAGES: usize = 20;
const MAX_STAGE_CHARS: usize = 256;
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A value, as it is sealed.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
enum SecretValue {
    SecretString(String),
    SecretBinary(String),
}

impl SecretValue {
    fn of(input: &Input) -> Result<Self, ApiError> {
        let value = match (&input.secret_string, &input.secret_binary) {
            (Some(text), None) => Self::SecretString(text.clone()),
            (None, Some(base64)) => Self::SecretBinary(base64.clone()),
            _ => {
                let message = "exactly one of SecretString and SecretBinary is needed";
                return Err(ApiError::new("InvalidParameterException", message));
            }
        };
        let bytes = match &value {
            Self::SecretString(text) => text.len(),
            Self::SecretBinary(base64) => STANDARD
                .decode(base64)
                .map(|bytes| bytes.len())
                .map_err(|_| ApiError::new("SerializationException", "not base64"))?,
        };
        if !(1..=MAX_VALUE_BYTES).contains(&bytes) {
            return Err(ApiError::new(
                "ValidationException",
                "the value is too long, or empty",
            ));
        }
        Ok(value)
    }
}

impl Call<'_> {
    /// Stores a version, unless it exists with the same value, and moves `stages` to it.
    pub(super) fn put_version(
        &self,
        secret: &Secret,
        input: &Input,
        stages: &[String],
    ) -> Result<String, ApiError> {
        let fits = |stage: &String| (1..=MAX_STAGE_CHARS).contains(&stage.len());
        if !(1..=MAX_STAGES).contains(&stages.len()) || !stages.iter().all(fits) {
            let message = "VersionStages must be 1 to 20 labels of 1 to 256 characters";
            return Err(ApiError::new("ValidationException", message));
        }
        let version = match &input.client_request_token {
            Some(token) if (32..=64).contains(&token.len()) => token.clone(),
            Some(_) => {
                let message = "ClientRequestToken must have 32 to 64 characters";
                return Err(ApiError::new("ValidationException", message));
            }
            None => random_id()?,
        };
        let value = SecretValue::of(input)?;
        match self.stored_value(secret, &version)? {
            Some((stored, _)) if stored == value => return Ok(version),
            Some(_) => {
                let message = "a version of that token has another value";
                return Err(ApiError::new("ResourceExistsException", message));
            }
            None => {}
        }
        let is_first = self.make_room(secret)? == 0;
        let text = serde_json::to_vec(&value).map(Zeroizing::new);
        let text = text.map_err(|_| ApiError::internal("the value cannot be written"))?;
        let sealed = self.sealing.seal(&context(secret, &version), &text)?;
        self.connection.execute(
            "INSERT INTO secret_versions (name, version_id, sealed, created_at) \
             VALUES (?1, ?2, ?3, ?4)",
            params![secret.name, version, sealed, self.now],
        )?;
        for stage in stages {
            self.move_stage(secret, stage, &version)?;
        }
        if is_first {
            self.move_stage(secret, CURRENT, &version)?;
        }
        self.check_stages(secret)?;
        Ok(version)
    }

    /// Says how many versions there are, after deleting old ones if there are too many.
    fn make_room(&self, secret: &Secret) -> Result<i64, ApiError> {
        let count = || {
            let query = "SELECT count(*) FROM secret_versions WHERE name = ?1";
            self.connection
                .query_row(query, [&secret.name], |row| row.get::<_, i64>(0))
        };
        let excess = count()? + 1 - MAX_VERSIONS;
        if excess > 0 {
            self.connection.execute(
                "DELETE FROM secret_versions WHERE name = ?1 AND version_id IN ( \
                 SELECT version_id FROM secret_versions WHERE name = ?1 AND created_at < ?2 \
                 AND version_id NOT IN (SELECT version_id FROM secret_stages WHERE name = ?1) \
                 ORDER BY created_at LIMIT ?3)",
                params![secret.name, self.now - DAY, excess],
            )?;
        }
        let count = count()?;
        if count >= MAX_VERSIONS {
            return Err(ApiError::new(
                "LimitExceededException",
                "The secret has as many versions as it can have.",
            ));
        }
        Ok(count)
    }

    fn check_stages(&self, secret: &Secret) -> Result<(), ApiError> {
        let stages = self.versions_to_stages(secret)?;
        if stages.values().map(Vec::len).sum::<usize>() > MAX_STAGES {
            return Err(ApiError::new(
                "LimitExceededException",
                "The secret has as many staging labels as it can have.",
            ));
        }
        Ok(())
    }

    /// Every version and when it was made, from the oldest.
    pub(super) fn versions(&self, secret: &Secret) -> Result<Vec<(String, i64)>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT version_id, created_at FROM secret_versions WHERE name = ?1 \
             ORDER BY created_at, version_id",
        )?;
        let rows = statement.query_map([&secret.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    pub(super) fn is_same_value(
        &self,
        secret: &Secret,
        version: &str,
        input: &Input,
    ) -> Result<bool, ApiError> {
        let stored = self.stored_value(secret, version)?;
        Ok(stored.is_some_and(|(stored, _)| SecretValue::of(input).is_ok_and(|new| new == stored)))
    }

    /// The field that a version's value is answered in, the value, and when it was made.
    pub(super) fn value(
        &self,
        secret: &Secret,
        version: &str,
    ) -> Result<((&'static str, String), i64), ApiError> {
        let (value, created_at) = self
            .stored_value(secret, version)?
            .ok_or_else(|| no_such_version(&format!("VersionId: {version}")))?;
        Ok(match value {
            SecretValue::SecretString(text) => (("SecretString", text), created_at),
            SecretValue::SecretBinary(base64) => (("SecretBinary", base64), created_at),
        })
    }

    /// The version that a read names: by id, by stage (`AWSCURRENT`, if neither), or by both.
    pub(super) fn version_named(&self, secret: &Secret, input: &Input) -> Result<String, ApiError> {
        let stage = match (&input.version_id, &input.version_stage) {
            (Some(version), None) => return Ok(version.clone()),
            (_, Some(stage)) => stage,
            (None, None) => CURRENT,
        };
        let staged = self.staged(secret, stage)?;
        match (&input.version_id, staged) {
            (Some(version), staged) if Some(version) != staged.as_ref() => {
                let message =
                    "You provided a VersionStage that is not associated to the provided VersionId.";
                Err(ApiError::new("InvalidRequestException", message))
            }
            (_, Some(staged)) => Ok(staged),
            (_, None) => Err(no_such_version(&format!("staging label: {stage}"))),
        }
    }

    pub(super) fn update_version_stage(&self, input: &Input) -> ApiResult {
        let secret = self.live_secret(input)?;
        let stage = super::required(input.version_stage.as_deref(), "VersionStage")?;
        let holder = self.staged(&secret, stage)?;
        let removes_from_holder = input.remove_from_version_id == holder;
        match &input.move_to_version_id {
            Some(target) => {
                self.stored_value(&secret, target)?
                    .ok_or_else(|| no_such_version(&format!("VersionId: {target}")))?;
                if holder.is_some() && holder.as_ref() != Some(target) && !removes_from_holder {
                    let message = "the stage is at another version: name it in RemoveFromVersionId";
                    return Err(ApiError::new("InvalidParameterException", message));
                }
                self.move_stage(&secret, stage, target)?;
                self.check_stages(&secret)?;
            }
            None if stage == CURRENT => {
                let message = "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.";
                return Err(ApiError::new("InvalidParameterException", message));
            }
            None if holder.is_some() && removes_from_holder => self.remove_stage(&secret, stage)?,
            None => {
                return Err(ApiError::new(
                    "InvalidParameterException",
                    "the stage is not there",
                ));
            }
        }
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    /// Moving `AWSCURRENT` leaves `AWSPREVIOUS` where it was, and takes other stages along nowhere.
    fn move_stage(&self, secret: &Secret, stage: &str, version: &str) -> Result<(), ApiError> {
        let holder = self.staged(secret, stage)?;
        if holder.as_deref() == Some(version) {
            return Ok(());
        }
        if stage == CURRENT {
            if let Some(previous) = holder {
                self.set_stage(secret, PREVIOUS, &previous)?;
            }
            if self.staged(secret, PREVIOUS)?.as_deref() == Some(version) {
                self.remove_stage(secret, PREVIOUS)?;
            }
        }
        self.set_stage(secret, stage, version)
    }

    pub(super) fn stages_of(
        &self,
        secret: &Secret,
        version: &str,
    ) -> Result<Vec<String>, ApiError> {
        Ok(self
            .versions_to_stages(secret)?
            .remove(version)
            .unwrap_or_default())
    }

    /// Versions without a stage are deprecated and not listed, as on AWS.
    pub(super) fn versions_to_stages(
        &self,
        secret: &Secret,
    ) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT version_id, stage FROM secret_stages WHERE name = ?1 ORDER BY stage",
        )?;
        let rows = statement.query_map([&secret.name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows {
            let (version, stage) = row?;
            versions.entry(version).or_default().push(stage);
        }
        Ok(versions)
    }

    pub(super) fn staged(&self, secret: &Secret, stage: &str) -> Result<Option<String>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT version_id FROM secret_stages WHERE name = ?1 AND stage = ?2",
        )?;
        let found = statement.query_row([secret.name.as_str(), stage], |row| row.get(0));
        Ok(found.optional()?)
    }

    pub(super) fn set_stage(
        &self,
        secret: &Secret,
        stage: &str,
        version: &str,
    ) -> Result<(), ApiError> {
        self.connection.execute(
            "INSERT INTO secret_stages (name, stage, version_id) VALUES (?1, ?2, ?3) \
             ON CONFLICT (name, stage) DO UPDATE SET version_id = excluded.version_id",
            params![secret.name, stage, version],
        )?;
        Ok(())
    }

    fn remove_stage(&self, secret: &Secret, stage: &str) -> Result<(), ApiError> {
        self.connection.execute(
            "DELETE FROM secret_stages WHERE name = ?1 AND stage = ?2",
            params![secret.name, stage],
        )?;
        Ok(())
    }

    fn stored_value(
        &self,
        secret: &Secret,
        version: &str,
    ) -> Result<Option<(SecretValue, i64)>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT sealed, created_at FROM secret_versions WHERE name = ?1 AND version_id = ?2",
        )?;
        let found = statement
            .query_row([secret.name.as_str(), version], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        let Some((sealed, created_at)) = found else {
            return Ok(None);
        };
        let text = self.sealing.open(&context(secret, version), &sealed);
        let text = text.ok_or_else(|| ApiError::internal("the key file is another one"))?;
        let value = serde_json::from_slice(&text);
        value
            .map(|value| Some((value, created_at)))
            .map_err(|_| ApiError::internal("the value cannot be read"))
    }
}

fn no_such_version(which: &str) -> ApiError {
    ApiError::new(
        "ResourceNotFoundException",
        format!("Secrets Manager can't find the specified secret value for {which}"),
    )
}

fn context(secret: &Secret, version: &str) -> Vec<u8> {
    Value::from(vec![secret.name.as_str(), version])
        .to_string()
        .into_bytes()
}
