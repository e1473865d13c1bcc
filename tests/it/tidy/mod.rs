//! The rules of the code base that no compiler and no linter checks. Each rule is a function from
//! text to what is wrong with it, so that a test can show that it is able to fail.
#![expect(
    clippy::unwrap_used,
    reason = "clippy does not see that these helpers belong to tests"
)]

mod acceptance;
mod events;
mod keys;
mod manifests;
mod modules;
mod schemas;
mod sizes;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the repository.
pub(super) struct File {
    /// Its path from the root, with `/` between the parts.
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is code that runs in a Lambda: of `shared` or of a function, and no test.
    fn is_deployed(&self) -> bool {
        let of_ours = self.path.starts_with("shared/src/")
            || (self.path.starts_with("functions/") && self.path.contains("/src/"));
        of_ours && self.is_rust() && !self.is_test()
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/")
            || self.path.contains("/tests/")
            || self.path.ends_with("/tests.rs")
    }
}

/// What no person writes.
const NOT_OURS: [&str; 6] = [
    ".git",
    ".gatehouse",
    "__pycache__",
    "node_modules",
    "proptest-regressions",
    "target",
];

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every text file of the repository.
fn repository() -> Vec<File> {
    let paths = paths();
    let text = |path: &String| Some(File::new(path, &text_of(&root().join(path))?));
    paths.iter().filter_map(text).collect()
}

/// Every file of the repository.
fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    collect(&root(), "", &mut paths);
    assert!(paths.len() > 50, "the repository was not found");
    paths
}

/// What a file says, if it is a text.
fn text_of(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

fn collect(folder: &Path, prefix: &str, paths: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if NOT_OURS.contains(&name.as_str()) {
            continue;
        }
        let kind = entry.file_type().unwrap();
        let path = format!("{prefix}{name}");
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), paths);
        } else if kind.is_file() {
            paths.push(path);
        }
    }
}

/// Fails with all that `rule` finds in the repository.
fn assert_kept(rule: impl Fn(&File) -> Vec<String>) {
    let broken: Vec<String> = repository()
        .iter()
        .flat_map(|file| {
            rule(file)
                .into_iter()
                .map(|what| format!("{}: {what}", file.path))
        })
        .collect();
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

/// The lines of code, numbered from 1: neither comments nor documentation.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}
