//! What containers send (DESIGN 3.3 rules 1 to 5 and 7).

mod frames;
mod identity;

use super::{Case, Hook, from, routed};
use crate::frame::{Body, Frame, echo};
use crate::world::{A, B, C, Container, D, E, F, G, HOST4, HOST6, ROUTERS, UNREACHABLE, ip};
use netd_common::verdict::{Delivery, DropReason, Verdict};
use std::net::IpAddr;

const BROADCAST: [u8; 6] = [0xff; 6];

pub(super) fn cases() -> Vec<Case> {
    let parts = [
        same_network(),
        isolation(),
        host(),
        outside(),
        identity::spoofing(),
        identity::arp(),
        identity::neighbours(),
        frames::cases(),
    ];
    parts.into_iter().flatten().collect()
}

fn udp() -> Body {
    Body::Udp(4000, 53, b"question".to_vec())
}

fn tcp() -> Body {
    Body::Tcp(4000, 80, 0x02, Vec::new())
}

fn ping(v4: bool) -> Body {
    Body::Icmp(if v4 { 8 } else { 128 }, 0, echo(7))
}

fn row(name: &str, sender: Container, packet: Vec<u8>, verdict: Verdict) -> Case {
    Case::new(name, Hook::ContainerOut(sender), packet, verdict)
}

fn dropped(name: &str, sender: Container, packet: Vec<u8>, reason: DropReason) -> Case {
    row(name, sender, packet, Verdict::Drop(reason))
}

fn to(container: Container) -> Verdict {
    let (ifindex, mac) = (container.ifindex(), container.mac());
    Verdict::Deliver(Delivery { ifindex, mac, routed: None })
}

fn same_network() -> Vec<Case> {
    let mut rows = Vec::new();
    for (family, address) in [("IPv4", B.v4()), ("IPv6", B.v6())] {
        for (what, body) in [("TCP", tcp()), ("UDP", udp()), ("echo", ping(address.is_ipv4()))] {
            let packet = from(A, B.mac(), address, body).bytes();
            rows.push(row(
                &format!("{family} {what} to the same network is delivered"),
                A,
                packet,
                to(B),
            ));
        }
    }
    let via_gateway = from(A, A.gateway_mac(), B.v4(), udp()).bytes();
    let out = from(A, B.mac(), B.v4(), udp()).bytes();
    rows.push(
        row("a frame to the wrong neighbour reaches the right one", A, via_gateway, to(B)).out(out),
    );
    let link_local = Frame::new((A.mac(), B.mac()), A.link_local(), B.link_local(), ping(false));
    rows.push(row("link-local IPv6 is delivered within the network", A, link_local.bytes(), to(B)));
    let sctp = from(A, B.mac(), B.v4(), Body::Raw(132, vec![0; 12])).bytes();
    rows.push(row("SCTP to the same network is delivered", A, sctp, to(B)));
    let unknown = from(A, B.mac(), B.v4(), Body::Raw(47, vec![1; 20])).bytes();
    rows.push(row("an unknown protocol to the same network is delivered", A, unknown, to(B)));
    let mut fragment = from(A, B.mac(), B.v4(), Body::Raw(17, vec![9; 32]));
    fragment.fragment = (8, true);
    rows.push(row("a later fragment to the same network is delivered", A, fragment.bytes(), to(B)));
    let nobody = from(A, A.gateway_mac(), ip("172.18.0.99"), udp()).bytes();
    rows.push(dropped("an address that nobody has is counted", A, nobody, DropReason::NoEndpoint));
    let icc = from(D, E.mac(), E.v4(), tcp()).bytes();
    rows.push(dropped(
        "icc=false keeps containers of one network apart",
        D,
        icc,
        DropReason::IccOff,
    ));
    let icc = from(D, E.mac(), E.v6(), tcp()).bytes();
    rows.push(dropped("icc=false keeps them apart by IPv6", D, icc, DropReason::IccOff));
    let group = Frame::new((A.mac(), [1, 0, 0x5e, 0, 0, 251]), A.v4(), ip("224.0.0.251"), udp());
    rows.push(row("multicast goes to the bridge", A, group.bytes(), Verdict::Pass));
    let subnet = Frame::new((A.mac(), BROADCAST), A.v4(), ip("172.18.255.255"), udp()).bytes();
    rows.push(row("the subnet's broadcast goes to the bridge", A, subnet, Verdict::Pass));
    let all = Frame::new((A.mac(), BROADCAST), A.v4(), ip("255.255.255.255"), udp());
    rows.push(row("limited broadcast goes to the bridge", A, all.bytes(), Verdict::Pass));
    rows
}

fn isolation() -> Vec<Case> {
    let mut rows = Vec::new();
    for (sender, target) in [(A, C), (C, A), (F, A), (A, F), (D, A)] {
        for address in [target.v4(), target.v6()] {
            for body in [tcp(), udp(), ping(address.is_ipv4())] {
                let what = body.word();
                let name = format!("{what} of {} does not reach {address}", sender.v4());
                let packet = from(sender, sender.gateway_mac(), address, body).bytes();
                rows.push(dropped(&name, sender, packet, DropReason::Isolated));
            }
        }
    }
    for address in [C.gateway4(), C.gateway6()] {
        let packet = from(A, A.gateway_mac(), address, tcp()).bytes();
        let name = format!("another network's gateway {address} is out of reach");
        rows.push(dropped(&name, A, packet, DropReason::Isolated));
    }
    let packet = from(A, A.gateway_mac(), C.link_local(), ping(false)).bytes();
    rows.push(dropped(
        "a link-local address of another network is nobody",
        A,
        packet,
        DropReason::NoEndpoint,
    ));
    let straight = from(A, C.mac(), C.v4(), tcp()).bytes();
    rows.push(dropped(
        "another network's Ethernet address does not help",
        A,
        straight,
        DropReason::Isolated,
    ));
    rows
}

fn host() -> Vec<Case> {
    let mut rows = Vec::new();
    for address in [A.gateway4(), A.gateway6(), ip(HOST4), ip(HOST6)] {
        let packet = from(A, A.gateway_mac(), address, tcp()).bytes();
        rows.push(row(&format!("the host at {address} is reached"), A, packet, Verdict::Pass));
    }
    let internal = from(F, F.gateway_mac(), F.gateway4(), tcp()).bytes();
    rows.push(row("an internal network reaches its own gateway", F, internal, Verdict::Pass));
    let internal = from(F, F.gateway_mac(), ip(HOST4), tcp()).bytes();
    rows.push(dropped(
        "an internal network reaches no other host address",
        F,
        internal,
        DropReason::Internal,
    ));
    for address in [ip("127.0.0.1"), ip("::1")] {
        let packet = from(A, A.gateway_mac(), address, tcp()).bytes();
        let name = format!("{address} is no destination on a wire");
        rows.push(dropped(&name, A, packet, DropReason::Martian));
    }
    rows
}

fn outside() -> Vec<Case> {
    let mut rows = Vec::new();
    for (address, router) in [(ip("203.0.113.9"), ROUTERS.0), (ip("2001:db8:9::9"), ROUTERS.1)] {
        for body in [tcp(), udp(), ping(address.is_ipv4())] {
            let what = body.word();
            let name = format!("{what} to {address} goes to the router");
            let frame = from(A, A.gateway_mac(), address, body);
            let out = frame.clone().hops(63).bytes();
            rows.push(row(&name, A, frame.bytes(), routed(ip(router))).out(out));
        }
        let internal = from(F, F.gateway_mac(), address, tcp()).bytes();
        let name = format!("an internal network does not reach {address}");
        rows.push(dropped(&name, F, internal, DropReason::Internal));
        let last = from(A, A.gateway_mac(), address, udp()).hops(1).bytes();
        let name = format!("the last hop to {address} is the kernel's to refuse");
        rows.push(row(&name, A, last, Verdict::Pass));
    }
    let neighbour = ip("198.51.100.7");
    let frame = from(A, A.gateway_mac(), neighbour, tcp());
    let out = frame.clone().hops(63).bytes();
    rows.push(
        row("a neighbour on the link is its own next hop", A, frame.bytes(), routed(neighbour))
            .out(out),
    );
    for address in [ip(UNREACHABLE.0), ip(UNREACHABLE.1)] {
        let packet = from(A, A.gateway_mac(), address, udp()).bytes();
        let name = format!("{address} without a route is the kernel's to refuse");
        rows.push(row(&name, A, packet, Verdict::Pass));
    }
    let lost = from(A, A.gateway_mac(), ip("203.0.113.9"), tcp());
    let out = lost.bytes();
    rows.push(
        dropped(
            "a route by a device that is no uplink is refused",
            A,
            out,
            DropReason::UnknownDevice,
        )
        .world(|w| w.uplinks.clear()),
    );
    rows
}
