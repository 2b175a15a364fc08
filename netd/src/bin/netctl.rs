//! `netctl`: the command that people type.

use netd::{
    cli::{self, sandbox},
    usage,
};
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = sandbox::reentry(std::env::args()) {
        return ExitCode::from(code);
    }
    match cli::run(usage::parse()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            cli::output::complain(&error);
            ExitCode::from(error.code.exit_code())
        }
    }
}
