//! What a packet means and what the maps hold: netd's packet logic, without I/O.
//!
//! `wire` and `packet` reach packet bytes safely, `parse` turns them into a [`parse::Parsed`],
//! `pipeline` decides (with `policy`, `forward`, `nat`, `conntrack`) by asking [`tables::Tables`],
//! and the answer is a [`verdict::Verdict`]: plain data that `rewrite` or the eBPF glue acts on.
//! The same code runs in the kernel and in `cargo test`.
#![no_std]
#![deny(unsafe_code)]

pub mod abi;
pub mod address;
pub mod answer;
pub mod checksum;
pub mod conntrack;
pub mod crc;
pub mod error;
pub mod express;
pub mod flow;
pub mod forward;
pub mod fragment;
pub mod hairpin;
pub mod masquerade;
pub mod nat;
pub mod packet;
pub mod parse;
pub mod pipeline;
pub mod policy;
pub mod publish;
pub mod resolver;
pub mod rewrite;
pub mod socket;
pub mod tables;
pub mod tcp;
pub mod verdict;
pub mod wire;
