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

use crate::options::{Command, Options};

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let end = match &options.command {
        Some(Command::Verify { file }) => verify::run(file, &mut std::io::stdout().lock()),
        None => system::run(&options).await.map(|()| true),
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
