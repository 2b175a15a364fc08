//! Fragments: the first has the ports, later ones follow it, and what can't be judged is not guessed
//! (RFC 4787 REQ-14, RFC 1858).

use super::family::{Family, LEAVING, called, families, handed, led, wait};
use super::{Case, Hook, World, end, enter, from_outside, leaving, publish, record, translated};
use crate::frame::{Body, Frame, echo};
use crate::world::{A, B};
use netd_common::abi::FlowKey;
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, published_flow};
use netd_common::verdict::{DropReason, Verdict};

pub(super) fn cases() -> Vec<Case> {
    let parts = |family| {
        let ways =
            [to_published(family), answer(family), sent(family), returned(family), pinged(family)];
        let mut rows: Vec<_> = ways.iter().flat_map(Way::rows).collect();
        rows.extend(tiny(family));
        rows
    };
    families().into_iter().flat_map(parts).collect()
}

/// A datagram through the host, whole before and after.
struct Way {
    family: Family,
    what: &'static str,
    hook: Hook,
    before: Frame,
    after: Frame,
    verdict: Verdict,
    /// The flow that it belongs to, seconds before, and its state afterwards.
    flow: (FlowKey, netd_common::abi::Flow, State),
    world: World,
}

/// Bytes of the transport in the first fragment.
const FIRST: usize = 40;

impl Way {
    fn rows(&self) -> Vec<Case> {
        let (sent, got) = (self.before.split(FIRST), self.after.split(FIRST));
        let (key, flow, state) = self.flow;
        let followed = [(key, state)];
        let case = |what: &str, packet: &[u8], verdict| self.case(what, packet.to_vec(), verdict);
        let lost = if matches!(self.hook, Hook::UplinkIn) {
            Verdict::Pass
        } else {
            Verdict::Drop(DropReason::Fragment)
        };
        let other = Frame { id: 0x4321, ..self.before.clone() }.split(FIRST).1;
        let seconds = u64::from(World::standard().config.timeouts.fragment);
        let older = |w: &mut World| _ = w.generations.insert(flow.slot, 1);
        vec![
            case("the first fragment has the ports", &sent.0, self.verdict)
                .out(got.0)
                .flows(&followed),
            case("a later fragment follows the first", &sent.1, self.verdict)
                .after(self.hook, &sent.0)
                .out(got.1.clone())
                .still(),
            case("a later fragment follows in time", &sent.1, self.verdict)
                .after(self.hook, &sent.0)
                .world(|w| wait(w, seconds - 1))
                .out(got.1)
                .still(),
            case("a later fragment that comes late is nobody's", &sent.1, lost)
                .after(self.hook, &sent.0)
                .world(|w| wait(w, seconds + 1))
                .still(),
            case("a later fragment before the first is nobody's", &sent.1, lost).still(),
            case("a later fragment of another datagram is nobody's", &other, lost)
                .after(self.hook, &sent.0)
                .still(),
            case("a later fragment of a flow that is void is nobody's", &sent.1, lost)
                .after(self.hook, &sent.0)
                .world(older),
        ]
    }

    fn case(&self, what: &str, packet: Vec<u8>, verdict: Verdict) -> Case {
        let name = format!("fragments of {} {}: {what}", self.family.word(), self.what);
        let (key, flow, _) = self.flow;
        Case::new(name, self.hook, packet, verdict).world(|w| {
            *w = self.world.clone();
            enter(w, key, flow);
        })
    }
}

fn long(from: u16, to: u16) -> Body {
    Body::Udp(from, to, (0..77).collect())
}

/// The packet in its container, one hop further.
fn inside(frame: Frame) -> Frame {
    Frame { macs: (A.gateway_mac(), A.mac()), ..frame }.hops(63)
}

fn to_published(family: Family) -> Way {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let mut world = World::standard();
    publish(&mut world, end(family.any, 8080), 17, A, 80);
    let key = published_flow(end(far, 5000), end(inner, 80), 17);
    let flow = called(&world, end(host, 8080), State::Unreplied);
    Way {
        family,
        what: "to a published port",
        hook: Hook::UplinkIn,
        before: from_outside(far, host, long(5000, 8080)),
        after: inside(from_outside(far, inner, long(5000, 80))),
        verdict: led(A, None, Some(end(inner, 80))),
        flow: (key, flow, State::Unreplied),
        world,
    }
}

fn answer(family: Family) -> Way {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let way = to_published(family);
    Way {
        what: "that a published port answers",
        hook: LEAVING,
        before: leaving(inner, far, long(80, 5000)),
        after: leaving(host, far, long(8080, 5000)),
        verdict: translated(end(host, 8080)),
        flow: (way.flow.0, way.flow.1, State::Established),
        ..way
    }
}

fn sent(family: Family) -> Way {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let world = World::standard();
    let key = masqueraded_flow(end(far, 53), end(host, 4000), 17);
    let flow = record(&world, A, end(inner, 4000), State::Unreplied, 0);
    Way {
        family,
        what: "that a container sends",
        hook: LEAVING,
        before: leaving(inner, far, long(4000, 53)),
        after: leaving(host, far, long(4000, 53)),
        verdict: translated(end(host, 4000)),
        flow: (key, flow, State::Unreplied),
        world,
    }
}

fn returned(family: Family) -> Way {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let way = sent(family);
    Way {
        what: "that come back to a container",
        hook: Hook::UplinkIn,
        before: from_outside(far, host, long(53, 4000)),
        after: inside(from_outside(far, inner, long(53, 4000))),
        verdict: led(A, None, Some(end(inner, 4000))),
        flow: (way.flow.0, way.flow.1, State::Established),
        ..way
    }
}

/// Fragmented echoes (cilium #22624, #25085).
fn pinged(family: Family) -> Way {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let (protocol, _, reply) = family.echo();
    let world = World::standard();
    let key = masqueraded_flow(end(far, 0), end(host, 77), protocol);
    let flow = record(&world, A, end(inner, 33), State::Unreplied, 0);
    let body = |id| {
        let mut rest = echo(id);
        rest.extend([0xee; 50]);
        Body::Icmp(reply, 0, rest)
    };
    Way {
        family,
        what: "of an echo that come back",
        hook: Hook::UplinkIn,
        before: from_outside(far, host, body(77)),
        after: inside(from_outside(far, inner, body(33))),
        verdict: led(A, None, Some(end(inner, 33))),
        flow: (key, flow, State::Established),
        world,
    }
}

/// RFC 1858: a first fragment without its transport's header tells no ports. IPv6's atomic fragments
/// are whole packets (RFC 6946).
fn tiny(family: Family) -> Vec<Case> {
    let (far, host, inner) = (family.far, family.host, family.of(A));
    let name = |rest: &str| format!("fragments of {}: {rest}", family.word());
    let tiny = |frame: Frame| Frame { fragment: (0, true), ..frame }.bytes();
    let cut = || Body::Raw(6, vec![0x13, 0x88, 0x1f, 0x90, 0, 0, 0, 1]);
    let open = |w: &mut World| publish(w, end(family.any, 8080), 6, A, 80);
    let mut rows = vec![
        Case::new(
            name("a tiny first one from outside is the host's to refuse"),
            Hook::UplinkIn,
            tiny(from_outside(far, host, cut())),
            Verdict::Pass,
        )
        .world(open)
        .still(),
        Case::new(
            name("a tiny first one does not leave"),
            LEAVING,
            tiny(leaving(inner, far, cut())),
            Verdict::Drop(DropReason::Malformed),
        ),
        Case::new(
            name("a later one to a container's own address is refused"),
            Hook::UplinkIn,
            from_outside(far, family.of(B), long(1, 2)).split(FIRST).1,
            Verdict::Drop(DropReason::Unsolicited),
        ),
    ];
    if !family.v4 {
        let atomic = [17, 0, 0, 0, 0, 0, 0x12, 0x34];
        let packet = from_outside(far, host, long(5000, 8080)).extra(44, &atomic);
        let out = from_outside(far, inner, long(5000, 80)).extra(44, &atomic);
        let key = published_flow(end(far, 5000), end(inner, 80), 17);
        let to = led(A, None, Some(end(inner, 80)));
        rows.push(
            Case::new(name("an atomic one is a whole packet"), Hook::UplinkIn, packet.bytes(), to)
                .world(|w| publish(w, end(family.any, 8080), 17, A, 80))
                .out(handed(out, A))
                .flows(&[(key, State::Unreplied)]),
        );
    }
    rows
}
