//! Who answers for names: where processes of the host ask, and who runs netd-dns.

use crate::error::{Error, Result};
use std::net::Ipv4Addr;

/// Where processes of the host ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostNames {
    /// Nowhere.
    Off,
    /// Here, where nobody else answers there.
    WhereFree(Ipv4Addr),
    /// Here; where that can't be, it is a problem.
    At(Ipv4Addr),
}

impl HostNames {
    /// Reads `auto`, `off` or an address; none is `auto`.
    ///
    /// # Errors
    /// `Invalid` for anything else, as for an address that others than this host could ask at.
    pub fn parse(word: Option<&str>) -> Result<Self> {
        match word {
            None | Some("auto") => Ok(Self::WhereFree(USUAL)),
            Some("off") => Ok(Self::Off),
            Some(word) => match word.parse::<Ipv4Addr>() {
                Ok(address) if address.is_loopback() => Ok(Self::At(address)),
                _ => Err(Error::invalid(format!(
                    "host-names {word:?}: use auto, off, or an IPv4 address of 127.0.0.0/8"
                ))),
            },
        }
    }
}

/// Who runs netd-dns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamesBy {
    /// The agent starts it, and ends it with the last container that has names.
    #[default]
    Agent,
    /// A service manager listens in its place and starts it; it stays when nobody has names.
    Service,
}

impl NamesBy {
    /// Reads `agent` or `service`; none is `agent`.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn parse(word: Option<&str>) -> Result<Self> {
        match word {
            None | Some("agent") => Ok(Self::Agent),
            Some("service") => Ok(Self::Service),
            Some(word) => Err(Error::invalid(format!("names-by {word:?}: use agent or service"))),
        }
    }
}

/// The address that containers ask as well.
const USUAL: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_asks_where_it_is_told_to() {
        let parse = |word: &str| HostNames::parse(Some(word));
        assert_eq!(HostNames::parse(None), parse("auto"));
        assert_eq!(parse("auto"), Ok(HostNames::WhereFree(USUAL)));
        assert_eq!(parse("off"), Ok(HostNames::Off));
        assert_eq!(parse("127.0.0.53"), Ok(HostNames::At(Ipv4Addr::new(127, 0, 0, 53))));
        for bad in ["", "on", "::1", "127.0.0.11:53", "0.0.0.0", "192.0.2.1", "126.0.0.1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn netd_dns_is_run_by_the_agent_unless_a_service_manager_does() {
        assert_eq!(NamesBy::parse(None), Ok(NamesBy::Agent));
        assert_eq!(NamesBy::parse(Some("agent")), Ok(NamesBy::Agent));
        assert_eq!(NamesBy::parse(Some("service")), Ok(NamesBy::Service));
        let error = NamesBy::parse(Some("systemd")).unwrap_err();
        assert_eq!(error.message, "names-by \"systemd\": use agent or service");
    }
}
