//! What the tests that need root share.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails ends the test that uses it"
)]

pub mod budget;
pub mod bytes;
pub mod cases;
pub mod frame;
pub mod fuzz;
pub mod fuzz_dns;
pub mod fuzz_options;
pub mod host;
pub mod kernel;
pub mod leftovers;
pub mod ns;
pub mod pins;
pub mod probe;
pub mod process;
pub mod program;
pub mod programs;
pub mod snapshot;
pub mod world;
