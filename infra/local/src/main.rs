//! `local`: runs the whole of Gatehouse on one machine, or checks a file of webhook vectors.

mod announce;
mod front;
mod issuer;
mod options;
mod poller;
mod private_file;
mod serve;
mod system;
mod ticker;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use gatehouse::domain::Cause;

use crate::options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    let end = match &options.command {
        Some(Command::Verify { file }) => verify::run(file, &mut std::io::stdout().lock()),
        None => run(&options).map(|()| true),
    };
    match end {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            announce::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Cause> {
    let runtime = tokio::runtime::Runtime::new()?;
    let end = runtime.block_on(system::run(options));
    // The table may be amid its search for items that have expired, which takes minutes when it is
    // large; the next start searches again.
    runtime.shutdown_background();
    end
}
