//! The agent and what it keeps: its answer, its own problems, versions, flow tables, drops.

use super::{AgentFacts, Facts, Finding, Level, SocketFile, list};
use crate::api::protocol::{Drop, FlowTable};
use netd_common::abi::ABI_VERSION;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = match (&facts.agent, &facts.no_agent) {
        (Some(agent), _) => present(agent),
        (None, why) => vec![absent(why.as_deref().unwrap_or("it was not asked"))],
    };
    findings.push(pins(facts));
    findings.extend(facts.socket.as_ref().map(socket));
    findings.push(spec(facts));
    let unknown = facts.unknown.iter();
    findings.extend(
        unknown.map(|why| Finding::warn("host", why.as_str(), "run netctl doctor as root")),
    );
    findings
}

fn absent(why: &str) -> Finding {
    // The client's line ends with what to do.
    let (what, remedy) = why.split_once("; ").unwrap_or((why, "see the log: journalctl -u netd"));
    Finding::fail("agent", what, remedy)
}

fn present(agent: &AgentFacts) -> Vec<Finding> {
    let status = &agent.report.status;
    let own = env!("CARGO_PKG_VERSION");
    let mut findings = Vec::new();
    findings.push(if status.version == own && status.abi == ABI_VERSION {
        Finding::ok("agent", format!("netd {own} answers (pid {})", status.pid))
    } else {
        Finding::warn(
            "agent",
            format!(
                "the agent is netd {} (ABI {}), netctl is {own} (ABI {ABI_VERSION})",
                status.version, status.abi
            ),
            "systemctl restart netd: no packet is lost",
        )
    });
    let names = &agent.report.names;
    let others = status.problems.iter().filter(|problem| !names.contains(problem));
    findings.extend(others.map(|problem| {
        Finding::fail("problem", problem.as_str(), "see the log: journalctl -u netd")
    }));
    findings.extend(dns(agent));
    findings.push(programs(agent));
    findings.push(flows(&status.flows));
    findings.push(drops(agent));
    findings
}

fn dns(agent: &AgentFacts) -> Vec<Finding> {
    let names = &agent.report.names;
    if names.is_empty() {
        return vec![Finding::ok("names", "netd-dns answers, or nobody has names to ask for")];
    }
    let remedy = "see the log: journalctl -u netd -u netd-dns";
    names.iter().map(|problem| Finding::fail("names", problem.as_str(), remedy)).collect()
}

fn programs(agent: &AgentFacts) -> Finding {
    let all = &agent.report.status.programs;
    let old: Vec<&str> = all.iter().filter(|p| !p.current).map(|p| p.name.as_str()).collect();
    if old.is_empty() {
        return Finding::ok(
            "programs",
            format!("{} programs are loaded, all of this agent", all.len()),
        );
    }
    Finding::warn(
        "programs",
        format!("programs of an older agent are still in use: {}", list(old)),
        "systemctl restart netd puts this agent's in their place; if they stay, netctl teardown and start it again",
    )
}

fn flows(tables: &[FlowTable]) -> Finding {
    let worst = tables.iter().max_by_key(|table| table.percent);
    let Some(FlowTable { name, flows, capacity, percent }) = worst else {
        return Finding::ok("flows", "there are no flow tables");
    };
    let what = format!("the table of {name} flows holds {flows} of {capacity} ({percent} %)");
    let remedy =
        "raise max-flows in /etc/netd/netd.toml, and restart netd while no container is attached";
    match *percent {
        FULL.. => Finding::fail(
            "flows",
            format!("{what}: new flows are refused or push out others"),
            remedy,
        ),
        FILLING.. => Finding::warn("flows", what, remedy),
        _ => Finding::ok("flows", what),
    }
}

fn drops(agent: &AgentFacts) -> Finding {
    let mut rising: Vec<&(Drop, u64)> = agent.drops.iter().filter(|(_, more)| *more > 0).collect();
    if rising.is_empty() {
        return Finding::ok("drops", "nothing was dropped within a second");
    }
    rising.sort_by_key(|(_, more)| std::cmp::Reverse(*more));
    let words = rising.iter().map(|(drop, more)| format!("{more} {} ({})", drop.name, drop.source));
    let what = format!("packets dropped within a second: {}", list(words));
    Finding::warn(
        "drops",
        what,
        "netctl drops -f follows them; docs/doctor.md says what each reason means",
    )
}

/// Pins of another layout, whose programs may be on hooks, are taken over or removed by the agent.
fn pins(facts: &Facts) -> Finding {
    let (directory, versions) = &facts.pins;
    let current = facts.agent.as_ref().map_or(ABI_VERSION, |agent| agent.report.status.abi);
    let others: Vec<String> =
        versions.iter().filter(|v| **v != current).map(|v| format!("v{v}")).collect();
    if others.is_empty() {
        return Finding::ok("pins", format!("{} has no other version's maps", directory.display()));
    }
    Finding::warn(
        "pins",
        format!(
            "{} holds maps and programs of another version: {}",
            directory.display(),
            list(&others)
        ),
        "systemctl restart netd: the agent takes over what it holds and removes it",
    )
}

fn socket(file: &SocketFile) -> Finding {
    let SocketFile { path, mode, owner, group } = file;
    let path = path.display();
    let what = format!("{path} has mode {mode:04o} and belongs to {}:{}", owner.0, owner.1);
    let remedy = "systemctl restart netd makes it anew";
    let trusted = owner.1 == 0 || Some(owner.1) == *group;
    if mode & EVERYBODY != 0 || owner.0 != 0 || !trusted {
        return Finding::warn(
            "socket",
            format!("{what}: others than root and the group netd can reach it"),
            remedy,
        );
    }
    Finding::ok("socket", what)
}

fn spec(facts: &Facts) -> Finding {
    match facts.spec_faults.as_slice() {
        [] => Finding::ok("spec", "the agent's files have no faults"),
        faults => {
            let more = if faults.len() > 1 {
                format!(" (and {} more)", faults.len() - 1)
            } else {
                String::new()
            };
            Finding {
                level: Level::Fail,
                check: "spec".into(),
                what: format!("{}{more}", faults[0]),
                remedy: Some(
                    "correct the file and systemctl reload netd; netctl diff -f FILE shows all"
                        .into(),
                ),
            }
        }
    }
}

/// Percent.
const FILLING: u8 = 80;
const FULL: u8 = 95;
/// Who is neither owner nor of the group may connect.
const EVERYBODY: u32 = 0o007;

#[cfg(test)]
mod tests {
    use super::super::tests::{bad, only};
    use super::*;
    use crate::api::protocol::{ProgramStatus, Report};

    fn report(facts: &mut Facts) -> &mut Report {
        &mut facts.agent.as_mut().unwrap().report
    }

    #[test]
    fn an_agent_that_is_not_there_fails_with_what_to_do() {
        let found = bad("agent", |facts| {
            facts.agent = None;
            facts.no_agent = Some("cannot reach netd at /s: no such socket; is it running?".into());
        });
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].level, Level::Fail);
        assert_eq!(found[0].what, "cannot reach netd at /s: no such socket");
        assert_eq!(found[0].remedy.as_deref(), Some("is it running?"));
    }

    #[test]
    fn versions_that_differ_are_told() {
        let (level, what) = only("agent", |f| report(f).status.version = "0.0.1".into());
        assert_eq!(level, Level::Warn);
        assert!(what.starts_with("the agent is netd 0.0.1 (ABI "), "{what}");
        assert_eq!(only("pins", |f| f.pins.1.push(1)).0, Level::Warn);
        let program =
            |current| ProgramStatus { name: "uplink_in".into(), current, ..Default::default() };
        let (_, what) =
            only("programs", |f| report(f).status.programs = vec![program(true), program(false)]);
        assert_eq!(what, "programs of an older agent are still in use: uplink_in");
    }

    #[test]
    fn problems_of_the_agent_and_of_netd_dns_are_failures_once() {
        let add = |facts: &mut Facts| {
            report(facts).names = vec!["netd-dns does not start".into()];
            report(facts).status.problems =
                vec!["refused".into(), "netd-dns does not start".into()];
        };
        assert_eq!(only("problem", add), (Level::Fail, "refused".into()));
        assert_eq!(only("names", add).0, Level::Fail);
    }

    #[test]
    fn tables_that_fill_warn_and_full_ones_fail() {
        let filled = |percent| bad("flows", move |f| report(f).status.flows[0].percent = percent);
        assert!(filled(79).is_empty());
        assert_eq!(filled(80)[0].level, Level::Warn);
        assert_eq!(filled(95)[0].level, Level::Fail);
    }

    #[test]
    fn drops_that_rise_are_named_the_most_first() {
        let drop =
            |name: &str| Drop { reason: 1, name: name.into(), source: "web".into(), packets: 9 };
        let (level, what) = only("drops", |facts| {
            let drops = vec![(drop("still"), 0), (drop("isolation"), 2), (drop("spoofed"), 7)];
            facts.agent.as_mut().unwrap().drops = drops;
        });
        assert_eq!(level, Level::Warn);
        assert_eq!(what, "packets dropped within a second: 7 spoofed (web), 2 isolation (web)");
    }

    #[test]
    fn a_socket_that_others_reach_is_told() {
        let change = |mode, owner| {
            bad("socket", move |facts| {
                let file = facts.socket.as_mut().unwrap();
                (file.mode, file.owner, file.group) = (mode, owner, Some(77));
            })
        };
        assert!(change(0o660, (0, 77)).is_empty());
        assert_eq!(change(0o666, (0, 0)).len(), 1);
        assert_eq!(change(0o660, (0, 100)).len(), 1);
        assert_eq!(change(0o660, (1000, 0)).len(), 1);
    }

    #[test]
    fn faults_of_files_are_failures() {
        let (level, what) =
            only("spec", |f| f.spec_faults = vec!["a.yaml:1:1: x".into(), "b".into()]);
        assert_eq!((level, what.as_str()), (Level::Fail, "a.yaml:1:1: x (and 1 more)"));
    }
}
