//! The map layout before this one: what the flows of an agent that had it become, when one starts
//! that has this.
//!
//! Whoever changes the layout of a map
//! 1. raises [`ABI_VERSION`](super::ABI_VERSION);
//! 2. puts the types that change, as they were, into a module here in place of the one below, with
//!    their sizes asserted;
//! 3. says in it which version that was ([`VERSION`]), in which maps ([`CHANGED`]), how a record of
//!    then becomes one of now ([`flow`]); and where keys change, under which one it was kept and is
//!    ([`former`], [`key`]), in place of `same_keys`.
//!
//! Maps that are not in [`CHANGED`] go on as they are: both versions' programs use the very same
//! map, and with it the same generations, counts and drop counters. Flows are carried over by
//! programs and agent (`netd/src/kernel/dataplane/crossing.rs` says how). Any other map that is in
//! [`CHANGED`] begins empty: one whose entries have to outlive the change, such as
//! [`DEVICES`](super::maps::DEVICES) with the slots by which flows live, needs a line there, beside the
//! flows'.
//!
//! One version back is enough: who skips one has open flows cut, as after a reboot, and nothing else.

#[cfg(not(feature = "next-layout"))]
mod none;
mod same_keys;
#[cfg(feature = "next-layout")]
mod v2;

#[cfg(not(feature = "next-layout"))]
pub use none::*;
pub use same_keys::*;
#[cfg(feature = "next-layout")]
pub use v2::*;
