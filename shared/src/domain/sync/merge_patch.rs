use serde_json::{Map, Value};

use super::Fields;

/// A record with a merge patch applied (RFC 7396 section 2): what is `null` goes, an object changes
/// the object that is there, and anything else takes its place.
#[must_use]
pub fn merge_patch(mut content: Fields, patch: Fields) -> Fields {
    for (name, change) in patch {
        if change.is_null() {
            content.remove(&name);
        } else {
            let merged = merged(content.remove(&name), change);
            content.insert(name, merged);
        }
    }
    content
}

fn merged(there: Option<Value>, change: Value) -> Value {
    match (there, change) {
        (Some(Value::Object(there)), Value::Object(change)) => {
            Value::Object(merge_patch(there, change))
        }
        // Of an object that is new, too, what is `null` is left out.
        (_, Value::Object(change)) => Value::Object(merge_patch(Map::new(), change)),
        (_, change) => change,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The cases of RFC 7396 appendix A whose result is an object.
    #[test]
    fn the_examples_of_the_rfc_come_out_as_it_says() {
        for (content, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b"}),
                json!({"b": "c"}),
                json!({"a": "b", "b": "c"}),
            ),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"a": [{"b": "c"}]}),
                json!({"a": [1]}),
                json!({"a": [1]}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let fields = |value: &Value| value.as_object().unwrap().clone();
            let merged = merge_patch(fields(&content), fields(&patch));
            assert_eq!(Value::Object(merged), result, "{content} {patch}");
        }
    }
}
