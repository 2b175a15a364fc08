//! netd-dns alone: an agent made for the test gives it sockets and names, clients ask.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it can't go on")]

mod agents;
mod forward;
mod forward_apart;
mod garbage;
mod local;
mod site;
mod streams;
mod upstream;
