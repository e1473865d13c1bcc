//! Words that stay out of the repository, and words that the glossary replaces by others.

use super::{File, assert_kept, code_lines};

/// Each of these in two halves, or this file would break its own rule.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("TO", "DO"), "do it, or leave it out"),
    (concat!("FIX", "ME"), "do it, or leave it out"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("crates", ".io/"), "a package registry's host"),
    (concat!("pypi", ".org"), "a package registry's host"),
    (concat!("python", "hosted.org"), "a package registry's host"),
    (concat!("npm", "js."), "a package registry's host"),
];

/// Words of other products that are no part of a type's name here.
const NOT_IN_TYPES: &[(&str, &str)] = &[
    ("Tenant", "Organization"),
    ("Vendor", "Provider"),
    ("Connector", "Integration"),
    ("Hook", "Endpoint"),
    ("Sink", "Destination"),
    ("Clash", "Conflict"),
];

fn forbidden_words(file: &File) -> Vec<String> {
    // Cargo writes its lock file, and names its registry there.
    if file.path == "Cargo.lock" {
        return Vec::new();
    }
    let lines = file.text.lines().zip(1..);
    lines
        .flat_map(|(text, line)| {
            FORBIDDEN
                .iter()
                .filter(move |(word, _)| text.contains(word))
                .map(move |(word, why)| format!("line {line}: `{word}`: {why}"))
        })
        .collect()
}

fn foreign_type_names(file: &File) -> Vec<String> {
    if !file.is_rust() || file.is_test() {
        return Vec::new();
    }
    code_lines(&file.text)
        .filter_map(|(line, code)| Some((line, declared_type(code)?)))
        .flat_map(|(line, name)| {
            NOT_IN_TYPES
                .iter()
                .filter(move |(word, _)| words_of(name).any(|part| part == *word))
                .map(move |(_, ours)| format!("line {line}: `{name}`: the word is {ours}"))
        })
        .collect()
}

/// The name of the type that a line declares.
fn declared_type(code: &str) -> Option<&str> {
    let mut words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.find(|word| ["struct", "enum", "trait", "type"].contains(word))?;
    words
        .next()
        .filter(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// The words that a name in capitals and small letters is made of.
fn words_of(name: &str) -> impl Iterator<Item = &str> {
    let starts: Vec<usize> = name
        .char_indices()
        .filter(|(_, c)| c.is_ascii_uppercase())
        .map(|(at, _)| at)
        .chain([name.len()])
        .collect();
    (1..starts.len()).filter_map(move |n| name.get(*starts.get(n - 1)?..*starts.get(n)?))
}

#[test]
fn no_forbidden_word_is_in_the_repository() {
    assert_kept(forbidden_words);
}

#[test]
fn types_are_named_by_the_glossary() {
    assert_kept(foreign_type_names);
}

#[test]
fn a_forbidden_word_is_found() {
    for (word, _) in FORBIDDEN {
        let text = format!("fine\nsee {word}x\n");
        assert_eq!(forbidden_words(&File::new("README.md", &text)).len(), 1);
        assert_eq!(forbidden_words(&File::new("Cargo.lock", &text)).len(), 0);
    }
}

#[test]
fn a_foreign_type_name_is_found() {
    let found = |text: &str| foreign_type_names(&File::new("shared/src/a.rs", text)).len();
    assert_eq!(found("pub struct TenantId(Ulid);"), 1);
    assert_eq!(found("pub(crate) enum EventSink {"), 1);
    assert_eq!(found("pub struct WebhookScheme;"), 0);
    assert_eq!(found("// a struct Tenant"), 0);
}
