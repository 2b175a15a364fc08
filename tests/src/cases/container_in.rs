//! What the kernel sends into containers: the gate (DESIGN 3.3 rules 2, 3 and 6).

use super::{Case, Hook};
use crate::frame::{Body, Frame, arp, echo};
use crate::world::{A, B, C, Container, D, E, UPLINK, bridge, ip};
use netd_common::verdict::{DropReason, Verdict};
use std::net::IpAddr;

pub(super) fn cases() -> Vec<Case> {
    let from_host = frame(A.gateway4(), A, A.gateway_mac());
    let v6_from_host = frame(A.gateway6(), A, A.gateway_mac());
    let flooded = frame(B.v4(), A, B.mac());
    let question = arp((E.mac(), [0xff; 6]), 1, (E.mac(), [172, 20, 0, 3]), [172, 20, 0, 2]);
    let mut cases = vec![
        row("what the host itself sends is let in", A, 0, from_host.clone(), Verdict::Pass),
        row("IPv6 of the host itself is let in", A, 0, v6_from_host, Verdict::Pass),
        row("a flood of the own network is let in", A, B.ifindex(), flooded.clone(), Verdict::Pass),
        drop(
            "a flood of another network is isolated",
            A,
            C.ifindex(),
            flooded,
            DropReason::Isolated,
        ),
        drop(
            "what came in by a wire is unsolicited",
            A,
            UPLINK,
            from_host.clone(),
            DropReason::Unsolicited,
        ),
        drop(
            "what the kernel routed from a bridge is unsolicited",
            A,
            bridge(2),
            from_host.clone(),
            DropReason::Unsolicited,
        ),
        drop(
            "icc=false lets no flood in",
            D,
            E.ifindex(),
            frame(E.v4(), D, E.mac()),
            DropReason::IccOff,
        ),
        row("icc=false lets ARP in", D, E.ifindex(), question, Verdict::Pass),
        row("icc=false lets neighbour discovery in", D, E.ifindex(), solicitation(), Verdict::Pass),
    ];
    let unknown =
        drop("an unknown device fails closed", A, 0, from_host, DropReason::UnknownDevice);
    cases.push(unknown.world(|w| w.devices.clear()));
    cases
}

fn row(name: &str, to: Container, ingress: u32, packet: Vec<u8>, verdict: Verdict) -> Case {
    Case::new(format!("to a container: {name}"), Hook::ContainerIn(to, ingress), packet, verdict)
}

fn drop(name: &str, to: Container, ingress: u32, packet: Vec<u8>, reason: DropReason) -> Case {
    row(name, to, ingress, packet, Verdict::Drop(reason))
}

fn frame(source: IpAddr, to: Container, mac: [u8; 6]) -> Vec<u8> {
    let v4 = source.is_ipv4();
    let target = if v4 { to.v4() } else { to.v6() };
    let body = Body::Icmp(if v4 { 8 } else { 128 }, 0, echo(1));
    Frame::new((mac, to.mac()), source, target, body).bytes()
}

fn solicitation() -> Vec<u8> {
    let IpAddr::V6(target) = D.v6() else { unreachable!("an IPv6 address") };
    let mut rest = vec![0; 4];
    rest.extend(target.octets());
    rest.extend([1, 1]);
    rest.extend(E.mac());
    let macs = (E.mac(), [0x33, 0x33, 0xff, 0, 0, 2]);
    Frame::new(macs, E.v6(), ip("ff02::1:ff00:2"), Body::Icmp(135, 0, rest)).hops(255).bytes()
}
