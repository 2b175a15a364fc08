//! Who a container says it is: addresses, ARP, neighbour discovery.

use super::*;
use crate::frame::arp as message;

pub(super) fn spoofing() -> Vec<Case> {
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

pub(super) fn arp() -> Vec<Case> {
    let octets = |a: IpAddr| match a {
        IpAddr::V4(a) => a.octets(),
        IpAddr::V6(_) => unreachable!("ARP is IPv4's"),
    };
    let own = (A.mac(), octets(A.v4()));
    let macs = (A.mac(), BROADCAST);
    let gateway = octets(A.gateway4());
    vec![
        row("ARP for the gateway passes", A, message(macs, 1, own, gateway), Verdict::Pass),
        row(
            "an ARP answer with the own address passes",
            A,
            message((A.mac(), B.mac()), 2, own, octets(B.v4())),
            Verdict::Pass,
        ),
        row("an ARP probe passes", A, message(macs, 1, (A.mac(), [0; 4]), own.1), Verdict::Pass),
        dropped(
            "ARP that claims the gateway is refused",
            A,
            message(macs, 2, (A.mac(), gateway), gateway),
            DropReason::SpoofedArp,
        ),
        dropped(
            "ARP that claims a neighbour is refused",
            A,
            message(macs, 1, (A.mac(), octets(B.v4())), gateway),
            DropReason::SpoofedArp,
        ),
        dropped(
            "ARP with another sender's Ethernet address is refused",
            A,
            message(macs, 1, (B.mac(), own.1), gateway),
            DropReason::SpoofedArp,
        ),
        dropped(
            "ARP cut short is malformed",
            A,
            message(macs, 1, own, gateway)[..38].to_vec(),
            DropReason::Malformed,
        ),
    ]
}

/// A neighbour discovery message of A's, with or without a link-layer option.
fn nd(kind: u8, source: IpAddr, to: &str, target: IpAddr, option: Option<[u8; 6]>) -> Frame {
    let IpAddr::V6(target) = target else { unreachable!("ND is IPv6's") };
    let mut rest = vec![0; 4];
    rest.extend(target.octets());
    if let Some(mac) = option {
        rest.extend([if kind == 135 { 1 } else { 2 }, 1]);
        rest.extend(mac);
    }
    let macs = (A.mac(), [0x33, 0x33, 0, 0, 0, 1]);
    Frame::new(macs, source, ip(to), Body::Icmp(kind, 0, rest)).hops(255)
}

pub(super) fn neighbours() -> Vec<Case> {
    let mut rows = Vec::new();
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
