use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

use super::Fields;

/// The hash of nothing: of a record that was deleted at the provider.
pub const HASH_OF_NOTHING: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The SHA-256 of what a record holds, in lower-case hexadecimal.
///
/// It is taken over JSON in one form only: without spaces, the names of each object sorted by their
/// bytes, and each number in one spelling, so that `1`, `1.0` and `1e0` are the same. In which order
/// fields arrive does not matter, nor in which order this build keeps them.
#[must_use]
pub fn content_hash(content: &Fields) -> String {
    let mut hasher = Sha256::new();
    object(content, &mut hasher);
    hex::encode(hasher.finalize())
}

fn value(value: &Value, hasher: &mut Sha256) {
    match value {
        Value::Null => hasher.update("null"),
        Value::Bool(true) => hasher.update("true"),
        Value::Bool(false) => hasher.update("false"),
        Value::Number(number) => hasher.update(spelled(number)),
        Value::String(text) => string(text, hasher),
        Value::Array(elements) => {
            hasher.update("[");
            for (n, element) in elements.iter().enumerate() {
                if n > 0 {
                    hasher.update(",");
                }
                self::value(element, hasher);
            }
            hasher.update("]");
        }
        Value::Object(members) => object(members, hasher),
    }
}

fn object(members: &Fields, hasher: &mut Sha256) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    hasher.update("{");
    for (n, (name, member)) in sorted.into_iter().enumerate() {
        if n > 0 {
            hasher.update(",");
        }
        string(name, hasher);
        hasher.update(":");
        value(member, hasher);
    }
    hasher.update("}");
}

fn string(text: &str, hasher: &mut Sha256) {
    hasher.update(Value::from(text).to_string());
}

/// The one spelling of a number: digits alone if it is whole and below 2^64, what Rust writes with
/// an exponent otherwise.
fn spelled(number: &Number) -> String {
    /// 2^64, which a float holds exactly.
    const END: f64 = 18_446_744_073_709_551_616.0;
    if number.is_i64() || number.is_u64() {
        return number.to_string();
    }
    match number.as_f64() {
        Some(float) if float.fract() == 0.0 && float.abs() < END => {
            // Without the sign of zero.
            format!("{:.0}", if float == 0.0 { 0.0 } else { float })
        }
        Some(float) => format!("{float:e}"),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn hash(value: Value) -> String {
        content_hash(value.as_object().unwrap())
    }

    #[test]
    fn the_hash_of_nothing_is_that() {
        assert_eq!(hex::encode(Sha256::digest(b"")), HASH_OF_NOTHING);
    }

    /// The hash is stored: another form would make each record look changed.
    #[test]
    fn the_form_stays_as_it_is() {
        let content = json!({"b": [1.0, -0.0, 2.5, null, true], "a": {"é\n": "\u{1}/", "": {}}});
        let form = "{\"a\":{\"\":{},\"é\\n\":\"\\u0001/\"},\"b\":[1,0,2.5e0,null,true]}";
        let expected = hex::encode(Sha256::digest(form));
        assert_eq!(hash(content), expected);
    }

    #[test]
    fn what_is_equal_has_one_hash_and_what_is_not_has_another() {
        let read = |text: &str| hash(serde_json::from_str(text).unwrap());
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":1.0}"#),
            (r#"{"a":1}"#, r#"{"a":1e0}"#),
            (r#"{"a":0}"#, r#"{"a":-0.0}"#),
            (r#"{"a":100}"#, r#"{"a":1E2}"#),
            (r#"{"a":0.5}"#, r#"{"a":50e-2}"#),
            (r#"{"a":"é"}"#, r#"{"a":"\u00e9"}"#),
            (
                r#"{"a":1,"b":{"c":2,"d":3}}"#,
                r#"{"b":{"d":3,"c":2},"a":1}"#,
            ),
            (r#"{"a":9007199254740992}"#, r#"{"a":9007199254740992.0}"#),
        ] {
            assert_eq!(read(one), read(other), "{one} {other}");
        }
        for (one, other) in [
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":null}"#, r"{}"),
            (r#"{"a":[1,2]}"#, r#"{"a":[2,1]}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[12]}"#),
            (r#"{"a":{"b":1}}"#, r#"{"a":{},"b":1}"#),
            (r#"{"a":9007199254740993}"#, r#"{"a":9007199254740992}"#),
            (
                r#"{"a":18446744073709551615}"#,
                r#"{"a":1.8446744073709552e19}"#,
            ),
        ] {
            assert_ne!(read(one), read(other), "{one} {other}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,5}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,3}", inner, 0..5)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn reversed(value: &Value) -> Value {
        match value {
            Value::Array(elements) => elements.iter().map(reversed).collect(),
            Value::Object(members) => {
                let members = members.iter().rev();
                let members = members.map(|(name, member)| (name.clone(), reversed(member)));
                Value::Object(members.collect())
            }
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn order_and_a_way_through_text_do_not_matter(
            members in prop::collection::btree_map(".{0,3}", json(), 0..6),
        ) {
            let content: Fields = members.into_iter().collect();
            let expected = content_hash(&content);
            let other = reversed(&Value::Object(content.clone()));
            prop_assert_eq!(&hash(other.clone()), &expected);
            let text = other.to_string();
            prop_assert_eq!(&hash(serde_json::from_str(&text).unwrap()), &expected);
        }
    }
}
