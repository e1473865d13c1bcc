//! The binary's command line. What it runs is tested in `tests/it/local`, which finds the binary
//! because cargo builds it for this test.

use std::process::Command;

#[test]
fn the_help_names_every_option_and_command() {
    let output = Command::new(env!("CARGO_BIN_EXE_local"))
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for word in ["--port", "--data", "--allow-egress", "--json", "verify"] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
}
