//! Verdicts as the logic hands them around: a byte, and details in memory that the caller owns.

use super::{Answer, Back, Delivery, DropReason, Hop, IcmpError, Translation, Verdict};
use crate::abi::{FlowKey, Published};
use crate::address::Address;

/// A verdict in one byte, whose details are in [`Orders`]: what the logic hands around. BPF's
/// verifier refuses values that are only half there, as those of a larger enum are where two paths
/// meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ruling {
    /// See [`Verdict::Pass`].
    Pass,
    /// See [`Verdict::Drop`].
    Drop(DropReason),
    /// See [`Verdict::Deliver`].
    Deliver,
    /// See [`Verdict::Route`].
    Route,
    /// See [`Verdict::Translate`].
    Translate,
    /// See [`Verdict::Answer`].
    Answer,
}

const _: () = assert!(size_of::<Ruling>() == 1);

/// The details of a [`Ruling`]: each is valid where the ruling says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orders {
    /// Of [`Ruling::Deliver`].
    pub delivery: Delivery,
    /// Of [`Ruling::Route`].
    pub hop: Hop,
    /// Of [`Ruling::Translate`].
    pub translation: Translation,
    /// Of [`Ruling::Answer`].
    pub answer: Answer,
    /// The flow that it is about, while it is looked for.
    pub key: FlowKey,
    /// What may say where it is.
    pub name: FlowKey,
    /// The publication that leads to it.
    pub published: Published,
}

const NOBODY: FlowKey = FlowKey {
    remote: Address::UNSPECIFIED,
    local: Address::UNSPECIFIED,
    remote_port: [0; 2],
    local_port: [0; 2],
    protocol: 0,
    kind: 0,
    pad: [0; 2],
};

impl Orders {
    /// No order at all.
    pub const NONE: Self = Self {
        delivery: Delivery { ifindex: 0, mac: [0; 6], routed: None },
        hop: Hop { ifindex: 0, next: Address::UNSPECIFIED },
        translation: Translation::NONE,
        answer: Answer {
            error: IcmpError::TimeExceeded,
            source: Address::UNSPECIFIED,
            back: Back::Sender,
            reason: DropReason::HopLimit,
        },
        key: NOBODY,
        name: NOBODY,
        published: Published {
            address: Address::UNSPECIFIED,
            network: 0,
            container: 0,
            slot: 0,
            port: [0; 2],
            first: [0; 2],
            clients: 0,
            pad: 0,
        },
    };

    /// The whole verdict.
    pub const fn verdict(&self, ruling: Ruling) -> Verdict {
        match ruling {
            Ruling::Pass => Verdict::Pass,
            Ruling::Drop(reason) => Verdict::Drop(reason),
            Ruling::Deliver => Verdict::Deliver(self.delivery),
            Ruling::Route => Verdict::Route(self.hop),
            Ruling::Translate => Verdict::Translate(self.translation),
            Ruling::Answer => Verdict::Answer(self.answer),
        }
    }
}
