use std::fmt;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A pattern over paths under the base URL: `*` stands for one segment, `**` at the end for the
/// rest, even if there is none.
///
/// Segments are compared decoded, and a slash at the end makes no difference, so that no other
/// spelling of a path escapes its rules. Which paths are the same is the provider's to say, though:
/// rules of a route are no access control.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 512, examples("/customers/*/cards/**"))]
pub struct PathPattern(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Any,
    Rest,
}

/// A text is no pattern of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a path that starts with `/`; `*` stands for a segment, `**` at the end for all")]
pub struct PathPatternError;

impl PathPattern {
    const MAX_LENGTH: usize = 512;

    /// Whether `path`, as it is sent, fits.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut segments = segments(path);
        for expected in &self.0 {
            let fits = match (expected, segments.next()) {
                (Segment::Rest, _) => return true,
                (_, None) => false,
                (Segment::Any, Some(_)) => true,
                (Segment::Text(text), Some(segment)) => {
                    percent_decode_str(segment).eq(text.bytes())
                }
            };
            if !fits {
                return false;
            }
        }
        segments.next().is_none()
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_path = text.starts_with('/')
            && text.len() <= Self::MAX_LENGTH
            && text
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#');
        if !is_path {
            return Err(PathPatternError);
        }
        let mut parsed = Vec::new();
        let mut texts = segments(text).peekable();
        while let Some(text) = texts.next() {
            parsed.push(match text {
                "**" if texts.peek().is_none() => Segment::Rest,
                "*" => Segment::Any,
                text if text.is_empty() || text.contains('*') => return Err(PathPatternError),
                text => Segment::Text(text.to_owned()),
            });
        }
        Ok(Self(parsed))
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| match segment {
            Segment::Text(text) => write!(f, "/{text}"),
            Segment::Any => f.write_str("/*"),
            Segment::Rest => f.write_str("/**"),
        })
    }
}

impl TryFrom<String> for PathPattern {
    type Error = PathPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_a_segment_and_two_are_the_rest() {
        for (pattern, path, fits) in [
            ("/customers", "/customers", true),
            ("/customers", "/customers/", true),
            ("/customers/", "/customers", true),
            ("/customers", "/customers/1", false),
            ("/customers", "/Customers", false),
            ("/customers", "/%63ustomers", true),
            ("/customers/*", "/customers/1", true),
            ("/customers/*", "/customers/a%2Fb", true),
            ("/customers/*", "/customers", false),
            ("/customers/*", "/customers/1/cards", false),
            ("/customers/*/cards", "/customers/1/cards", true),
            ("/customers/**", "/customers", true),
            ("/customers/**", "/customers/1/cards", true),
            ("/customers/**", "/customersx", false),
            ("/", "/", true),
            ("/", "", true),
            ("/", "/a", false),
            ("/**", "/a/b", true),
            ("/people:batchGet", "/people:batchGet", true),
        ] {
            let parsed: PathPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        for text in ["/", "/a", "/a/*/b/**", "/**"] {
            assert_eq!(text.parse::<PathPattern>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = format!("/{}", "x".repeat(512));
        for text in [
            "", "a", "/a//b", "/**/a", "/a*", "/a b", "/a?b", "/a#", "/\u{e4}", &long,
        ] {
            assert_eq!(text.parse::<PathPattern>(), Err(PathPatternError), "{text}");
        }
    }
}
