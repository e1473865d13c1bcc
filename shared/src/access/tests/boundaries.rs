//! What no role reaches past: the actions and integrations that a machine is held to, and organizations.

use super::oracle::{
    INTEGRATION, OTHER_INTEGRATION, OTHER_ORGANIZATION, agree, calling, elevated, machine, now,
    person, resources,
};
use crate::access::{Circumstances, Resource, decide};
use crate::domain::{Action, ApiKey, Role, Roles};

#[test]
fn machines_are_held_to_their_actions_and_integrations() {
    let only = [
        Action::CallProvider,
        Action::ListIntegrations,
        Action::ChangeInBulk,
    ];
    for roles in [Role::Owner, Role::Operator, Role::Viewer].map(|role| Roles::NONE.with(role)) {
        for actions in [None, Some(only.into())] {
            for integrations in [None, Some(INTEGRATION), Some(OTHER_INTEGRATION)] {
                let key = ApiKey {
                    actions: actions.clone(),
                    integrations: integrations.map(|id| [id.parse().unwrap()].into()),
                    ..machine(roles)
                };
                // A machine is never elevated, whatever is remembered of it.
                agree(
                    &calling(key),
                    &[elevated(Role::Owner, None, 60)],
                    None,
                    now(),
                );
            }
        }
    }
}

#[test]
fn nobody_reaches_what_is_another_organizations() {
    let owner = person(Roles::NONE.with(Role::Owner), true);
    let circumstances = Circumstances {
        now: now(),
        source: None,
        elevations: &[],
    };
    for action in Action::ALL {
        for resource in resources(*action) {
            if let Resource::Integration(mut it) = resource {
                it.organization_id = OTHER_ORGANIZATION.parse().unwrap();
                let theirs = Resource::Integration(it);
                assert!(
                    !decide(&owner, *action, &theirs, &circumstances).unwrap(),
                    "{action}"
                );
            }
        }
    }
}
