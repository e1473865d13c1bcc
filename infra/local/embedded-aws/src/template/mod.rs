//! Reads `infra/template.yaml` and carries out the part of it that can be on one machine.
//!
//! The template is the one place that says which tables, queues, keys, routes and functions there
//! are. What is not understood stops the start: a template that is half carried out would make
//! everything that runs here meaningless.

mod contents;
mod create;
mod intrinsics;
mod parts;
mod resources;
mod roles;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use self::intrinsics::Scope;
pub use self::parts::{EventSource, Function, Queue, Redrive, Route, Schedule, Table};
use crate::permissions::Grant;
use serde_yaml_ng::{Mapping, Value};

pub(crate) use self::contents::contents;
pub(crate) use self::create::create;
pub(crate) use self::roles::{Condition, Statement};

/// The name of the stack, from which the names of what is in it are made.
pub const STACK_NAME: &str = "gatehouse";

/// What is wrong with a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It cannot be read.
    #[error("`{0}` cannot be read")]
    Unreadable(String, #[source] std::io::Error),
    /// It is not YAML.
    #[error("the template is not YAML: {0}")]
    Syntax(#[from] serde_yaml_ng::Error),
    /// It says something that is not understood here.
    #[error("the template is not understood: `{at}`: {problem}")]
    NotUnderstood {
        /// The resource or parameter, and the property.
        at: String,
        /// What is wrong there.
        problem: String,
    },
}

impl TemplateError {
    pub(crate) fn at(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::NotUnderstood {
            at: at.into(),
            problem: problem.into(),
        }
    }
}

/// What a template says, as far as it has a meaning on one machine.
#[derive(Debug)]
pub struct Template {
    pub(crate) tables: Vec<Table>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) keys: Vec<String>,
    pub(crate) aliases: Vec<(String, String)>,
    functions: Vec<Function>,
    routes: Vec<Route>,
    event_sources: Vec<EventSource>,
    schedules: Vec<Schedule>,
    /// The statements of roles, by the role's id.
    roles: BTreeMap<String, Vec<Statement>>,
    scope: Scope,
}

impl Template {
    /// Reads the template in a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is not YAML, or says something that is not understood.
    pub fn read(file: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| TemplateError::Unreadable(file.display().to_string(), error))?;
        Self::parse(&text)
    }

    /// Reads a template.
    ///
    /// # Errors
    ///
    /// If it is not YAML, or says something that is not understood.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let root: Mapping = serde_yaml_ng::from_str(text)?;
        resources::read(&root)
    }

    /// The functions.
    #[must_use]
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The HTTP API's routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Which queue triggers which function.
    #[must_use]
    pub fn event_sources(&self) -> &[EventSource] {
        &self.event_sources
    }

    /// Which functions run again and again.
    #[must_use]
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// What each function may do, by its name.
    pub(crate) fn statements(&self) -> BTreeMap<String, Vec<Statement>> {
        let functions = self.functions.iter();
        let statements = functions.map(|function| {
            let role = function.role.as_ref();
            let statements = role.and_then(|role| self.roles.get(role));
            (
                function.name.clone(),
                statements.cloned().unwrap_or_default(),
            )
        });
        statements.collect()
    }

    /// What each function may do, one action on one resource after the other.
    #[must_use]
    pub fn grants(&self) -> BTreeSet<Grant> {
        let mut grants = BTreeSet::new();
        for (function, statements) in self.statements() {
            for statement in statements {
                for action in &statement.actions {
                    grants.extend(statement.resources.iter().map(|resource| Grant {
                        function: function.clone(),
                        action: action.clone(),
                        resource: resource.clone(),
                    }));
                }
            }
        }
        grants
    }

    /// The URL of a queue, by its logical id.
    #[must_use]
    pub fn queue_url(&self, endpoint: &str, logical_id: &str) -> Option<String> {
        let queue = self
            .queues
            .iter()
            .find(|queue| queue.logical_id == logical_id)?;
        Some(format!("{endpoint}/{}/{}", crate::ACCOUNT, queue.name))
    }

    /// The environment of a function, where the services are at `endpoint` and the template's
    /// parameters have these values; those that are not named have their defaults.
    ///
    /// # Errors
    ///
    /// If there is no such function, or a value refers to something that is not understood.
    pub fn environment(
        &self,
        function: &str,
        endpoint: &str,
        parameters: &[(&str, &str)],
    ) -> Result<BTreeMap<String, String>, TemplateError> {
        let scope = self.scope.with(endpoint, parameters)?;
        let function = self
            .functions
            .iter()
            .find(|f| f.name == function)
            .ok_or_else(|| TemplateError::at(function, "there is no function of that name"))?;
        let mut environment = BTreeMap::new();
        for (name, value) in &function.environment {
            let at = format!("{}.Environment.{name}", function.logical_id);
            if let Value::String(value) = scope.resolve(value, &at)? {
                environment.insert(name.clone(), value);
            } else {
                return Err(TemplateError::at(at, "expected a text"));
            }
        }
        Ok(environment)
    }
}
