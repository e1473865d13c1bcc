use std::path::{Path, PathBuf};

/// A binary of the workspace, which cargo has put beside the tests'.
pub(super) fn find(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let file = tests.parent().and_then(Path::parent).unwrap().join(name);
    assert!(
        file.exists(),
        "there is no {}: run `cargo build --workspace` first",
        file.display()
    );
    file
}
