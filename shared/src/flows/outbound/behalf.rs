use crate::access::Caller;
use crate::domain::{Actor, OrganizationId};

/// On whose behalf a call is made.
pub(super) struct Behalf {
    /// Whose integration it uses.
    pub(super) organization: OrganizationId,
    /// How the log of requests names them, and by what their share of the limits is found.
    pub(super) subject: String,
    /// How the audit trail names them.
    pub(super) actor: Actor,
}

impl Behalf {
    /// Of a function that acts by itself.
    pub(super) fn of_system(organization: OrganizationId, function: &'static str) -> Self {
        Self {
            organization,
            subject: function.to_owned(),
            actor: Actor::system(function),
        }
    }
}

impl From<&Caller> for Behalf {
    fn from(caller: &Caller) -> Self {
        Self {
            organization: caller.organization_id,
            subject: caller.subject.clone(),
            actor: Actor::from(caller),
        }
    }
}
