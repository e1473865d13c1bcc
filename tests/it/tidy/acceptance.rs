//! The security page lists 25 acceptance tests. Each of them exists, where the page says, and for each it
//! is written down how its control is switched off.

use std::collections::BTreeSet;

use super::{File, repository};

const PAGE: &str = "docs/security.md";
const CONTROLS: &str = "tests/acceptance/controls/";
const TESTS: usize = 25;

/// The cells of the rows of the page's table of acceptance tests.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let section = page
        .split("\n## ")
        .find(|part| part.starts_with("Acceptance tests\n"));
    let lines = section.unwrap_or_default().lines();
    let rows = lines.filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").collect())
        .filter(|cells: &Vec<&str>| cells.first() != Some(&"No."))
        .collect()
}

/// The name and the path in ``[`name`](../path)``.
fn named(cell: &str) -> Option<(&str, &str)> {
    let (name, path) = cell.strip_prefix("[`")?.split_once("`](../")?;
    Some((name, path.strip_suffix(')')?))
}

/// Whether a line of code declares a test of this name.
fn declares(file: &File, name: &str) -> bool {
    let declaration = format!("fn {name}(");
    file.is_rust() && file.text.contains(&declaration)
}

fn wrong_rows(page: &str, files: &[File]) -> Vec<String> {
    let rows = rows(page);
    let mut wrong = Vec::new();
    if rows.len() != TESTS {
        wrong.push(format!("{} rows", rows.len()));
    }
    let mut names = BTreeSet::new();
    for (number, cells) in (1..).zip(&rows) {
        let Some((name, path)) = cells.last().and_then(|cell| named(cell)) else {
            wrong.push(format!("row {number}: no test"));
            continue;
        };
        let is_whole = cells.len() == 6 && cells.iter().all(|cell| !cell.trim().is_empty());
        if !is_whole || cells[0] != number.to_string() || !names.insert(name) {
            wrong.push(format!(
                "row {number}: it is not whole, out of order, or a test comes twice"
            ));
        }
        let places: Vec<&str> = files
            .iter()
            .filter(|file| declares(file, name))
            .map(|file| file.path.as_str())
            .collect();
        if places != [path] {
            wrong.push(format!("row {number}: {name} is in {places:?}"));
        }
    }
    wrong
}

/// What is wrong with how controls are switched off.
fn wrong_controls(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut missing: BTreeSet<usize> = (1..=TESTS).collect();
    for file in files.iter().filter(|file| file.path.starts_with(CONTROLS)) {
        let name = file.path.trim_start_matches(CONTROLS);
        let number = name
            .split_once('-')
            .and_then(|(number, _)| number.parse().ok());
        if !number.is_some_and(|number: usize| (1..=TESTS).contains(&number)) {
            wrong.push(format!("{name}: it is of no test"));
        }
        missing.remove(&number.unwrap_or_default());
        let (told, patch) = file.text.split_once("\ndiff --git ").unwrap_or_default();
        let says = |word: &str| {
            told.lines().any(|line| {
                line.strip_prefix(word)
                    .is_some_and(|text| !text.trim().is_empty())
            })
        };
        if !says("Round: ") || !says("Fails with: ") || patch.is_empty() {
            wrong.push(format!("{name}: it says too little"));
        }
    }
    wrong.extend(
        missing
            .iter()
            .map(|number| format!("{number}: nothing is switched off")),
    );
    wrong
}

fn page(files: &[File]) -> &str {
    let page = files.iter().find(|file| file.path == PAGE);
    &page.unwrap().text
}

#[test]
fn the_security_page_lists_25_tests_that_exist() {
    let files = repository();
    let wrong = wrong_rows(page(&files), &files);
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn each_of_them_has_a_control_that_can_be_switched_off() {
    let wrong = wrong_controls(&repository());
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_row_that_is_wrong_is_found() {
    let files = repository();
    let good = page(&files);
    for (from, to) in [
        ("| 7 | ", "| 8 | "),
        (
            "](../tests/it/local/restart.rs)",
            "](../tests/it/local/stop.rs)",
        ),
        (
            "`a_message_that_the_queue_repeats_has_one_effect`",
            "`nobody_wrote_this`",
        ),
        ("\n| 25 | ", "\n\n25 "),
        ("10 of 10, once each", " "),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        assert!(!wrong_rows(&changed, &files).is_empty(), "{from}");
    }
}

#[test]
fn a_control_that_is_wrong_is_found() {
    let whole = "Round: 1\nFails with: a\n\ndiff --git a/a b/a\n";
    let of = |name: &str, text: &str| {
        wrong_controls(&[File::new(&format!("{CONTROLS}{name}"), text)]).len()
    };
    assert_eq!(of("01-a.patch", whole), TESTS - 1);
    for (name, text) in [
        ("26-a.patch", whole),
        ("a.patch", whole),
        (
            "01-a.patch",
            "Round: 1\nFails with: \n\ndiff --git a/a b/a\n",
        ),
        ("01-a.patch", "Round: 1\nFails with: a\n"),
    ] {
        assert!(of(name, text) >= TESTS, "{name} {text}");
    }
}
