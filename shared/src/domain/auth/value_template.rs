use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A text with fields of the credentials in it, such as `Bearer {apiKey}`.
///
/// `{name}` stands for a field, `{{` and `}}` for braces. It is filled in once: what a field holds
/// is not read as a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, max_length = 4096, examples("Bearer {apiKey}"))]
pub struct ValueTemplate(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(String),
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplatePiece<'t> {
    /// It stands for itself.
    Text(&'t str),
    /// It stands for the field of this name.
    Field(&'t str),
}

/// Why a text is not a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueTemplateError {
    /// Too long.
    #[error("expected at most {} characters", ValueTemplate::MAX_LENGTH)]
    Length,
    /// A control character: a header could be made to end there.
    #[error("must not hold control characters")]
    Control,
    /// A brace that belongs to nothing.
    #[error("`{{` and `}}` enclose the name of a field; a brace itself is written twice")]
    Brace,
}

impl ValueTemplate {
    const MAX_LENGTH: usize = 4096;

    /// The template that is one field and nothing else.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self(vec![Part::Field(name.to_owned())])
    }

    /// Its pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = TemplatePiece<'_>> {
        self.0.iter().map(|part| match part {
            Part::Text(text) => TemplatePiece::Text(text),
            Part::Field(name) => TemplatePiece::Field(name),
        })
    }

    /// The names of the fields in it.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.pieces().filter_map(|piece| match piece {
            TemplatePiece::Field(name) => Some(name),
            TemplatePiece::Text(_) => None,
        })
    }

    /// Hands the pieces of the result to `push`, in order, with each field as `value` has it.
    ///
    /// # Errors
    ///
    /// The name of the first field that `value` does not have.
    pub fn fill<'t, 'v>(
        &'t self,
        mut value: impl FnMut(&str) -> Option<&'v str>,
        mut push: impl FnMut(&str),
    ) -> Result<(), &'t str> {
        for part in &self.0 {
            match part {
                Part::Text(text) => push(text),
                Part::Field(name) => push(value(name).ok_or(name.as_str())?),
            }
        }
        Ok(())
    }
}

impl FromStr for ValueTemplate {
    type Err = ValueTemplateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ValueTemplateError::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(ValueTemplateError::Control);
        }
        let (mut parts, mut literal) = (Vec::new(), String::new());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.next_if_eq(&c).is_some() => literal.push(c),
                '{' => {
                    let mut name = String::new();
                    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                        name.push(c);
                    }
                    if name.is_empty() || chars.next() != Some('}') {
                        return Err(ValueTemplateError::Brace);
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Field(name));
                }
                '}' => return Err(ValueTemplateError::Brace),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for ValueTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                Part::Field(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for ValueTemplate {
    type Error = ValueTemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ValueTemplate> for String {
    fn from(template: ValueTemplate) -> Self {
        template.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> String {
        let template: ValueTemplate = template.parse().unwrap();
        let mut text = String::new();
        let values = |name: &str| (name == "apiKey").then_some("{secret}");
        template.fill(values, |piece| text.push_str(piece)).unwrap();
        text
    }

    #[test]
    fn fields_are_filled_in_once() {
        assert_eq!(filled("Bearer {apiKey}"), "Bearer {secret}");
        assert_eq!(filled("{apiKey}:{apiKey}"), "{secret}:{secret}");
        assert_eq!(filled("{{{apiKey}}}"), "{{secret}}");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn a_field_that_is_not_there_is_named() {
        let template: ValueTemplate = "{apiKey}{token}".parse().unwrap();
        assert_eq!(template.fill(|_| None, |_| ()), Err("apiKey"));
        assert_eq!(template.fields().collect::<Vec<_>>(), ["apiKey", "token"]);
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        for text in ["Bearer {apiKey}", "{{\"key\":\"{a_1}\"}}", "", "plain"] {
            let template: ValueTemplate = text.parse().unwrap();
            assert_eq!(template.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_template_is_refused() {
        for text in ["{", "}", "{}", "{a b}", "{a", "a}", "{a{b}}", "{\u{e4}}"] {
            assert_eq!(
                text.parse::<ValueTemplate>(),
                Err(ValueTemplateError::Brace),
                "{text}"
            );
        }
        let too_long = "x".repeat(4097);
        assert_eq!(
            too_long.parse::<ValueTemplate>(),
            Err(ValueTemplateError::Length)
        );
        assert_eq!(
            "a\r\nb".parse::<ValueTemplate>(),
            Err(ValueTemplateError::Control)
        );
    }
}
