//! Frames that are not plain IP: tags, other protocols, broken headers.

use super::*;

pub(super) fn cases() -> Vec<Case> {
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
    rows.extend(cut_short());
    rows
}

/// Packets that end before their transport's header does.
fn cut_short() -> Vec<Case> {
    let mut rows = Vec::new();
    let mut bad = |name: &str, packet: Vec<u8>, reason| rows.push(dropped(name, A, packet, reason));
    let mut short = from(A, B.mac(), B.v4(), Body::Raw(6, vec![0; 12]));
    bad("TCP cut short is malformed", short.bytes(), DropReason::Malformed);
    short.fragment = (0, true);
    bad("a tiny first fragment is malformed", short.bytes(), DropReason::Malformed);
    short.fragment = (0, false);
    for (what, fragment) in [("TCP", (0, false)), ("a tiny first fragment", (0, true))] {
        let mut padded = Frame { fragment, ..short.clone() }.bytes();
        padded.resize(60, 0x02);
        let name = format!("{what} is not read beyond its length");
        bad(&name, padded, DropReason::Malformed);
    }
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
