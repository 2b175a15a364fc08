//! Published ports in the picture of the kernel, and the words they are made of.

use super::{ContainerNumber, NetworkNumber};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, net::IpAddr};

/// What a packet to a publication is recognised by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedKey {
    /// Host address; unspecified (0.0.0.0 or ::) means every one of its family.
    pub address: IpAddr,
    /// Host ports.
    pub ports: PortRange,
    /// Transport protocol.
    pub protocol: Protocol,
}

/// Where a publication leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEntry {
    /// The network of the endpoint.
    pub network: NetworkNumber,
    /// The container behind it.
    pub container: ContainerNumber,
    /// The endpoint's address.
    pub address: IpAddr,
    /// The container's port that the first host port leads to; the others follow one to one.
    pub port: u16,
    /// Who may use it from outside, as prefixes none of which holds another; none means everybody.
    pub from: Option<BTreeSet<IpNet>>,
}

/// Successive ports, at least one.
///
/// In JSON a number, or first and last in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "RangeForm", into = "RangeForm")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// From `first` to `last`, both included; none where it ends before it begins.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// One port.
    #[must_use]
    pub const fn single(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The lowest port.
    #[must_use]
    pub const fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub const fn last(self) -> u16 {
        self.last
    }

    /// How many ports follow the first.
    #[must_use]
    pub const fn more(self) -> u16 {
        self.last - self.first
    }

    /// It is one port.
    #[must_use]
    pub const fn is_single(self) -> bool {
        self.first == self.last
    }

    /// The port is one of these.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// The ports that both have.
    #[must_use]
    pub fn common(self, other: Self) -> Option<Self> {
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// As many ports from `first` on; none where there are not as many.
    #[must_use]
    pub fn moved_to(self, first: u16) -> Option<Self> {
        Some(Self { first, last: first.checked_add(self.more())? })
    }

    /// Every port, rising.
    pub fn ports(self) -> impl DoubleEndedIterator<Item = u16> + Clone {
        self.first..=self.last
    }
}

impl fmt::Display for PortRange {
    /// `80`, `8000-8010`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_single() {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(untagged)]
enum RangeForm {
    Single(u16),
    Ends(u16, u16),
}

impl TryFrom<RangeForm> for PortRange {
    type Error = &'static str;
    fn try_from(form: RangeForm) -> Result<Self, Self::Error> {
        match form {
            RangeForm::Single(port) => Ok(Self::single(port)),
            RangeForm::Ends(first, last) => {
                Self::new(first, last).ok_or("a port range ends before it begins")
            }
        }
    }
}

impl From<PortRange> for RangeForm {
    fn from(range: PortRange) -> Self {
        match range.is_single() {
            true => Self::Single(range.first),
            false => Self::Ends(range.first, range.last),
        }
    }
}

/// A transport protocol that can be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
    /// Stream Control Transmission Protocol.
    Sctp,
}

impl Protocol {
    /// The IANA protocol number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_number_or_two_in_json() {
        for (text, range) in [("80", (80, 80)), ("[80,90]", (80, 90))] {
            let read: PortRange = serde_json::from_str(text).unwrap();
            assert_eq!((read.first(), read.last()), range);
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        assert_eq!(serde_json::from_str::<PortRange>("[80,80]").unwrap(), PortRange::single(80));
        for bad in ["[90,80]", "65536", "[1]", "\"80\""] {
            assert!(serde_json::from_str::<PortRange>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ranges_meet_where_they_have_a_port_in_common() {
        let range = |first, last| PortRange::new(first, last).unwrap();
        assert_eq!(range(1, 5).common(range(5, 9)), Some(PortRange::single(5)));
        assert_eq!(range(1, 9).common(range(3, 4)), Some(range(3, 4)));
        assert_eq!(range(1, 4).common(range(5, 9)), None);
        assert_eq!(range(1, 5).moved_to(65_531), Some(range(65_531, 65_535)));
        assert_eq!(range(1, 5).moved_to(65_532), None);
    }
}
