//! docs/authentication.md shows configurations that are read, and credentials that suffice.

use std::path::Path;

use gatehouse::domain::{AuthConfig, AuthMethod};
use serde_json::Value;

fn examples(text: &str) -> Vec<Value> {
    let blocks = text.split("```json\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks
        .map(|block| serde_json::from_str(block).expect(block))
        .collect()
}

#[test]
fn every_example_is_read_and_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authentication.md");
    let examples = examples(&std::fs::read_to_string(path).unwrap());
    assert_eq!(examples.len(), 11);
    for example in examples {
        let method: AuthMethod = serde_json::from_value(example["authMethod"].clone()).unwrap();
        let config = AuthConfig::read(method, example.get("authConfig"));
        for field in config.unwrap().fields() {
            assert!(
                example["credentials"].get(&field).is_some(),
                "{field}: {example}"
            );
        }
    }
}
