//! Names: the process that answers containers, and what the agent tells it.

pub mod channel;
pub mod protocol;
