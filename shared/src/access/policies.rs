//! The policies of `infra/policies`, and how they are asked.
//!
//! They are part of the binary, so that what was tested is what decides. Cedar passes over a policy
//! that fails while it is evaluated, even one that forbids: here, any failure denies.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::LazyLock;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId,
    PolicySet, Request, RestrictedExpression, Schema,
};

use super::Caller;
use crate::domain::{
    Action, ActiveElevation, ApiKey, Cause, ElevationId, IntegrationAttributes, OrganizationId,
    Role, Roles, Timestamp,
};

/// The schema's text.
pub(super) const SCHEMA: &str = include_str!("../../../infra/policies/schema.cedarschema");
/// The policies' text.
pub(super) const POLICIES: &str = concat!(
    include_str!("../../../infra/policies/roles.cedar"),
    include_str!("../../../infra/policies/attributes.cedar"),
    include_str!("../../../infra/policies/api-keys.cedar"),
    include_str!("../../../infra/policies/elevations.cedar"),
);

static ENGINE: LazyLock<Result<Engine, Cause>> = LazyLock::new(Engine::read);

/// What something is to be done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The caller's organization as a whole.
    Organization,
    /// One integration.
    Integration(IntegrationAttributes),
    /// One elevation of the caller's organization.
    Elevation {
        /// Which.
        id: ElevationId,
        /// Who asked for it.
        requested_by: &'a str,
        /// For which role.
        role: Role,
    },
}

/// Under which circumstances something is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// When.
    pub now: Timestamp,
    /// From where, if that is known.
    pub source: Option<IpAddr>,
    /// The elevations of the caller that were allowed, whether or not they go on.
    pub elevations: &'a [ActiveElevation],
}

/// Whether the policies let `caller` do `action` to `resource`.
///
/// # Errors
///
/// If the policies cannot be asked: then nothing may be done.
pub fn decide(
    caller: &Caller,
    action: Action,
    resource: &Resource<'_>,
    circumstances: &Circumstances<'_>,
) -> Result<bool, Cause> {
    match &*ENGINE {
        Ok(engine) => engine.decide(caller, action, resource, circumstances),
        Err(error) => Err(format!("the policies cannot be read: {error}").into()),
    }
}

struct Engine {
    policies: PolicySet,
    /// For each action: itself with its group, and the roles with those that they include.
    bases: HashMap<Action, Entities>,
    types: Types,
}

/// The names of the schema's types, read once.
struct Types {
    role: EntityTypeName,
    user: EntityTypeName,
    api_key: EntityTypeName,
    organization: EntityTypeName,
    integration: EntityTypeName,
    elevation: EntityTypeName,
    action: EntityTypeName,
}

type Attributes = HashMap<String, RestrictedExpression>;

impl Types {
    fn read() -> Result<Self, Cause> {
        Ok(Self {
            role: "Role".parse()?,
            user: "User".parse()?,
            api_key: "ApiKey".parse()?,
            organization: "Organization".parse()?,
            integration: "Integration".parse()?,
            elevation: "Elevation".parse()?,
            action: "Action".parse()?,
        })
    }
}

impl Types {
    /// The roles with those that they include.
    fn roles(&self) -> impl Iterator<Item = Entity> {
        Role::ALL.into_iter().map(|role| {
            let included = role.includes().iter();
            let parents = included.map(|role| uid(&self.role, role)).collect();
            Entity::new_no_attrs(uid(&self.role, role), parents)
        })
    }
}

fn uid(kind: &EntityTypeName, id: impl ToString) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id.to_string()))
}

fn text(value: impl ToString) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_string())
}

impl Engine {
    fn read() -> Result<Self, Cause> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA)?;
        let types = Types::read()?;
        let actions = schema.action_entities()?;
        let mut bases = HashMap::new();
        for action in Action::ALL {
            let id = uid(&types.action, action);
            let groups = actions
                .ancestors(&id)
                .ok_or("an action is not in the schema")?;
            let groups = groups.cloned().collect();
            let entities = types.roles().chain([Entity::new_no_attrs(id, groups)]);
            bases.insert(*action, Entities::from_entities(entities, None)?);
        }
        Ok(Self {
            policies: named(POLICIES.parse()?)?,
            bases,
            types,
        })
    }

    fn decide(
        &self,
        caller: &Caller,
        action: Action,
        resource: &Resource<'_>,
        circumstances: &Circumstances<'_>,
    ) -> Result<bool, Cause> {
        let (resource, about) = (self.resource(caller, resource)?, resource);
        let principal = self.principal(caller, about, circumstances)?;
        let request = Request::new(
            principal.uid(),
            uid(&self.types.action, action),
            resource.uid(),
            context(caller, action, circumstances)?,
            None,
        )?;
        let base = self.bases.get(&action);
        let entities = base.cloned().ok_or("an action is not in the schema")?;
        let entities = entities.add_entities([principal, resource], None)?;
        let response = Authorizer::new().is_authorized(&request, &self.policies, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(format!("a policy failed: {error}").into());
        }
        let reasons: Vec<String> = response
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .collect();
        tracing::debug!(%action, ?reasons, "policies were asked");
        Ok(response.decision() == Decision::Allow)
    }

    fn principal(
        &self,
        caller: &Caller,
        resource: &Resource<'_>,
        circumstances: &Circumstances<'_>,
    ) -> Result<Entity, Cause> {
        let role = |role: Role| uid(&self.types.role, role);
        let mut parents: HashSet<EntityUid> = caller.roles.iter().map(role).collect();
        let organization = uid(&self.types.organization, caller.organization_id);
        let organization = RestrictedExpression::new_entity_uid(organization);
        let mut attributes = Attributes::from([("organization".to_owned(), organization)]);
        let id = if let Some(key) = &caller.api_key {
            self.limits(key, &mut attributes);
            uid(&self.types.api_key, key.id)
        } else {
            let counting = counting(resource, circumstances);
            parents.extend(counting.iter().map(role));
            let standing = caller.roles.iter().map(role);
            let standing = standing.map(RestrictedExpression::new_entity_uid);
            let standing = RestrictedExpression::new_set(standing);
            attributes.insert("standing".to_owned(), standing);
            attributes.insert("subject".to_owned(), text(&caller.subject));
            uid(&self.types.user, &caller.subject)
        };
        Ok(Entity::new(id, attributes, parents)?)
    }

    /// What a key is limited to.
    fn limits(&self, key: &ApiKey, attributes: &mut Attributes) {
        let end = RestrictedExpression::new_datetime(key.expires_at.to_string());
        attributes.insert("expiresAt".to_owned(), end);
        if let Some(actions) = &key.actions {
            let actions = RestrictedExpression::new_set(actions.iter().map(text));
            attributes.insert("actions".to_owned(), actions);
        }
        if let Some(integrations) = &key.integrations {
            let integrations = integrations
                .iter()
                .map(|id| uid(&self.types.integration, id));
            let integrations = integrations.map(RestrictedExpression::new_entity_uid);
            let integrations = RestrictedExpression::new_set(integrations);
            attributes.insert("integrations".to_owned(), integrations);
        }
        if !key.networks.is_empty() {
            let names = ["a", "b", "c", "d"].map(str::to_owned);
            let networks = key.networks.iter();
            let networks =
                networks.map(|network| RestrictedExpression::new_ip(network.to_string()));
            // A record's fields are named once each, which is all that it could object to.
            if let Ok(networks) = RestrictedExpression::new_record(names.into_iter().zip(networks))
            {
                attributes.insert("networks".to_owned(), networks);
            }
        }
    }

    fn resource(&self, caller: &Caller, resource: &Resource<'_>) -> Result<Entity, Cause> {
        let within = |organization: OrganizationId| {
            HashSet::from([uid(&self.types.organization, organization)])
        };
        match resource {
            Resource::Organization => {
                let id = uid(&self.types.organization, caller.organization_id);
                Ok(Entity::new_no_attrs(id, HashSet::new()))
            }
            Resource::Integration(integration) => {
                let attributes = Attributes::from([
                    (
                        "classification".to_owned(),
                        text(integration.classification.name()),
                    ),
                    (
                        "environment".to_owned(),
                        text(integration.environment.name()),
                    ),
                    ("category".to_owned(), text(integration.category.name())),
                ]);
                let id = uid(&self.types.integration, integration.id);
                Ok(Entity::new(
                    id,
                    attributes,
                    within(integration.organization_id),
                )?)
            }
            Resource::Elevation {
                id,
                requested_by,
                role,
            } => {
                let role = RestrictedExpression::new_entity_uid(uid(&self.types.role, role));
                let attributes = Attributes::from([
                    ("requestedBy".to_owned(), text(requested_by)),
                    ("role".to_owned(), role),
                ]);
                let id = uid(&self.types.elevation, id);
                Ok(Entity::new(id, attributes, within(caller.organization_id))?)
            }
        }
    }
}

/// The roles that elevations add. An elevation that has ended adds none, whoever remembers it.
fn counting(resource: &Resource<'_>, circumstances: &Circumstances<'_>) -> Roles {
    let integration = match resource {
        Resource::Integration(integration) => Some(integration.id),
        Resource::Organization | Resource::Elevation { .. } => None,
    };
    let elevations = circumstances.elevations.iter();
    let counting = elevations.filter(|one| one.counts(integration, circumstances.now));
    counting.map(|one| one.role).collect()
}

fn context(
    caller: &Caller,
    action: Action,
    circumstances: &Circumstances<'_>,
) -> Result<Context, Cause> {
    let now = RestrictedExpression::new_datetime(circumstances.now.to_string());
    let mut pairs = vec![
        ("now".to_owned(), now),
        ("mfa".to_owned(), RestrictedExpression::new_bool(caller.mfa)),
        ("action".to_owned(), text(action)),
    ];
    if let Some(source) = circumstances.source {
        let source = RestrictedExpression::new_ip(source.to_string());
        pairs.push(("source".to_owned(), source));
    }
    Ok(Context::from_pairs(pairs)?)
}

/// The policies, each called what its `@id` says.
fn named(policies: PolicySet) -> Result<PolicySet, Cause> {
    let mut named = PolicySet::new();
    for policy in policies.policies() {
        let id = policy.annotation("id").ok_or("a policy has no @id")?;
        named.add(policy.new_id(PolicyId::new(id)))?;
    }
    Ok(named)
}
