//! The grammar of the command line.

pub mod apply;
pub mod network;
pub mod run;

use super::listing::ListArgs;
use apply::{ApplyArgs, DiffArgs};
use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use network::NetworkVerb;
use run::RunArgs;
use std::path::PathBuf;

/// The network of a container host, done in eBPF.
#[derive(Debug, Parser)]
#[command(name = "netctl", bin_name = "netctl", version, arg_required_else_help = true)]
pub struct Cli {
    /// Where the agent listens
    #[arg(
        long,
        global = true,
        env = "NETD_SOCKET",
        value_name = "PATH",
        default_value = "/run/netd/netd.sock"
    )]
    pub socket: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What `netctl` can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make, list, join and remove networks
    #[command(subcommand)]
    Network(NetworkVerb),
    /// Run a command in a container of its own
    Run(RunArgs),
    /// List containers
    #[command(alias = "list")]
    Ps(PsArgs),
    /// Show all about containers or networks, as JSON
    Inspect(InspectArgs),
    /// Run a command in a running container
    Exec(ExecArgs),
    /// Print what a detached container wrote
    Logs(LogsArgs),
    /// Stop running containers
    Stop(StopArgs),
    /// Remove containers
    Rm(RemoveArgs),
    /// List the published ports of a container
    Port(PortArgs),
    /// Publish ports of a container, also while it runs
    Publish(PublishArgs),
    /// Stop publishing ports of a container, also while it runs
    Unpublish(PublishArgs),
    /// Make networks and containers as files say, in the words of Compose
    Apply(ApplyArgs),
    /// Show what apply would do
    Diff(DiffArgs),
    /// Print what exists as a file for apply
    Export,
    /// Print the JSON Schema of these files
    Schema,
    /// Show how the agent and its dataplane are
    Status(StatusArgs),
    /// Check what may stand in netd's way on this host
    Doctor(DoctorArgs),
    /// Show the status and the drops again and again, until interrupted
    Top(TopArgs),
    /// Show which packets were dropped, and why
    Drops(DropsArgs),
    /// Remove every trace of netd from this host and end the agent
    Teardown(ForceArgs),
    /// Print the completion script of a shell
    Completions(CompletionsArgs),
}

/// `inspect` and `network inspect`
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// `json`, or a template such as '{{.Name}}'
    #[arg(short, long)]
    pub format: Option<String>,
    /// Names, IDs or unique prefixes of IDs
    #[arg(required = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub names: Vec<String>,
}

/// `rm` and `network rm`
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// End containers that run; do not mind what does not exist
    #[arg(short, long)]
    pub force: bool,
    /// Names, IDs or unique prefixes of IDs
    #[arg(required = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub names: Vec<String>,
}

/// `network prune` and `teardown`
#[derive(Clone, Copy, Debug, Args)]
pub struct ForceArgs {
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
}

/// `ps`
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Also those that do not run
    #[arg(short, long)]
    pub all: bool,
    /// How to print them.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `exec`
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The container
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
    /// What to run
    #[arg(required = true, trailing_var_arg = true)]
    pub command: Vec<String>,
}

/// `logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Go on until the container ends
    #[arg(short, long)]
    pub follow: bool,
    /// The container
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
}

/// `stop`
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Seconds to wait before killing it
    #[arg(short, long, visible_alias = "time", value_name = "SECONDS", default_value_t = 10)]
    pub timeout: u64,
    /// The containers
    #[arg(required = true, value_parser = NonEmptyStringValueParser::new())]
    pub containers: Vec<String>,
}

/// `port`
#[derive(Debug, Args)]
pub struct PortArgs {
    /// The container
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
    /// Only where this port of the container leads
    #[arg(value_name = "PORT[/PROTO]")]
    pub port: Option<String>,
}

/// `publish` and `unpublish`
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// The container
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
    /// [ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp][,from=CIDR[,CIDR...]]
    #[arg(required = true, value_name = "SPEC")]
    pub specs: Vec<String>,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// `json`, or a template such as '{{.Version}}'
    #[arg(long)]
    pub format: Option<String>,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// `json`, or a template such as '{{.Level}} {{.What}}'
    #[arg(long)]
    pub format: Option<String>,
}

/// `top`
#[derive(Clone, Copy, Debug, Args)]
pub struct TopArgs {
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub delay: u64,
    /// End after so many looks; 0 is never
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 0)]
    pub count: u64,
}

/// `drops`
#[derive(Debug, Args)]
pub struct DropsArgs {
    /// Print what is added each second, until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// `json`, or a template such as '{{.Name}} {{.Packets}}'
    #[arg(long)]
    pub format: Option<String>,
}

/// `completions`
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// A shell that completion scripts are made for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_socket_may_stand_behind_the_verb() {
        let cli = Cli::try_parse_from(["netctl", "ps", "-aq", "--socket", "/tmp/s"]).unwrap();
        assert_eq!(cli.socket, PathBuf::from("/tmp/s"));
    }
}
