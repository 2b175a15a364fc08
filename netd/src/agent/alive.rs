//! Whether the agent still does its work.

use super::Agent;

impl Agent {
    /// Returns as soon as the agent could begin a change: at once, or after the one in progress. Never
    /// where that one hangs, and never again after [`Agent::freeze`].
    pub async fn alive(&self) {
        drop(self.inner.lock().await);
    }
}
