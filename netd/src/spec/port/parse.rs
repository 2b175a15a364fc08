//! The grammar of publish specs and exposed ports.

use super::{PortMapping, clients};
use crate::error::Error;
use crate::state::{PortRange, Protocol};
use std::net::IpAddr;

/// The ports of one `--expose`: `80`, `53/udp`, `8000-8010/tcp`.
///
/// # Errors
/// `Invalid` where the text is none of these.
pub fn parse_exposed(text: &str) -> Result<Vec<(u16, Protocol)>, Error> {
    let parsed = split_protocol(text)
        .and_then(|(ports, protocol)| Ok((parse_range("exposed", ports)?, protocol)));
    match parsed {
        Ok((range, protocol)) => Ok(range.ports().map(|port| (port, protocol)).collect()),
        Err(why) => Err(Error::invalid(format!(
            "invalid exposed port {text:?}: {why}; write PORT[-END][/PROTOCOL]"
        ))),
    }
}

/// A publish spec; the error is the rule that it breaks.
pub(super) fn mapping(spec: &str) -> Result<PortMapping, String> {
    let (ports, from) = match spec.split_once(',') {
        Some((ports, list)) => (ports, clients::parse(list)?),
        None => (spec, Vec::new()),
    };
    let (address, host, container) = split(ports);
    let (container, protocol) = split_protocol(container)?;
    let container = parse_range("container", container)?;
    let host = parse_host(host)?;
    let address = if address.is_empty() { None } else { Some(parse_address(address)?) };
    check_lengths(host, container)?;
    Ok(PortMapping { address, host, container, protocol, from })
}

/// Docker's rule: the last two of what colons separate are ports, the rest is an address.
fn split(spec: &str) -> (&str, &str, &str) {
    let Some((rest, container)) = spec.rsplit_once(':') else { return ("", "", spec) };
    match rest.rsplit_once(':') {
        Some((address, host)) => (address, host, container),
        None => ("", rest, container),
    }
}

fn split_protocol(text: &str) -> Result<(&str, Protocol), String> {
    let Some((ports, protocol)) = text.split_once('/') else { return Ok((text, Protocol::Tcp)) };
    match protocol.to_ascii_lowercase().as_str() {
        "tcp" => Ok((ports, Protocol::Tcp)),
        "udp" => Ok((ports, Protocol::Udp)),
        "sctp" => Ok((ports, Protocol::Sctp)),
        _ => Err(format!("protocol {protocol:?} is none of tcp, udp and sctp")),
    }
}

/// First and last host port; none where the port is to be picked, which `0` asks for as well.
fn parse_host(text: &str) -> Result<Option<PortRange>, String> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    if text.ends_with(']') || text.parse::<IpAddr>().is_ok() {
        return Err(format!("an address goes before two colons, as in {ADDRESS_EXAMPLE}"));
    }
    parse_range("host", text).map(Some)
}

fn parse_range(side: &str, text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    PortRange::new(parse_port(side, first)?, parse_port(side, last)?)
        .ok_or_else(|| format!("{side} port range {text} ends before it begins"))
}

fn parse_port(side: &str, text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Err(format!("no {side} port is given"));
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(format!("{side} port {text:?} is not a number from 1 to 65535")),
    }
}

fn parse_address(text: &str) -> Result<IpAddr, String> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|inner| inner.contains(':')),
        None => Some(text),
    };
    bare.and_then(|bare| bare.parse::<IpAddr>().ok())
        .map(|address| address.to_canonical())
        .ok_or_else(|| format!("{text:?} is not an address of the host; write {ADDRESS_EXAMPLE}"))
}

/// Ranges map 1:1; only in front of a single container port may there be more host ports.
fn check_lengths(host: Option<PortRange>, container: PortRange) -> Result<(), String> {
    match host {
        Some(host) if !container.is_single() && host.more() != container.more() => {
            Err(format!("host ports {host} and container ports {container} are not equally many"))
        }
        _ => Ok(()),
    }
}

const ADDRESS_EXAMPLE: &str = "127.0.0.1:8080:80, 127.0.0.1::80 or [::1]:8080:80";
