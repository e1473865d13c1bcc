//! A file that must be scrolled for long is two files, and one that is no text is none of ours.

use super::{File, assert_kept, paths, root, text_of};

fn too_long(file: &File) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let is_main = file.path.starts_with("functions/") && file.path.ends_with("/src/main.rs");
    let limit = match (is_main, file.is_test()) {
        (true, _) => 40,
        (false, true) => 500,
        (false, false) => 400,
    };
    let lines = file.text.lines().count();
    if lines > limit {
        vec![format!("{lines} lines; at most {limit}")]
    } else {
        Vec::new()
    }
}

#[test]
fn no_file_is_too_long() {
    assert_kept(too_long);
}

#[test]
fn every_file_is_a_text() {
    let is_foreign = |path: &String| text_of(&root().join(path)).is_none();
    let foreign: Vec<String> = paths().into_iter().filter(is_foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}");
}

#[test]
fn a_file_that_is_no_text_is_found() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"PK\x03\x04\xff").unwrap();
    assert_eq!(text_of(file.path()), None);
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let found =
        |path: &str, lines: usize| !too_long(&File::new(path, &"\n".repeat(lines))).is_empty();
    for (path, limit) in [
        ("functions/webhooks/src/main.rs", 40),
        ("shared/src/store/mod.rs", 400),
        ("tests/it/main.rs", 500),
        ("shared/src/access/tests.rs", 500),
    ] {
        assert!(!found(path, limit), "{path}");
        assert!(found(path, limit + 1), "{path}");
    }
}
