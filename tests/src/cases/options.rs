//! IPv4 options and IPv6 extension headers of translated packets: they stay as they are, but those
//! that would lead a packet round a translation (RFC 7126, RFC 5095).

use super::family::{Family, LEAVING, families, handed, led};
use super::{Case, Hook, World, end, from, from_outside, leaving, publish, translated};
use crate::frame::{Body, Frame};
use crate::world::{A, B, C};
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, published_flow};
use netd_common::verdict::{DropReason, Verdict};

pub(super) fn cases() -> Vec<Case> {
    let mut rows: Vec<_> = families().into_iter().flat_map(kept).collect();
    let [v4, v6] = families();
    rows.extend(source_routes(v4));
    rows.extend(headers(v6));
    rows
}

fn open(world: &mut World, family: Family) {
    for protocol in [6, 17] {
        publish(world, end(family.any, 8080), protocol, A, 80);
    }
}

/// Options that translation steps over, in words.
fn harmless(family: Family) -> Vec<(&'static str, u8, Vec<u8>)> {
    if family.v4 {
        let mut route = vec![7, 39, 4];
        route.resize(40, 0);
        return vec![
            ("no-operations", 0, vec![1, 1, 1, 0]),
            ("a router alert", 0, vec![148, 4, 0, 0]),
            ("40 bytes of record route", 0, route),
            ("a timestamp", 0, vec![68, 8, 5, 0, 0, 0, 0, 0]),
            ("source routes behind the end", 0, vec![0, 131, 7, 4]),
            ("source routes within another option", 0, vec![30, 8, 131, 7, 137, 7, 1, 1]),
        ];
    }
    let [hop, destination] = [0, 60];
    vec![
        ("hop-by-hop options", hop, vec![PAYLOAD, 0, 1, 4, 0, 0, 0, 0]),
        ("destination options", destination, vec![PAYLOAD, 0, 1, 4, 0, 0, 0, 0]),
        ("both", hop, vec![60, 0, 1, 4, 0, 0, 0, 0, PAYLOAD, 0, 1, 4, 0, 0, 0, 0]),
        ("long options", destination, [&[PAYLOAD, 15, 1, 124][..], &[0; 124]].concat()),
    ]
}

/// Stands for the transport's number, which is not known yet.
const PAYLOAD: u8 = 0xfe;

/// The bytes with the transport's number.
fn before(protocol: u8, bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| if *byte == PAYLOAD { protocol } else { *byte }).collect()
}

fn kept(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let (far, host, inner) = (family.far, family.host, family.of(A));
    for (what, first, bytes) in harmless(family) {
        for (protocol, transport) in [(6, "TCP"), (17, "UDP")] {
            let bytes = before(protocol, &bytes);
            let body = |from, to| match protocol {
                17 => Body::Udp(from, to, b"odd".to_vec()),
                _ => Body::Tcp(from, to, 0x02, b"odd".to_vec()),
            };
            let with = |frame: Frame| frame.extra(first, &bytes);
            let name = |way| format!("{} {transport} with {what} {way}", family.word());
            let packet = with(from_outside(far, host, body(5000, 8080)));
            let out = with(from_outside(far, inner, body(5000, 80)));
            let key = published_flow(end(far, 5000), end(inner, 80), protocol);
            let to = led(A, None, Some(end(inner, 80)));
            rows.push(
                Case::new(name("reaches a published port"), Hook::UplinkIn, packet.bytes(), to)
                    .world(|w| open(w, family))
                    .out(handed(out, A))
                    .flows(&[(key, State::Unreplied)]),
            );
            let packet = with(leaving(inner, far, body(4000, 443)));
            let key = masqueraded_flow(end(far, 443), end(host, 4000), protocol);
            let from = translated(end(host, 4000));
            rows.push(
                Case::new(name("is masqueraded"), LEAVING, packet.bytes(), from)
                    .out(with(leaving(host, far, body(4000, 443))).bytes())
                    .flows(&[(key, State::Unreplied)]),
            );
        }
    }
    rows
}

/// RFC 7126 4.3, 4.4: loose and strict source routes.
fn source_routes(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let refused = Verdict::Drop(DropReason::SourceRoute);
    let syn = |from, to| Body::Tcp(from, to, 0x02, Vec::new());
    let name = |what: &str, way: &str| format!("a {what} source route {way} is refused");
    for (what, kind) in [("loose", 131), ("strict", 137)] {
        let route = [kind, 7, 4, 172, 18, 0, 2, 0];
        let behind = [1, 7, 7, 4, 0, 0, 0, 0, kind, 7, 4, 172, 18, 0, 2, 0];
        for (where_, options) in [("first", &route[..]), ("behind others", &behind[..])] {
            let way = |way: &str| name(what, &format!("{where_} {way}"));
            let packet = from_outside(far, host, syn(5000, 8080)).extra(0, options).bytes();
            rows.push(
                Case::new(way("from outside"), Hook::UplinkIn, packet, refused)
                    .world(|w| open(w, family))
                    .still(),
            );
            let packet = from(A, B.mac(), family.of(B), syn(1, 2)).extra(0, options).bytes();
            rows.push(Case::new(
                way("to the same network"),
                Hook::ContainerOut(A),
                packet,
                refused,
            ));
            let packet = from(C, C.gateway_mac(), host, syn(1, 8080)).extra(0, options).bytes();
            rows.push(
                Case::new(way("to a published port"), Hook::ContainerOut(C), packet, refused)
                    .world(|w| open(w, family))
                    .still(),
            );
            let packet = leaving(inner, far, syn(1, 2)).extra(0, options).bytes();
            rows.push(Case::new(way("on its way out"), LEAVING, packet, refused));
        }
    }
    let broken: [(_, &[u8]); 3] = [
        ("without a length", &[7, 0, 0, 0, 131, 7, 4, 0]),
        ("whose length is in the payload", &[1, 1, 1, 7]),
        ("longer than the header", &[1, 1, 7, 4]),
    ];
    for (what, options) in broken {
        let packet = from(A, B.mac(), family.of(B), syn(1, 2)).extra(0, options).bytes();
        let refused = Verdict::Drop(DropReason::Malformed);
        let name = format!("an option {what} is refused");
        rows.push(Case::new(name, Hook::ContainerOut(A), packet, refused));
    }
    rows
}

/// Extension headers that can't be judged.
fn headers(family: Family) -> Vec<Case> {
    let mut rows = Vec::new();
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let syn = |from, to| Body::Tcp(from, to, 0x02, Vec::new());
    let long = [&[6, 63, 1, 4][..], &[0; 508]].concat();
    let longer = [&[60, 63, 1, 4][..], &[0; 508], &[6, 0, 1, 4, 0, 0, 0, 0]].concat();
    let many = [&[60, 0, 1, 4, 0, 0, 0, 0].repeat(8)[..], &[6, 0, 1, 4, 0, 0, 0, 0]].concat();
    let refused = Verdict::Drop(DropReason::ExtensionHeader);
    for (what, first, bytes) in [
        (
            "a routing header",
            43,
            vec![6, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        ),
        ("a segment routing header", 43, vec![6, 0, 4, 0, 0, 0, 0, 0]),
        ("an authentication header", 51, vec![6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a mobility header", 135, vec![6, 0, 0, 0, 0, 0, 0, 0]),
        ("late hop-by-hop options", 60, vec![0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]),
        ("nine headers", 60, many),
        ("more than 512 bytes of headers", 60, longer),
    ] {
        let packet = leaving(inner, far, syn(4000, 443)).extra(first, &bytes).bytes();
        rows.push(Case::new(format!("{what} does not leave"), LEAVING, packet, refused));
        let packet = from_outside(far, host, syn(5000, 8080)).extra(first, &bytes).bytes();
        let name = format!("{what} from outside is the host's to refuse");
        rows.push(
            Case::new(name, Hook::UplinkIn, packet, Verdict::Pass)
                .world(|w| open(w, family))
                .still(),
        );
    }
    let packet = leaving(inner, far, syn(4000, 443)).extra(60, &long);
    let out = leaving(host, far, syn(4000, 443)).extra(60, &long).bytes();
    let key = masqueraded_flow(end(far, 443), end(host, 4000), 6);
    rows.push(
        Case::new(
            "512 bytes of headers leave",
            LEAVING,
            packet.bytes(),
            translated(end(host, 4000)),
        )
        .out(out)
        .flows(&[(key, State::Unreplied)]),
    );
    rows
}
