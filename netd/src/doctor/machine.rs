//! What the kernel has: features, mounts, the compiler of programs.

use super::{Facts, Feature, Finding, list};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = features(facts);
    findings.push(bpffs(facts));
    findings.push(cgroup(facts));
    findings.extend(jit(facts));
    findings.extend(unprivileged(facts));
    findings
}

fn features(facts: &Facts) -> Vec<Finding> {
    let count = facts.features.iter().filter(|f| f.there == Ok(true)).count();
    let mut findings = Vec::new();
    if count > 0 {
        let what = format!("Linux {} has {count} of the features that netd uses", facts.release);
        findings.push(Finding::ok("kernel", what));
    }
    findings.extend(facts.features.iter().filter_map(lacking));
    let unknown = facts.features.iter().filter(|f| f.there.is_err());
    let names: Vec<&str> = unknown.clone().map(|f| f.name.as_str()).collect();
    if let Some(Err(why)) = unknown.map(|f| &f.there).next() {
        findings.push(Finding::warn(
            "kernel",
            format!("{} features could not be tried ({}): {why}", names.len(), list(&names)),
            "run netctl doctor as root",
        ));
    }
    findings
}

fn lacking(feature: &Feature) -> Option<Finding> {
    let Feature { name, since, without, there } = feature;
    if *there != Ok(false) {
        return None;
    }
    let remedy = format!("boot Linux {since} or newer, or one built with it");
    Some(match without {
        Some(without) => {
            Finding::warn("kernel", format!("this kernel has no {name}: {without}"), remedy)
        }
        None => {
            Finding::fail("kernel", format!("this kernel has no {name}, which netd needs"), remedy)
        }
    })
}

fn bpffs(facts: &Facts) -> Finding {
    match &facts.bpffs {
        Some(path) => Finding::ok("bpffs", format!("mounted on {}", path.display())),
        None if facts.agent.is_some() => Finding::fail(
            "bpffs",
            format!(
                "no bpffs is mounted for {}: what is pinned can't be found by the next agent",
                facts.pins.0.display()
            ),
            "mount -t bpf bpffs /sys/fs/bpf, then systemctl restart netd",
        ),
        None => Finding::warn(
            "bpffs",
            "no bpffs is mounted on /sys/fs/bpf; the agent mounts one when it starts",
            "mount -t bpf bpffs /sys/fs/bpf",
        ),
    }
}

fn cgroup(facts: &Facts) -> Finding {
    match &facts.cgroup {
        Some(path) => Finding::ok("cgroup", format!("cgroup v2 is mounted on {}", path.display())),
        None => Finding::warn(
            "cgroup",
            "cgroup v2 is not mounted; the agent mounts it for itself, so that host processes reach published ports",
            "mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified, or boot with systemd.unified_cgroup_hierarchy=1",
        ),
    }
}

fn jit(facts: &Facts) -> Option<Finding> {
    let value = facts.settings.get("net/core/bpf_jit_enable")?;
    Some(match value.as_str() {
        "0" => Finding::warn(
            "jit",
            "net.core.bpf_jit_enable is 0: programs are interpreted, and every packet takes several times as long",
            "sysctl -w net.core.bpf_jit_enable=1, then systemctl restart netd",
        ),
        "2" => Finding::warn(
            "jit",
            "net.core.bpf_jit_enable is 2: the kernel logs all machine code, which is for debugging only",
            "sysctl -w net.core.bpf_jit_enable=1",
        ),
        _ => Finding::ok("jit", "programs are compiled to machine code"),
    })
}

fn unprivileged(facts: &Facts) -> Option<Finding> {
    let value = facts.settings.get("kernel/unprivileged_bpf_disabled")?;
    let what = match value.as_str() {
        "0" => {
            "everybody may load eBPF programs (kernel.unprivileged_bpf_disabled=0); netd does not need that"
        }
        _ => "only root may load eBPF programs",
    };
    Some(Finding::ok("bpf", what))
}

#[cfg(test)]
mod tests {
    use super::super::{
        Level,
        tests::{bad, only},
    };
    use super::*;

    #[test]
    fn a_feature_that_is_needed_fails_and_one_that_is_not_warns() {
        let (level, what) = only("kernel", |facts| facts.features[0].there = Ok(false));
        assert_eq!(level, Level::Fail);
        assert_eq!(what, "this kernel has no bpf_redirect_peer, which netd needs");
        let (level, what) = only("kernel", |facts| {
            facts.features[0].there = Ok(false);
            facts.features[0].without = Some("no XDP");
        });
        assert_eq!(
            (level, what.as_str()),
            (Level::Warn, "this kernel has no bpf_redirect_peer: no XDP")
        );
    }

    #[test]
    fn what_nobody_may_look_for_is_said_once() {
        let (level, what) = only("kernel", |facts| {
            facts.features[0].there = Err("permission denied".into());
            facts.features.push(facts.features[0].clone());
        });
        assert_eq!(level, Level::Warn);
        assert!(what.starts_with("2 features could not be tried"), "{what}");
    }

    #[test]
    fn mounts_that_are_missing_are_told() {
        assert_eq!(only("bpffs", |facts| facts.bpffs = None).0, Level::Fail);
        let without_agent = |facts: &mut Facts| (facts.bpffs, facts.agent) = (None, None);
        assert_eq!(only("bpffs", without_agent).0, Level::Warn);
        assert_eq!(only("cgroup", |facts| facts.cgroup = None).0, Level::Warn);
    }

    #[test]
    fn programs_that_are_interpreted_are_told() {
        let set = |value: &'static str| {
            bad("jit", move |facts| {
                facts.settings.insert("net/core/bpf_jit_enable".into(), value.into());
            })
        };
        assert_eq!(set("0")[0].level, Level::Warn);
        assert_eq!(set("2")[0].level, Level::Warn);
        assert!(set("1").is_empty());
    }
}
