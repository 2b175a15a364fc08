//! ABI 2, as it is without the feature `next-layout`: that one has a field more in each flow's
//! record, and another in another place.

use crate::abi::{self, Window, maps};
use crate::address::Address;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The version; none where there is none.
pub const VERSION: Option<u32> = Some(2);
/// The maps that have another layout by now.
pub const CHANGED: [&str; 3] = [maps::FLOWS, maps::UNREPLIED, maps::CROWDED];

/// A flow's record as it was; the fields are [`abi::Flow`]'s.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
#[allow(missing_docs, reason = "the fields are those of today's record")]
pub struct Flow {
    pub last_seen: u64,
    pub peer: Address,
    pub client: Address,
    pub opener: Window,
    pub answerer: Window,
    pub ifindex: u32,
    pub slot: u32,
    pub generation: u32,
    pub network: u32,
    pub peer_port: [u8; 2],
    pub client_port: [u8; 2],
    pub mac: [u8; 6],
    pub gateway_mac: [u8; 6],
    pub mtu: u16,
    pub state: u8,
    pub inside: u8,
    pub scales: [u8; 2],
    pub rest: [u8; 2],
}

const _: () = assert!(size_of::<Flow>() == 96);

/// Writes into `record` what a record of then is now.
#[inline(always)]
pub const fn flow(former: &Flow, record: &mut abi::Flow) {
    record.peer = former.peer;
    record.client = former.client;
    record.last_seen = former.last_seen;
    record.carried = 1;
    record.opener = former.opener;
    record.answerer = former.answerer;
    record.ifindex = former.ifindex;
    record.slot = former.slot;
    record.generation = former.generation;
    record.network = former.network;
    record.peer_port = former.peer_port;
    record.client_port = former.client_port;
    record.mac = former.mac;
    record.gateway_mac = former.gateway_mac;
    record.mtu = former.mtu;
    record.state = former.state;
    record.inside = former.inside;
    record.scales = former.scales;
    record.rest = former.rest;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_a_record_arrives_where_it_belongs() {
        let bytes: [u8; 96] = core::array::from_fn(|at| at as u8);
        let former = Flow::read_from_bytes(&bytes).unwrap();
        let mut record = abi::Flow::default();
        flow(&former, &mut record);
        // The fields before and behind those that moved, and these.
        let now = record.as_bytes();
        assert_eq!(now[..32], bytes[8..40]);
        assert_eq!(now[32..40], bytes[..8]);
        assert_eq!(now[40..48], 1_u64.to_ne_bytes());
        assert_eq!(now[48..], bytes[40..]);
    }
}
