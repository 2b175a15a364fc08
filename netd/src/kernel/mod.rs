//! Every effect on the kernel. `netlink` is the only user of netlink, `dataplane` the only user of
//! aya; `Live` joins them behind two verbs: observe and apply.

pub mod dataplane;
pub mod doctor;
pub mod etc;
mod insides;
pub mod live;
pub mod lock;
pub mod mounts;
pub mod netlink;
pub mod netns;
pub mod ports;
pub mod process;
pub mod resolver;
pub mod socket;
pub mod sysctl;

use crate::error::Result;
use crate::plan::Step;
use crate::state::{Host, State};
use std::future::Future;

/// Something of netd's that others had taken away or changed, and that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What it was, in a word.
    pub kind: &'static str,
    /// How many.
    pub count: usize,
    /// What was found and what was done.
    pub what: String,
}

/// What is observed and changed: the kernel, or a model of it.
pub trait Kernel {
    /// Everything of netd's that is there, and what the host has of its own.
    ///
    /// # Errors
    /// The kernel can't be asked.
    fn observe(&mut self) -> impl Future<Output = Result<(State, Host)>> + Send;

    /// Takes note of what is there, where nothing is left to do.
    fn memorize(&mut self, picture: (State, Host));

    /// What was memorized, with the effects had since; none after the next look, a refusal, or an
    /// effect that was cut off.
    fn recall(&self) -> Option<&(State, Host)>;

    /// Has one effect.
    ///
    /// # Errors
    /// The kernel refuses; the step has left nothing behind then.
    fn apply(&mut self, step: &Step) -> impl Future<Output = Result<()>> + Send;
}
