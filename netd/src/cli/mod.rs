//! `netctl`: what people type, turned into requests to the agent, and what comes back.

mod apply;
pub mod args;
mod containers;
mod doctor;
mod inspect;
mod listing;
mod networks;
pub mod output;
mod ports;
pub mod sandbox;
mod status;
mod template;
mod time;
mod top;

use crate::api::client::Client;
use crate::error::Result;
use args::{Cli, CompletionsArgs, Shell, Verb};
use clap::CommandFactory;

/// Does what the command line says. Returns the exit code.
///
/// # Errors
/// What failed, in one line; the caller prints it.
pub fn run(cli: Cli) -> Result<u8> {
    let client = Client::new(&cli.socket);
    match cli.verb {
        Verb::Network(verb) => networks::run(&client, verb),
        Verb::Run(args) => sandbox::run::run(&client, args),
        Verb::Ps(args) => containers::ps(&client, &args),
        Verb::Inspect(args) => inspect::any(&client, &args),
        Verb::Exec(args) => sandbox::exec::exec(&client, &args),
        Verb::Logs(args) => sandbox::log::logs(&client, &args),
        Verb::Stop(args) => containers::stop(&client, &args),
        Verb::Rm(args) => containers::rm(&client, &args),
        Verb::Port(args) => ports::port(&client, &args),
        Verb::Publish(args) => ports::publish(&client, args),
        Verb::Unpublish(args) => ports::unpublish(&client, args),
        Verb::Apply(args) => apply::apply(&client, &args),
        Verb::Diff(args) => apply::diff(&client, &args),
        Verb::Export => apply::export(&client),
        Verb::Schema => apply::schema(),
        Verb::Status(args) => status::status(&client, &args),
        Verb::Doctor(args) => doctor::doctor(&client, &args),
        Verb::Top(args) => top::top(&client, args),
        Verb::Drops(args) => status::drops(&client, &args),
        Verb::Teardown(args) => status::teardown(&client, args),
        Verb::Completions(args) => completions(args),
    }
}

fn completions(args: CompletionsArgs) -> Result<u8> {
    let shell = match args.shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "netctl", &mut script);
    output::print(script)?;
    Ok(0)
}
