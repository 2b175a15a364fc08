//! The agent's API: HTTP/JSON over a unix socket, usable with `curl --unix-socket`.

pub mod client;
pub mod protocol;
pub mod server;
