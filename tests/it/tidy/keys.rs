//! Keys of the table are formatted in one file, and nothing scans the table.

use super::{File, assert_kept, code_lines};

/// Where keys are formatted.
const KEYS: &str = "shared/src/store/keys/";

fn formatted_keys(file: &File) -> Vec<String> {
    if !file.is_deployed() || file.path.starts_with(KEYS) {
        return Vec::new();
    }
    code_lines(&file.text)
        .filter(|(_, code)| looks_like_a_key(code))
        .map(|(line, _)| format!("line {line}: only store/keys formats a key"))
        .collect()
}

/// Whether a string of the line has `#` between a word in capitals, or a value, and a value or
/// another such word: `ORG#{id}`, `{org}#EVENTS`. An expression's `#name` has not.
fn looks_like_a_key(code: &str) -> bool {
    let strings = code.split('"').skip(1).step_by(2);
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_uppercase() || "{}".contains(c));
    strings
        .flat_map(|text| {
            text.match_indices('#')
                .map(move |(at, _)| text.split_at(at))
        })
        .any(|(before, after)| is_part(before.chars().next_back()) && is_part(after.chars().nth(1)))
}

fn scans(file: &File) -> Vec<String> {
    // An iterator's `scan` is caught too; `fold` or a loop says the same.
    if !file.is_deployed() {
        return Vec::new();
    }
    code_lines(&file.text)
        .filter(|(_, code)| code.contains(".scan("))
        .map(|(line, _)| format!("line {line}: nothing scans the table"))
        .collect()
}

#[test]
fn only_one_file_formats_keys() {
    assert_kept(formatted_keys);
}

#[test]
fn nothing_scans_the_table() {
    assert_kept(scans);
}

#[test]
fn a_key_formatted_elsewhere_is_found() {
    let found = |path: &str, text: &str| formatted_keys(&File::new(path, text)).len();
    let events = "shared/src/store/events.rs";
    assert_eq!(
        found(events, r#"let key = format!("ORG#{organization}");"#),
        1
    );
    assert_eq!(found(events, r#"    "{organization}#EVENTS","#), 1);
    assert_eq!(found(events, r#"format!("ORG#INTEGRATION#{id}")"#), 1);
    assert_eq!(
        found(
            "shared/src/store/keys/mod.rs",
            r#"format!("ORG#{organization}")"#
        ),
        0
    );
    assert_eq!(
        found(events, r##"format!("#data.deliveries[{index}]")"##),
        0
    );
}

#[test]
fn a_scan_is_found() {
    let found = |text: &str| scans(&File::new("shared/src/store/events.rs", text)).len();
    assert_eq!(found("        .scan()"), 1);
    assert_eq!(found("self.client.scan().send()"), 1);
    assert_eq!(found("self.scanned(page)"), 0);
}
