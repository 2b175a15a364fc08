//! The grammar of `netctl network`.

use super::{ForceArgs, InspectArgs, RemoveArgs};
use crate::cli::listing::ListArgs;
use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};

/// What can be done with networks.
#[derive(Debug, Subcommand)]
pub enum NetworkVerb {
    /// Make a network and print its ID
    Create(NetworkCreateArgs),
    /// List networks
    #[command(alias = "list")]
    Ls(NetworkListArgs),
    /// Show all about networks, as JSON
    Inspect(InspectArgs),
    /// Remove networks
    #[command(alias = "remove")]
    Rm(RemoveArgs),
    /// Remove every network that no container uses
    Prune(ForceArgs),
    /// Put a container on a network, also while it runs
    Connect(ConnectArgs),
    /// Take a container off a network, also while it runs
    Disconnect(DisconnectArgs),
}

/// `network create`
#[derive(Debug, Args)]
pub struct NetworkCreateArgs {
    /// Kind of network
    #[arg(short, long, default_value = "bridge")]
    pub driver: String,
    /// Subnet, one per address family
    #[arg(long, value_name = "CIDR")]
    pub subnet: Vec<String>,
    /// Gateway address inside a subnet
    #[arg(long, value_name = "IP")]
    pub gateway: Vec<String>,
    /// Part of a subnet that addresses are chosen from
    #[arg(long, value_name = "CIDR")]
    pub ip_range: Vec<String>,
    /// Address that is never given to a container
    #[arg(long, value_name = "NAME=IP", value_parser = key_value)]
    pub aux_address: Vec<(String, String)>,
    /// Cut the network off from everything but this host
    #[arg(long)]
    pub internal: bool,
    /// Give it IPv6 as well
    #[arg(long)]
    pub ipv6: bool,
    /// Driver option
    #[arg(short = 'o', long = "opt", value_name = "KEY=VALUE", value_parser = key_value)]
    pub options: Vec<(String, String)>,
    /// Label
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    pub label: Vec<(String, String)>,
    /// The network's name
    pub name: String,
}

/// `network ls`
#[derive(Debug, Args)]
pub struct NetworkListArgs {
    /// Only networks with this driver, name, id, label, scope, type or dangling
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub filter: Vec<(String, String)>,
    /// How to print them.
    #[command(flatten)]
    pub list: ListArgs,
}

/// `network connect`
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// Further name of the container on this network
    #[arg(long)]
    pub alias: Vec<String>,
    /// Name of the container's own for another one on this network
    #[arg(long, value_name = "CONTAINER[:ALIAS]")]
    pub link: Vec<String>,
    /// Fixed IPv4 address
    #[arg(long)]
    pub ip: Option<String>,
    /// Fixed IPv6 address
    #[arg(long)]
    pub ip6: Option<String>,
    /// Publish a port of the container too: [ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp][,from=CIDR[,CIDR...]]
    #[arg(short, long, value_name = "SPEC")]
    pub publish: Vec<String>,
    /// The network
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub network: String,
    /// The container, or `pid:4242`, or `netns:/run/netns/x`
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
}

/// `network disconnect`
#[derive(Debug, Args)]
pub struct DisconnectArgs {
    /// Also where the container is gone
    #[arg(short, long)]
    pub force: bool,
    /// The network
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub network: String,
    /// The container, or `pid:4242`, or `netns:/run/netns/x`
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE".to_owned()),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    if text.contains('=') { key_value(text) } else { Ok((text.to_owned(), String::new())) }
}
