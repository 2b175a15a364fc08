//! `netctl doctor`.

use super::{args::DoctorArgs, listing, output};
use crate::api::client::Client;
use crate::api::protocol::{Drop, Report};
use crate::config::{Args, Config};
use crate::doctor::{AgentFacts, Facts, Finding, Level, examine};
use crate::error::Result;
use crate::kernel::doctor::{gather, settings};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io, thread,
    time::{Duration, Instant},
};

/// `netctl doctor`. Returns the exit code: 1 where something does not work.
///
/// # Errors
/// What failed, in one line.
pub(super) fn doctor(client: &Client, args: &DoctorArgs) -> Result<u8> {
    let findings = examine(&facts(client)?);
    output::print(match &args.format {
        None => screen(&findings),
        Some(_) => {
            let list = listing::ListArgs { format: args.format.clone(), ..Default::default() };
            let rows: Vec<Value> = findings.iter().map(|finding| json!(finding)).collect();
            listing::text(&COLUMNS, &rows, &list)?
        }
    })?;
    Ok(u8::from(findings.iter().any(|finding| finding.level == Level::Fail)))
}

/// What the agent says, where there is one, and what there is to see without it.
fn facts(client: &Client) -> Result<Facts> {
    let start = Instant::now();
    let report = client.get::<Report>("/v1/doctor");
    let drops = client.get::<Vec<Drop>>("/v1/drops");
    let (mut config, fault) = match settings() {
        Ok(config) => (config, None),
        Err(error) => (defaults()?, Some(error.to_string())),
    };
    config.socket = client.socket().to_owned();
    let mut bridges = Vec::new();
    if let Ok(report) = &report {
        config.bpf_dir.clone_from(&report.bpf_dir);
        config.spec_dir.clone_from(&report.spec_dir);
        bridges = report.networks.iter().map(|network| network.bridge.clone()).collect();
    }
    let mut facts = gather(&config, &bridges, report.as_ref().ok().map(|r| r.status.pid));
    facts.spec_faults.extend(fault);
    match report {
        Ok(report) => {
            thread::sleep(BETWEEN.saturating_sub(start.elapsed()));
            let now = client.get::<Vec<Drop>>("/v1/drops");
            let drops = added(drops.unwrap_or_default(), now.unwrap_or_default());
            facts.agent = Some(AgentFacts { report, drops });
        }
        Err(error) => facts.no_agent = Some(error.to_string()),
    }
    Ok(facts)
}

/// What every setting is where nobody says anything.
fn defaults() -> Result<Config> {
    Config::load(Args::default(), |_| Err(io::ErrorKind::NotFound.into()))
}

/// What came to each counter; one that fell was begun anew.
fn added(before: Vec<Drop>, now: Vec<Drop>) -> Vec<(Drop, u64)> {
    let key = |drop: &Drop| (drop.reason, drop.source.clone());
    let before: BTreeMap<_, u64> = before.iter().map(|drop| (key(drop), drop.packets)).collect();
    now.into_iter()
        .map(|drop| {
            let known = before.get(&key(&drop)).copied().unwrap_or(0);
            let more = drop.packets.checked_sub(known).unwrap_or(drop.packets);
            (drop, more)
        })
        .collect()
}

fn screen(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let Finding { level, check, what, remedy } = finding;
        let remedy = remedy.as_ref().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        format!("{:<6}{check:<12}{what}{remedy}\n", word(*level))
    };
    findings.iter().map(line).collect()
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Ok => "ok",
        Level::Warn => "warn",
        Level::Fail => "fail",
    }
}

const COLUMNS: [(&str, &str); 4] =
    [("LEVEL", "Level"), ("CHECK", "Check"), ("WHAT", "What"), ("REMEDY", "Remedy")];
/// The least time between two looks at the drops.
const BETWEEN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_level_the_check_and_the_remedy() {
        let finding = |level, remedy: Option<&str>| Finding {
            level,
            check: "mtu".into(),
            what: "it is small".into(),
            remedy: remedy.map(str::to_owned),
        };
        let text =
            screen(&[finding(Level::Ok, None), finding(Level::Warn, Some("make it larger"))]);
        assert_eq!(
            text,
            "ok    mtu         it is small\nwarn  mtu         it is small; make it larger\n"
        );
    }

    #[test]
    fn what_was_added_is_told_for_each_counter() {
        let drop = |packets| Drop { reason: 1, name: "x".into(), source: "web".into(), packets };
        assert_eq!(added(vec![drop(3)], vec![drop(5)]), [(drop(5), 2)]);
        assert_eq!(added(vec![drop(3)], vec![drop(2)]), [(drop(2), 2)]);
        assert_eq!(added(Vec::new(), vec![drop(2)]), [(drop(2), 2)]);
    }

    #[test]
    fn there_are_settings_without_a_file() {
        assert_eq!(defaults().unwrap().bpf_dir, std::path::Path::new("/sys/fs/bpf/netd"));
    }
}
