use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// What a person or a machine is to an organization. What each may do is said by the policies.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, and who else is an owner.
    Owner,
    /// Everything but that.
    Admin,
    /// Has integrations work: calls, tests, retries.
    Operator,
    /// Sets integrations up.
    Developer,
    /// Looks at who did and may do what.
    Auditor,
    /// Looks.
    Viewer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Owner,
        Self::Admin,
        Self::Operator,
        Self::Developer,
        Self::Auditor,
        Self::Viewer,
    ];

    /// Its name, in claims and in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Developer => "developer",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// The roles whose rights this role has directly besides its own. The policies' entities are
    /// made from this, so that the two cannot differ.
    #[must_use]
    pub fn includes(self) -> &'static [Self] {
        match self {
            Self::Owner => &[Self::Admin],
            Self::Admin => &[Self::Operator, Self::Developer, Self::Auditor],
            Self::Operator | Self::Developer | Self::Auditor => &[Self::Viewer],
            Self::Viewer => &[],
        }
    }

    /// Whether `other` is this role, or one that it includes, however indirectly.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == other || self.includes().iter().any(|role| role.covers(other))
    }

    fn bit(self) -> u8 {
        match self {
            Self::Owner => 1,
            Self::Admin => 1 << 1,
            Self::Operator => 1 << 2,
            Self::Developer => 1 << 3,
            Self::Auditor => 1 << 4,
            Self::Viewer => 1 << 5,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected owner, admin, operator, developer, auditor or viewer")]
pub struct RoleError;

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut roles = Self::ALL.into_iter();
        roles.find(|role| role.name() == text).ok_or(RoleError)
    }
}

/// Some of the roles.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Roles(u8);

impl Roles {
    /// No role at all.
    pub const NONE: Self = Self(0);

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `role` is one of them.
    #[must_use]
    pub fn contains(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// These roles and `role`.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// Each of them, the most powerful first.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL
            .into_iter()
            .filter(move |role| self.contains(*role))
    }

    /// Whether one of them covers `role`.
    #[must_use]
    pub fn cover(self, role: Role) -> bool {
        self.iter().any(|own| own.covers(role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        roles.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let roles = Vec::<Role>::deserialize(deserializer)?;
        Ok(roles.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_covers_what_it_includes_and_no_other() {
        for role in Role::ALL {
            assert!(Role::Owner.covers(role), "{role}");
            assert!(role.covers(role) && role.covers(Role::Viewer), "{role}");
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert!(!Role::Admin.covers(Role::Owner));
        assert!(Role::Admin.covers(Role::Auditor));
        assert!(!Role::Operator.covers(Role::Developer));
        assert!(!Role::Developer.covers(Role::Operator));
        assert!(!Role::Auditor.covers(Role::Operator));
        assert!("Owner".parse::<Role>().is_err());
    }

    #[test]
    fn roles_are_written_as_a_list() {
        let roles: Roles = [Role::Viewer, Role::Admin, Role::Viewer]
            .into_iter()
            .collect();
        let text = serde_json::to_string(&roles).unwrap();
        assert_eq!(text, r#"["admin","viewer"]"#);
        assert_eq!(serde_json::from_str::<Roles>(&text).unwrap(), roles);
        assert!(serde_json::from_str::<Roles>(r#"["root"]"#).is_err());
        assert!(roles.cover(Role::Auditor) && !roles.cover(Role::Owner));
        assert!(Roles::NONE.is_empty() && !roles.is_empty());
    }
}
