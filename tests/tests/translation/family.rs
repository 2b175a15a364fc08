//! The version of IP, and who has which address.

use crate::site::{CONTAINERS, Host, NARROW, Neighbour, One, Other, Remote, TIGHT, Two, Who};
use netd_tests::host;
use std::{fmt, net::IpAddr};

/// The version of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

pub(crate) use Family::{V4, V6};

impl Family {
    pub(crate) fn any(self) -> IpAddr {
        self.of(["0.0.0.0", "::"])
    }

    fn of(self, pair: [&str; 2]) -> IpAddr {
        pair[self as usize].parse().unwrap()
    }

    /// Somebody's address.
    pub(crate) fn at(self, who: Who) -> IpAddr {
        let both = |(v4, v6)| [v4, v6];
        self.of(match who {
            Host => both(host::HOST),
            Neighbour => both(host::NEIGHBOUR),
            Remote => both(host::REMOTE),
            One => CONTAINERS[0].2,
            Two => CONTAINERS[1].2,
            Other => CONTAINERS[2].2,
        })
    }

    /// The remote machine's address behind the narrow link.
    pub(crate) fn narrow(self) -> IpAddr {
        self.of(NARROW)
    }

    /// The one behind the host's tight route.
    pub(crate) fn tight(self) -> IpAddr {
        self.of(TIGHT)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == V4 { "IPv4" } else { "IPv6" })
    }
}
