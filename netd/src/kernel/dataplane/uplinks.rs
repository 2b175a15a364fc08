//! What the programs know of each uplink: the sources of what they masqueraded, by route.

use super::{Dataplane, refused, write::found};
use crate::error::Result;
use crate::state::UplinkEntry;
use aya::maps::{MapError, lpm_trie::Key};
use ipnet::IpNet;
use netd_common::{
    abi::{SourceKey, UPLINK_SOURCES, Uplink},
    address::Address,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

impl Dataplane {
    /// Makes an uplink known, or changes the sources that it uses: containers go out by it as soon
    /// as it is known.
    pub(super) fn enter_uplink(&mut self, index: u32, entry: &UplinkEntry) -> Result<()> {
        let failed = |e| refused(&format!("cannot enter uplink {index}"), &e);
        for (net, source) in &entry.sources {
            let source = Address::from(*source);
            self.tables.sources.insert(&source_key(index, net), source, 0).map_err(failed)?;
        }
        self.tables.uplinks.insert(index, uplink(entry), 0).map_err(failed)?;
        self.prune_sources(index, &entry.sources).map_err(failed)
    }

    /// Forgets an uplink: containers don't go out by it any more.
    pub(super) fn forget_uplink(&mut self, index: u32) -> Result<()> {
        let failed = |e| refused(&format!("cannot forget uplink {index}"), &e);
        if found(self.tables.uplinks.get(&index, 0)).map_err(failed)?.is_some() {
            self.tables.uplinks.remove(&index).map_err(failed)?;
        }
        self.prune_sources(index, &BTreeMap::new()).map_err(failed)
    }

    fn prune_sources(
        &mut self,
        index: u32,
        wanted: &BTreeMap<IpNet, IpAddr>,
    ) -> Result<(), MapError> {
        let own = |key: &Key<SourceKey>| key.data().uplink == index.to_be_bytes();
        let keys: Vec<_> = self.tables.sources.keys().collect::<Result<_, _>>()?;
        for key in keys.into_iter().filter(own) {
            if !destination(&key).is_some_and(|net| wanted.contains_key(&net)) {
                self.tables.sources.remove(&key)?;
            }
        }
        Ok(())
    }

    /// The uplinks that the programs were told of, by index.
    pub(super) fn uplink_entries(&self) -> Result<BTreeMap<u32, UplinkEntry>> {
        let failed = |e| refused("cannot read the uplinks", &e);
        let mut uplinks = BTreeMap::new();
        for entry in self.tables.uplinks.iter() {
            let (index, value) = entry.map_err(failed)?;
            uplinks.insert(index, uplink_entry(&value));
        }
        for entry in self.tables.sources.iter() {
            let (key, source) = entry.map_err(failed)?;
            let uplink = uplinks.get_mut(&u32::from_be_bytes(key.data().uplink));
            if let (Some(uplink), Some(net)) = (uplink, destination(&key)) {
                uplink.sources.insert(net, source.into());
            }
        }
        Ok(uplinks)
    }
}

fn uplink(entry: &UplinkEntry) -> Uplink {
    Uplink {
        ipv4: entry.ipv4.map_or(Address::UNSPECIFIED, Address::from),
        ipv6: entry.ipv6.map_or(Address::UNSPECIFIED, Address::from),
        header: entry.header.into(),
        flags: if entry.sources.is_empty() { 0 } else { UPLINK_SOURCES },
        mtu: entry.mtu,
    }
}

fn uplink_entry(value: &Uplink) -> UplinkEntry {
    let given = |a: Address| (!a.is_unspecified()).then_some(a);
    UplinkEntry {
        ipv4: given(value.ipv4).map(|a| Ipv4Addr::from(a.v4_bytes())),
        ipv6: given(value.ipv6).map(|a| Ipv6Addr::from(a.v6_bytes())),
        header: u8::try_from(value.header).unwrap_or(u8::MAX),
        mtu: value.mtu,
        sources: BTreeMap::new(),
    }
}

fn source_key(index: u32, net: &IpNet) -> Key<SourceKey> {
    let (length, destination) = super::convert::prefix(net);
    Key::new(SourceKey::BITS + length, SourceKey { uplink: index.to_be_bytes(), destination })
}

/// None for a key that netd never wrote.
fn destination(key: &Key<SourceKey>) -> Option<IpNet> {
    super::convert::subnet(key.prefix_len().checked_sub(SourceKey::BITS)?, key.data().destination)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        let sources = BTreeMap::new();
        let ipv4 = "192.0.2.2".parse().ok();
        let entry = UplinkEntry { ipv4, ipv6: None, header: 14, mtu: 1_500, sources };
        assert_eq!(uplink_entry(&uplink(&entry)), entry);
        assert_eq!(uplink(&entry).flags, 0);
        for net in ["10.0.0.0/8", "203.0.113.9/32", "2001:db8::/32"] {
            let net: IpNet = net.parse().unwrap();
            assert_eq!(destination(&source_key(7, &net)), Some(net));
            let sources = [(net, "192.0.2.3".parse().unwrap())].into();
            let with = UplinkEntry { sources, ..entry.clone() };
            assert_eq!(uplink(&with).flags, UPLINK_SOURCES);
        }
    }
}
