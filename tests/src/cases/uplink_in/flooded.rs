//! Frames for everybody on the link that hold packets for one machine: no router forwards them
//! (RFC 1812 5.3.4), and no error answers them (RFC 1122 3.2.2).

use super::{
    A, ACK, Case, DropReason, Flow, PUBLISHED_SLOT, SYN, State, Verdict, World, dropped, end, ends,
    enter, from_outside, publish, published_flow, record, row, tcp, wildcard,
};

const EVERYBODY: [u8; 6] = [0xff; 6];
const MANY: [u8; 6] = [0x01, 0, 0x5e, 0, 0, 1];

pub(super) fn cases() -> Vec<Case> {
    let mut rows = Vec::new();
    for (word, mac) in [("everybody", EVERYBODY), ("many", MANY)] {
        for (client, host, inner) in ends() {
            let name = |what: &str| format!("to {word} on the link, for {host}: {what}");
            let packet = |from, flags, hops| {
                let mut frame = from_outside(from, host, tcp(5000, 8080, flags)).hops(hops).bytes();
                frame[..6].copy_from_slice(&mac);
                frame
            };
            let publishes = |w: &mut World| publish(w, end(wildcard(host), 8080), 6, A, 80);
            let open = |w: &mut World| {
                publishes(w);
                let record = record(w, A, end(host, 8080), State::Established, 0);
                let key = published_flow(end(client, 5000), end(inner, 80), 6);
                enter(w, key, Flow { slot: PUBLISHED_SLOT, ..record });
            };
            let passed = |what, packet| row(name(what), packet, Verdict::Pass);
            rows.extend([
                passed("a SYN to a published port", packet(client, SYN, 64)).world(publishes),
                passed("a SYN at its last hop", packet(client, SYN, 1)).world(publishes),
                passed("a packet of an open flow", packet(client, ACK, 64)).world(open),
            ]);
            let own = packet(inner, SYN, 64);
            let spoofed = dropped(name("a container's source"), own, DropReason::SpoofedAddress);
            rows.push(spoofed.world(publishes));
        }
    }
    rows.into_iter().map(Case::still).collect()
}
