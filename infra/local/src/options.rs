use std::path::PathBuf;

use clap::{Parser, Subcommand};
use ipnet::IpNet;

/// Runs the whole of Gatehouse on this machine: the functions, and in place of AWS an HTTP front,
/// queues, a table, secrets and keys. State is kept in a folder and survives restarts.
#[derive(Debug, Parser)]
#[command(name = "gatehouse", version)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The port on 127.0.0.1 to listen on; 0 for any.
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// The folder that keeps the state.
    #[arg(long, default_value = ".gatehouse", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// A network that destinations may be in though it is not public, such as 127.0.0.0/8. Can be
    /// given several times.
    #[arg(long, value_name = "CIDR")]
    pub(crate) allow_egress: Vec<IpNet>,
    /// Say where the system is in one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The template that says which routes, queues, functions and tables there are.
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"))]
    pub(crate) template: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs a file of webhook vectors through the signature engine, each at its own time. Prints
    /// what differs and the totals by provider. Fails if a vector differs that has only one right
    /// verdict.
    Verify {
        /// A JSON array of vectors.
        file: PathBuf,
    },
}
