//! Fragments that are meant to slip through.

use super::{BOTH, Wire, before_a_mark, published};
use crate::{
    oracle::{same, with_netd},
    site::{Host, Neighbour, One, PUBLISHED, Remote, Two},
    wire::{Packet, SYN},
};
use anyhow::ensure;

#[test]
fn ingress_node_firewall_730_pieces_pass_no_rule() {
    with_netd(&BOTH, |site, family| {
        let (wire, one) = (Wire::new(site)?, site.station(One)?);
        let from = (family.at(Neighbour), 20_706);
        let (outer, inner) = published(family, 6);
        // A later piece that begins as if it went to a published port, with no first one before.
        let whole = Packet::udp(from, outer, &[0; 64]);
        let later = Packet { fragment: Some((1400, false)), ..whole.pieces(4000, 1)[0].clone() };
        // A first piece too short to say where it goes: eight bytes of a TCP header.
        let syn = Packet::tcp(from, outer, SYN, (1, 0));
        let tiny = syn.pieces(8, 2);
        // Pieces for a container that published nothing, and for one past its published port.
        let direct = Packet::udp(from, (family.at(Two), 20_706), &[0; 1600]).pieces(1400, 3);
        let inside = Packet::udp(from, inner, &[0; 1600]).pieces(1400, 4);
        let pieces: Vec<Packet> = [vec![later], tiny, direct, inside].concat();
        for piece in &pieces {
            wire.send(piece)?;
        }
        let heard = before_a_mark(family, &wire, &one)?;
        ensure!(heard.is_empty(), "the container got {heard:?}");
        Ok(())
    });
}

#[test]
fn rfc_5722_pieces_that_overlap_are_nobody_s_datagram() {
    same(|site, family| {
        let (outer, inner) = ((family.at(Host), PUBLISHED.0 + 11), PUBLISHED.1 + 11);
        let (remote, server) = (site.station(Remote)?, site.udp(One, family, inner)?);
        let from = (family.at(Remote), 20_707);
        let pieces = Packet::udp(from, outer, &[1; 2000]).pieces(1400, 707);
        remote.send(&pieces[0])?;
        // It would write over what the first piece said.
        remote.send(&Packet { fragment: Some((1392, false)), ..pieces[1].clone() })?;
        remote.send(&Packet::udp(from, outer, b"mark"))?;
        let (length, _) = server.recv_from(&mut [0; 3000])?;
        Ok(format!("{length} bytes arrive"))
    });
}
