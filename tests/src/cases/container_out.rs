//! What containers send (DESIGN 3.3 rules 1 to 5 and 7).

use super::{Case, Hook, from, routed};
use crate::frame::{Body, Frame, arp, echo};
use crate::world::{A, B, C, Container, D, E, F, G, HOST4, HOST6, ROUTERS, UNREACHABLE, ip};
use netd_common::verdict::{Delivery, DropReason, Verdict};
use std::net::IpAddr;

const BROADCAST: [u8; 6] = [0xff; 6];

pub(super) fn cases() -> Vec<Case> {
    [same_network(), isolation(), host_and_outside(), spoofing(), arp_and_nd(), frames()]
        .into_iter()
        .flatten()
        .collect()
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
    let all = Frame::new((A.mac(), BROADCAST), A.v4(), ip("255.255.255.255"), udp());
    rows.push(row("limited broadcast goes to the bridge", A, all.bytes(), Verdict::Pass));
    rows
}

fn isolation() -> Vec<Case> {
    let mut rows = Vec::new();
    for (sender, target) in [(A, C), (C, A), (F, A), (A, F), (D, A)] {
        for address in [target.v4(), target.v6()] {
            for body in [tcp(), udp(), ping(address.is_ipv4())] {
                let what = match &body {
                    Body::Tcp(..) => "TCP",
                    Body::Udp(..) => "UDP",
                    _ => "an echo",
                };
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

fn host_and_outside() -> Vec<Case> {
    let mut rows = Vec::new();
    for address in [A.gateway4(), A.gateway6(), ip(HOST4), ip(HOST6)] {
        let packet = from(A, A.gateway_mac(), address, tcp()).bytes();
        rows.push(row(&format!("the host at {address} is reached"), A, packet, Verdict::Pass));
    }
    for (address, router) in [(ip("203.0.113.9"), ROUTERS.0), (ip("2001:db8:9::9"), ROUTERS.1)] {
        for body in [tcp(), udp(), ping(address.is_ipv4())] {
            let what = match &body {
                Body::Tcp(..) => "TCP",
                Body::Udp(..) => "UDP",
                _ => "an echo",
            };
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

fn spoofing() -> Vec<Case> {
    let mut rows = Vec::new();
    let mut spoof = |name: &str, frame: Frame, reason| {
        rows.push(dropped(name, A, frame.bytes(), reason));
    };
    let mac = Frame::new((B.mac(), B.mac()), A.v4(), B.v4(), udp());
    spoof("another container's Ethernet source is refused", mac, DropReason::SpoofedMac);
    let sources: [IpAddr; 9] = [
        B.v4(),
        C.v4(),
        A.gateway4(),
        ip(HOST4),
        ip("203.0.113.9"),
        ip("0.0.0.0"),
        ip("127.0.0.1"),
        ip("255.255.255.255"),
        ip("224.0.0.1"),
    ];
    for source in sources {
        let frame = Frame::new((A.mac(), B.mac()), source, B.v4(), udp());
        spoof(&format!("the source {source} is refused"), frame, DropReason::SpoofedAddress);
    }
    for source in [B.v6(), B.link_local(), ip("::1"), ip("2001:db8::1"), ip("::"), A.gateway6()] {
        let frame = Frame::new((A.mac(), B.mac()), source, B.v6(), udp());
        spoof(&format!("the source {source} is refused"), frame, DropReason::SpoofedAddress);
    }
    let mapped = Frame::new((A.mac(), B.mac()), ip("::ffff:172.18.0.2"), B.v6(), udp());
    spoof("an IPv4-mapped source is malformed", mapped, DropReason::Malformed);
    let other = Frame::new((A.mac(), B.mac()), ip("172.30.0.9"), B.v4(), udp());
    let own = (A.number, ip("172.30.0.9").into());
    rows.push(
        row("an address of its other interface is the container's own", A, other.bytes(), to(B))
            .world(|w| w.owned.extend([own])),
    );
    let stranger = from(A, B.mac(), B.v4(), udp()).bytes();
    rows.push(
        dropped("an unknown device fails closed", A, stranger, DropReason::UnknownDevice)
            .world(|w| w.devices.clear()),
    );
    let outside = from(A, A.gateway_mac(), ip("203.0.113.9"), udp()).bytes();
    rows.push(
        dropped("an unknown network fails closed", A, outside, DropReason::UnknownNetwork)
            .world(|w| w.networks.clear()),
    );
    rows
}

fn arp_and_nd() -> Vec<Case> {
    let octets = |a: IpAddr| match a {
        IpAddr::V4(a) => a.octets(),
        IpAddr::V6(_) => unreachable!("ARP is IPv4's"),
    };
    let own = (A.mac(), octets(A.v4()));
    let macs = (A.mac(), BROADCAST);
    let gateway = octets(A.gateway4());
    let mut rows = vec![
        row("ARP for the gateway passes", A, arp(macs, 1, own, gateway), Verdict::Pass),
        row(
            "an ARP answer with the own address passes",
            A,
            arp((A.mac(), B.mac()), 2, own, octets(B.v4())),
            Verdict::Pass,
        ),
        row("an ARP probe passes", A, arp(macs, 1, (A.mac(), [0; 4]), own.1), Verdict::Pass),
        dropped(
            "ARP that claims the gateway is refused",
            A,
            arp(macs, 2, (A.mac(), gateway), gateway),
            DropReason::SpoofedArp,
        ),
        dropped(
            "ARP that claims a neighbour is refused",
            A,
            arp(macs, 1, (A.mac(), octets(B.v4())), gateway),
            DropReason::SpoofedArp,
        ),
        dropped(
            "ARP with another sender's Ethernet address is refused",
            A,
            arp(macs, 1, (B.mac(), own.1), gateway),
            DropReason::SpoofedArp,
        ),
        dropped(
            "ARP cut short is malformed",
            A,
            arp(macs, 1, own, gateway)[..38].to_vec(),
            DropReason::Malformed,
        ),
    ];
    let nd = |kind: u8, source: IpAddr, to: &str, target: IpAddr, option: Option<[u8; 6]>| {
        let IpAddr::V6(target) = target else { unreachable!("ND is IPv6's") };
        let mut rest = vec![0; 4];
        rest.extend(target.octets());
        if let Some(mac) = option {
            rest.extend([if kind == 135 { 1 } else { 2 }, 1]);
            rest.extend(mac);
        }
        let macs = (A.mac(), [0x33, 0x33, 0, 0, 0, 1]);
        Frame::new(macs, source, ip(to), Body::Icmp(kind, 0, rest)).hops(255)
    };
    let all = "ff02::1";
    let solicit = nd(135, A.v6(), "ff02::1:ff00:3", B.v6(), Some(A.mac()));
    rows.push(row("a neighbour solicitation passes", A, solicit.bytes(), Verdict::Pass));
    let dad = nd(135, ip("::"), "ff02::1:ff00:2", A.v6(), None);
    rows.push(row("duplicate address detection passes", A, dad.bytes(), Verdict::Pass));
    let answer = nd(136, A.v6(), all, A.v6(), Some(A.mac()));
    rows.push(row("an advertisement of the own address passes", A, answer.bytes(), Verdict::Pass));
    let refused = DropReason::SpoofedNeighbour;
    let claim = nd(136, A.v6(), all, A.gateway6(), Some(A.mac()));
    rows.push(dropped("an advertisement of the gateway is refused", A, claim.bytes(), refused));
    let claim = nd(136, A.v6(), all, A.v6(), Some(B.mac()));
    rows.push(dropped(
        "an advertisement with another Ethernet address is refused",
        A,
        claim.bytes(),
        refused,
    ));
    let claim = nd(135, A.v6(), all, B.v6(), Some(B.mac()));
    rows.push(dropped(
        "a solicitation with another Ethernet address is refused",
        A,
        claim.bytes(),
        refused,
    ));
    let far = nd(136, A.v6(), all, A.v6(), Some(A.mac())).hops(64);
    rows.push(dropped("an advertisement from afar is refused", A, far.bytes(), refused));
    for (kind, what) in [(133, "solicitation"), (134, "advertisement"), (137, "redirect")] {
        let frame = nd(kind, A.link_local(), all, A.v6(), None);
        let name = format!("a router {what} is refused");
        rows.push(dropped(&name, A, frame.bytes(), DropReason::RouterMessage));
    }
    let query = nd(130, A.link_local(), all, A.v6(), None).hops(1);
    rows.push(dropped("a listener query is refused", A, query.bytes(), DropReason::RouterMessage));
    rows
}

fn frames() -> Vec<Case> {
    let plain = from(A, B.mac(), B.v4(), udp()).bytes();
    let with = |ether_type: [u8; 2]| {
        let mut frame = plain.clone();
        frame[12..14].copy_from_slice(&ether_type);
        frame
    };
    let tagged = |tag: [u8; 2]| {
        let mut frame = plain[..12].to_vec();
        frame.extend(tag);
        frame.extend([0, 1]);
        frame.extend(&plain[12..]);
        frame
    };
    let mut rows = vec![
        dropped("a VLAN tag is refused", A, tagged([0x81, 0x00]), DropReason::Vlan),
        dropped("a provider tag is refused", A, tagged([0x88, 0xa8]), DropReason::Vlan),
        dropped("LLDP is refused", A, with([0x88, 0xcc]), DropReason::EtherType),
        dropped("an 802.3 length (SNAP) is refused", A, with([0x00, 0x30]), DropReason::EtherType),
    ];
    let mut bpdu = plain.clone();
    bpdu[..6].copy_from_slice(&[0x01, 0x80, 0xc2, 0, 0, 0]);
    rows.push(dropped("a spanning tree address is refused", A, bpdu, DropReason::LinkControl));
    let v6 = Frame::new((G.mac(), G.gateway_mac()), G.v6(), ip("2001:db8:9::9"), udp());
    rows.push(dropped(
        "IPv6 on a network without it is refused",
        G,
        v6.bytes(),
        DropReason::Ipv6Off,
    ));
    for (v4, ports) in [(true, (67, 68)), (false, (547, 546))] {
        let address = if v4 { B.v4() } else { B.v6() };
        let body = Body::Udp(ports.0, ports.1, b"offer".to_vec());
        let packet = from(A, B.mac(), address, body).bytes();
        rows.push(dropped(
            &format!("a DHCP answer on port {} is refused", ports.1),
            A,
            packet,
            DropReason::DhcpServer,
        ));
    }
    rows.extend(malformed());
    rows
}

fn malformed() -> Vec<Case> {
    let v4 = from(A, B.mac(), B.v4(), udp()).bytes();
    let v6 = from(A, B.mac(), B.v6(), udp()).bytes();
    let spoilt = |frame: &[u8], at: usize, byte: u8| {
        let mut frame = frame.to_vec();
        frame[at] = byte;
        frame
    };
    let mut rows = Vec::new();
    let mut bad = |name: &str, packet: Vec<u8>, reason| rows.push(dropped(name, A, packet, reason));
    bad(
        "an IPv4 header length of 4 words is malformed",
        spoilt(&v4, 14, 0x44),
        DropReason::Malformed,
    );
    bad("IPv4 with version 6 is malformed", spoilt(&v4, 14, 0x65), DropReason::Malformed);
    bad(
        "a total length beyond the frame is malformed",
        spoilt(&v4, 16, 0x10),
        DropReason::Malformed,
    );
    bad(
        "a total length below the header is malformed",
        spoilt(&spoilt(&v4, 16, 0), 17, 19),
        DropReason::Malformed,
    );
    bad("IPv6 with version 4 is malformed", spoilt(&v6, 14, 0x40), DropReason::Malformed);
    bad(
        "a payload length beyond the frame is malformed",
        spoilt(&v6, 18, 0x10),
        DropReason::Malformed,
    );
    let mut short = from(A, B.mac(), B.v4(), Body::Raw(6, vec![0; 12]));
    bad("TCP cut short is malformed", short.bytes(), DropReason::Malformed);
    short.fragment = (0, true);
    bad("a tiny first fragment is malformed", short.bytes(), DropReason::Malformed);
    let chain = |first: u8, bytes: &[u8]| {
        let mut frame = from(A, B.mac(), B.v6(), udp());
        frame.extra = Some((first, bytes.to_vec()));
        frame.bytes()
    };
    let (routing, late) =
        ([17, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0]);
    bad("a routing header is refused", chain(43, &routing), DropReason::ExtensionHeader);
    bad(
        "hop-by-hop options in second place are refused",
        chain(60, &late),
        DropReason::ExtensionHeader,
    );
    let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(9);
    bad("nine extension headers are refused", chain(60, &endless), DropReason::ExtensionHeader);
    let options = [17, 0, 1, 4, 0, 0, 0, 0];
    rows.push(row("hop-by-hop options are stepped over", A, chain(0, &options), to(B)));
    let mut optioned = from(A, B.mac(), B.v4(), udp());
    optioned.extra = Some((0, vec![1, 1, 1, 0]));
    rows.push(row("IPv4 options are stepped over", A, optioned.bytes(), to(B)));
    rows
}
