//! What somebody with some roles, or a key, may do: found out by asking the policies.

use std::collections::BTreeMap;
use std::sync::Arc;

use gatehouse::access::{Caller, Circumstances, ROUTES, Resource, decide};
use gatehouse::domain::{
    Action, ActionGroup, ApiKey, Classification, DeploymentEnvironment, Error,
    IntegrationAttributes, IntegrationType, OrganizationId, Roles, Timestamp,
};
use serde::Serialize;
use ulid::Ulid;
use utoipa::ToSchema;

/// What somebody may do. Elevations are not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rights {
    /// In any case: of the organization, or of every integration that it reaches.
    pub(crate) always: Vec<Action>,
    /// The same with a second factor.
    pub(crate) with_mfa: Vec<Action>,
    /// Of some integrations only.
    pub(crate) sometimes: Vec<PartialRight>,
}

/// An action on some integrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartialRight {
    pub(crate) action: Action,
    pub(crate) on: Vec<Place>,
}

/// Integrations that the policies do not tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    pub(crate) classification: Classification,
    pub(crate) environment: DeploymentEnvironment,
    /// Whether they are set up with an identity provider.
    pub(crate) identity_provider: bool,
    /// Whether it takes a second factor.
    pub(crate) needs_mfa: bool,
}

/// The rights that were asked for before. Of many principals, few differ in what they may do.
#[derive(Debug, Default)]
pub(crate) struct KnownRights(BTreeMap<String, Rights>);

impl KnownRights {
    /// What people with `roles` may do.
    pub(crate) fn of_person(
        &mut self,
        organization: OrganizationId,
        roles: Roles,
        now: Timestamp,
    ) -> Result<Rights, Error> {
        let name = format!("{roles:?}");
        let person = |mfa| Caller {
            organization_id: organization,
            subject: String::new(),
            roles,
            mfa,
            api_key: None,
        };
        self.of(name, [person(false), person(true)], now)
    }

    /// What a key may do from where it may be used.
    pub(crate) fn of_key(&mut self, key: &ApiKey, now: Timestamp) -> Result<Rights, Error> {
        let bound = !key.networks.is_empty();
        let only = key.integrations.is_some();
        let name = format!("{:?} {:?} {bound} {only}", key.roles, key.actions);
        let mut key = key.clone();
        // All that it reaches is asked about by the one name that the questions use.
        key.integrations = key.integrations.map(|_| [Ulid::nil().into()].into());
        let caller = Caller {
            organization_id: key.organization_id,
            subject: key.id.to_string(),
            roles: key.roles,
            mfa: false,
            api_key: Some(Arc::new(key)),
        };
        self.of(name, [caller.clone(), caller], now)
    }

    fn of(&mut self, name: String, callers: [Caller; 2], now: Timestamp) -> Result<Rights, Error> {
        if let Some(known) = self.0.get(&name) {
            return Ok(known.clone());
        }
        let mut rights = Rights::default();
        for action in Action::ALL {
            rights.add(*action, &callers, now)?;
        }
        self.0.insert(name, rights.clone());
        Ok(rights)
    }
}

impl Rights {
    fn add(&mut self, action: Action, callers: &[Caller; 2], now: Timestamp) -> Result<(), Error> {
        let organization = callers[0].organization_id;
        let places = places(action);
        if places.is_empty() {
            let [plain, proven] = ask(callers, action, &Resource::Organization, now)?;
            match (plain, proven) {
                (true, _) => self.always.push(action),
                (false, true) => self.with_mfa.push(action),
                (false, false) => {}
            }
            return Ok(());
        }
        let mut on = Vec::new();
        let (all, mut free) = (places.len(), 0);
        for place in places {
            let resource = Resource::Integration(place.attributes(organization));
            let [plain, proven] = ask(callers, action, &resource, now)?;
            free += usize::from(plain);
            if plain || proven {
                let needs_mfa = !plain;
                on.push(Place { needs_mfa, ..place });
            }
        }
        if free == all {
            self.always.push(action);
        } else if on.len() == all && on.iter().all(|place| place.needs_mfa) {
            self.with_mfa.push(action);
        } else if !on.is_empty() {
            self.sometimes.push(PartialRight { action, on });
        }
        Ok(())
    }
}

/// Every kind of integration that the policies tell apart; none, if `action` is about the
/// organization.
fn places(action: Action) -> Vec<Place> {
    let routes = ROUTES.iter().filter(|route| route.action == action);
    let mut routes = routes.peekable();
    let is_of_organization = match action.group() {
        ActionGroup::Auditing
        | ActionGroup::Administering
        | ActionGroup::Owning
        | ActionGroup::Asking => true,
        // What is about both is asked of integrations.
        _ => {
            routes.peek().is_some()
                && routes.all(|route| route.about == gatehouse::access::About::Organization)
        }
    };
    if is_of_organization && action != Action::CreateIntegration {
        return Vec::new();
    }
    let mut places = Vec::new();
    for classification in Classification::ALL {
        for environment in DeploymentEnvironment::ALL {
            for identity_provider in [false, true] {
                places.push(Place {
                    classification,
                    environment,
                    identity_provider,
                    needs_mfa: false,
                });
            }
        }
    }
    places
}

impl Place {
    fn attributes(self, organization_id: OrganizationId) -> IntegrationAttributes {
        IntegrationAttributes {
            organization_id,
            id: Ulid::nil().into(),
            classification: self.classification,
            environment: self.environment,
            category: if self.identity_provider {
                IntegrationType::IdentityProvider
            } else {
                IntegrationType::Analytics
            },
        }
    }
}

/// Without a second factor, and with one.
fn ask(
    callers: &[Caller; 2],
    action: Action,
    resource: &Resource<'_>,
    now: Timestamp,
) -> Result<[bool; 2], Error> {
    let asked = callers.each_ref().map(|caller| {
        let networks = caller.api_key.iter().flat_map(|key| &key.networks);
        let circumstances = Circumstances {
            now,
            source: networks.map(ipnet::IpNet::network).next(),
            elevations: &[],
        };
        decide(caller, action, resource, &circumstances).map_err(Error::Internal)
    });
    let [plain, proven] = asked;
    Ok([plain?, proven?])
}
