//! What decides whether XDP runs on a device.

use super::{
    Netlink,
    generic::{Feature, Generic},
    link::Link,
    refused,
};
use crate::{
    error::{Error, Result},
    kernel::netns,
    spec::name::{InterfaceName, Mac},
};
use nix::errno::Errno;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    os::fd::BorrowedFd,
};

/// Bytes of an Ethernet header.
const ETHERNET: u8 = 14;

/// A device of the host's with an Ethernet header, as XDP sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its interface index.
    pub index: u32,
    /// Its Ethernet address.
    pub mac: Mac,
    /// Number of the XDP program that is on it.
    pub program: Option<u32>,
    /// XDP wins there: hardware, whose driver has native XDP that redirects, and no VLAN whose tags
    /// it would hide from a program.
    pub wins: bool,
}

/// The cards among `links`.
pub(super) fn cards(links: &[Link]) -> BTreeMap<InterfaceName, Card> {
    let is_card = |l: &&Link| l.owner.is_none() && l.header == Some(ETHERNET) && !l.loopback;
    let ethernet = links.iter().filter(is_card);
    let tagged: BTreeSet<u32> = links.iter().filter(|l| l.is_vlan).filter_map(|l| l.peer).collect();
    let card = |link: &Link| {
        let name = link.interface_name()?;
        let wins = link.up && link.hardware && has_xdp(&name, link.index, &tagged);
        let (index, program) = (link.index, link.program);
        Some((name, Card { index, mac: link.mac?, program, wins }))
    };
    ethernet.filter_map(card).collect()
}

/// What a kernel can't tell is as if it were not there.
fn has_xdp(name: &InterfaceName, index: u32, tagged: &BTreeSet<u32>) -> bool {
    let ask = || {
        let generic = Generic::open()?;
        let hides = tagged.contains(&index) && generic.has(name, Feature::TagStripping)?;
        io::Result::Ok(!hides && generic.xdp_redirects(index)?)
    };
    ask().unwrap_or(false)
}

impl Netlink {
    /// Whether a device of a namespace polls what it receives, as frames from XDP need it.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses to tell.
    pub fn polls(namespace: BorrowedFd<'_>, name: &InterfaceName) -> Result<bool> {
        let ask = || Generic::open()?.has(name, Feature::Aggregation);
        let what = format!("read GRO of {name} in its container");
        netns::visit(namespace, || ask().map_err(|e| failed(&what, &e)))?
    }

    /// Makes a device of a namespace poll what it receives, or not any more.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses.
    pub fn set_polling(namespace: BorrowedFd<'_>, name: &InterfaceName, on: bool) -> Result<()> {
        let set = || Generic::open()?.set(name, Feature::Aggregation, on);
        let what = format!("switch GRO of {name} in its container");
        netns::visit(namespace, || set().map_err(|e| failed(&what, &e)))?
    }
}

fn failed(what: &str, error: &io::Error) -> Error {
    refused(what)(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}
