//! The policies against the same rules said once more, in another language and by another route:
//! for each action, who may do it; then what stands in the way.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::access::{Caller, Circumstances, Resource, decide};
use crate::domain::{
    Action, ActiveElevation, ApiKey, Classification, DeploymentEnvironment, IntegrationAttributes,
    IntegrationType, OrganizationId, Role, Roles, Timestamp,
};

const ORGANIZATION: &str = "org_01K72Z5QSW0123456789ABCDEF";
pub(super) const OTHER_ORGANIZATION: &str = "org_01K72Z5QSW0123456789ABCDEG";
pub(super) const INTEGRATION: &str = "int_01K72Z5QSW0123456789ABCDEF";
pub(super) const OTHER_INTEGRATION: &str = "int_01K72Z5QSW0123456789ABCDEG";

pub(super) fn now() -> Timestamp {
    Timestamp::from_second(1_760_000_000).unwrap()
}

fn organization() -> OrganizationId {
    ORGANIZATION.parse().unwrap()
}

pub(super) fn person(roles: Roles, mfa: bool) -> Caller {
    Caller {
        organization_id: organization(),
        subject: "me".to_owned(),
        roles,
        mfa,
        api_key: None,
    }
}

pub(super) fn machine(roles: Roles) -> ApiKey {
    ApiKey {
        id: "key_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
        organization_id: organization(),
        name: "a machine".to_owned(),
        roles,
        actions: None,
        integrations: None,
        networks: Vec::new(),
        digest: String::new(),
        created_by: "me".to_owned(),
        created_at: now(),
        expires_at: now().plus(Duration::from_secs(1)),
        revoked_at: None,
    }
}

pub(super) fn calling(key: ApiKey) -> Caller {
    Caller {
        organization_id: key.organization_id,
        subject: key.id.to_string(),
        roles: key.roles,
        mfa: false,
        api_key: Some(Arc::new(key)),
    }
}

/// Every integration that policies can tell apart, but for the categories that no policy names.
fn integrations() -> Vec<IntegrationAttributes> {
    let mut all = Vec::new();
    for classification in Classification::ALL {
        for environment in DeploymentEnvironment::ALL {
            for category in [IntegrationType::IdentityProvider, IntegrationType::Payment] {
                all.push(IntegrationAttributes {
                    organization_id: organization(),
                    id: INTEGRATION.parse().unwrap(),
                    classification,
                    environment,
                    category,
                });
            }
        }
    }
    all
}

/// What the oracle knows of a request.
struct Asked<'a> {
    /// Roles, with those of elevations that go on.
    roles: Roles,
    standing: Roles,
    mfa: bool,
    key: Option<&'a ApiKey>,
    source: Option<IpAddr>,
    now: Timestamp,
}

fn has(roles: Roles, any: &[Role]) -> bool {
    any.iter().any(|role| roles.contains(*role))
}

/// Whether a role allows it. Written as a list of who, with no rule of inheritance.
#[expect(
    clippy::too_many_lines,
    reason = "one table of actions, easier to read whole"
)]
fn by_role(asked: &Asked<'_>, action: Action, resource: &Resource<'_>) -> bool {
    use Action as A;
    use Role::{Admin, Auditor, Developer, Operator, Owner};
    let roles = asked.roles;
    let standing = asked.standing;
    let easy = match resource {
        Resource::Integration(it) => {
            it.environment != DeploymentEnvironment::Production
                || it.classification < Classification::Confidential
        }
        Resource::Organization => action == A::CreateIntegration,
        Resource::Elevation { .. } => false,
    };
    let is_person = asked.key.is_none();
    match action {
        A::ReadProviders
        | A::ListIntegrations
        | A::ReadIntegration
        | A::ReadIncidents
        | A::ReadEndpoints
        | A::ReadDestinations
        | A::ReadGrant
        | A::ReadSync
        | A::ReadRecords
        | A::ReadAlerts
        | A::ReadAlertRules
        | A::ReadRetention
        | A::ReadRotations
        | A::ChangeInBulk
        | A::ReadEvents
        | A::ReadRequests => !roles.is_empty(),
        A::CreateIntegration
        | A::UpdateIntegration
        | A::DeleteIntegration
        | A::ManageEndpoints
        | A::ManageDestinations
        | A::ManageAlerts
        | A::ManageRetention
        | A::ManageAlertRules
        | A::ChangeCredentials
        | A::RotateCredentials
        | A::ManageRotations
        | A::ManageEndpointSecrets
        | A::RotateDestinationSecrets
        | A::ConnectGrant
        | A::RevokeGrant => has(roles, &[Owner, Admin]) || easy && has(roles, &[Developer]),
        A::CallProvider
        | A::TestIntegration
        | A::LookUpUsers
        | A::TestEndpoint
        | A::RetryEvents
        | A::PurgeCache
        | A::StartSync
        | A::ManageSync
        | A::WriteRecords
        | A::ResolveConflicts
        | A::SettleAlerts => {
            has(roles, &[Owner, Admin, Operator]) || easy && has(roles, &[Developer])
        }
        A::ManageIncidents => has(roles, &[Owner, Admin, Operator]),
        A::ApprovePlaybooks => is_person && has(roles, &[Owner, Admin, Operator]),
        A::RunPlaybooks => {
            has(roles, &[Owner, Admin, Operator]) || easy && has(roles, &[Developer])
        }
        A::ManagePlaybooks => has(roles, &[Owner, Admin]),
        A::RotateInEmergency | A::RotateDataKey => has(roles, &[Owner, Admin]) && proven(asked),
        A::LowerProtection => has(roles, &[Owner, Admin]),
        A::ReadAudit | A::VerifyAudit | A::ReviewAccess | A::ListApiKeys | A::ListRevocations => {
            has(roles, &[Owner, Admin, Auditor])
        }
        A::CreateApiKey => is_person && has(standing, &[Owner, Admin]) && asked.mfa,
        A::RevokeApiKey | A::RevokeTokens | A::DenyElevation => {
            is_person && has(standing, &[Owner, Admin])
        }
        A::ApproveElevation => {
            is_person
                && has(standing, &[Owner, Admin])
                && asked.mfa
                && match resource {
                    Resource::Elevation {
                        requested_by, role, ..
                    } => *requested_by != "me" && (*role != Owner || has(standing, &[Owner])),
                    _ => true,
                }
        }
        A::GrantOwner => is_person && has(standing, &[Owner]) && asked.mfa,
        A::ListElevations | A::RequestElevation => is_person && !roles.is_empty(),
        A::EndElevation => {
            is_person
                && match resource {
                    Resource::Elevation { requested_by, .. } => {
                        *requested_by == "me" || has(standing, &[Owner, Admin])
                    }
                    _ => !roles.is_empty(),
                }
        }
    }
}

/// Whether the caller has shown more than a password, or calls from where it belongs only.
fn proven(asked: &Asked<'_>) -> bool {
    asked.mfa || asked.key.is_some_and(|key| !key.networks.is_empty())
}

/// Whether what the integration is stands in the way.
fn barred_by_attributes(asked: &Asked<'_>, action: Action, it: &IntegrationAttributes) -> bool {
    use Action as A;
    let proven = proven(asked);
    let only_looks = matches!(
        action,
        A::ReadIntegration
            | A::ReadEndpoints
            | A::ReadDestinations
            | A::ReadGrant
            | A::ReadSync
            | A::ReadAlertRules
            | A::ReadRotations
    );
    let is_secret = matches!(
        action,
        A::ChangeCredentials
            | A::RotateCredentials
            | A::ManageRotations
            | A::ManageEndpointSecrets
            | A::RotateDestinationSecrets
            | A::ConnectGrant
            | A::RevokeGrant
    );
    let is_grave = is_secret || matches!(action, A::LowerProtection | A::DeleteIntegration);
    let restricted = it.classification == Classification::Restricted && !only_looks && !proven;
    let confidential = it.classification == Classification::Confidential
        && it.environment == DeploymentEnvironment::Production
        && is_grave
        && !proven;
    let identities = it.category == IntegrationType::IdentityProvider
        && is_secret
        && !has(asked.roles, &[Role::Owner, Role::Admin]);
    restricted || confidential || identities || it.organization_id != organization()
}

/// Whether the key stands in its own way.
fn barred_by_key(asked: &Asked<'_>, action: Action, resource: &Resource<'_>) -> bool {
    let Some(key) = asked.key else {
        return false;
    };
    let networks = &key.networks;
    let elsewhere = !networks.is_empty()
        && !asked
            .source
            .is_some_and(|ip| networks.iter().any(|one| one.contains(&ip)));
    let not_for_this = key
        .actions
        .as_ref()
        .is_some_and(|only| !only.contains(&action));
    let free = matches!(action, Action::ReadProviders | Action::ChangeInBulk);
    let out_of_reach = key
        .integrations
        .as_ref()
        .is_some_and(|only| match resource {
            Resource::Integration(it) => !only.contains(&it.id),
            _ => !free,
        });
    asked.now >= key.expires_at || elsewhere || not_for_this || out_of_reach
}

fn expected(asked: &Asked<'_>, action: Action, resource: &Resource<'_>) -> bool {
    let barred = match resource {
        Resource::Integration(it) => barred_by_attributes(asked, action, it),
        _ => false,
    };
    by_role(asked, action, resource) && !barred && !barred_by_key(asked, action, resource)
}

/// What `action` is done to, in every way.
pub(super) fn resources(action: Action) -> Vec<Resource<'static>> {
    use Action as A;
    let elevation = |requested_by, role| Resource::Elevation {
        id: "elv_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
        requested_by,
        role,
    };
    match action {
        A::ReadProviders
        | A::ListIntegrations
        | A::ChangeInBulk
        | A::ReadIncidents
        | A::ManageIncidents
        | A::ApprovePlaybooks
        | A::ManagePlaybooks
        | A::ReadAudit
        | A::VerifyAudit
        | A::ReviewAccess
        | A::ListApiKeys
        | A::ListRevocations
        | A::RevokeTokens
        | A::ListElevations
        | A::CreateApiKey
        | A::RevokeApiKey
        | A::GrantOwner
        | A::ReadAlerts
        | A::ManageAlerts
        | A::ReadRetention
        | A::ManageRetention
        | A::SettleAlerts
        | A::RotateInEmergency
        | A::RotateDataKey
        | A::RequestElevation => {
            vec![Resource::Organization]
        }
        A::ApproveElevation | A::DenyElevation | A::EndElevation => vec![
            Resource::Organization,
            elevation("me", Role::Operator),
            elevation("me", Role::Owner),
            elevation("you", Role::Operator),
            elevation("you", Role::Owner),
        ],
        _ => {
            let mut all: Vec<_> = integrations()
                .into_iter()
                .map(Resource::Integration)
                .collect();
            if matches!(
                action,
                A::CreateIntegration | A::RunPlaybooks | A::ReadRotations
            ) {
                all.push(Resource::Organization);
            }
            all
        }
    }
}

pub(super) fn agree(
    caller: &Caller,
    elevations: &[ActiveElevation],
    source: Option<IpAddr>,
    now: Timestamp,
) {
    for action in Action::ALL {
        for resource in resources(*action) {
            let scope = match &resource {
                Resource::Integration(it) => Some(it.id),
                _ => None,
            };
            // An elevation counts before its end, for its integrations.
            let added = elevations.iter().filter(|one| {
                let only = one.integrations.as_ref();
                one.ends_at > now
                    && only.is_none_or(|only| scope.is_some_and(|id| only.contains(&id)))
            });
            let key = caller.api_key.as_deref();
            let asked = Asked {
                roles: added.fold(caller.roles, |roles, one| {
                    if key.is_some() {
                        roles
                    } else {
                        roles.with(one.role)
                    }
                }),
                standing: caller.roles,
                mfa: caller.mfa,
                key,
                source,
                now,
            };
            let circumstances = Circumstances {
                now,
                source,
                elevations,
            };
            let decided = decide(caller, *action, &resource, &circumstances).unwrap();
            let expected = expected(&asked, *action, &resource);
            assert_eq!(
                decided, expected,
                "{action} on {resource:?} by {caller:?} at {now} from {source:?}, {elevations:?}"
            );
        }
    }
}

fn some_roles() -> Vec<Roles> {
    let single = Role::ALL.into_iter().map(|role| Roles::NONE.with(role));
    let pair = [Role::Operator, Role::Auditor].into_iter().collect();
    single.chain([Roles::NONE, pair]).collect()
}

pub(super) fn elevated(role: Role, integrations: Option<&str>, seconds: i64) -> ActiveElevation {
    ActiveElevation {
        id: "elv_01K72Z5QSW0123456789ABCDEF".parse().unwrap(),
        role,
        integrations: integrations.map(|id| [id.parse().unwrap()].into()),
        ends_at: Timestamp::from_second(now().as_second() + seconds).unwrap(),
    }
}

#[test]
fn people_may_do_what_the_oracle_says() {
    for roles in some_roles() {
        for mfa in [false, true] {
            agree(&person(roles, mfa), &[], None, now());
        }
    }
}

#[test]
fn elevated_people_may_do_what_the_oracle_says() {
    for roles in [
        Roles::NONE,
        Roles::NONE.with(Role::Viewer),
        Roles::NONE.with(Role::Admin),
    ] {
        for elevation in [
            elevated(Role::Operator, None, 60),
            elevated(Role::Admin, None, 1),
            elevated(Role::Admin, Some(INTEGRATION), 60),
            elevated(Role::Admin, Some(OTHER_INTEGRATION), 60),
            elevated(Role::Owner, None, 60),
            elevated(Role::Owner, None, 0),
            elevated(Role::Owner, None, -60),
        ] {
            agree(&person(roles, true), &[elevation], None, now());
        }
    }
}

#[test]
fn an_elevation_that_has_ended_allows_nothing() {
    let (caller, resource) = (
        person(Roles::NONE, true),
        Resource::Integration(integrations()[3]),
    );
    for (seconds, allowed) in [(1, true), (0, false), (-1, false)] {
        let circumstances = Circumstances {
            now: now(),
            source: None,
            elevations: &[elevated(Role::Operator, None, seconds)],
        };
        let decided = decide(&caller, Action::CallProvider, &resource, &circumstances);
        assert_eq!(decided.unwrap(), allowed, "{seconds}");
    }
}

#[test]
fn machines_may_do_what_the_oracle_says() {
    let networks = [
        "10.0.0.0/8",
        "192.0.2.7/32",
        "2001:db8::/32",
        "198.51.100.0/24",
    ];
    let networks: Vec<_> = networks.iter().map(|one| one.parse().unwrap()).collect();
    for roles in some_roles() {
        agree(&calling(machine(roles)), &[], None, now());
    }
    // Where it may call from and for how long is asked whatever its roles are.
    for roles in [Role::Owner, Role::Auditor].map(|role| Roles::NONE.with(role)) {
        let bound = |count: usize| ApiKey {
            networks: networks[..count].to_vec(),
            ..machine(roles)
        };
        let late = now().plus(Duration::from_secs(1));
        agree(&calling(bound(0)), &[], None, late);
        agree(&calling(bound(4)), &[], None, now());
        for (count, source) in [
            (1, "10.1.2.3"),
            (3, "2001:db8::1"),
            (3, "198.51.100.1"),
            (4, "198.51.100.1"),
        ] {
            let source = Some(source.parse().unwrap());
            agree(&calling(bound(count)), &[], source, now());
        }
    }
}
