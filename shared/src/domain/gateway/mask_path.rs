use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a JSON document has what is to be masked: names with dots between them, `*` for any
/// name, `[]` for each item of an array, and `**` in front for any depth. Such as
/// `customer.email`, `items[].card.number`, `**.birthday`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 256, examples("items[].card.number"))]
pub struct MaskPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    AnyName,
    Item,
    AnyDepth,
}

/// A text is no path into a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected names with `.` between them; `*` is any name, `[]` an item, `**.` any depth")]
pub struct MaskPathError;

/// A step into a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way<'a> {
    /// To the member of this name.
    Name(&'a str),
    /// To an item of an array.
    Item,
}

/// The paths that can still be reached from a place in a document.
#[derive(Clone, Debug)]
pub(super) struct Reach<'p>(Vec<&'p [Step]>);

impl<'p> Reach<'p> {
    pub(super) fn of(paths: &'p [MaskPath]) -> Self {
        Self(paths.iter().map(|path| path.0.as_slice()).collect())
    }

    /// One step further.
    pub(super) fn after(&self, into: Way<'_>) -> Self {
        let mut paths = Vec::new();
        for path in &self.0 {
            let (first, rest) = path.split_first().unzip();
            let (step, rest) = if first == Some(&Step::AnyDepth) {
                paths.push(*path);
                rest.and_then(<[Step]>::split_first).unzip()
            } else {
                (first, rest)
            };
            let fits = match (step, into) {
                (Some(Step::Name(expected)), Way::Name(name)) => expected == name,
                (Some(Step::AnyName), Way::Name(_)) | (Some(Step::Item), Way::Item) => true,
                _ => false,
            };
            paths.extend(rest.filter(|_| fits));
        }
        Self(paths)
    }

    /// Whether a path ends here.
    pub(super) fn is_end(&self) -> bool {
        self.0.iter().any(|path| path.is_empty())
    }
}

impl MaskPath {
    const MAX_LENGTH: usize = 256;
}

impl FromStr for MaskPath {
    type Err = MaskPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::MAX_LENGTH || text.chars().any(char::is_control) {
            return Err(MaskPathError);
        }
        let mut steps = Vec::new();
        let text = match text.strip_prefix("**.") {
            Some(rest) => {
                steps.push(Step::AnyDepth);
                rest
            }
            None => text,
        };
        for (index, part) in text.split('.').enumerate() {
            let name = part.trim_end_matches("[]");
            let items = (part.len() - name.len()) / 2;
            match name {
                // The document itself may be an array.
                "" if index == 0 && items > 0 => {}
                "*" => steps.push(Step::AnyName),
                name if name.is_empty() || name.contains(['*', '[', ']']) => {
                    return Err(MaskPathError);
                }
                name => steps.push(Step::Name(name.to_owned())),
            }
            steps.extend(std::iter::repeat_n(Step::Item, items));
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for MaskPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            let is_name = !matches!(step, Step::Item);
            if is_name && index > 0 {
                f.write_str(".")?;
            }
            f.write_str(match step {
                Step::Name(name) => name,
                Step::AnyName => "*",
                Step::Item => "[]",
                Step::AnyDepth => "**",
            })?;
        }
        Ok(())
    }
}

impl TryFrom<String> for MaskPath {
    type Error = MaskPathError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MaskPath> for String {
    fn from(path: MaskPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_as_it_was() {
        for text in [
            "a", "a.b", "a[].b", "[].a", "[][]", "*.b", "**.b", "**.b[]", "a[][].*",
        ] {
            let path: MaskPath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        let long = "x".repeat(257);
        for text in [
            "", ".", "a.", ".a", "a..b", "a[0]", "a[", "a*", "**", "a.**.b", "a.[]", &long,
        ] {
            assert_eq!(text.parse::<MaskPath>(), Err(MaskPathError), "{text}");
        }
    }
}
