use std::fmt;

use jsonschema::{PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use super::super::FieldError;

mod measure;

use measure::Measure;

/// A compiled JSON Schema of request bodies.
///
/// It refers to nothing outside of itself; its patterns are matched in linear time (those that would
/// need more are refused); and parts that refer to others twice, which refer to others twice, and
/// so on, are refused as well. A part that refers to itself more than once can still take long on a
/// deep body.
pub struct RequestSchema(Validator);

/// Why a document is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Too long.
    #[error("expected a JSON Schema of at most {} bytes", RequestSchema::MAX_BYTES)]
    Length,
    /// Its parts refer to each other so often that a check would take too long.
    #[error("expected a JSON Schema whose parts refer to each other less often")]
    References,
    /// Not a JSON Schema, or not one that stands alone.
    #[error("not a JSON Schema: {0}")]
    Invalid(String),
}

/// What a schema refers to is not fetched.
struct NothingOutside;

impl Retrieve for NothingOutside {
    fn retrieve(&self, _: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err("a schema may refer only to its own parts".into())
    }
}

impl RequestSchema {
    const MAX_BYTES: usize = 64 * 1024;
    /// With every reference replaced by what it refers to, a schema has so many values at most.
    const MAX_VALUES: u64 = 100_000;
    /// So many errors are told at most.
    const MAX_ERRORS: usize = 20;

    /// Compiles a schema; of draft 2020-12, if `$schema` does not say which.
    ///
    /// # Errors
    ///
    /// If it is not one, is too long, or refers to something outside of itself.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        if schema.to_string().len() > Self::MAX_BYTES {
            return Err(SchemaError::Length);
        }
        let size = Measure::of(schema);
        if size.values > Self::MAX_VALUES || size.height > Measure::MAX_DEPTH {
            return Err(SchemaError::References);
        }
        let validator = jsonschema::options()
            .with_retriever(NothingOutside)
            .with_pattern_options(PatternOptions::regex())
            .build(schema);
        validator
            .map(Self)
            .map_err(|error| SchemaError::Invalid(shortened(error.masked().to_string())))
    }

    /// Checks a body, whose place in the request is `pointer`.
    ///
    /// # Errors
    ///
    /// What is wrong, with its place, and without the values that are.
    pub fn check(&self, pointer: &str, body: &Value) -> Result<(), Vec<FieldError>> {
        let errors = self.0.iter_errors(body).take(Self::MAX_ERRORS);
        let errors: Vec<FieldError> = errors
            .map(|error| {
                let pointer = format!("{pointer}{}", error.instance_path());
                FieldError::new(
                    pointer,
                    shortened(error.masked_with("the value").to_string()),
                )
            })
            .collect();
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(300) {
        Some((end, _)) => message.get(..end).unwrap_or_default().to_owned() + "…",
        None => message,
    }
}

impl fmt::Debug for RequestSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSchema").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compiled(schema: &Value) -> Result<(), SchemaError> {
        RequestSchema::compile(schema).map(|_| ())
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said_without_its_values() {
        let schema = json!({
            "type": "object",
            "required": ["name"],
            "properties": {"tags": {"type": "array", "items": {"type": "string", "maxLength": 3}}},
        });
        let schema = RequestSchema::compile(&schema).unwrap();
        assert_eq!(schema.check("/body", &json!({"name": 1})), Ok(()));
        let errors = schema
            .check("/body", &json!({"tags": ["a", "canary", 7]}))
            .unwrap_err();
        let mut pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/body", "/body/tags/1", "/body/tags/2"]);
        assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
    }

    #[test]
    fn no_more_errors_are_told_than_are_read() {
        let schema = RequestSchema::compile(&json!({"items": {"type": "string"}})).unwrap();
        let errors = schema.check("", &json!(vec![1; 100])).unwrap_err();
        assert_eq!(errors.len(), RequestSchema::MAX_ERRORS);
    }

    #[test]
    fn a_schema_stands_alone() {
        for schema in [
            json!({"$ref": "https://example.com/schema"}),
            json!({"$ref": "file:///etc/hosts"}),
            json!({"$ref": "other.json"}),
            json!({"$schema": "https://example.com/meta"}),
        ] {
            assert!(
                matches!(compiled(&schema), Err(SchemaError::Invalid(_))),
                "{schema}"
            );
        }
        let own = json!({"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"});
        assert_eq!(compiled(&own), Ok(()));
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        for schema in [
            json!({"type": "text"}),
            json!({"pattern": "(?=a)"}),
            json!({"pattern": "(a)\\1"}),
            json!(7),
        ] {
            assert!(
                matches!(compiled(&schema), Err(SchemaError::Invalid(_))),
                "{schema}"
            );
        }
        let long = json!({"description": "x".repeat(RequestSchema::MAX_BYTES)});
        assert_eq!(compiled(&long), Err(SchemaError::Length));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
            "$ref": "#/$defs/a"});
        for schema in [
            schema,
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
        ] {
            if let Ok(schema) = RequestSchema::compile(&schema) {
                assert_eq!(schema.check("", &json!({"a": 1})), Ok(()));
            }
        }
    }

    #[test]
    fn references_that_double_again_and_again_are_refused() {
        let doubling = |count: usize| {
            let parts = (0..count).map(|n| {
                let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
                (format!("d{n}"), json!({"allOf": [next, next]}))
            });
            let mut parts: serde_json::Map<_, _> = parts.collect();
            parts.insert(format!("d{count}"), json!({"type": "object"}));
            json!({"$defs": parts, "$ref": "#/$defs/d0"})
        };
        assert_eq!(compiled(&doubling(60)), Err(SchemaError::References));
        assert_eq!(compiled(&doubling(5)), Ok(()));
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}});
        assert_eq!(compiled(&tree), Ok(()));
    }

    #[test]
    fn a_long_chain_of_references_is_refused() {
        let chain = |count: usize, name: &dyn Fn(usize) -> String| {
            let parts = (0..count).map(|n| {
                let next = json!({"not": {"$ref": format!("#/$defs/{}", name(n + 1))}});
                (name(n), next)
            });
            let mut parts: serde_json::Map<_, _> = parts.collect();
            parts.insert(name(count), json!(true));
            json!({"$defs": parts, "$ref": format!("#/$defs/{}", name(0))})
        };
        let ascending = |n: usize| format!("d{n:04}");
        let descending = |n: usize| format!("d{:04}", 9_999 - n);
        assert_eq!(
            compiled(&chain(1_000, &ascending)),
            Err(SchemaError::References)
        );
        assert_eq!(
            compiled(&chain(1_000, &descending)),
            Err(SchemaError::References)
        );
        let schema = RequestSchema::compile(&chain(100, &ascending)).unwrap();
        assert_eq!(schema.check("", &json!(1)), Ok(()));
    }

    #[test]
    fn a_hostile_pattern_takes_linear_time() {
        let schema = RequestSchema::compile(&json!({"pattern": "^(a+)+$"})).unwrap();
        let body = json!("a".repeat(100_000) + "!");
        assert_eq!(schema.check("", &body).unwrap_err().len(), 1);
    }
}
