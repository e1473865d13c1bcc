//! Secrets Manager: secrets, versions and staging labels.

mod records;
mod rotation;
mod versions;

use rusqlite::Connection;
use serde::Deserialize;
use serde_json::{Value, json};

use self::records::Secret;
use crate::api::{ApiError, ApiResult, parse};
use crate::database::Database;
use crate::sealing::SealingKey;

const DAY: i64 = 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
pub(crate) struct SecretsManager {
    database: Database,
    sealing: SealingKey,
}

/// Not `Debug`: it can hold a secret.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    name: Option<String>,
    secret_id: Option<String>,
    client_request_token: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    secret_string: Option<String>,
    secret_binary: Option<String>,
    version_id: Option<String>,
    version_stage: Option<String>,
    version_stages: Option<Vec<String>>,
    move_to_version_id: Option<String>,
    remove_from_version_id: Option<String>,
    #[serde(rename = "RotationLambdaARN")]
    rotation_lambda_arn: Option<String>,
    recovery_window_in_days: Option<i64>,
    #[serde(default)]
    force_delete_without_recovery: bool,
    #[serde(default)]
    include_deprecated: bool,
    #[serde(default)]
    tags: Vec<Value>,
}

/// One call, inside its transaction.
struct Call<'a> {
    connection: &'a Connection,
    sealing: &'a SealingKey,
    now: i64,
}

impl SecretsManager {
    pub(crate) fn new(database: Database, sealing: SealingKey) -> Self {
        Self { database, sealing }
    }

    pub(crate) async fn call(&self, operation: &str, body: Value, now: i64) -> ApiResult {
        let input: Input = parse(body)?;
        let (operation, sealing) = (operation.to_owned(), self.sealing.clone());
        self.database
            .run(move |connection| {
                let call = Call {
                    connection,
                    sealing: &sealing,
                    now,
                };
                call.forget_deleted()?;
                match operation.as_str() {
                    "CreateSecret" => call.create_secret(&input),
                    "GetSecretValue" => call.get_secret_value(&input),
                    "PutSecretValue" => call.put_secret_value(&input),
                    "DescribeSecret" => call.describe_secret(&input),
                    "ListSecretVersionIds" => call.list_version_ids(&input),
                    "UpdateSecretVersionStage" => call.update_version_stage(&input),
                    "RotateSecret" => call.rotate_secret(&input),
                    "CancelRotateSecret" => call.cancel_rotate_secret(&input),
                    "DeleteSecret" => call.delete_secret(&input),
                    "RestoreSecret" => call.restore_secret(&input),
                    "TagResource" => call.tag_resource(&input),
                    other => Err(ApiError::unknown_operation(other)),
                }
            })
            .await
    }
}

impl Call<'_> {
    fn create_secret(&self, input: &Input) -> ApiResult {
        let name = required(input.name.as_deref(), "Name")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-!".contains(c);
        if name.is_empty() || name.len() > 512 || !name.chars().all(fits) {
            return Err(ApiError::new(
                "ValidationException",
                "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
            ));
        }
        if let Some(existing) = self.find(name)? {
            return self.create_again(&existing, input);
        }
        let secret = self.insert(name, input)?;
        let mut output = json!({"ARN": secret.arn, "Name": secret.name});
        if input.secret_string.is_some() || input.secret_binary.is_some() {
            let version = self.put_version(&secret, input, &["AWSCURRENT".to_owned()])?;
            if let Some(fields) = output.as_object_mut() {
                fields.insert("VersionId".to_owned(), version.into());
            }
        }
        Ok(output)
    }

    /// A repetition of the call that created the secret is answered as that was.
    fn create_again(&self, existing: &Secret, input: &Input) -> ApiResult {
        if existing.deleted_at.is_some() {
            return Err(ApiError::new(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            ));
        }
        if let Some(token) = &input.client_request_token
            && self.is_same_value(existing, token, input)?
        {
            return Ok(json!({"ARN": existing.arn, "Name": existing.name, "VersionId": token}));
        }
        Err(ApiError::new(
            "ResourceExistsException",
            format!(
                "The operation failed because the secret {} already exists.",
                existing.name
            ),
        ))
    }

    fn put_secret_value(&self, input: &Input) -> ApiResult {
        let secret = self.live_secret(input)?;
        let current = ["AWSCURRENT".to_owned()];
        let stages = input.version_stages.as_deref().unwrap_or(&current);
        let version = self.put_version(&secret, input, stages)?;
        Ok(json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version,
            "VersionStages": self.stages_of(&secret, &version)?,
        }))
    }

    fn get_secret_value(&self, input: &Input) -> ApiResult {
        let secret = self.live_secret(input)?;
        let version = self.version_named(&secret, input)?;
        let (value, created_at) = self.value(&secret, &version)?;
        let mut output = json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version,
            "VersionStages": self.stages_of(&secret, &version)?,
            "CreatedDate": seconds(created_at),
        });
        if let Some(fields) = output.as_object_mut() {
            let (kind, text) = value;
            fields.insert(kind.to_owned(), text.into());
        }
        Ok(output)
    }

    fn describe_secret(&self, input: &Input) -> ApiResult {
        let secret = self.secret(input)?;
        let mut output = json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "CreatedDate": seconds(secret.created_at),
            "VersionIdsToStages": self.versions_to_stages(&secret)?,
            "Tags": secret.tags,
        });
        self.describe_rotation(&secret, &mut output)?;
        if let Some(fields) = output.as_object_mut() {
            for (name, value) in [
                ("Description", secret.description.map(Value::from)),
                ("KmsKeyId", secret.kms_key_id.map(Value::from)),
                ("DeletedDate", secret.deleted_at.map(seconds)),
            ] {
                if let Some(value) = value {
                    fields.insert(name.to_owned(), value);
                }
            }
        }
        Ok(output)
    }

    fn list_version_ids(&self, input: &Input) -> ApiResult {
        let secret = self.secret(input)?;
        let mut stages = self.versions_to_stages(&secret)?;
        let mut versions = Vec::new();
        for (version, created_at) in self.versions(&secret)? {
            let stages = stages.remove(&version);
            if stages.is_none() && !input.include_deprecated {
                continue;
            }
            versions.push(json!({
                "VersionId": version,
                "VersionStages": stages.unwrap_or_default(),
                "CreatedDate": seconds(created_at),
            }));
        }
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "Versions": versions}))
    }

    fn delete_secret(&self, input: &Input) -> ApiResult {
        let days = match (
            input.recovery_window_in_days,
            input.force_delete_without_recovery,
        ) {
            (None, true) => 0,
            (Some(days), false) if (7..=30).contains(&days) => days,
            (None, false) => 30,
            _ => {
                let message = "RecoveryWindowInDays must be from 7 to 30, and not come with force";
                return Err(ApiError::new("InvalidParameterException", message));
            }
        };
        let name = required(input.secret_id.as_deref(), "SecretId")?;
        // By force, also what is not there is deleted.
        if days == 0 && self.find(name)?.is_none() {
            let arn = records::new_arn(name)?;
            return Ok(json!({"ARN": arn, "Name": name, "DeletionDate": seconds(self.now)}));
        }
        let secret = self.secret(input)?;
        if secret.deleted_at.is_some() && days > 0 {
            return Err(being_deleted());
        }
        let gone_at = self.now + days * DAY;
        self.mark_deleted(&secret, gone_at)?;
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "DeletionDate": seconds(gone_at)}))
    }

    fn restore_secret(&self, input: &Input) -> ApiResult {
        let secret = self.secret(input)?;
        self.unmark_deleted(&secret)?;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    fn tag_resource(&self, input: &Input) -> ApiResult {
        let secret = self.live_secret(input)?;
        self.add_tags(&secret, &input.tags)?;
        Ok(Value::Null)
    }

    fn secret(&self, input: &Input) -> Result<Secret, ApiError> {
        let id = required(input.secret_id.as_deref(), "SecretId")?;
        let found = self.find(id)?;
        found.ok_or_else(|| {
            ApiError::new(
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            )
        })
    }

    fn live_secret(&self, input: &Input) -> Result<Secret, ApiError> {
        let secret = self.secret(input)?;
        if secret.deleted_at.is_some() {
            Err(being_deleted())
        } else {
            Ok(secret)
        }
    }
}

fn being_deleted() -> ApiError {
    ApiError::new(
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
    )
}

fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, ApiError> {
    value.ok_or_else(|| ApiError::new("ValidationException", format!("{name} is required")))
}

/// An instant as AWS's JSON has it: seconds.
fn seconds(millisecond: i64) -> Value {
    (millisecond / 1000).into()
}
