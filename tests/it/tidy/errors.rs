//! Every error code has its row in docs/errors.md.

use std::collections::BTreeSet;

/// The codes of the rows of the table: the first cell, in backticks.
fn documented_codes(markdown: &str) -> BTreeSet<&str> {
    markdown
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(code, _)| code)
        .collect()
}

fn undocumented<'a>(codes: &[&'a str], markdown: &str) -> Vec<&'a str> {
    let documented = documented_codes(markdown);
    codes
        .iter()
        .filter(|code| !documented.contains(*code))
        .copied()
        .collect()
}

#[test]
fn a_code_without_a_row_is_found() {
    let page = "| Code | Status |\n|---|---|\n| `invalid` | 400 |\n\nSee `conflict`.\n";
    assert_eq!(undocumented(&["invalid", "conflict"], page), ["conflict"]);
}
