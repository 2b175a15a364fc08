//! The agent's settings: a flag wins over an environment variable, that over the configuration
//! file, that over the default.

use crate::desired::XdpChoice;
use crate::error::{Error, Result};
use crate::spec::name::InterfaceName;
use clap::Parser;
use netd_common::abi::Timeouts;
use serde::Deserialize;
use std::{
    io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

pub mod files;
mod names;
mod timeouts;

pub use names::{HostNames, NamesBy};

/// Runs the network of a container host: the agent behind netctl.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "netd", bin_name = "netd", version)]
pub struct Args {
    /// Configuration file (TOML; its keys are the long names of the other options)
    #[arg(long, value_name = "FILE", env = "NETD_CONFIG")]
    pub config: Option<PathBuf>,
    /// Unix socket that netctl talks to [default: /run/netd/netd.sock]
    #[arg(long, value_name = "PATH", env = "NETD_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Where networks and containers are remembered [default: /var/lib/netd]
    #[arg(long, value_name = "DIR", env = "NETD_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Where programs and maps are pinned [default: /sys/fs/bpf/netd]
    #[arg(long, value_name = "DIR", env = "NETD_BPF_DIR")]
    pub bpf_dir: Option<PathBuf>,
    /// Device to the outside; may be repeated [default: auto, every device that netd did not make]
    #[arg(long, value_name = "auto|NAME", env = "NETD_UPLINK", value_delimiter = ',')]
    pub uplink: Vec<String>,
    /// Whether XDP runs on an uplink: auto (on hardware whose driver has it), on, off, or NAME=on and
    /// the like for one uplink; may be repeated [default: auto]
    #[arg(long, value_name = "MODE|NAME=MODE", env = "NETD_UPLINK_XDP", value_delimiter = ',')]
    pub uplink_xdp: Vec<String>,
    /// Established flows that fit, 1024 to 16777216, rounded up to a power of two; a flow takes 200
    /// bytes [default: what 1/400 of the memory holds, but 16384 to 1048576]
    #[arg(long, value_name = "NUMBER", env = "NETD_MAX_FLOWS")]
    pub max_flows: Option<u32>,
    /// Where processes of the host ask for NAME.NETWORK.netd: auto (127.0.0.11 where its port 53 is
    /// free), an IPv4 address, or off [default: auto]
    #[arg(long, value_name = "auto|ADDRESS|off", env = "NETD_HOST_NAMES")]
    pub host_names: Option<String>,
    /// Who runs netd-dns: the agent itself, or a service manager that listens on netd.dns.sock beside the
    /// agent's socket and starts it [default: agent]
    #[arg(long, value_name = "agent|service", env = "NETD_NAMES_BY")]
    pub names_by: Option<String>,
    /// The host's resolvers, which names that no container has are asked of [default: /etc/resolv.conf]
    #[arg(long, value_name = "FILE", env = "NETD_RESOLV_CONF")]
    pub resolv_conf: Option<PathBuf>,
    /// Directory of YAML files that declare what should exist [default: /etc/netd]
    #[arg(long, value_name = "DIR", env = "NETD_SPEC_DIR")]
    pub spec_dir: Option<PathBuf>,
    /// What to log: error, warn, info, debug, trace, or module=level,... [default: info]
    #[arg(long, value_name = "LEVEL", env = "NETD_LOG")]
    pub log_level: Option<String>,
}

/// The agent's settings, every one decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Unix socket that netctl talks to.
    pub socket: PathBuf,
    /// Where networks and containers are remembered.
    pub state_dir: PathBuf,
    /// Where programs and maps are pinned.
    pub bpf_dir: PathBuf,
    /// Where the files are that declare what should exist.
    pub spec_dir: PathBuf,
    /// Devices to the outside; empty means every device that netd did not make.
    pub uplinks: Vec<InterfaceName>,
    /// Which uplinks run XDP.
    pub uplink_xdp: XdpChoice,
    /// Established flows that fit; none leaves it to the memory.
    pub max_flows: Option<u32>,
    /// Where processes of the host ask for names.
    pub host_names: HostNames,
    /// Who runs netd-dns.
    pub names_by: NamesBy,
    /// The file that names the host's resolvers.
    pub resolv_conf: PathBuf,
    /// How long flows live without a packet.
    pub timeouts: Timeouts,
    /// What to log, in the words of `RUST_LOG`.
    pub log_level: String,
}

impl Config {
    /// Reads the configuration file with `read` and decides every setting.
    ///
    /// # Errors
    /// A file that was asked for and can't be read, one that makes no sense, a relative path, an
    /// impossible device name.
    pub fn load(args: Args, read: impl Fn(&Path) -> io::Result<String>) -> Result<Self> {
        let (path, required) = match &args.config {
            Some(path) => (path.clone(), true),
            None => (PathBuf::from(DEFAULT_CONFIG), false),
        };
        let file = match read(&path) {
            Ok(text) => parse(&path, &text)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !required => File::default(),
            Err(e) => {
                return Err(Error::invalid(format!("cannot read {}: {e}", path.display())));
            }
        };
        Self::decide(args, file)
    }

    /// What is allowed and not advisable, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        timeouts::warnings(&self.timeouts)
    }

    fn decide(args: Args, file: File) -> Result<Self> {
        let uplink = if args.uplink.is_empty() { file.uplink } else { args.uplink };
        let words =
            if args.uplink_xdp.is_empty() { file.uplink_xdp.into() } else { args.uplink_xdp };
        let directory = |flag: Option<PathBuf>, file: Option<PathBuf>, default: &str| {
            absolute(flag.or(file).unwrap_or_else(|| default.into()))
        };
        Ok(Self {
            socket: directory(args.socket, file.socket, DEFAULT_SOCKET)?,
            state_dir: directory(args.state_dir, file.state_dir, "/var/lib/netd")?,
            bpf_dir: directory(args.bpf_dir, file.bpf_dir, "/sys/fs/bpf/netd")?,
            spec_dir: directory(args.spec_dir, file.spec_dir, "/etc/netd")?,
            uplinks: uplinks(&uplink)?,
            uplink_xdp: XdpChoice::parse(&words)?,
            max_flows: args.max_flows.or(file.max_flows).map(max_flows).transpose()?,
            host_names: HostNames::parse(args.host_names.or(file.host_names).as_deref())?,
            names_by: NamesBy::parse(args.names_by.or(file.names_by).as_deref())?,
            resolv_conf: directory(args.resolv_conf, file.resolv_conf, "/etc/resolv.conf")?,
            timeouts: file.timeouts.into(),
            log_level: args.log_level.or(file.log_level).unwrap_or_else(|| "info".into()),
        })
    }
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct File {
    socket: Option<PathBuf>,
    state_dir: Option<PathBuf>,
    bpf_dir: Option<PathBuf>,
    spec_dir: Option<PathBuf>,
    uplink: Vec<String>,
    uplink_xdp: Words,
    max_flows: Option<u32>,
    host_names: Option<String>,
    names_by: Option<String>,
    resolv_conf: Option<PathBuf>,
    log_level: Option<String>,
    timeouts: timeouts::Section,
}

/// One word, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a word or a list of words")]
enum Words {
    One(String),
    Some(Vec<String>),
}

impl Default for Words {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

impl From<Words> for Vec<String> {
    fn from(words: Words) -> Self {
        match words {
            Words::One(word) => vec![word],
            Words::Some(words) => words,
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<File> {
    toml::from_str(text).map_err(|e| {
        let start = e.span().map_or(0, |span| span.start);
        let line = text.as_bytes().iter().take(start).filter(|b| **b == b'\n').count() + 1;
        let why = e.message().replace('\n', ", ");
        Error::invalid(format!("{}, line {line}: {why}", path.display()))
    })
}

/// The agent may change its directory; a path that depended on it would move.
fn absolute(path: PathBuf) -> Result<PathBuf> {
    std::path::absolute(&path)
        .map_err(|e| Error::invalid(format!("invalid path {:?}: {e}", path.display())))
}

fn uplinks(names: &[String]) -> Result<Vec<InterfaceName>> {
    if names.iter().any(|name| name == "auto") {
        return match names.len() {
            1 => Ok(Vec::new()),
            _ => Err(Error::invalid("uplink auto means every device: name no others beside it")),
        };
    }
    names.iter().map(|name| name.parse().map_err(|e: Error| e.context("uplink"))).collect()
}

fn max_flows(number: u32) -> Result<u32> {
    if MAX_FLOWS.contains(&number) {
        return Ok(number);
    }
    Err(Error::invalid(format!(
        "max-flows {number} is out of range: choose {} to {}",
        MAX_FLOWS.start(),
        MAX_FLOWS.end()
    )))
}

/// Where the agent listens and netctl looks.
pub const DEFAULT_SOCKET: &str = "/run/netd/netd.sock";
const DEFAULT_CONFIG: &str = "/etc/netd/netd.toml";
const MAX_FLOWS: RangeInclusive<u32> = 1_024..=16_777_216;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn file(text: &str) -> Result<File> {
        parse(Path::new("/etc/netd/netd.toml"), text)
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_option_has_an_environment_variable() {
        for argument in Args::command().get_arguments().filter(|a| a.get_id() != "version") {
            let name = argument.get_id().as_str().to_uppercase().replace("LOG_LEVEL", "LOG");
            let variable = argument.get_env().and_then(|v| v.to_str()).map(str::to_owned);
            assert_eq!(variable, Some(format!("NETD_{name}")));
        }
    }

    #[test]
    fn defaults_stand_where_nothing_is_said() {
        let config = Config::decide(Args::default(), File::default()).unwrap();
        assert_eq!(config.socket, Path::new("/run/netd/netd.sock"));
        assert_eq!(config.state_dir, Path::new("/var/lib/netd"));
        assert_eq!(config.bpf_dir, Path::new("/sys/fs/bpf/netd"));
        assert_eq!(config.uplinks, []);
        assert_eq!((config.max_flows, config.timeouts), (None, Timeouts::DEFAULT));
        assert_eq!(config.resolv_conf, Path::new("/etc/resolv.conf"));
        assert_eq!(config.log_level, "info");
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let text = "socket = '/a'\nstate-dir = '/b'\nuplink = ['eth0', 'eth1']\nlog-level = 'warn'\n\
                    max-flows = 5000\n[timeouts]\nudp = 200";
        let args = Args::try_parse_from(["netd", "--socket", "/x", "--uplink", "auto"]).unwrap();
        let config = Config::decide(args, file(text).unwrap()).unwrap();
        assert_eq!(config.socket, Path::new("/x"));
        assert_eq!(config.state_dir, Path::new("/b"));
        assert_eq!(config.uplinks, []);
        assert_eq!(config.log_level, "warn");
        assert_eq!((config.max_flows, config.timeouts.udp), (Some(5000), 200));
    }

    #[test]
    fn errors_in_the_file_name_their_line() {
        let error = file("socket = '/a'\nsocks = 1\n").unwrap_err();
        assert!(
            error.message.starts_with("/etc/netd/netd.toml, line 2: unknown field `socks`"),
            "{error}"
        );
        assert!(file("socket = 3").unwrap_err().message.contains("line 1"));
        assert!(!file("a = \n b").unwrap_err().message.contains('\n'));
    }

    #[test]
    fn flow_tables_have_a_reasonable_size() {
        for (number, fits) in [(0, false), (1023, false), (1024, true), (16_777_217, false)] {
            assert_eq!(max_flows(number).is_ok(), fits, "{number}");
        }
        let error = file("max-flows = 5000\n[timeouts]\nudp = 0").unwrap_err();
        assert!(error.message.starts_with("/etc/netd/netd.toml, line 3: "), "{error}");
    }

    #[test]
    fn xdp_is_chosen_by_a_word_or_a_list() {
        let chosen = |text: &str| Config::decide(Args::default(), file(text).unwrap());
        let runs = |text: &str| {
            let choice = chosen(text).unwrap().uplink_xdp;
            ["eth0", "eth1"].map(|name| choice.runs(&name.parse().unwrap(), false))
        };
        assert_eq!(runs(""), [false, false]);
        assert_eq!(runs("uplink-xdp = 'on'"), [true, true]);
        assert_eq!(runs("uplink-xdp = ['off', 'eth1=on']"), [false, true]);
        assert!(chosen("uplink-xdp = 'sometimes'").is_err());
    }

    #[test]
    fn uplinks_are_device_names_or_auto_alone() {
        let names = |list: &[&str]| uplinks(&list.iter().map(|s| (*s).into()).collect::<Vec<_>>());
        assert_eq!(names(&["eth0"]).unwrap()[0].as_str(), "eth0");
        assert!(names(&["auto", "eth0"]).is_err());
        assert!(names(&["eth/0"]).is_err());
    }

    #[test]
    fn the_default_file_may_be_missing() {
        let config = Config::load(Args::default(), |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(config, Config::decide(Args::default(), File::default()));
    }

    #[test]
    fn a_file_that_was_asked_for_must_exist() {
        let args = Args { config: Some("/nonexistent/netd.toml".into()), ..Args::default() };
        let error = Config::load(args, |_| Err(io::ErrorKind::NotFound.into())).unwrap_err();
        assert!(error.message.contains("/nonexistent/netd.toml"), "{error}");
    }
}
