//! What a call asks for, as the Service Authorization Reference names it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{ACCOUNT, REGION};

/// A permission that a call needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Such as `dynamodb:GetItem`.
    pub(crate) action: String,
    pub(crate) resource: Target,
    /// What the encryption context names.
    pub(crate) context: Vec<String>,
    /// The service that asks on behalf of the caller.
    pub(crate) via: Option<&'static str>,
}

/// What a permission is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Arn(String),
    /// A key, by its id, its ARN or an alias.
    Key(String),
    /// The key under which a service keeps what it is given.
    KeyOfService,
}

/// The parts of a request that say what it is about.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Request {
    table_name: String,
    index_name: Option<String>,
    transact_items: Vec<BTreeMap<String, Of>>,
    request_items: BTreeMap<String, IgnoredAny>,
    queue_url: String,
    queue_name: String,
    secret_id: String,
    name: String,
    key_id: Option<String>,
    source_key_id: Option<String>,
    destination_key_id: String,
    ciphertext_blob: String,
    encryption_context: BTreeMap<String, IgnoredAny>,
    source_encryption_context: BTreeMap<String, IgnoredAny>,
    destination_encryption_context: BTreeMap<String, IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Of {
    table_name: String,
}

impl Request {
    /// What `operation` of `service`, by its name in `X-Amz-Target`, asks for.
    pub(crate) fn asks(&self, service: &str, operation: &str) -> Vec<Asked> {
        match service {
            "DynamoDB_20120810" => self.of_table(operation),
            "AmazonSQS" => self.of_queue(operation),
            "secretsmanager" => self.of_secret(operation),
            "TrentService" => self.of_key(operation),
            _ => Vec::new(),
        }
    }

    fn of_table(&self, operation: &str) -> Vec<Asked> {
        let mut asked = match operation {
            "TransactWriteItems" | "TransactGetItems" => {
                let items = self.transact_items.iter().flatten();
                let asked = items.map(|(kind, of)| {
                    let kind = if kind == "ConditionCheck" {
                        "ConditionCheckItem".to_owned()
                    } else {
                        format!("{kind}Item")
                    };
                    on(format!("dynamodb:{kind}"), table(&of.table_name))
                });
                asked.collect()
            }
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = self.request_items.keys();
                let action = format!("dynamodb:{operation}");
                tables.map(|name| on(action.clone(), table(name))).collect()
            }
            _ => {
                let mut arn = table(&self.table_name);
                if let Some(index) = &self.index_name {
                    arn = format!("{arn}/index/{index}");
                }
                vec![on(format!("dynamodb:{operation}"), arn)]
            }
        };
        // Developer Guide, "Using IAM to control access to a key": to read takes Decrypt.
        asked.push(through("dynamodb", "kms:Decrypt"));
        if !operation.contains("Get") && operation != "Query" {
            asked.push(through("dynamodb", "kms:GenerateDataKey"));
        }
        asked
    }

    fn of_queue(&self, operation: &str) -> Vec<Asked> {
        let named = self.queue_url.rsplit('/').next().unwrap_or_default();
        let name = if named.is_empty() {
            &self.queue_name
        } else {
            named
        };
        let action = operation.strip_suffix("Batch").unwrap_or(operation);
        let arn = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}");
        let mut asked = vec![on(format!("sqs:{action}"), arn)];
        // Developer Guide, "Configuring KMS permissions": producers need both, consumers Decrypt.
        if action == "SendMessage" {
            asked.push(through("sqs", "kms:GenerateDataKey"));
            asked.push(through("sqs", "kms:Decrypt"));
        } else if action == "ReceiveMessage" {
            asked.push(through("sqs", "kms:Decrypt"));
        }
        asked
    }

    fn of_secret(&self, operation: &str) -> Vec<Asked> {
        let name = if self.secret_id.is_empty() {
            &self.name
        } else {
            &self.secret_id
        };
        let arn = if name.starts_with("arn:") {
            name.clone()
        } else {
            // The service adds six characters to the name.
            format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-??????")
        };
        let mut asked = vec![on(format!("secretsmanager:{operation}"), arn)];
        // User Guide, "Secret encryption and decryption": writing takes both, reading Decrypt.
        if matches!(operation, "CreateSecret" | "PutSecretValue") {
            asked.push(through("secretsmanager", "kms:GenerateDataKey"));
            asked.push(through("secretsmanager", "kms:Decrypt"));
        } else if operation == "GetSecretValue" {
            asked.push(through("secretsmanager", "kms:Decrypt"));
        }
        asked
    }

    fn of_key(&self, operation: &str) -> Vec<Asked> {
        let asked = |action: &str, key: Option<&String>, context: &BTreeMap<String, IgnoredAny>| {
            let key = key.cloned().or_else(|| self.key_of_ciphertext());
            Asked {
                action: format!("kms:{action}"),
                resource: Target::Key(key.unwrap_or_default()),
                context: context.keys().cloned().collect(),
                via: None,
            }
        };
        if operation == "ReEncrypt" {
            let (from, to) = (self.source_key_id.as_ref(), Some(&self.destination_key_id));
            return vec![
                asked("ReEncryptFrom", from, &self.source_encryption_context),
                asked("ReEncryptTo", to, &self.destination_encryption_context),
            ];
        }
        vec![asked(
            operation,
            self.key_id.as_ref(),
            &self.encryption_context,
        )]
    }

    /// What a ciphertext begins with.
    fn key_of_ciphertext(&self) -> Option<String> {
        let blob = STANDARD.decode(&self.ciphertext_blob).ok()?;
        let id = blob.get(..crate::kms::ID_BYTES)?;
        std::str::from_utf8(id).ok().map(str::to_owned)
    }
}

fn on(action: String, arn: String) -> Asked {
    Asked {
        action,
        resource: Target::Arn(arn),
        context: Vec::new(),
        via: None,
    }
}

fn through(service: &'static str, action: &str) -> Asked {
    Asked {
        action: action.to_owned(),
        resource: Target::KeyOfService,
        context: Vec::new(),
        via: Some(service),
    }
}

fn table(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}
