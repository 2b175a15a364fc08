//! What else a container's packet gets on its way out: a limit of its segments, checksums, and an
//! identifier in place of a port.

use super::*;
use crate::cases::family::called;

pub(super) fn cases(family: Family) -> Vec<Case> {
    [segments(family), checksums(family), echoes(family)].concat()
}

/// The largest segment that a SYN announces.
fn segments(family: Family) -> Vec<Case> {
    let headers = if family.v4 { 40 } else { 60 };
    let plain = |mss: u16| [&[2, 4][..], &mss.to_be_bytes()].concat();
    // Behind a no-operation, so at an odd offset, and behind a window scale and timestamps.
    let odd = |mss: u16| [&[1, 2, 4][..], &mss.to_be_bytes(), &[1, 1, 1]].concat();
    let late = |mss: u16| {
        [&[3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 2, 4][..], &mss.to_be_bytes(), &[0, 0, 0]]
            .concat()
    };
    let none = |_| vec![1, 1, 1, 1];
    type Options<'a> = &'a dyn Fn(u16) -> Vec<u8>;
    let rows: [(&str, u32, u16, u16, Options<'_>); 9] = [
        ("a larger segment is limited", 1000, 1460, 1000, &plain),
        ("one at an odd offset is limited", 1000, 1460, 1000, &odd),
        ("one behind other options is limited", 1000, 1460, 1000, &late),
        ("a smaller segment stays", 1000, 536, 536, &plain),
        ("one of the limit stays", 1000, 1000, 1000, &plain),
        ("the route's MTU limits", MSS_OF_ROUTE, 1460, 1400 - headers, &odd),
        ("a limit beyond the route's MTU is the route's", 9000, 1460, 1400 - headers, &plain),
        ("a SYN without the option stays", 1000, 0, 0, &none),
        ("no limit changes nothing", 0, 1460, 1460, &plain),
    ];
    let limited = |(name, limit, before, after, options): (&str, u32, u16, u16, Options<'_>)| {
        let syn = |from, mss| {
            let segment = Segment::new((4000, 443), SYN).options(&options(mss));
            leaving(from, family.far, Body::Segment(segment))
        };
        let host = end(family.host, 4000);
        let mss = if before == after { 0 } else { after };
        let verdict =
            Verdict::Translate(Translation { source: Some(host), destination: None, mss });
        row(family, name, &syn(family.of(A), before), verdict)
            .world(|w| {
                w.networks.get_mut(&A.network).unwrap().mss = limit;
                w.uplinks.get_mut(&UPLINK).unwrap().mtu = 1400;
            })
            .out(syn(family.host, after).bytes())
            .flows(&[(key(family, host, 6), State::Unreplied)])
    };
    let mut all: Vec<_> = rows.into_iter().map(limited).collect();
    all.push(answer_limited(family));
    all.push(options_behind_the_end(family));
    all
}

/// A header that claims options, of a packet that ends before them: they are the link's padding.
fn options_behind_the_end(family: Family) -> Case {
    let doff = 14 + if family.v4 { 20 } else { 40 } + 12;
    let segment = || Segment::new((4000, 443), SYN);
    let short = |from| leaving(from, family.far, Body::Segment(segment()));
    let syn = |from| {
        let mut bytes = short(from).bytes();
        bytes[doff] = 6 << 4;
        [&bytes[..], &[2, 4, 5, 180]].concat()
    };
    let host = end(family.host, 4000);
    let verdict = translated(host);
    let mut case = row(family, "options behind the end stay", &short(family.of(A)), verdict)
        .world(|w| w.networks.get_mut(&A.network).unwrap().mss = 1000)
        .out(syn(family.host))
        .flows(&[(key(family, host, 6), State::Unreplied)]);
    case.packet = syn(family.of(A));
    case
}

/// The answer to a published port's SYN announces as well.
fn answer_limited(family: Family) -> Case {
    let (inner, far) = (family.of(A), family.far);
    let key = netd_common::flow::published_flow(end(far, 443), end(inner, 80), 6);
    let answer = |from, port, mss: u16| {
        let options = [&[2, 4][..], &mss.to_be_bytes()].concat();
        leaving(from, far, Body::Segment(Segment::new((port, 443), 0x12).options(&options)))
    };
    let source = Some(end(family.host, 8080));
    let limited = Verdict::Translate(Translation { source, destination: None, mss: 1000 });
    row(family, "a published port's answer is limited", &answer(inner, 80, 1460), limited)
        .world(|w| {
            publish(w, end(family.any, 8080), 6, A, 80);
            w.networks.get_mut(&A.network).unwrap().mss = 1000;
            let flow = called(w, end(family.host, 8080), State::Unreplied);
            enter(w, key, flow);
        })
        .out(answer(family.host, 8080, 1000).bytes())
        .flows(&[(key, State::Answered)])
}

fn checksums(family: Family) -> Vec<Case> {
    let (inner, far, host) = (family.of(A), family.far, family.host);
    let at = if family.v4 { 40 } else { 60 };
    let with = |from, check: Option<[u8; 2]>, payload: &[u8]| {
        let mut packet = leaving(from, far, Body::Udp(4000, 443, payload.to_vec())).bytes();
        if let Some(check) = check {
            packet[at..at + 2].copy_from_slice(&check);
        }
        packet
    };
    // A payload that makes up for the rest, so that the sum comes out as zero.
    let rest = with(host, None, &[0, 0]);
    let payload = [rest[at], rest[at + 1]];
    assert_eq!(with(host, None, &payload)[at..at + 2], [0xff; 2]);
    let flows = [(key(family, end(host, 4000), 17), State::Unreplied)];
    let case = |name: &str, check, payload: &[u8]| {
        let packet = leaving(inner, far, udp(4000));
        let case = row(family, name, &packet, translated(end(host, 4000)));
        let out = with(host, check, payload);
        Case { packet: with(inner, check, payload), ..case }.out(out).flows(&flows)
    };
    let mut rows = vec![case("a UDP checksum is never sent as zero", None, &payload)];
    if !family.v4 {
        rows.push(case("a UDP checksum of zero stays zero", Some([0; 2]), &[1, 2, 3]));
    }
    rows
}

/// RFC 5508 REQ-1: an echo's identifier is its port.
fn echoes(family: Family) -> Vec<Case> {
    let (protocol, request, reply) = family.echo();
    let (inner, far, host) = (family.of(A), family.far, family.host);
    let ping = |from, id| leaving(from, far, Body::Icmp(request, 0, echo(id)));
    let id = tried(end(inner, 99), end(far, 0), 1);
    let flow = |id| masqueraded_flow(end(far, 0), end(host, id), protocol);
    let name = moved(end(far, 0), end(inner, 99), protocol);
    let other = |w: &mut World| {
        let record = Flow { ..record(w, B, end(family.of(B), 99), State::Established, 0) };
        enter(w, flow(99), record);
    };
    let unasked = leaving(inner, far, Body::Icmp(reply, 0, echo(99)));
    let refused = Verdict::Drop(DropReason::NoFlow);
    let answer = from_outside(far, host, Body::Icmp(reply, 0, echo(id)));
    let back = from_outside(far, inner, Body::Icmp(reply, 0, echo(99)));
    let called = format!("masquerade of {}: the reply gets its own identifier", family.word());
    let asked = flow(99);
    vec![
        row(family, "an identifier is not shared", &ping(inner, 99), translated(end(host, id)))
            .world(other)
            .out(ping(host, id).bytes())
            .flows(&[
                (asked, State::Established),
                (flow(id), State::Unreplied),
                (name, State::Unreplied),
            ]),
        Case::new(called, Hook::UplinkIn, answer.bytes(), led(A, None, Some(end(inner, 99))))
            .world(other)
            .after(LEAVING, &ping(inner, 99).bytes())
            .out(handed(back, A))
            .flows(&[
                (asked, State::Established),
                (flow(id), State::Established),
                (name, State::Established),
            ]),
        row(family, "an echo reply that nobody asked for opens nothing", &unasked, refused),
    ]
}
