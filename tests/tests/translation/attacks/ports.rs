//! Ports of others: the host's services', and everybody's destinations.

use super::BOTH;
use crate::{
    oracle::with_netd,
    site::{GUARDED, Host, One, Other, Remote, Two},
    wire::{Packet, SYN},
};
use anyhow::ensure;

#[test]
fn cve_2025_67499_a_published_port_takes_nobody_else_s_traffic() {
    with_netd(&BOTH, |site, family| {
        let [.., (outer, inner)] = GUARDED;
        ensure!(outer == 443, "the case is about 443");
        let thief = site.station(Two)?;
        for (who, server) in [(One, Remote), (Host, Remote), (One, Two), (Host, Two)] {
            let listener = site.listen(server, family, 443)?;
            let client = site.connect(who, 0, (family.at(server), 443))?;
            let (_, seen) = listener.accept()?;
            drop(client);
            ensure!(seen.port() != 0, "{who:?} reaches {server:?}");
        }
        let stolen = thief.heard(|packet| packet.reaches((family.at(Two), inner)))?;
        ensure!(stolen.is_empty(), "it got {stolen:?}");
        // Another network's container stays out of reach by its own address.
        let before = site.lan.dropped("isolated")?;
        let one = site.station(One)?;
        one.send(&Packet::tcp((family.at(One), 20_702), (family.at(Other), 443), SYN, (1, 0)))?;
        let counted = netd_tests::host::wait(crate::station::PATIENCE, || {
            site.lan.dropped("isolated").is_ok_and(|now| now == before + 1)
        });
        ensure!(counted, "a SYN to another network is not refused as such");
        Ok(())
    });
}

#[test]
fn cve_2021_3773_a_container_does_not_shadow_a_port_of_the_host_s() {
    with_netd(&BOTH, |site, family| {
        let service = site.udp(Host, family, 30_704)?;
        let listener = site.listen(Host, family, 30_704)?;
        let (one, remote) = (site.station(One)?, site.station(Remote)?);
        let (inside, outside) = ((family.at(One), 30_704), (family.at(Remote), 20_704));
        one.send(&Packet::udp(inside, outside, b"shadow"))?;
        one.send(&Packet::tcp(inside, outside, SYN, (1, 0)))?;
        for _ in 0..2 {
            let left = remote.hear("it", |packet| packet.reaches(outside))?;
            ensure!(left.ports() != Some((30_704, 20_704)), "it leaves as {left}");
        }
        // Whoever it spoke to still speaks to the host there.
        remote.send(&Packet::udp(outside, (family.at(Host), 30_704), b"for the host"))?;
        let (length, seen) = service.recv_from(&mut [0; 99])?;
        ensure!(length == 12 && seen.ip() == family.at(Remote), "the service got {length}");
        let client = site.connect(Remote, 30_705, (family.at(Host), 30_704))?;
        let (_, seen) = listener.accept()?;
        ensure!(seen == client.local_addr()?, "the listener got {seen}");
        Ok(())
    });
}
