//! What containers see as /etc/resolv.conf and /etc/hosts: text made from text. Nothing here
//! touches a file; `kernel::etc` does.

pub mod hosts;
pub mod resolv;
