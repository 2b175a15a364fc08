//! The plain parts of a container's request: command, names, hosts, resolvers, environment.

use crate::error::{Error, Result};
use crate::spec::name::Name;
use crate::spec::port;
use crate::state::Protocol;
use std::net::IpAddr;

/// A command has a program's name and no NUL, which the kernel could not pass on.
pub(super) fn check_command(command: &[String]) -> Result<()> {
    let program = command.first().map(String::as_str).unwrap_or_default();
    if program.is_empty() {
        return Err(Error::invalid("no command is given; write it after --"));
    }
    match command.iter().find(|word| word.contains('\0')) {
        Some(word) => Err(Error::invalid(format!("the command has a NUL byte in {word:?}"))),
        None => Ok(()),
    }
}

pub(super) fn parse_hostname(text: &str) -> Result<String> {
    let name: Name = text.parse().map_err(|error: Error| error.context("--hostname"))?;
    Ok(name.to_string())
}

/// The ports of all `--expose`, each once, in rising order.
pub(super) fn parse_exposed(texts: &[String]) -> Result<Vec<(u16, Protocol)>> {
    let mut ports = Vec::new();
    for text in texts {
        ports.extend(port::parse_exposed(text)?);
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

/// Reads `NAME:ADDRESS`; `host-gateway` for an address stands for each of `gateways`.
pub(super) fn parse_hosts(texts: &[String], gateways: &[IpAddr]) -> Result<Vec<(String, IpAddr)>> {
    let mut hosts = Vec::new();
    for text in texts {
        let invalid = |why: &str| Error::invalid(format!("invalid --add-host {text:?}: {why}"));
        let (name, address) = text
            .split_once(':')
            .ok_or_else(|| invalid("write NAME:ADDRESS or NAME:host-gateway"))?;
        if !is_host_name(name) {
            return Err(invalid(
                "the name has other characters than letters, digits, '-', '_', '.'",
            ));
        }
        if address == "host-gateway" {
            hosts.extend(gateways.iter().map(|gateway| (name.to_owned(), *gateway)));
            continue;
        }
        let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
        let address = bare.parse().map_err(|_| invalid("the address is not an IP address"))?;
        hosts.push((name.to_owned(), address));
    }
    Ok(hosts)
}

pub(super) fn parse_dns(texts: &[String]) -> Result<Vec<IpAddr>> {
    let parse = |text: &String| {
        text.parse()
            .map_err(|_| Error::invalid(format!("invalid --dns {text:?}: it is not an IP address")))
    };
    texts.iter().map(parse).collect()
}

pub(super) fn parse_environment(texts: &[String]) -> Result<Vec<String>> {
    for text in texts {
        let key = text.split_once('=').map(|(key, _)| key).unwrap_or_default();
        if key.is_empty() || text.contains('\0') {
            return Err(Error::invalid(format!(
                "invalid environment variable {text:?}: write KEY=VALUE"
            )));
        }
    }
    Ok(texts.to_vec())
}

/// A name that can stand in a line of /etc/hosts.
fn is_host_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=MAX_HOST_NAME).contains(&name.len()) && name.chars().all(inner)
}

/// The longest domain name in text form (RFC 1035 2.3.4).
const MAX_HOST_NAME: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        let gateways = ["172.17.0.1".parse().unwrap()];
        let texts = own(&["db.lan:10.0.0.5", "six:::1", "six:[fd00::1]", "me:host-gateway"]);
        let hosts = parse_hosts(&texts, &gateways).unwrap();
        let hosts: Vec<String> = hosts.iter().map(|(n, a)| format!("{n}={a}")).collect();
        assert_eq!(hosts, ["db.lan=10.0.0.5", "six=::1", "six=fd00::1", "me=172.17.0.1"]);
        for bad in ["", "db", "db:", ":10.0.0.5", "a b:10.0.0.5", "db:x", "a\n:10.0.0.5"] {
            assert!(parse_hosts(&own(&[bad]), &gateways).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_environment_is_keys_and_values() {
        assert!(parse_environment(&own(&["A=", "B=c=d"])).is_ok());
        for bad in ["", "A", "=x", "A=\0"] {
            assert!(parse_environment(&own(&[bad])).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_command_has_a_program() {
        assert!(check_command(&own(&["true", ""])).is_ok());
        for bad in [&[][..], &["", "x"], &["a\0"]] {
            assert!(check_command(&own(bad)).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn resolvers_are_addresses_and_hostnames_are_names() {
        assert!(parse_dns(&own(&["1.1.1.1", "fd00::1"])).is_ok());
        assert!(parse_dns(&own(&["one.one.one.one"])).is_err());
        assert!(parse_hostname("web-1.example").is_ok());
        assert!(parse_hostname("web 1").is_err());
    }

    #[test]
    fn exposed_ports_come_once_and_in_order() {
        let ports = parse_exposed(&own(&["81", "80-81", "80/udp"])).unwrap();
        let tcp = |port| (port, Protocol::Tcp);
        assert_eq!(ports, [tcp(80), (80, Protocol::Udp), tcp(81)]);
    }
}
