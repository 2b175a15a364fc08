//! The directives of a resolv.conf.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conf {
    pub(super) servers: Vec<Server>,
    pub(super) search: Vec<String>,
    pub(super) options: Vec<String>,
    /// Directives that are passed on as they are.
    pub(super) other: Vec<String>,
    /// What stands for a resolver and is no address.
    pub(super) invalid: Vec<String>,
}

/// A resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    address: IpAddr,
    /// The device that a link-local address belongs to (RFC 4007 11).
    zone: Option<String>,
}

impl Conf {
    /// Reads a file as resolvers do: comments begin in the first column, the last `search` or
    /// `domain` counts, options add up.
    pub(super) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                [] => {}
                [word, ..] if word.starts_with(['#', ';']) => {}
                ["nameserver", address, ..] => match Server::parse(address) {
                    Some(server) => conf.servers.push(server),
                    None => conf.invalid.push(address.to_owned()),
                },
                ["search" | "domain", ref domains @ ..] if !domains.is_empty() => {
                    conf.search = owned(domains);
                }
                ["options", ref options @ ..] => conf.options.extend(owned(options)),
                ["nameserver" | "search" | "domain"] => {}
                _ => conf.other.push(line.to_owned()),
            }
        }
        conf
    }

    /// The value of the last `ndots` that is a number: how many dots a name has at least that is
    /// asked for as it is first.
    pub(super) fn ndots(&self) -> Option<u32> {
        self.options.iter().rev().find_map(|option| option.strip_prefix("ndots:")?.parse().ok())
    }

    pub(super) fn drop_invalid_ndots(&mut self) {
        let wrong = |option: &str| {
            option == "ndots"
                || option.strip_prefix("ndots:").is_some_and(|dots| dots.parse::<u32>().is_err())
        };
        self.options.retain(|option| !wrong(option));
    }
}

impl fmt::Display for Conf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.servers.iter().try_for_each(|server| writeln!(f, "nameserver {server}"))?;
        for (word, list) in [("search", &self.search), ("options", &self.options)] {
            if !list.is_empty() {
                writeln!(f, "{word} {}", list.join(" "))?;
            }
        }
        self.other.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Server {
    fn parse(text: &str) -> Option<Self> {
        let (address, zone) = match text.split_once('%') {
            Some((address, zone)) => (address, Some(zone.to_owned())),
            None => (text, None),
        };
        Some(Self { address: address.parse().ok()?, zone })
    }

    pub(super) fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether others than the host itself can ask it.
    pub(super) fn is_reachable(&self) -> bool {
        self.zone.is_none()
            && match self.address {
                IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
                IpAddr::V6(address) => {
                    address != Ipv6Addr::LOCALHOST
                        && !address.is_unspecified()
                        && !address.is_unicast_link_local()
                }
            }
    }
}

impl From<IpAddr> for Server {
    fn from(address: IpAddr) -> Self {
        Self { address, zone: None }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        match &self.zone {
            Some(zone) => write!(f, "%{zone}"),
            None => Ok(()),
        }
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
