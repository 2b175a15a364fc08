//! Names: the process that answers containers, and what the agent tells it.
//!
//! Pure: `name`, `message`, `zone`, `respond`, `cache`. `server` and `upstream` have the sockets.

pub mod cache;
pub mod channel;
pub mod confine;
pub mod limits;
pub mod message;
pub mod name;
pub mod options;
pub mod protocol;
mod resolv;
pub mod respond;
pub mod server;
mod upstream;
pub mod zone;
