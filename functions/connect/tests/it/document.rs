use std::fs;

/// `integrations` serves this file with its own part.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_file_is_what_the_types_say() {
    let document = connect::document().to_pretty_json().unwrap() + "\n";
    let file = fs::read_to_string(FILE).unwrap_or_default();
    if file != document {
        fs::write(FILE, document).unwrap();
        panic!("functions/connect/openapi.json was out of date; it is written anew");
    }
}
