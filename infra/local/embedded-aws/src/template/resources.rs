//! The resources of a template.

use std::collections::BTreeMap;

use serde_yaml_ng::{Mapping, Value};

use super::intrinsics::Scope;
use super::parts::{EventSource, Function, Queue, Redrive, Route, Table};
use super::roles::role_of;
use super::{STACK_NAME, Template, TemplateError};
use crate::{ACCOUNT, REGION};

/// Resources that have no meaning on one machine.
const WITHOUT_MEANING: [&str; 14] = [
    "AWS::ApiGatewayV2::ApiMapping",
    "AWS::ApiGatewayV2::DomainName",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Logs::MetricFilter",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
];

/// Reads all resources.
pub(super) fn read(root: &Mapping) -> Result<Template, TemplateError> {
    let scope = Scope::new(root)?;
    let Some(Value::Mapping(resources)) = root.get("Resources") else {
        return Err(TemplateError::at("Resources", "is missing"));
    };
    let mut reader = Reader {
        scope,
        resources: Vec::new(),
    };
    for (logical_id, resource) in resources {
        let logical_id = logical_id.as_str().unwrap_or_default();
        if reader.scope.is_there(resource, logical_id)? {
            reader.resources.push(Resource::new(logical_id, resource)?);
        }
    }
    reader.define_references()?;
    reader.read()
}

pub(super) struct Resource<'a> {
    pub(super) logical_id: &'a str,
    kind: &'a str,
    pub(super) properties: Mapping,
}

impl<'a> Resource<'a> {
    fn new(logical_id: &'a str, resource: &'a Value) -> Result<Self, TemplateError> {
        let kind = resource.get("Type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| TemplateError::at(logical_id, "has no type"))?;
        let properties = match resource.get("Properties") {
            Some(Value::Mapping(properties)) => properties.clone(),
            None => Mapping::new(),
            Some(_) => return Err(TemplateError::at(logical_id, "has no properties")),
        };
        Ok(Self {
            logical_id,
            kind,
            properties,
        })
    }

    pub(super) fn at(&self, property: &str) -> String {
        format!("{}.{property}", self.logical_id)
    }

    /// Refuses properties that neither mean something here nor are known to mean nothing.
    pub(super) fn knows_only(&self, known: &[&str]) -> Result<(), TemplateError> {
        for name in self.properties.keys().filter_map(Value::as_str) {
            if !known.contains(&name) {
                let problem = format!("this property of {} is not known here", self.kind);
                return Err(TemplateError::at(self.at(name), problem));
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, scope: &Scope, name: &str) -> Result<Option<Value>, TemplateError> {
        let value = self.properties.get(name);
        let resolved = value
            .map(|value| scope.resolve(value, &self.at(name)))
            .transpose()?;
        Ok(resolved.filter(|value| !value.is_null()))
    }

    fn text(&self, scope: &Scope, name: &str) -> Result<Option<String>, TemplateError> {
        match self.get(scope, name)? {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(bool)) => Ok(Some(bool.to_string())),
            Some(_) => Err(TemplateError::at(
                self.at(name),
                "expected a text or a number",
            )),
        }
    }

    pub(super) fn required(&self, scope: &Scope, name: &str) -> Result<String, TemplateError> {
        let text = self.text(scope, name)?;
        text.ok_or_else(|| TemplateError::at(self.at(name), "is missing"))
    }

    fn number(&self, scope: &Scope, name: &str, default: u64) -> Result<u64, TemplateError> {
        match self.text(scope, name)? {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| TemplateError::at(self.at(name), "expected a number")),
        }
    }
}

pub(super) struct Reader<'a> {
    pub(super) scope: Scope,
    resources: Vec<Resource<'a>>,
}

impl Reader<'_> {
    /// Says what references to resources stand for, before any property is read.
    fn define_references(&mut self) -> Result<(), TemplateError> {
        for resource in &self.resources {
            let id = resource.logical_id;
            let name = format!("{STACK_NAME}-{id}");
            let arn =
                |service: &str, rest: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
            let (reference, arn) = match resource.kind {
                "AWS::DynamoDB::Table" => (name.clone(), arn("dynamodb", &format!("table/{name}"))),
                "AWS::SQS::Queue" => (format!("{{endpoint}}/{ACCOUNT}/{name}"), arn("sqs", &name)),
                "AWS::KMS::Key" => {
                    // A key's id is made when the key is; its alias is known before.
                    let alias = format!("alias/{name}");
                    (alias.clone(), arn("kms", &alias))
                }
                "AWS::Serverless::Function" => {
                    (name.clone(), arn("lambda", &format!("function:{name}")))
                }
                "AWS::ApiGatewayV2::Api" => (id.to_lowercase(), String::new()),
                _ => (name.clone(), arn("local", &name)),
            };
            self.scope.define(id, "", reference);
            self.scope.define(id, "Arn", arn);
        }
        Ok(())
    }

    fn read(self) -> Result<Template, TemplateError> {
        let mut template = Template {
            tables: Vec::new(),
            queues: Vec::new(),
            keys: Vec::new(),
            aliases: Vec::new(),
            functions: Vec::new(),
            routes: Vec::new(),
            event_sources: Vec::new(),
            schedules: Vec::new(),
            roles: BTreeMap::new(),
            scope: Scope::default(),
        };
        for resource in &self.resources {
            match resource.kind {
                "AWS::DynamoDB::Table" => template.tables.push(self.table(resource)?),
                "AWS::SQS::Queue" => template.queues.push(self.queue(resource)?),
                "AWS::KMS::Key" => {
                    template
                        .keys
                        .push(format!("alias/{STACK_NAME}-{}", resource.logical_id));
                }
                "AWS::KMS::Alias" => template.aliases.push((
                    resource.required(&self.scope, "AliasName")?,
                    resource.required(&self.scope, "TargetKeyId")?,
                )),
                "AWS::Serverless::Function" => template.functions.push(self.function(resource)?),
                "AWS::ApiGatewayV2::Api" | "AWS::ApiGatewayV2::Integration" => {}
                "AWS::ApiGatewayV2::Route" => template.routes.push(self.route(resource)?),
                "AWS::Lambda::EventSourceMapping" => {
                    template.event_sources.push(self.event_source(resource)?);
                }
                "AWS::IAM::Role" => template.roles.extend([self.role(resource)?]),
                "AWS::Events::Rule" => template.schedules.push(self.schedule(resource)?),
                kind if WITHOUT_MEANING.contains(&kind) => {}
                kind => {
                    let problem = format!("resources of the type {kind} are not known here");
                    return Err(TemplateError::at(resource.logical_id, problem));
                }
            }
        }
        template.scope = self.scope;
        Ok(template)
    }

    fn table(&self, resource: &Resource<'_>) -> Result<Table, TemplateError> {
        resource.knows_only(&[
            "AttributeDefinitions",
            "BillingMode",
            "DeletionProtectionEnabled",
            "KeySchema",
            "PointInTimeRecoverySpecification",
            "SSESpecification",
            "Tags",
            "TimeToLiveSpecification",
        ])?;
        let schema = resource.get(&self.scope, "KeySchema")?.unwrap_or_default();
        let key = |kind: &str| {
            let keys = schema.as_sequence().map(Vec::as_slice).unwrap_or_default();
            let key = keys
                .iter()
                .find(|key| text_of(key, "KeyType") == Some(kind));
            key.and_then(|key| text_of(key, "AttributeName"))
                .map(str::to_owned)
                .ok_or_else(|| {
                    TemplateError::at(resource.at("KeySchema"), format!("there is no {kind} key"))
                })
        };
        let ttl = resource.get(&self.scope, "TimeToLiveSpecification")?;
        Ok(Table {
            logical_id: resource.logical_id.to_owned(),
            name: format!("{STACK_NAME}-{}", resource.logical_id),
            partition_key: key("HASH")?,
            sort_key: key("RANGE")?,
            ttl_attribute: ttl
                .as_ref()
                .and_then(|ttl| text_of(ttl, "AttributeName"))
                .map(str::to_owned),
        })
    }

    fn queue(&self, resource: &Resource<'_>) -> Result<Queue, TemplateError> {
        let numbers = [
            ("DelaySeconds", "DelaySeconds"),
            ("MaximumMessageSize", "MaximumMessageSize"),
            ("MessageRetentionPeriod", "MessageRetentionPeriod"),
            (
                "ReceiveMessageWaitTimeSeconds",
                "ReceiveMessageWaitTimeSeconds",
            ),
            ("VisibilityTimeout", "VisibilityTimeout"),
        ];
        let mut known: Vec<&str> = numbers.iter().map(|(property, _)| *property).collect();
        known.extend(["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId"]);
        // Here a queue is named by its logical id, as everything is.
        known.push("QueueName");
        known.extend(["RedriveAllowPolicy", "RedrivePolicy", "Tags"]);
        resource.knows_only(&known)?;
        let mut attributes = BTreeMap::new();
        for (property, attribute) in numbers {
            if let Some(value) = resource.text(&self.scope, property)? {
                attributes.insert(attribute.to_owned(), value);
            }
        }
        let redrive = match resource.get(&self.scope, "RedrivePolicy")? {
            None => None,
            Some(policy) => {
                let problem = || TemplateError::at(resource.at("RedrivePolicy"), "is not complete");
                Some(Redrive {
                    target_arn: text_of(&policy, "deadLetterTargetArn")
                        .map(str::to_owned)
                        .ok_or_else(problem)?,
                    max_receive_count: policy
                        .get("maxReceiveCount")
                        .and_then(Value::as_u64)
                        .ok_or_else(problem)?,
                })
            }
        };
        let name = format!("{STACK_NAME}-{}", resource.logical_id);
        Ok(Queue {
            logical_id: resource.logical_id.to_owned(),
            name,
            attributes,
            redrive,
        })
    }

    fn function(&self, resource: &Resource<'_>) -> Result<Function, TemplateError> {
        let code = resource.required(&self.scope, "CodeUri")?;
        let name = code
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let variables = resource.properties.get("Environment");
        let variables = variables.and_then(|environment| environment.get("Variables"));
        let environment = match variables {
            Some(Value::Mapping(variables)) => variables
                .iter()
                .map(|(name, value)| (name.as_str().unwrap_or_default().to_owned(), value.clone()))
                .collect(),
            _ => BTreeMap::new(),
        };
        let timeout_seconds = resource.number(&self.scope, "Timeout", 3)?;
        Ok(Function {
            logical_id: resource.logical_id.to_owned(),
            name,
            timeout_seconds,
            role: role_of(resource),
            environment,
        })
    }

    fn route(&self, resource: &Resource<'_>) -> Result<Route, TemplateError> {
        let key = resource.required(&self.scope, "RouteKey")?;
        let problem = || TemplateError::at(resource.at("RouteKey"), "expected a method and a path");
        let (method, path) = key.split_once(' ').ok_or_else(problem)?;
        let function = self.function_of_route(resource)?;
        let method = (method != "ANY").then(|| method.to_owned());
        Ok(Route {
            method,
            path: path.to_owned(),
            function,
        })
    }

    /// A route names an integration, and that names a function.
    fn function_of_route(&self, route: &Resource<'_>) -> Result<String, TemplateError> {
        let target = route
            .properties
            .get("Target")
            .map(references)
            .unwrap_or_default();
        let integration = self.resources.iter().find(|resource| {
            resource.kind == "AWS::ApiGatewayV2::Integration"
                && target.iter().any(|name| name == resource.logical_id)
        });
        let uri = integration.and_then(|integration| integration.properties.get("IntegrationUri"));
        let uri = uri.map(|uri| self.scope.chosen(uri, &route.at("Target")));
        let names = uri.transpose()?.map(references).unwrap_or_default();
        self.function_named(&names)
            .ok_or_else(|| TemplateError::at(route.at("Target"), "leads to no function"))
    }

    fn event_source(&self, resource: &Resource<'_>) -> Result<EventSource, TemplateError> {
        let names = |property: &str| {
            resource
                .properties
                .get(property)
                .map(references)
                .unwrap_or_default()
        };
        let source = names("EventSourceArn");
        let queue = self.resources.iter().find(|queue| {
            queue.kind == "AWS::SQS::Queue" && source.iter().any(|name| name == queue.logical_id)
        });
        let queue = queue
            .ok_or_else(|| TemplateError::at(resource.at("EventSourceArn"), "leads to no queue"))?;
        let function = self.function_named(&names("FunctionName")).ok_or_else(|| {
            TemplateError::at(resource.at("FunctionName"), "leads to no function")
        })?;
        Ok(EventSource {
            queue: queue.logical_id.to_owned(),
            function,
            batch_size: resource.number(&self.scope, "BatchSize", 10)?,
        })
    }

    pub(super) fn function_named(&self, names: &[String]) -> Option<String> {
        let function = self.resources.iter().find(|resource| {
            resource.kind == "AWS::Serverless::Function"
                && names.iter().any(|name| name == resource.logical_id)
        })?;
        self.function(function).ok().map(|function| function.name)
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

/// The logical ids that a value refers to.
pub(super) fn references(value: &Value) -> Vec<String> {
    let Value::Tagged(tagged) = value else {
        return Vec::new();
    };
    let Value::String(text) = &tagged.value else {
        return Vec::new();
    };
    match tagged.tag.to_string().trim_start_matches('!') {
        "Sub" => text
            .split("${")
            .skip(1)
            .filter_map(|part| part.split_once('}'))
            .filter_map(|(name, _)| name.split('.').next())
            .map(str::to_owned)
            .collect(),
        _ => text.split('.').take(1).map(str::to_owned).collect(),
    }
}
