//! `audit-verifier`: whether an exported audit trail is whole. Reads files and nothing else.

mod export;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Verifies an export of the audit trail: prints what was done to it and where, one finding a line.
/// Ends with 1 if something was, with 2 if a file cannot be read.
#[derive(Debug, Parser)]
#[command(name = "audit-verifier", version)]
struct Options {
    /// The pages of one export as JSON Lines, the first page first.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// An anchor of the same organization that was kept elsewhere, as JSON.
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let (text, end) = match export::verify(&options.files, options.anchor.as_deref()) {
        Ok(summary) if summary.findings.is_empty() => (summary.to_string(), 0),
        Ok(summary) => (summary.to_string(), 1),
        Err(error) => (format!("error: {error}\n"), 2),
    };
    let written = if end == 2 {
        std::io::stderr().lock().write_all(text.as_bytes())
    } else {
        std::io::stdout().lock().write_all(text.as_bytes())
    };
    // Who reads no output goes by the code.
    ExitCode::from(if written.is_ok() { end } else { 2 })
}
