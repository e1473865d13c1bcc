//! The binary, over an export and what somebody has done to it.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what is not as expected fails the test"
)]

use std::path::Path;
use std::process::{Command, Output};

/// An export of one lane with three entries, and of the spine.
const EXPORT: &str = include_str!("export.jsonl");
/// An anchor that was made after it.
const ANCHOR: &str = include_str!("anchor.json");

fn run(lines: &[&str], anchor: Option<&str>) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("export.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-verifier"));
    command.arg(&file);
    if let Some(anchor) = anchor {
        let file = folder.path().join("anchor.json");
        std::fs::write(&file, anchor).unwrap();
        command.arg("--anchor").arg(&file);
    }
    shown(&command.output().unwrap())
}

fn shown(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn lines() -> Vec<&'static str> {
    EXPORT.lines().collect()
}

#[test]
fn an_export_that_nobody_has_touched_is_whole() {
    for anchor in [None, Some(ANCHOR)] {
        let (code, text) = run(&lines(), anchor);
        assert_eq!(code, Some(0), "{text}");
        assert!(text.starts_with("whole: 5 entries in 2 lanes"), "{text}");
    }
}

#[test]
fn each_tampering_is_named_with_its_place() {
    // The lines are: anchor, opening, then the entries 3, 2, 1.
    let mut deleted = lines();
    deleted.remove(3);
    let mut swapped = lines();
    swapped.swap(2, 3);
    let edited = lines().get(3).unwrap().replace("\"me\"", "\"you\"");
    let mut changed = lines();
    *changed.get_mut(3).unwrap() = &edited;
    let mut truncated = lines();
    truncated.remove(2);
    for (lines, expected) in [
        (deleted, "deleted lan_"),
        (swapped, "reordered lan_"),
        (changed, "edited lan_"),
        (truncated, "truncated lan_"),
    ] {
        let (code, text) = run(&lines, Some(ANCHOR));
        assert_eq!(code, Some(1), "{text}");
        assert!(text.starts_with(expected), "{text}");
        let place = if expected.starts_with("truncated") {
            " 3\n"
        } else {
            " 2"
        };
        assert!(text.contains(place), "{text}");
    }
}

#[test]
fn what_is_no_export_and_no_anchor_is_said_to_be_none() {
    let (code, text) = run(&["{}"], None);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("line 1"), "{text}");
    assert_eq!(run(&[], None).0, Some(2));
    let changed = ANCHOR.replace("\"sequence\":2", "\"sequence\":1");
    let (code, text) = run(&lines(), Some(&changed));
    assert_eq!(code, Some(2));
    assert!(text.contains("the anchor was changed"), "{text}");
    let missing = Path::new("/nonexistent/export.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-verifier"));
    assert_eq!(shown(&command.arg(missing).output().unwrap()).0, Some(2));
}
