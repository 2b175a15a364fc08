//! The `-o` options of a bridge network, under Docker's keys.

use super::NetworkOptions;
use crate::error::{Error, Result};
use crate::spec::name::InterfaceName;
use crate::state::Mss;
use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

impl NetworkOptions {
    /// What a network has of which no option is given.
    #[must_use]
    pub fn defaults(bridge: InterfaceName) -> Self {
        Self {
            bridge,
            mtu: DEFAULT_MTU,
            icc: true,
            masquerade: true,
            host_binding: None,
            host_ipv4: None,
            host_ipv6: None,
            endpoint_independent: false,
            mss: Mss::Unchanged,
            big_tcp: None,
        }
    }

    /// Reads the options; `bridge` is the device name of a network that is given none.
    ///
    /// # Errors
    /// `Invalid` for a key that is not known and for a value that the key can't have.
    pub fn parse(
        given: &BTreeMap<String, String>,
        bridge: InterfaceName,
        ipv6: bool,
    ) -> Result<Self> {
        let mut options = Self::defaults(bridge);
        for (key, value) in given {
            options
                .set(key, value, ipv6)
                .map_err(|error| error.context(format!("option {key}={value}")))?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str, ipv6: bool) -> Result<()> {
        match key {
            BRIDGE_NAME => self.bridge = value.parse()?,
            MTU => self.mtu = parse_mtu(value, ipv6)?,
            ICC => self.icc = parse_bool(value)?,
            MASQUERADE => self.masquerade = parse_bool(value)?,
            HOST_BINDING => self.host_binding = parse_host_binding(value)?,
            HOST_IPV4 => self.host_ipv4 = Some(parse_source(value, "IPv4")?),
            HOST_IPV6 => self.host_ipv6 = Some(parse_source(value, "IPv6")?),
            NAT_MAPPING => self.endpoint_independent = parse_mapping(value)?,
            MSS => self.mss = parse_mss(value)?,
            BIG_TCP => self.big_tcp = parse_big_tcp(value)?,
            _ => {
                let known = KEYS.join(", ");
                return Err(Error::invalid(format!("unknown key; the known ones are {known}")));
            }
        }
        Ok(())
    }
}

/// Whether a network can have this option.
///
/// # Errors
/// As [`NetworkOptions::parse`].
pub fn check_option(key: &str, value: &str, ipv6: bool) -> Result<()> {
    let given = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    NetworkOptions::parse(&given, "nd-x".parse()?, ipv6).map(drop)
}

fn parse_mtu(value: &str, ipv6: bool) -> Result<u32> {
    let least = if ipv6 { LEAST_MTU_V6 } else { LEAST_MTU };
    match value.parse() {
        Ok(mtu) if (least..=MOST_MTU).contains(&mtu) => Ok(mtu),
        _ => Err(Error::invalid(format!(
            "an MTU{} is a number from {least} to {MOST_MTU}",
            if ipv6 { " with IPv6" } else { "" }
        ))),
    }
}

/// The spellings that Docker takes.
fn parse_bool(value: &str) -> Result<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(Error::invalid("the value is neither true nor false")),
    }
}

/// 0.0.0.0 means all addresses of both families, as no binding does.
fn parse_host_binding(value: &str) -> Result<Option<IpAddr>> {
    let address: IpAddr =
        value.parse().map_err(|_| Error::invalid("the value is not an IP address"))?;
    Ok(Some(address).filter(|a| !(a.is_ipv4() && a.is_unspecified())))
}

fn parse_source<A: FromStr>(value: &str, family: &str) -> Result<A> {
    value.parse().map_err(|_| Error::invalid(format!("the value is not an {family} address")))
}

fn parse_mapping(value: &str) -> Result<bool> {
    match value {
        "endpoint-independent" => Ok(true),
        "per-flow" => Ok(false),
        _ => Err(Error::invalid("the value is neither endpoint-independent nor per-flow")),
    }
}

fn parse_mss(value: &str) -> Result<Mss> {
    match value.parse() {
        _ if value == "clamp" => Ok(Mss::Clamp),
        Ok(bytes) if (LEAST_MSS..=MOST_MSS).contains(&bytes) => Ok(Mss::AtMost(bytes)),
        _ => Err(Error::invalid(format!(
            "the value is neither clamp nor a number of bytes from {LEAST_MSS} to {MOST_MSS}"
        ))),
    }
}

fn parse_big_tcp(value: &str) -> Result<Option<bool>> {
    match value {
        "auto" => Ok(None),
        "on" => Ok(Some(true)),
        "off" => Ok(Some(false)),
        _ => Err(Error::invalid("the value is neither auto, on nor off")),
    }
}

pub(super) const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
const MTU: &str = "com.docker.network.driver.mtu";
const ICC: &str = "com.docker.network.bridge.enable_icc";
const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
pub(super) const HOST_IPV4: &str = "com.docker.network.host_ipv4";
pub(super) const HOST_IPV6: &str = "com.docker.network.host_ipv6";
const NAT_MAPPING: &str = "netd.nat_mapping";
const MSS: &str = "netd.mss";
const BIG_TCP: &str = "netd.big_tcp";
const KEYS: [&str; 10] = [
    BRIDGE_NAME,
    MTU,
    ICC,
    MASQUERADE,
    HOST_BINDING,
    HOST_IPV4,
    HOST_IPV6,
    NAT_MAPPING,
    MSS,
    BIG_TCP,
];

const DEFAULT_MTU: u32 = 1500;
/// The least that IPv4 asks for (RFC 791).
const LEAST_MTU: u32 = 68;
/// The least that IPv6 asks for (RFC 8200).
const LEAST_MTU_V6: u32 = 1280;
/// The largest IP packet.
const MOST_MTU: u32 = 65_535;
/// What everybody takes (RFC 9293 3.7.1).
const LEAST_MSS: u16 = 536;
/// What fits the largest IPv4 packet.
const MOST_MSS: u16 = 65_495;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(key: &str, value: &str, ipv6: bool) -> Result<NetworkOptions> {
        let given = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        NetworkOptions::parse(&given, "nd-x".parse().unwrap(), ipv6)
    }

    #[test]
    fn every_option_is_read() {
        assert_eq!(parse(BRIDGE_NAME, "br0", false).unwrap().bridge.as_str(), "br0");
        assert_eq!(parse(MTU, "9000", false).unwrap().mtu, 9000);
        assert!(!parse(ICC, "false", false).unwrap().icc);
        assert!(!parse(MASQUERADE, "0", false).unwrap().masquerade);
        let local = Some("127.0.0.1".parse().unwrap());
        assert_eq!(parse(HOST_BINDING, "127.0.0.1", false).unwrap().host_binding, local);
        assert_eq!(parse(HOST_BINDING, "0.0.0.0", false).unwrap().host_binding, None);
        let source = |key, value| parse(key, value, true).unwrap();
        assert_eq!(source(HOST_IPV4, "192.0.2.7").host_ipv4, "192.0.2.7".parse().ok());
        assert_eq!(source(HOST_IPV6, "2001:db8::7").host_ipv6, "2001:db8::7".parse().ok());
        assert!(parse(NAT_MAPPING, "endpoint-independent", false).unwrap().endpoint_independent);
        assert!(!parse(NAT_MAPPING, "per-flow", false).unwrap().endpoint_independent);
        assert_eq!(parse(MSS, "clamp", false).unwrap().mss, Mss::Clamp);
        assert_eq!(parse(MSS, "1360", false).unwrap().mss, Mss::AtMost(1360));
        assert_eq!(parse(BIG_TCP, "on", false).unwrap().big_tcp, Some(true));
        assert_eq!(parse(BIG_TCP, "off", false).unwrap().big_tcp, Some(false));
        let defaults = NetworkOptions::defaults("nd-x".parse().unwrap());
        assert_eq!(parse(BIG_TCP, "auto", false).unwrap(), defaults);
        assert_eq!(parse(ICC, "true", false).unwrap(), defaults);
    }

    #[test]
    fn wrong_values_are_refused_and_named() {
        for (key, value) in [
            (BRIDGE_NAME, "a/b"),
            (BRIDGE_NAME, ""),
            (MTU, "67"),
            (MTU, "65536"),
            (MTU, "big"),
            (ICC, "maybe"),
            (MASQUERADE, ""),
            (HOST_BINDING, "localhost"),
            (HOST_IPV4, "2001:db8::7"),
            (HOST_IPV6, "192.0.2.7"),
            (NAT_MAPPING, "full-cone"),
            (MSS, "535"),
            (MSS, "65496"),
            (MSS, ""),
            (BIG_TCP, "true"),
        ] {
            let error = parse(key, value, false).unwrap_err();
            assert!(error.message.starts_with(&format!("option {key}={value}: ")), "{error}");
        }
        assert!(parse(MTU, "1279", true).is_err());
        assert!(parse(MTU, "1280", true).is_ok());
    }

    #[test]
    fn an_unknown_key_is_answered_with_the_known_ones() {
        let error = parse("com.docker.network.bridge.enable_ic", "true", false).unwrap_err();
        assert!(error.message.contains("unknown key"));
        for key in KEYS {
            assert!(error.message.contains(key));
        }
    }
}
