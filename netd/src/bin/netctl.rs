//! `netctl`: the command that people type.

use clap::Parser;
use netd::cli::{self, args::Cli, sandbox};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = sandbox::reentry(std::env::args()) {
        return ExitCode::from(code);
    }
    match cli::run(Cli::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            cli::output::complain(&error);
            ExitCode::from(error.code.exit_code())
        }
    }
}
