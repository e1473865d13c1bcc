use std::str::FromStr;

use serde::Deserialize;

/// What is signed, as a text with `{placeholders}`.
///
/// It is filled in once, on bytes: whatever a header or a body holds is never looked at again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(Vec<Part>);

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// These very bytes.
    Literal(String),
    /// The body, byte for byte.
    Body,
    /// The text of the timestamp, as it was sent.
    Timestamp,
    /// The text of the id header, as it was sent.
    Id,
    /// The URL as the provider called it.
    Url,
    /// Path and query of that URL.
    Path,
    /// The method, in capitals.
    Method,
    /// The text of a header that comes once.
    Header(String),
    /// The SHA-256 of the body, in lower-case hexadecimal.
    BodySha256,
}

impl Template {
    /// Its parts, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.0
    }
}

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or("a `{` is not closed")?;
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(match name {
                "body" => Part::Body,
                "timestamp" => Part::Timestamp,
                "id" => Part::Id,
                "url" => Part::Url,
                "path" => Part::Path,
                "method" => Part::Method,
                "body-sha256" => Part::BodySha256,
                other => match other.strip_prefix("header:") {
                    Some(name) => Part::Header(name.to_owned()),
                    None => return Err(format!("`{{{other}}}` is not known")),
                },
            });
            rest = tail;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_stand_between_literals() {
        let template: Template = "v0:{timestamp}:{body}".parse().unwrap();
        let literal = |text: &str| Part::Literal(text.to_owned());
        assert_eq!(
            template.parts(),
            [literal("v0:"), Part::Timestamp, literal(":"), Part::Body]
        );
        let template: Template = "{method}{header:x-a}{body-sha256}".parse().unwrap();
        let header = Part::Header("x-a".to_owned());
        assert_eq!(template.parts(), [Part::Method, header, Part::BodySha256]);
        assert!("{nothing}".parse::<Template>().is_err());
        assert!("{body".parse::<Template>().is_err());
    }
}
