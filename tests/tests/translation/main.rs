//! Translation: the same cases through netd and through the kernel's own NAT, real programs, and
//! attacks. `docs/nat.md` lists where netd differs on purpose.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails ends the test that uses it"
)]

mod attacks;
mod corners;
mod errors;
mod family;
mod hairpin;
mod handshake;
mod incoming;
mod kernel_nat;
mod large;
mod options;
mod oracle;
mod outgoing;
mod programs;
mod sctp;
mod shared;
mod sheet;
mod site;
mod station;
mod wire;
