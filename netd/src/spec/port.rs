//! Publish specs in Docker's grammar, and the publications that come of them.

mod allocate;

pub use allocate::{PortHost, PortRequest, Probe, TakenPorts, allocate_ports};

use crate::error::Error;
use crate::state::Protocol;
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// A publish spec, parsed: `[ip:][hostPort[-end]:]port[-end][/tcp|udp|sctp]`.
///
/// A container range maps 1:1 onto a host range of the same length; a host range in front of a
/// single container port means "one free port of these"; no host port means one of the ephemeral
/// range for each container port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortMapping {
    /// Host address; none means all of both families.
    pub address: Option<IpAddr>,
    /// First and last host port; none means pick.
    pub host: Option<(u16, u16)>,
    /// First and last container port.
    pub container: (u16, u16),
    /// Transport protocol.
    pub protocol: Protocol,
}

/// One publication in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Published {
    /// Host address; unspecified means every one of its family.
    pub address: IpAddr,
    /// Host port.
    pub host: u16,
    /// Container port.
    pub container: u16,
    /// Transport protocol.
    pub protocol: Protocol,
}

impl FromStr for PortMapping {
    type Err = Error;
    fn from_str(spec: &str) -> Result<Self, Error> {
        parse(spec).map_err(|why| Error::invalid(format!("invalid publish spec {spec:?}: {why}")))
    }
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            None => {}
        }
        match (self.host, self.address) {
            (Some(host), _) => write!(f, "{}:", range_text(host))?,
            (None, Some(_)) => f.write_str(":")?,
            (None, None) => {}
        }
        write!(f, "{}/{}", range_text(self.container), self.protocol)
    }
}

/// The ports of one `--expose`: `80`, `53/udp`, `8000-8010/tcp`.
///
/// # Errors
/// `Invalid` where the text is none of these.
pub fn parse_exposed(text: &str) -> Result<Vec<(u16, Protocol)>, Error> {
    let parsed = split_protocol(text)
        .and_then(|(ports, protocol)| Ok((parse_range("exposed", ports)?, protocol)));
    match parsed {
        Ok(((first, last), protocol)) => Ok((first..=last).map(|p| (p, protocol)).collect()),
        Err(why) => Err(Error::invalid(format!(
            "invalid exposed port {text:?}: {why}; write PORT[-END][/PROTOCOL]"
        ))),
    }
}

fn parse(spec: &str) -> Result<PortMapping, String> {
    if spec.contains(",from=") {
        return Err("\",from=\" is not supported by this version; leave it out".into());
    }
    let (address, host, container) = split(spec);
    let (container, protocol) = split_protocol(container)?;
    let container = parse_range("container", container)?;
    let host = parse_host(host)?;
    let address = if address.is_empty() { None } else { Some(parse_address(address)?) };
    check_lengths(host, container)?;
    Ok(PortMapping { address, host, container, protocol })
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
fn parse_host(text: &str) -> Result<Option<(u16, u16)>, String> {
    if text.is_empty() || text == "0" {
        return Ok(None);
    }
    if text.ends_with(']') || text.parse::<IpAddr>().is_ok() {
        return Err(format!("an address goes before two colons, as in {ADDRESS_EXAMPLE}"));
    }
    parse_range("host", text).map(Some)
}

fn parse_range(side: &str, text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let range = (parse_port(side, first)?, parse_port(side, last)?);
    if range.0 > range.1 {
        return Err(format!("{side} port range {text} ends before it begins"));
    }
    Ok(range)
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
fn check_lengths(host: Option<(u16, u16)>, container: (u16, u16)) -> Result<(), String> {
    let Some(host) = host else { return Ok(()) };
    let single = container.0 == container.1;
    if single || host.1 - host.0 == container.1 - container.0 {
        return Ok(());
    }
    Err(format!(
        "host ports {} and container ports {} are not equally many",
        range_text(host),
        range_text(container)
    ))
}

fn range_text((first, last): (u16, u16)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

const ADDRESS_EXAMPLE: &str = "127.0.0.1:8080:80, 127.0.0.1::80 or [::1]:8080:80";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Form = (Option<IpAddr>, Option<(u16, u16)>, (u16, u16), Protocol);

    fn form(spec: &str) -> Form {
        let m: PortMapping = spec.parse().unwrap();
        (m.address, m.host, m.container, m.protocol)
    }

    #[test]
    fn every_form_of_the_grammar_is_understood() {
        let local: Option<IpAddr> = Some("127.0.0.1".parse().unwrap());
        let six: Option<IpAddr> = Some("::1".parse().unwrap());
        use Protocol::{Sctp, Tcp, Udp};
        assert_eq!(form("80"), (None, None, (80, 80), Tcp));
        assert_eq!(form(":80"), (None, None, (80, 80), Tcp));
        assert_eq!(form("0:80"), (None, None, (80, 80), Tcp));
        assert_eq!(form("8080:80"), (None, Some((8080, 8080)), (80, 80), Tcp));
        assert_eq!(form("53:53/UDP"), (None, Some((53, 53)), (53, 53), Udp));
        assert_eq!(form("9:9/sctp"), (None, Some((9, 9)), (9, 9), Sctp));
        assert_eq!(form("80-82"), (None, None, (80, 82), Tcp));
        assert_eq!(form("90-92:80-82"), (None, Some((90, 92)), (80, 82), Tcp));
        assert_eq!(form("90-92:80"), (None, Some((90, 92)), (80, 80), Tcp));
        assert_eq!(form("127.0.0.1:8080:80"), (local, Some((8080, 8080)), (80, 80), Tcp));
        assert_eq!(form("127.0.0.1::80"), (local, None, (80, 80), Tcp));
        assert_eq!(form("[::1]:8080:80"), (six, Some((8080, 8080)), (80, 80), Tcp));
        assert_eq!(form("[::1]::80"), (six, None, (80, 80), Tcp));
        assert_eq!(form("::1:8080:80"), (six, Some((8080, 8080)), (80, 80), Tcp));
    }

    #[test]
    fn malformed_specs_are_refused_and_named() {
        for bad in [
            "",
            ":",
            "8080:",
            "x",
            "80x",
            "+80",
            "-80",
            "80-",
            "0",
            "65536",
            "80:0",
            "0-5:80",
            "82-80",
            "80/",
            "80/icmp",
            "80/tcp/udp",
            "1:2:3:4",
            "80:80-81",
            "90-91:80-82",
            "1.2.3:80:80",
            "[127.0.0.1]:80:80",
            "[::1:80:80",
            "[::1]:80",
            "127.0.0.1:80",
            "host:80:80",
            "8080:80,from=10.0.0.0/8",
            "8080 :80",
            "80:80\n",
        ] {
            let error = bad.parse::<PortMapping>().unwrap_err();
            let start = format!("invalid publish spec {bad:?}: ");
            assert!(error.message.starts_with(&start), "{error}");
            assert!(!error.message.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_rule_that_was_broken_is_told() {
        let why = |spec: &str| spec.parse::<PortMapping>().unwrap_err().message;
        assert!(
            why("90-91:80-82")
                .ends_with("host ports 90-91 and container ports 80-82 are not equally many")
        );
        assert!(why("127.0.0.1:80").contains("an address goes before two colons"));
        assert!(why("80/icmp").ends_with("protocol \"icmp\" is none of tcp, udp and sctp"));
        assert!(why("8080:80,from=10.0.0.0/8").contains("not supported by this version"));
    }

    #[test]
    fn exposed_ports_may_be_ranges() {
        assert_eq!(parse_exposed("53/udp").unwrap(), [(53, Protocol::Udp)]);
        let tcp: Vec<_> = (8000..=8002).map(|p| (p, Protocol::Tcp)).collect();
        assert_eq!(parse_exposed("8000-8002").unwrap(), tcp);
        for bad in ["", "80:80", "0", "a", "9-8", "80/x"] {
            assert!(parse_exposed(bad).is_err(), "{bad}");
        }
    }

    fn mappings() -> impl Strategy<Value = PortMapping> {
        let address = prop_oneof![
            Just(None),
            any::<[u8; 4]>().prop_map(|a| Some(IpAddr::from(a))),
            any::<[u8; 16]>().prop_map(|a| Some(IpAddr::from(a).to_canonical())),
        ];
        let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp), Just(Protocol::Sctp)];
        (address, 1..60_000u16, 0..5000u16, 1..60_000u16, 0..3u8, protocol).prop_map(
            |(address, host, length, container, kind, protocol)| PortMapping {
                address,
                host: (kind > 0).then_some((host, host + length)),
                container: (container, container + if kind == 1 { 0 } else { length }),
                protocol,
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(mapping in mappings()) {
            prop_assert_eq!(mapping.to_string().parse::<PortMapping>(), Ok(mapping));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[0-9a-f:./\\[\\]-]{0,24}") {
            let _ = text.parse::<PortMapping>();
            let _ = parse_exposed(&text);
        }
    }
}
