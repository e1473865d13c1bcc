//! What derives a schema reads fewer of serde's attributes than serde does. Where it passes one over, the
//! API's description says another thing than what is sent.

use super::{File, assert_kept, code_lines};

/// utoipa does not know it. `rename_all` at each variant says the same, and is known to both.
const UNKNOWN: &str = "rename_all_fields";

fn unread_attributes(file: &File) -> Vec<String> {
    if !file.is_deployed() {
        return Vec::new();
    }
    let lines = code_lines(&file.text).filter(|(_, code)| code.contains(UNKNOWN));
    lines
        .map(|(number, _)| format!("line {number}: {UNKNOWN}"))
        .collect()
}

#[test]
fn schemas_are_derived_from_attributes_that_are_read() {
    assert_kept(unread_attributes);
}

#[test]
fn an_attribute_that_is_not_read_is_found() {
    let found = |path: &str, text: &str| unread_attributes(&File::new(path, text)).len();
    let line = "#[serde(tag = \"kind\", rename_all_fields = \"camelCase\")]";
    assert_eq!(found("shared/src/domain/auth/mod.rs", line), 1);
    assert_eq!(found("functions/gateway/src/bodies.rs", line), 1);
    let known = "    #[serde(rename_all = \"camelCase\")]";
    assert_eq!(found("shared/src/domain/auth/mod.rs", known), 0);
    assert_eq!(found("tests/src/lib.rs", line), 0);
}
