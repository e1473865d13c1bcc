use std::fmt;

use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A regular expression that a whole text has to fit.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = "regex")]
pub struct Pattern(Regex);

const START: &str = "^(?:";
const END: &str = ")$";

/// Larger ones are no patterns of names and keys.
const MAX_COMPILED_BYTES: usize = 64 * 1024;

impl Pattern {
    /// Whether the whole of `text` fits.
    #[must_use]
    pub fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_str().strip_prefix(START);
        f.write_str(
            text.and_then(|text| text.strip_suffix(END))
                .unwrap_or_default(),
        )
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex_lite::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // By itself first: `a)|(b` would be one only between the parentheses.
        Regex::new(&text)?;
        let regex = regex_lite::RegexBuilder::new(&format!("{START}{text}{END}"))
            .size_limit(MAX_COMPILED_BYTES)
            .build()?;
        Ok(Self(regex))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern, regex_lite::Error> {
        text.to_owned().try_into()
    }

    #[test]
    fn the_whole_text_has_to_fit() {
        let key = pattern("sk_[a-z]+|rk").unwrap();
        for (text, expected) in [
            ("sk_a", true),
            ("rk", true),
            ("xrk", false),
            ("rkx", false),
            ("sk_a\n", false),
            ("sk_a rk", false),
            ("", false),
        ] {
            assert_eq!(key.fits(text), expected, "{text:?}");
        }
        assert_eq!(key.to_string(), "sk_[a-z]+|rk");
    }

    #[test]
    fn what_does_not_compile_by_itself_is_refused() {
        for text in ["(", "a)|(b", "[a", "(?:(?:a{1000}){1000}){1000}"] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }
}
