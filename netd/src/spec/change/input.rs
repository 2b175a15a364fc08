//! The plain parts of a container's request: command, names, hosts, resolvers, environment.

use crate::error::{Error, Result};
use crate::spec::port;
use crate::spec::{container::RESOLVER, host_name, name::Name};
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
    match name.as_str().len() <= LONGEST_UTS_NAME {
        true => Ok(name.to_string()),
        false => Err(Error::invalid(format!(
            "--hostname: invalid name {text:?}: the kernel takes {LONGEST_UTS_NAME} characters at most"
        ))),
    }
}

pub(super) fn parse_domainname(text: Option<&str>) -> Result<String> {
    let Some(text) = text else { return Ok(String::new()) };
    let long = text.len() > LONGEST_UTS_NAME;
    match host_name::fault(text).or(long.then_some("the kernel takes 64 characters at most")) {
        None => Ok(text.to_owned()),
        Some(fault) => Err(Error::invalid(format!("invalid --domainname {text:?}: {fault}"))),
    }
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

/// Reads `NAME:ADDRESS` or `NAME=ADDRESS`; `host-gateway` for an address stands for each of `gateways`.
pub(super) fn parse_hosts(texts: &[String], gateways: &[IpAddr]) -> Result<Vec<(String, IpAddr)>> {
    let mut hosts = Vec::new();
    for text in texts {
        let invalid = |why: &str| Error::invalid(format!("invalid --add-host {text:?}: {why}"));
        let (name, address) = text
            .split_once([':', '='])
            .ok_or_else(|| invalid("write NAME:ADDRESS or NAME:host-gateway"))?;
        if let Some(fault) = host_name::fault(name) {
            return Err(invalid(&format!("the name is wrong: {fault}")));
        }
        if host_name::is_address(name) {
            return Err(invalid("the name reads as an IP address, which nobody looks up"));
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
        let invalid = |why| Error::invalid(format!("invalid --dns {text:?}: {why}"));
        let address: IpAddr = text.parse().map_err(|_| invalid("it is not an IP address"))?;
        match address {
            RESOLVER => Err(invalid("it is netd's own, which asks the host's resolvers by itself")),
            _ if address.is_unspecified() || address.is_multicast() => {
                Err(invalid("it is not the address of one host"))
            }
            _ => Ok(address),
        }
    };
    texts.iter().map(parse).collect()
}

/// Search domains, as they were given; `.` stands for none.
pub(super) fn parse_dns_search(texts: &[String]) -> Result<Vec<String>> {
    for text in texts.iter().filter(|text| *text != ".") {
        if let Some(fault) = host_name::fault(text.strip_suffix('.').unwrap_or(text)) {
            return Err(Error::invalid(format!("invalid --dns-search {text:?}: {fault}")));
        }
    }
    Ok(texts.to_vec())
}

/// Options of resolv.conf (resolv.conf(5)): `NAME` or `NAME:NUMBER`. Unknown ones pass: there are
/// several libraries, and each has its own.
pub(super) fn parse_dns_options(texts: &[String]) -> Result<Vec<String>> {
    for text in texts {
        let invalid = |why| Err(Error::invalid(format!("invalid --dns-option {text:?}: {why}")));
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
        if name.is_empty() || !text.chars().all(word) {
            return invalid("write NAME or NAME:NUMBER, such as ndots:1 or rotate");
        }
        if matches!(name, "ndots" | "timeout" | "attempts") && value.parse::<u16>().is_err() {
            return invalid("it needs a number, such as ndots:1");
        }
    }
    Ok(texts.to_vec())
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

/// The longest hostname and domain name of a UTS namespace, bytes (`__NEW_UTS_LEN`).
const LONGEST_UTS_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn hosts_are_names_and_addresses() {
        let gateways = ["172.17.0.1".parse().unwrap()];
        let texts = own(&[
            "db.lan:10.0.0.5",
            "six:::1",
            "six:[fd00::1]",
            "eq=10.0.0.6",
            "eq6=::1",
            "me:host-gateway",
        ]);
        let hosts = parse_hosts(&texts, &gateways).unwrap();
        let hosts: Vec<String> = hosts.iter().map(|(n, a)| format!("{n}={a}")).collect();
        assert_eq!(
            hosts,
            [
                "db.lan=10.0.0.5",
                "six=::1",
                "six=fd00::1",
                "eq=10.0.0.6",
                "eq6=::1",
                "me=172.17.0.1"
            ]
        );
        for bad in [
            "",
            "db",
            "db:",
            ":10.0.0.5",
            "a b:10.0.0.5",
            "db:x",
            "a\n:10.0.0.5",
            "a..b:::1",
            "1.2.3.4:::1",
        ] {
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
        for bad in ["one.one.one.one", "127.0.0.11", "0.0.0.0", "::", "ff02::fb", "fe80::1%eth0"] {
            assert!(parse_dns(&own(&[bad])).is_err(), "{bad}");
        }
        assert!(parse_hostname("web-1.example").is_ok());
        assert!(parse_hostname(&["a"; 32].join(".")).is_ok());
        for bad in ["web 1", "", "localhost", "10.0.0.1", "web.", &["a"; 33].join(".")] {
            assert!(parse_hostname(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_domainname(None).unwrap(), "");
        assert_eq!(parse_domainname(Some("example.org")).unwrap(), "example.org");
        for bad in ["", "a b", ".org", &["a"; 33].join(".")] {
            assert!(parse_domainname(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn search_domains_and_options_fit_a_line_of_resolv_conf() {
        assert!(parse_dns_search(&own(&["lan", "a_b.Example.org.", "."])).is_ok());
        for bad in ["", "a b", "a..b", "..", "lan\nnameserver 1.2.3.4", &"x".repeat(64)] {
            assert!(parse_dns_search(&own(&[bad])).is_err(), "{bad:?}");
        }
        assert!(parse_dns_options(&own(&["ndots:2", "rotate", "trust-ad", "x:y"])).is_ok());
        for bad in ["", ":1", "ndots", "ndots:-1", "ndots:x", "a b", "a\nb", "timeout:"] {
            assert!(parse_dns_options(&own(&[bad])).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn exposed_ports_come_once_and_in_order() {
        let ports = parse_exposed(&own(&["81", "80-81", "80/udp"])).unwrap();
        let tcp = |port| (port, Protocol::Tcp);
        assert_eq!(ports, [tcp(80), (80, Protocol::Udp), tcp(81)]);
    }
}
