//! Conversations: packets one after the other, each a row that finds the tables as those before it
//! left them.

use super::family::{Family, LEAVING, handed, led, wait};
use super::{Case, Hook, Table, World, end, from_outside, leaving, publish, translated};
use crate::bytes;
use crate::frame::{Body, Segment};
use crate::world::A;
use netd_common::abi::FlowKey;
use netd_common::conntrack::State;
use netd_common::flow::{masqueraded_flow, published_flow};
use netd_common::verdict::Verdict;

/// Who speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Who opened the connection.
    Opener,
    /// Who was called.
    Answerer,
}

/// A TCP connection of container A's, port 4000 there.
pub(super) struct Talk {
    name: String,
    family: Family,
    /// The container opens it.
    masqueraded: bool,
    world: World,
    rows: Vec<Case>,
}

/// The port of the end outside, the host's and the container's.
const FAR: u16 = 443;
const NEAR: u16 = 4000;
const OUTER: u16 = 8080;

impl Talk {
    /// One that the container opens, or that is opened from outside to its published port.
    pub(super) fn new(name: &str, family: Family, masqueraded: bool) -> Self {
        let mut world = World::standard();
        if !masqueraded {
            publish(&mut world, end(family.any, OUTER), 6, A, NEAR);
        }
        let opener = if masqueraded { "a container" } else { "a client" };
        let name = format!("{} TCP that {opener} opens: {name}", family.word());
        Self { name, family, masqueraded, world, rows: Vec::new() }
    }

    /// The flow's key.
    pub(super) fn key(&self) -> FlowKey {
        let far = end(self.family.far, FAR);
        if self.masqueraded {
            return masqueraded_flow(far, end(self.family.host, NEAR), 6);
        }
        published_flow(far, end(self.family.of(A), NEAR), 6)
    }

    /// Another packet, and the flow's state after it.
    pub(super) fn says(self, who: Who, what: &str, segment: Segment, state: State) -> Self {
        let key = self.key();
        let case = self.case(who, what, segment).flows(&[(key, state)]);
        self.go_on(case)
    }

    /// Another packet, after which the flow is in a table.
    pub(super) fn says_into(
        self,
        who: Who,
        what: &str,
        segment: Segment,
        (state, table): (State, Table),
    ) -> Self {
        let key = self.key();
        let case = self.case(who, what, segment).flows(&[(key, state)]).place(key, table);
        self.go_on(case)
    }

    /// Another packet, which changes nothing.
    pub(super) fn says_in_vain(self, who: Who, what: &str, segment: Segment) -> Self {
        let case = self.case(who, what, segment).still();
        self.go_on(case)
    }

    /// Time goes by.
    pub(super) fn wait(mut self, seconds: u64) -> Self {
        wait(&mut self.world, seconds);
        self
    }

    /// The rows.
    pub(super) fn rows(self) -> Vec<Case> {
        self.rows
    }

    fn go_on(mut self, case: Case) -> Self {
        self.world = bytes::run(&case).2;
        self.rows.push(case);
        self
    }

    fn case(&self, who: Who, what: &str, segment: Segment) -> Case {
        let name = format!("{}: {what}", self.name);
        let (hook, packet, verdict, out) = self.way(who, segment);
        Case::new(name, hook, packet, verdict).world(|w| *w = self.world.clone()).out(out)
    }

    /// The hook that a segment meets, before and after.
    fn way(&self, who: Who, segment: Segment) -> (Hook, Vec<u8>, Verdict, Vec<u8>) {
        let Family { far, host, .. } = self.family;
        let inner = self.family.of(A);
        let outer = if self.masqueraded { NEAR } else { OUTER };
        let body = |from, to| Body::Segment(Segment { ports: (from, to), ..segment.clone() });
        if (who == Who::Opener) == self.masqueraded {
            let packet = leaving(inner, far, body(NEAR, FAR)).bytes();
            let out = leaving(host, far, body(outer, FAR)).bytes();
            return (LEAVING, packet, translated(end(host, outer)), out);
        }
        let packet = from_outside(far, host, body(FAR, outer)).bytes();
        let out = handed(from_outside(far, inner, body(FAR, NEAR)), A);
        (Hook::UplinkIn, packet, led(A, None, Some(end(inner, NEAR))), out)
    }
}
