//! Whether the agent still does its work.

use super::Agent;
use std::sync::Arc;

impl Agent {
    /// Returns as soon as the agent could begin a change: at once, or after the one in progress. Never
    /// where that one hangs, and never again after [`Agent::freeze`].
    pub async fn alive(self: &Arc<Self>) {
        let agent = self.clone();
        // Where changes are made: what holds up that thread is to be noticed. Only an end of the runtime
        // keeps this from being done.
        let _ = self.runtime.spawn(async move { drop(agent.inner.lock().await) }).await;
    }
}
