//! What became of the flow of a packet to a published port.

use crate::verdict::DropReason;

/// What became of a packet's flow. One byte, so that a BPF function can return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It is in the table, under the key as it is now.
    Open,
    /// It was just entered, as this packet has it.
    New,
    /// The packet belongs to a flow that a container or the host itself opened from this port, or to
    /// none: then the host answers with a reset, which a flow that was lost needs.
    NotOurs,
    /// The packet opens nothing.
    Refused(DropReason),
}

impl Opening {
    /// As one number.
    #[inline(always)]
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Open => 0,
            Self::NotOurs => 1,
            Self::New => 2,
            Self::Refused(reason) => 2 + reason as u32,
        }
    }

    /// From that number; one that [`Opening::number`] never gives opens nothing.
    #[inline(always)]
    #[must_use]
    pub const fn from_number(number: u32) -> Self {
        match (number, DropReason::from_number(number.wrapping_sub(2))) {
            (0, _) => Self::Open,
            (2, _) => Self::New,
            (_, Some(reason)) => Self::Refused(reason),
            (_, None) => Self::NotOurs,
        }
    }
}
