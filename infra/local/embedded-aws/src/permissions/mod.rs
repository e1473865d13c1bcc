//! What functions may do: a call that one of them makes is held against the policies of its role, as
//! AWS does. Whoever calls with other credentials may do everything.

mod asked;
mod used;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use http::{HeaderMap, header};

pub(crate) use self::asked::Target;
use self::asked::{Asked, Request};
use self::used::Used;
use crate::api::ApiError;
use crate::kms::Kms;
use crate::template::{Condition, Statement};

/// One thing that a function may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The function, by the name of its crate.
    pub function: String,
    /// Such as `dynamodb:GetItem`.
    pub action: String,
    /// The ARN; `*` stands for any text.
    pub resource: String,
}

/// The policies of all functions.
#[derive(Clone, Debug)]
pub(crate) struct Permissions {
    functions: Arc<BTreeMap<String, Vec<Statement>>>,
    used: Arc<Used>,
}

impl Permissions {
    pub(crate) fn new(functions: BTreeMap<String, Vec<Statement>>) -> Self {
        Self {
            functions: Arc::new(functions),
            used: Arc::new(Used::default()),
        }
    }

    /// The function that makes a call: its credentials are known by its name.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<&str> {
        let signed = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = signed.split_once("Credential=")?;
        let (key, _) = credential.split_once('/')?;
        let (name, _) = self.functions.get_key_value(key)?;
        Some(name)
    }

    /// Whether `function` may make a call.
    ///
    /// # Errors
    ///
    /// What AWS answers if not.
    pub(crate) async fn check(
        &self,
        function: &str,
        (service, operation): (&str, &str),
        body: &Bytes,
        kms: &Kms,
    ) -> Result<(), ApiError> {
        let request: Request = serde_json::from_slice(body)
            .map_err(|_| ApiError::new("SerializationException", "the body is not JSON"))?;
        for asked in request.asks(service, operation) {
            let names = match &asked.resource {
                Target::Arn(arn) => Some(vec![arn.clone()]),
                Target::Key(key) => Some(kms.names_of(key).await?),
                Target::KeyOfService => None,
            };
            let Some(grant) = self.grant(function, &asked, names.as_deref()) else {
                return Err(denied(function, &asked));
            };
            self.used.note(grant);
        }
        Ok(())
    }

    fn grant(&self, function: &str, asked: &Asked, names: Option<&[String]>) -> Option<Grant> {
        let statements = self.functions.get(function)?.iter();
        let mut fitting = statements.filter(|statement| {
            let mut actions = statement.actions.iter();
            actions.any(|action| matches(action, &asked.action)) && holds(statement, asked)
        });
        let resource = fitting.find_map(|statement| {
            let mut resources = statement.resources.iter();
            resources.find(|pattern| {
                names.is_none_or(|names| names.iter().any(|name| matches(pattern, name)))
            })
        })?;
        Some(Grant {
            function: function.to_owned(),
            action: asked.action.clone(),
            resource: resource.clone(),
        })
    }
}

fn holds(statement: &Statement, asked: &Asked) -> bool {
    match (&statement.condition, asked.via) {
        (Condition::Always, _) => true,
        (Condition::HasContext(name), None) => asked.context.contains(name),
        (Condition::Via(services), Some(via)) => services.iter().any(|service| service == via),
        _ => false,
    }
}

/// IAM User Guide, "Policies evaluation": `*` stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(start) else {
        return false;
    };
    (0..=text.len())
        .filter_map(|at| text.get(at..))
        .any(|tail| matches(rest, tail))
}

fn denied(function: &str, asked: &Asked) -> ApiError {
    let resource = match &asked.resource {
        Target::Arn(arn) => arn,
        Target::Key(key) => key,
        Target::KeyOfService => "the key of what it is asked for",
    };
    let action = &asked.action;
    tracing::error!(function, action, resource, "its role does not allow this");
    let message = format!(
        "User: {function} is not authorized to perform: {action} on resource: {resource} because no \
         identity-based policy allows the {action} action"
    );
    ApiError::new("AccessDeniedException", message)
}

#[cfg(test)]
mod tests;
