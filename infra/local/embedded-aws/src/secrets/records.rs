use rusqlite::{OptionalExtension as _, params};
use serde_json::{Value, json};

use super::{Call, Input};
use crate::api::ApiError;
use crate::sealing::random_id;
use crate::{ACCOUNT, REGION};

/// A secret without its values.
#[derive(Debug)]
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) kms_key_id: Option<String>,
    pub(super) tags: Vec<Value>,
    pub(super) created_at: i64,
    pub(super) deleted_at: Option<i64>,
}

/// An ARN that ends in six random characters, so that a new secret of an old name has another one.
pub(super) fn new_arn(name: &str) -> Result<String, ApiError> {
    let random: String = random_id()?
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(6)
        .collect();
    Ok(format!(
        "arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-{random}"
    ))
}

impl Call<'_> {
    /// The secret of a name, an ARN, or an ARN without its six random characters.
    pub(super) fn find(&self, id: &str) -> Result<Option<Secret>, ApiError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, arn, description, kms_key_id, tags, created_at, deleted_at FROM secrets \
             WHERE name = ?1 OR arn = ?1 OR (length(arn) = length(?1) + 7 AND substr(arn, 1, length(?1) + 1) = ?1 || '-')",
        )?;
        let found = statement.query_row([id], |row| {
            let tags: String = row.get(4)?;
            Ok(Secret {
                name: row.get(0)?,
                arn: row.get(1)?,
                description: row.get(2)?,
                kms_key_id: row.get(3)?,
                tags: serde_json::from_str(&tags).unwrap_or_default(),
                created_at: row.get(5)?,
                deleted_at: row.get(6)?,
            })
        });
        Ok(found.optional()?)
    }

    pub(super) fn insert(&self, name: &str, input: &Input) -> Result<Secret, ApiError> {
        let secret = Secret {
            name: name.to_owned(),
            arn: new_arn(name)?,
            description: input.description.clone(),
            kms_key_id: input.kms_key_id.clone(),
            tags: input.tags.clone(),
            created_at: self.now,
            deleted_at: None,
        };
        self.connection.execute(
            "INSERT INTO secrets (name, arn, description, kms_key_id, tags, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                secret.name,
                secret.arn,
                secret.description,
                secret.kms_key_id,
                json!(secret.tags).to_string(),
                secret.created_at,
            ],
        )?;
        Ok(secret)
    }

    pub(super) fn mark_deleted(&self, secret: &Secret, gone_at: i64) -> Result<(), ApiError> {
        self.connection.execute(
            "UPDATE secrets SET deleted_at = ?2, gone_at = ?3 WHERE name = ?1",
            params![secret.name, self.now, gone_at],
        )?;
        Ok(())
    }

    pub(super) fn unmark_deleted(&self, secret: &Secret) -> Result<(), ApiError> {
        self.connection.execute(
            "UPDATE secrets SET deleted_at = NULL, gone_at = NULL WHERE name = ?1",
            [&secret.name],
        )?;
        Ok(())
    }

    pub(super) fn add_tags(&self, secret: &Secret, new: &[Value]) -> Result<(), ApiError> {
        let mut tags = secret.tags.clone();
        tags.retain(|tag| !new.iter().any(|new| new.get("Key") == tag.get("Key")));
        tags.extend_from_slice(new);
        self.connection.execute(
            "UPDATE secrets SET tags = ?2 WHERE name = ?1",
            params![secret.name, json!(tags).to_string()],
        )?;
        Ok(())
    }

    /// Forgets the secrets whose recovery window is over.
    pub(super) fn forget_deleted(&self) -> Result<(), ApiError> {
        for table in ["secret_stages", "secret_versions", "secret_rotations"] {
            let statement = format!(
                "DELETE FROM {table} WHERE name IN (SELECT name FROM secrets WHERE gone_at <= ?1)"
            );
            self.connection
                .prepare_cached(&statement)?
                .execute([self.now])?;
        }
        self.connection
            .prepare_cached("DELETE FROM secrets WHERE gone_at <= ?1")?
            .execute([self.now])?;
        Ok(())
    }
}
