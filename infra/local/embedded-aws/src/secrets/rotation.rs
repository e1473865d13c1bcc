//! Rotation of secrets: that it is switched on, and the version that it is to fill. Nobody is
//! invoked here: whoever tests a rotation makes its four events.

use rusqlite::{OptionalExtension as _, params};
use serde_json::{Value, json};

use super::records::Secret;
use super::{Call, Input};
use crate::api::{ApiError, ApiResult};
use crate::sealing::random_id;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

impl Call<'_> {
    pub(super) fn rotate_secret(&self, input: &Input) -> ApiResult {
        let secret = self.live_secret(input)?;
        let lambda = match &input.rotation_lambda_arn {
            Some(arn) => arn.clone(),
            None => self.rotation_lambda(&secret)?.ok_or_else(|| {
                let message = "No Lambda rotation function ARN is associated with this secret.";
                ApiError::new("InvalidRequestException", message)
            })?,
        };
        let version = match &input.client_request_token {
            Some(token) if (32..=64).contains(&token.len()) => token.clone(),
            Some(_) => {
                let message = "ClientRequestToken must have 32 to 64 characters";
                return Err(ApiError::new("ValidationException", message));
            }
            None => random_id()?,
        };
        self.connection.execute(
            "INSERT INTO secret_rotations (name, lambda) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET lambda = excluded.lambda",
            params![secret.name, lambda],
        )?;
        let pending = self.staged(&secret, PENDING)?;
        let is_open = pending.is_some()
            && pending.as_ref() != Some(&version)
            && pending != self.staged(&secret, CURRENT)?;
        if is_open {
            let message = "A previous rotation isn't complete. That rotation will be reattempted.";
            return Err(ApiError::new("InvalidRequestException", message));
        }
        self.set_stage(&secret, PENDING, &version)?;
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "VersionId": version}))
    }

    pub(super) fn cancel_rotate_secret(&self, input: &Input) -> ApiResult {
        let secret = self.live_secret(input)?;
        self.connection.execute(
            "DELETE FROM secret_rotations WHERE name = ?1",
            [&secret.name],
        )?;
        Ok(json!({"ARN": secret.arn, "Name": secret.name}))
    }

    /// What `DescribeSecret` says of the rotation.
    pub(super) fn describe_rotation(
        &self,
        secret: &Secret,
        output: &mut Value,
    ) -> Result<(), ApiError> {
        let lambda = self.rotation_lambda(secret)?;
        let Some(fields) = output.as_object_mut() else {
            return Ok(());
        };
        if let Some(lambda) = lambda {
            fields.insert("RotationEnabled".to_owned(), true.into());
            fields.insert("RotationLambdaARN".to_owned(), lambda.into());
        }
        Ok(())
    }

    fn rotation_lambda(&self, secret: &Secret) -> Result<Option<String>, ApiError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT lambda FROM secret_rotations WHERE name = ?1")?;
        let found = statement.query_row([&secret.name], |row| row.get(0));
        Ok(found.optional()?)
    }
}
