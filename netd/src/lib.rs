//! netd: the network of a container host, done in eBPF.
//!
//! `spec` turns untrusted input into valid types, `compose` files into what they declare; `ipam`,
//! `state` and `plan` are pure, `kernel` and `store` are the only modules with effects, `agent`
//! joins them, `api` carries requests over the unix socket and `cli` is what people type. `dns` is
//! netd-dns, and what it is told; `doctor` judges what may stand in the way of it all. ARCHITECTURE.md draws the picture.

pub mod agent;
pub mod api;
pub mod cli;
pub mod compose;
pub mod config;
pub mod desired;
pub mod dns;
pub mod doctor;
pub mod error;
pub mod etc;
pub mod ipam;
pub mod kernel;
pub mod logging;
pub mod names;
pub mod plan;
pub mod spec;
pub mod state;
pub mod store;
pub mod usage;
pub mod watchdog;
