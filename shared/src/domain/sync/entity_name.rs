use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Digest;

/// The name of a kind of record: `contacts`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
pub struct EntityName(String);

/// Why a text is not the name of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 64 characters of `A-Z a-z 0-9 _ . -`, beginning with a letter or digit")]
pub struct EntityNameError;

impl EntityName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for it in keys of the table.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_parts(&[self.0.as_bytes()])
    }
}

impl FromStr for EntityName {
    type Err = EntityNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        (begins && text.len() <= 64 && text.chars().all(allowed))
            .then(|| Self(text.to_owned()))
            .ok_or(EntityNameError)
    }
}

impl TryFrom<String> for EntityName {
    type Error = EntityNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<EntityName> for String {
    fn from(name: EntityName) -> Self {
        name.0
    }
}

impl fmt::Display for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_names() {
        for name in ["contacts", "Account", "2fa", "user.profile", "a-b_c"] {
            assert_eq!(name.parse::<EntityName>().unwrap().as_str(), name);
        }
        for text in ["", ".a", "-a", "a b", "a#b", "ä", &"a".repeat(65)] {
            assert!(text.parse::<EntityName>().is_err(), "{text}");
        }
    }
}
