use serde::{Deserialize, Deserializer};

/// A field of a change (RFC 7396): absent, it stays as it is; `null` clears it; anything else takes
/// its place.
///
/// A field of this type bears `#[serde(default)]`, and in a schema it is an `Option`:
/// `#[schema(value_type = Option<T>)]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// The field was absent.
    #[default]
    Keep,
    /// The field was `null`.
    Clear,
    /// The field was given.
    Set(T),
}

impl<T> Change<T> {
    /// The value that is given, if one is.
    pub fn given(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }

    /// What becomes of a field that may be absent.
    pub fn apply(self, current: Option<T>) -> Option<T> {
        match self {
            Self::Keep => current,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }

    /// What becomes of a field that always has a value: cleared, it has `cleared`.
    pub fn apply_or(self, current: T, cleared: T) -> T {
        match self {
            Self::Keep => current,
            Self::Clear => cleared,
            Self::Set(value) => value,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Clear, Self::Set))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default)]
        limit: Change<u32>,
    }

    #[test]
    fn absent_null_and_a_value_are_three_things() {
        for (text, expected, applied, filled) in [
            ("{}", Change::Keep, Some(1), 1),
            (r#"{"limit": null}"#, Change::Clear, None, 9),
            (r#"{"limit": 2}"#, Change::Set(2), Some(2), 2),
        ] {
            let body: Body = serde_json::from_str(text).unwrap();
            assert_eq!(body.limit, expected, "{text}");
            assert_eq!(body.limit.apply(Some(1)), applied, "{text}");
            assert_eq!(body.limit.apply_or(1, 9), filled, "{text}");
        }
        assert!(serde_json::from_str::<Body>(r#"{"limit": "2"}"#).is_err());
    }
}
