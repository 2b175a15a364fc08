//! Names and identities. A value of these types can't be wrong: parsing is the only way in, and
//! reading what an earlier version took.

use super::host_name;
use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The longest interface name the kernel takes, without its closing NUL (IFNAMSIZ - 1).
const MAX_INTERFACE: usize = 15;

/// The name of a network, a container or an alias: begins with a letter or digit, goes on with
/// letters, digits, `_`, `.` and `-`, and can be looked up. It is neither `localhost` nor an address.
/// One that is remembered may be: earlier versions took it, and an upgrade forgets nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Remembered", into = "String")]
pub struct Name(String);

/// A name as it was written down.
#[derive(Deserialize)]
#[serde(transparent)]
struct Remembered(String);

impl TryFrom<Remembered> for Name {
    type Error = Error;
    fn try_from(Remembered(text): Remembered) -> Result<Self, Error> {
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        match starts_well && text.len() <= host_name::LONGEST && text.chars().all(inner) {
            true => Ok(Self(text)),
            false => Err(Error::invalid(format!("invalid name {text:?}"))),
        }
    }
}

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        let fault = match host_name::fault(text) {
            Some(fault) => Some(fault),
            None if !starts_well => Some("begin it with a letter or digit"),
            None if host_name::is_localhost(text) => Some("localhost is always who asks for it"),
            None if text.contains('.') && host_name::is_address(text) => {
                Some("it reads as an IP address")
            }
            None => None,
        };
        if let Some(fault) = fault {
            return Err(Error::invalid(format!("invalid name {text:?}: {fault}")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a network device: 1 to 15 bytes that the kernel and `/proc/sys` accept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

impl InterfaceName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |c: char| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%');
        if text.is_empty()
            || text.len() > MAX_INTERFACE
            || matches!(text, "." | ".." | "all" | "default" | "lo")
            || text.contains(bad)
        {
            return Err(Error::invalid(format!(
                "invalid interface name {text:?}: use 1 to {MAX_INTERFACE} printable characters without '/', ':' or '%'"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The identity of a network, container or endpoint: 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// A new random identity.
    #[must_use]
    pub fn random() -> Self {
        let bytes: [u8; 32] = rand::random();
        Self(bytes.iter().map(|b| format!("{b:02x}")).collect())
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as people see it.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl FromStr for Id {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if text.len() != 64 || !text.chars().all(hex) {
            return Err(Error::invalid(format!("invalid id {text:?}: 64 hexadecimal digits")));
        }
        Ok(Self(text.to_owned()))
    }
}

/// An Ethernet address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// A random locally administered unicast address.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes: [u8; 6] = rand::random();
        bytes[0] = (bytes[0] & 0xfc) | 0x02;
        Self(bytes)
    }

    /// The link-local address that the kernel derives from this one (RFC 4291 appendix A).
    #[must_use]
    pub fn link_local(self) -> std::net::Ipv6Addr {
        let m = self.0;
        let word = |a: u8, b: u8| u16::from_be_bytes([a, b]);
        std::net::Ipv6Addr::new(
            0xfe80,
            0,
            0,
            0,
            word(m[0] ^ 2, m[1]),
            word(m[2], 0xff),
            word(0xfe, m[3]),
            word(m[4], m[5]),
        )
    }
}

impl FromStr for Mac {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes: Vec<u8> = text
            .split(':')
            .filter(|p| p.len() == 2)
            .filter_map(|p| u8::from_str_radix(p, 16).ok())
            .collect();
        match <[u8; 6]>::try_from(bytes) {
            Ok(mac) if text.len() == 17 && mac[0] & 1 == 0 => Ok(Self(mac)),
            _ => Err(Error::invalid(format!("invalid unicast MAC address {text:?}"))),
        }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// Text in, text out, for the types above.
macro_rules! text_form {
    ($($t:ty),*) => {$(
        impl TryFrom<String> for $t {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                text.parse()
            }
        }
        impl From<$t> for String {
            fn from(value: $t) -> Self {
                value.to_string()
            }
        }
    )*};
}
text_form!(Name, InterfaceName, Id, Mac);

macro_rules! display_inner {
    ($($t:ty),*) => {$(
        impl fmt::Display for $t {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
display_inner!(Name, InterfaceName, Id);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_safe_and_path_safe() {
        for good in ["a", "web-1", "A.b_c", "0", "1.2.3.4.5", "a.localhost.b", &"x".repeat(63)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        let long = "x".repeat(64);
        for bad in ["", "-a", ".", "..", "a/b", "a b", "ä", "a\n", "_x", "a.", "a..b", &long] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
        for bad in ["localhost", "LOCALHOST", "a.localhost", "10.0.0.1", "127.1"] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_an_earlier_version_took_is_still_read() {
        for old in ["web", "localhost", "10.0.0.1", "a..b", "a.", &"x".repeat(63)] {
            let name: Name = serde_json::from_str(&format!("{old:?}")).unwrap();
            assert_eq!(name.as_str(), old);
            assert_eq!(serde_json::to_string(&name).unwrap(), format!("{old:?}"));
        }
        for bad in ["", "-a", "..", "a/b", "a b", &"x".repeat(254)] {
            assert!(serde_json::from_str::<Name>(&format!("{bad:?}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        assert!("br-0123456789ab".parse::<InterfaceName>().is_ok());
        for bad in ["", "0123456789abcdef", "a/b", "a b", "all", "eth%d", ".", "lo"] {
            assert!(bad.parse::<InterfaceName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn link_local_follows_rfc_4291() {
        let mac: Mac = "02:42:ac:11:00:02".parse().unwrap();
        assert_eq!(mac.link_local().to_string(), "fe80::42:acff:fe11:2");
        assert_eq!(mac.to_string(), "02:42:ac:11:00:02");
        assert!("03:42:ac:11:00:02".parse::<Mac>().is_err());
    }
}
