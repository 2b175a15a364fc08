//! The grammar of `netctl run`.

use crate::api::protocol::NetworkAttach;
use crate::error::Error;
use crate::spec::network::DEFAULT_NETWORK;
use clap::Args;
use std::mem;

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
    /// The domain that completes that name
    #[arg(long, value_name = "DOMAIN")]
    pub domainname: Option<String>,
    /// Network to be on; repeatable; `host` and `none` alone
    #[arg(long, visible_alias = "net", value_name = "NETWORK[,alias=A,ip=IP,ip6=IP]", value_parser = attachment)]
    pub network: Vec<NetworkAttach>,
    /// Further name of the container on its first network
    #[arg(long, visible_alias = "network-alias", value_name = "NAME")]
    pub alias: Vec<String>,
    /// Name of its own for another container, on its first network
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    pub link: Vec<String>,
    /// Fixed IPv4 address on its first network
    #[arg(long)]
    pub ip: Option<String>,
    /// Fixed IPv6 address on its first network
    #[arg(long)]
    pub ip6: Option<String>,
    /// Publish a port: [ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp][,from=CIDR[,CIDR...]]
    #[arg(short, long, value_name = "SPEC")]
    pub publish: Vec<String>,
    /// Publish every exposed port on a picked one
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// Port that the command serves
    #[arg(long, value_name = "PORT[/PROTO]")]
    pub expose: Vec<String>,
    /// Line for the container's /etc/hosts; `host-gateway` for an address is the host
    #[arg(long, value_name = "NAME:IP")]
    pub add_host: Vec<String>,
    /// Resolver in place of the host's
    #[arg(long, value_name = "IP")]
    pub dns: Vec<String>,
    /// Search domain in place of the host's; `.` for none
    #[arg(long, value_name = "DOMAIN")]
    pub dns_search: Vec<String>,
    /// Option of resolv.conf in place of the host's, such as ndots:1
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION")]
    pub dns_option: Vec<String>,
    /// Environment variable
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub env: Vec<String>,
    /// What to run
    #[arg(required = true, trailing_var_arg = true)]
    pub command: Vec<String>,
}

impl RunArgs {
    /// The networks to be on, the first one with all that was said without naming a network.
    ///
    /// # Errors
    /// `Invalid` where something was said both ways.
    pub(in crate::cli) fn networks(&mut self) -> Result<Vec<NetworkAttach>, Error> {
        let mut networks = mem::take(&mut self.network);
        let said = NetworkAttach {
            network: DEFAULT_NETWORK.to_owned(),
            aliases: mem::take(&mut self.alias),
            links: mem::take(&mut self.link),
            ip: self.ip.take(),
            ip6: self.ip6.take(),
        };
        let nothing = NetworkAttach { network: said.network.clone(), ..Default::default() };
        match networks.first_mut() {
            Some(first) => complete(first, said)?,
            None if said == nothing => {}
            None => networks.push(said),
        }
        Ok(networks)
    }
}

/// Adds what was said without a network's name to what was said with it.
fn complete(first: &mut NetworkAttach, said: NetworkAttach) -> Result<(), Error> {
    let twice = [
        ("alias", !first.aliases.is_empty() && !said.aliases.is_empty()),
        ("ip", first.ip.is_some() && said.ip.is_some()),
        ("ip6", first.ip6.is_some() && said.ip6.is_some()),
    ];
    if let Some((option, _)) = twice.iter().find(|(_, twice)| *twice) {
        return Err(Error::invalid(format!(
            "conflicting options: cannot specify both --{option} and per-network {option}"
        )));
    }
    first.aliases.extend(said.aliases);
    first.links.extend(said.links);
    first.ip = first.ip.take().or(said.ip);
    first.ip6 = first.ip6.take().or(said.ip6);
    Ok(())
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
    fn what_names_no_network_is_said_of_the_first_one() {
        let networks = |line: &str| run(line).networks();
        assert!(networks("netctl run true").unwrap().is_empty());
        let one = networks("netctl run --link db --alias a --network-alias b true").unwrap();
        assert_eq!(
            (one[0].network.as_str(), &one[0].links[..]),
            ("bridge", &["db".to_owned()][..])
        );
        assert_eq!(one[0].aliases, ["a", "b"]);
        let two = networks("netctl run --net x,alias=a --net y --ip 10.0.0.2 --link db:d true");
        let two = two.unwrap();
        assert_eq!(
            (two[0].ip.as_deref(), &two[0].links[..]),
            (Some("10.0.0.2"), &["db:d".to_owned()][..])
        );
        assert_eq!((two[0].aliases.len(), &two[1].ip, two[1].links.len()), (1, &None, 0));
        for line in
            ["netctl run --net x,alias=a --alias b true", "netctl run --net x,ip=::1 --ip ::2 true"]
        {
            assert!(
                networks(line).unwrap_err().message.starts_with("conflicting options"),
                "{line}"
            );
        }
    }

    #[test]
    fn an_unknown_option_is_not_taken_for_the_command() {
        assert!(Cli::try_parse_from(["netctl", "run", "--nmae", "web", "--", "true"]).is_err());
        assert!(Cli::try_parse_from(["netctl", "run", "-d"]).is_err());
        assert!(Cli::try_parse_from(["netctl", "run", "--network", "a,mtu=9", "true"]).is_err());
    }
}
