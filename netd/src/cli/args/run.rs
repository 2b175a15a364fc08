//! The grammar of `netctl run`.

use crate::api::protocol::NetworkAttach;
use clap::Args;

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Run in the background and print the container's ID
    #[arg(short, long)]
    pub detach: bool,
    /// Forget the container when it ends
    #[arg(long)]
    pub rm: bool,
    /// Name of the container; one is made up where none is given
    #[arg(long)]
    pub name: Option<String>,
    /// The name that the container gives itself
    #[arg(long)]
    pub hostname: Option<String>,
    /// Network to be on; repeatable; `host` and `none` alone
    #[arg(long, visible_alias = "net", value_name = "NETWORK[,alias=A,ip=IP,ip6=IP]", value_parser = attachment)]
    pub network: Vec<NetworkAttach>,
    /// Publish a port: [ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp][,from=CIDR[,CIDR...]]
    #[arg(short, long, value_name = "SPEC")]
    pub publish: Vec<String>,
    /// Publish every exposed port on a picked one
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// Port that the command serves
    #[arg(long, value_name = "PORT[/PROTO]")]
    pub expose: Vec<String>,
    /// Line for the container's /etc/hosts
    #[arg(long, value_name = "HOST:IP")]
    pub add_host: Vec<String>,
    /// Resolver in place of the host's
    #[arg(long, value_name = "IP")]
    pub dns: Vec<String>,
    /// Environment variable
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub env: Vec<String>,
    /// What to run
    #[arg(required = true, trailing_var_arg = true)]
    pub command: Vec<String>,
}

fn attachment(text: &str) -> Result<NetworkAttach, String> {
    let mut attach = NetworkAttach::default();
    for (index, part) in text.split(',').enumerate() {
        match part.split_once('=') {
            Some(("name", value)) => attach.network = value.to_owned(),
            Some(("alias", value)) => attach.aliases.push(value.to_owned()),
            Some(("ip", value)) => attach.ip = Some(value.to_owned()),
            Some(("ip6", value)) => attach.ip6 = Some(value.to_owned()),
            None if index == 0 => attach.network = part.to_owned(),
            _ => return Err(format!("{part:?} is none of name=, alias=, ip=, ip6=")),
        }
    }
    if attach.network.is_empty() {
        return Err("it names no network".to_owned());
    }
    Ok(attach)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Verb};
    use clap::Parser;

    fn run(line: &str) -> RunArgs {
        match Cli::try_parse_from(line.split(' ')).unwrap().verb {
            Verb::Run(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn run_takes_everything_after_the_options_as_the_command() {
        let args =
            run("netctl run -d -p 80:80 -p 81 --net a,alias=x,alias=y,ip=10.0.0.2 -- nc -l -p 1");
        assert!(args.detach);
        assert_eq!(args.publish, ["80:80", "81"]);
        assert_eq!(args.network[0].aliases, ["x", "y"]);
        assert_eq!(args.network[0].ip.as_deref(), Some("10.0.0.2"));
        assert_eq!(args.command, ["nc", "-l", "-p", "1"]);
        assert_eq!(run("netctl run ip -6 addr").command, ["ip", "-6", "addr"]);
    }

    #[test]
    fn an_unknown_option_is_not_taken_for_the_command() {
        assert!(Cli::try_parse_from(["netctl", "run", "--nmae", "web", "--", "true"]).is_err());
        assert!(Cli::try_parse_from(["netctl", "run", "-d"]).is_err());
        assert!(Cli::try_parse_from(["netctl", "run", "--network", "a,mtu=9", "true"]).is_err());
    }
}
