//! Key Management Service: symmetric keys, with an encryption context.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::api::{ApiError, ApiResult, parse};
use crate::database::Database;
use crate::sealing::{SealingKey, random_bytes, random_id, random_of};
use crate::{ACCOUNT, REGION};

/// What every ciphertext starts with: the length of a key's id.
pub(crate) const ID_BYTES: usize = 36;

#[derive(Clone, Debug)]
pub(crate) struct Kms {
    database: Database,
    sealing: SealingKey,
}

/// Not `Debug`: it can hold a plaintext.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    key_id: Option<String>,
    alias_name: Option<String>,
    target_key_id: Option<String>,
    plaintext: Option<String>,
    ciphertext_blob: Option<String>,
    #[serde(default)]
    encryption_context: BTreeMap<String, String>,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
    source_key_id: Option<String>,
    #[serde(default)]
    source_encryption_context: BTreeMap<String, String>,
    destination_key_id: Option<String>,
    #[serde(default)]
    destination_encryption_context: BTreeMap<String, String>,
}

impl Kms {
    pub(crate) fn new(database: Database, sealing: SealingKey) -> Self {
        Self { database, sealing }
    }

    pub(crate) async fn call(&self, operation: &str, body: Value, now: i64) -> ApiResult {
        let input: Input = parse(body)?;
        let (operation, sealing) = (operation.to_owned(), self.sealing.clone());
        self.database
            .run(move |connection| {
                let service = Service {
                    connection,
                    sealing: &sealing,
                    now,
                };
                match operation.as_str() {
                    "CreateKey" => service.create_key(),
                    "CreateAlias" => service.create_alias(&input),
                    "DescribeKey" => service.describe_key(&input),
                    "DisableKey" => service.set_disabled(&input, true),
                    "EnableKey" => service.set_disabled(&input, false),
                    "GenerateDataKey" => service.generate_data_key(&input, true),
                    "GenerateDataKeyWithoutPlaintext" => service.generate_data_key(&input, false),
                    "Encrypt" => service.encrypt(&input),
                    "Decrypt" => service.decrypt(&input),
                    "ReEncrypt" => service.re_encrypt(&input),
                    other => Err(ApiError::unknown_operation(other)),
                }
            })
            .await
    }

    /// The ARNs of a key and of its aliases, given any of them or its id. None of a key that is not there.
    pub(crate) async fn names_of(&self, key: &str) -> Result<Vec<String>, ApiError> {
        let (key, sealing) = (key.to_owned(), self.sealing.clone());
        self.database
            .run(move |connection| {
                let service = Service {
                    connection,
                    sealing: &sealing,
                    now: 0,
                };
                let Ok(id) = service.resolve(&key) else {
                    return Ok(Vec::new());
                };
                let query = "SELECT name FROM kms_aliases WHERE key_id = ?1";
                let mut aliases = connection.prepare_cached(query)?;
                let aliases = aliases.query_map([&id], |row| {
                    let name: String = row.get(0)?;
                    Ok(format!("arn:aws:kms:{REGION}:{ACCOUNT}:{name}"))
                })?;
                let mut names = aliases.collect::<Result<Vec<_>, _>>()?;
                names.push(arn(&id));
                Ok(names)
            })
            .await
    }
}

struct Service<'a> {
    connection: &'a Connection,
    sealing: &'a SealingKey,
    now: i64,
}

impl Service<'_> {
    fn create_key(&self) -> ApiResult {
        let id = random_id()?;
        let sealed = self.sealing.seal(id.as_bytes(), &*random_bytes()?)?;
        self.connection.execute(
            "INSERT INTO kms_keys (id, sealed, created_at) VALUES (?1, ?2, ?3)",
            params![id, sealed, self.now],
        )?;
        Ok(json!({"KeyMetadata": self.metadata(&id)?}))
    }

    fn create_alias(&self, input: &Input) -> ApiResult {
        let name = required(input.alias_name.as_deref(), "AliasName")?;
        if !name.starts_with("alias/") || name.starts_with("alias/aws/") {
            return Err(ApiError::new(
                "ValidationException",
                "Alias must start with the prefix \"alias/\", and not with \"alias/aws/\".",
            ));
        }
        let key = self.resolve(required(input.target_key_id.as_deref(), "TargetKeyId")?)?;
        let changed = self.connection.execute(
            "INSERT OR IGNORE INTO kms_aliases (name, key_id) VALUES (?1, ?2)",
            params![name, key],
        )?;
        if changed == 0 {
            return Err(ApiError::new("AlreadyExistsException", "the alias exists"));
        }
        Ok(Value::Null)
    }

    fn describe_key(&self, input: &Input) -> ApiResult {
        let key = self.resolve(required(input.key_id.as_deref(), "KeyId")?)?;
        Ok(json!({"KeyMetadata": self.metadata(&key)?}))
    }

    fn metadata(&self, key: &str) -> ApiResult {
        let query = "SELECT created_at FROM kms_keys WHERE id = ?1";
        let created_at: i64 = self.connection.query_row(query, [key], |row| row.get(0))?;
        let disabled = self.is_disabled(key)?;
        Ok(json!({
            "AWSAccountId": ACCOUNT,
            "Arn": arn(key),
            "CreationDate": created_at / 1000,
            "Enabled": !disabled,
            "KeyId": key,
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "KeyState": if disabled { "Disabled" } else { "Enabled" },
            "KeyUsage": "ENCRYPT_DECRYPT",
            "Origin": "AWS_KMS",
        }))
    }

    fn set_disabled(&self, input: &Input, disabled: bool) -> ApiResult {
        let key = self.resolve(required(input.key_id.as_deref(), "KeyId")?)?;
        self.connection.execute(
            if disabled {
                "INSERT OR IGNORE INTO kms_disabled (key_id) VALUES (?1)"
            } else {
                "DELETE FROM kms_disabled WHERE key_id = ?1"
            },
            [key],
        )?;
        Ok(Value::Null)
    }

    fn is_disabled(&self, key: &str) -> Result<bool, ApiError> {
        let query = "SELECT EXISTS (SELECT 1 FROM kms_disabled WHERE key_id = ?1)";
        Ok(self.connection.query_row(query, [key], |row| row.get(0))?)
    }

    fn generate_data_key(&self, input: &Input, with_plaintext: bool) -> ApiResult {
        let length = match (input.key_spec.as_deref(), input.number_of_bytes) {
            (Some("AES_256"), None) => 32,
            (Some("AES_128"), None) => 16,
            (None, Some(length)) if (1..=1024).contains(&length) => length,
            _ => {
                return Err(ApiError::new(
                    "ValidationException",
                    "Please specify either number of bytes (1 to 1024) or key spec (AES_128, AES_256).",
                ));
            }
        };
        let key = self.resolve(required(input.key_id.as_deref(), "KeyId")?)?;
        let plaintext = random_of(length)?;
        let blob = self.seal(&key, &input.encryption_context, &plaintext)?;
        let mut output = json!({"KeyId": arn(&key), "CiphertextBlob": STANDARD.encode(blob)});
        if with_plaintext && let Some(fields) = output.as_object_mut() {
            fields.insert("Plaintext".to_owned(), STANDARD.encode(&*plaintext).into());
        }
        Ok(output)
    }

    fn encrypt(&self, input: &Input) -> ApiResult {
        let key = self.resolve(required(input.key_id.as_deref(), "KeyId")?)?;
        let plaintext = decode(required(input.plaintext.as_deref(), "Plaintext")?)?;
        if plaintext.is_empty() || plaintext.len() > 4096 {
            return Err(ApiError::new(
                "ValidationException",
                "Plaintext must be 1 to 4096 bytes",
            ));
        }
        let blob = self.seal(&key, &input.encryption_context, &plaintext)?;
        Ok(json!({"KeyId": arn(&key), "CiphertextBlob": STANDARD.encode(blob)}))
    }

    fn decrypt(&self, input: &Input) -> ApiResult {
        let (key, plaintext) = self.open(
            input.ciphertext_blob.as_deref(),
            input.key_id.as_deref(),
            &input.encryption_context,
        )?;
        Ok(json!({"KeyId": arn(&key), "Plaintext": STANDARD.encode(&*plaintext)}))
    }

    fn re_encrypt(&self, input: &Input) -> ApiResult {
        let named = required(input.destination_key_id.as_deref(), "DestinationKeyId")?;
        let destination = self.resolve(named)?;
        let (source, plaintext) = self.open(
            input.ciphertext_blob.as_deref(),
            input.source_key_id.as_deref(),
            &input.source_encryption_context,
        )?;
        let context = &input.destination_encryption_context;
        let blob = self.seal(&destination, context, &plaintext)?;
        Ok(json!({
            "CiphertextBlob": STANDARD.encode(blob),
            "SourceKeyId": arn(&source),
            "KeyId": arn(&destination),
        }))
    }

    /// The key that a ciphertext is under, and what it holds.
    fn open(
        &self,
        blob: Option<&str>,
        named: Option<&str>,
        context: &BTreeMap<String, String>,
    ) -> Result<(String, Zeroizing<Vec<u8>>), ApiError> {
        let invalid = || ApiError::new("InvalidCiphertextException", "the ciphertext is invalid");
        let blob = decode(required(blob, "CiphertextBlob")?)?;
        let (id, sealed) = blob.split_at_checked(ID_BYTES).ok_or_else(invalid)?;
        let key = std::str::from_utf8(id).map_err(|_| invalid())?;
        if let Some(named) = named
            && self.resolve(named)? != key
        {
            return Err(ApiError::new(
                "IncorrectKeyException",
                "The key ID in the request does not identify a CMK that can perform this operation.",
            ));
        }
        let material = self.material(key)?.ok_or_else(invalid)?;
        let context = context_bytes(context)?;
        let plaintext = material.open(&context, sealed).ok_or_else(invalid)?;
        Ok((key.to_owned(), plaintext))
    }

    fn seal(
        &self,
        key: &str,
        context: &BTreeMap<String, String>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, ApiError> {
        let material = self.material(key)?.ok_or_else(not_found)?;
        let mut blob = key.as_bytes().to_vec();
        blob.append(&mut material.seal(&context_bytes(context)?, plaintext)?);
        Ok(blob)
    }

    /// None, if there is no such key.
    fn material(&self, key: &str) -> Result<Option<SealingKey>, ApiError> {
        if self.is_disabled(key)? {
            let message = format!("{} is disabled.", arn(key));
            return Err(ApiError::new("DisabledException", message));
        }
        let sealed: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT sealed FROM kms_keys WHERE id = ?1", [key], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let bytes = self.sealing.open(key.as_bytes(), &sealed);
        let bytes = bytes.ok_or_else(|| ApiError::internal("the key file is another one"))?;
        SealingKey::new(&bytes).map(Some)
    }

    /// The key's id, given that, its ARN, or an alias.
    fn resolve(&self, name: &str) -> Result<String, ApiError> {
        // An ARN of another account or region is nobody's here.
        let here = format!("arn:aws:kms:{REGION}:{ACCOUNT}:");
        let name = name.strip_prefix(&here).unwrap_or(name);
        let name = name.strip_prefix("key/").unwrap_or(name);
        let query = "SELECT id FROM kms_keys WHERE id = ?1 \
                     UNION SELECT key_id FROM kms_aliases WHERE name = ?1";
        let found = self
            .connection
            .query_row(query, [name], |row| row.get(0))
            .optional()?;
        found.ok_or_else(not_found)
    }
}

fn arn(key: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}")
}

fn not_found() -> ApiError {
    ApiError::new("NotFoundException", "there is no such key")
}

fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, ApiError> {
    value.ok_or_else(|| ApiError::new("ValidationException", format!("{name} is required")))
}

fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let bytes = STANDARD.decode(text);
    bytes
        .map(Zeroizing::new)
        .map_err(|_| ApiError::new("ValidationException", "not base64"))
}

/// The same for the same pairs, whatever their order.
fn context_bytes(context: &BTreeMap<String, String>) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(context).map_err(|_| ApiError::internal("the context cannot be written"))
}
