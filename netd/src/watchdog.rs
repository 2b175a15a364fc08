//! The service manager's watchdog (sd_watchdog_enabled(3)): it ends an agent that does not report, and
//! starts another one, which finds everything in place.

use crate::agent::Agent;
use sd_notify::NotifyState;
use std::{sync::Arc, time::Duration};
use tokio::time;

/// Reports for as long as the agent does its work, where the service manager asks for it. Never
/// returns.
pub async fn report(agent: Arc<Agent>) {
    let mut limit = 0;
    if !sd_notify::watchdog_enabled(false, &mut limit) || limit == 0 {
        return std::future::pending().await;
    }
    let mut timer = time::interval(Duration::from_micros(limit) / 2);
    timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        agent.alive().await;
        if let Err(error) = sd_notify::notify(false, &[NotifyState::Watchdog]) {
            tracing::warn!("cannot report to the service manager's watchdog: {error}");
        }
    }
}
