use std::fs;

/// What `integrations` serves.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn the_file_is_what_the_types_say() {
    let document = integrations::whole_document().unwrap();
    let document = serde_json::to_string_pretty(&document).unwrap() + "\n";
    let file = fs::read_to_string(FILE).unwrap_or_default();
    if file != document {
        fs::write(FILE, document).unwrap();
        panic!("functions/integrations/openapi.json was out of date; it is written anew");
    }
}
