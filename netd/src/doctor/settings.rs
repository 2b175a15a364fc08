//! Sysctls that hurt.

use super::{AgentFacts, Facts, Finding, list};
use std::collections::BTreeSet;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(agent) = &facts.agent else { return general(facts) };
    let mut findings = general(facts);
    findings.extend(forwarding(facts, agent));
    findings.extend(ipv6(facts, agent));
    findings.push(ports(facts, agent));
    findings
}

fn general(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![rp_filter(facts)];
    findings.extend(bridge_calls(facts));
    findings
}

fn value<'a>(facts: &'a Facts, key: &str) -> Option<&'a str> {
    facts.settings.get(key).map(String::as_str)
}

fn devices(facts: &Facts) -> BTreeSet<String> {
    let Some(agent) = &facts.agent else {
        return facts.host.links.keys().map(ToString::to_string).collect();
    };
    let bridges = agent.report.networks.iter().map(|network| network.bridge.clone());
    agent.report.status.uplinks.keys().cloned().chain(bridges).collect()
}

/// The stricter of `all` and the device's own counts (the kernel's ip-sysctl documentation).
fn rp_filter(facts: &Facts) -> Finding {
    let number = |name: &str| {
        let text = value(facts, &format!("net/ipv4/conf/{name}/rp_filter"));
        text.and_then(|text| text.parse::<u8>().ok()).unwrap_or_default()
    };
    let strict = |name: &String| number("all").max(number(name)) == STRICT;
    let strict: Vec<String> = devices(facts).into_iter().filter(strict).collect();
    if strict.is_empty() {
        return Finding::ok(
            "rp_filter",
            "no device of netd's filters by the reverse path strictly",
        );
    }
    let keys = strict.iter().map(|name| format!("net.ipv4.conf.{name}.rp_filter=2"));
    Finding::warn(
        "rp_filter",
        format!(
            "rp_filter is strict on {}: what netd leaves to the kernel is dropped there without a word \
             where the way back is another (several uplinks, containers on several networks that talk to the host)",
            list(&strict)
        ),
        format!("sysctl -w {}", keys.collect::<Vec<_>>().join(" ")),
    )
}

/// The module br_netfilter shows bridged frames to iptables.
fn bridge_calls(facts: &Facts) -> Option<Finding> {
    let keys = ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables"];
    let on = |key: &&&str| value(facts, &format!("net/bridge/{key}")) == Some("1");
    let on: Vec<String> = keys.iter().filter(on).map(|key| format!("net.bridge.{key}")).collect();
    let there = value(facts, "net/bridge/bridge-nf-call-iptables").is_some();
    if on.is_empty() {
        return there.then(|| Finding::ok("bridge-nf", "bridged frames do not pass netfilter"));
    }
    let judged =
        facts.firewall.chains.as_ref().is_ok_and(|chains| {
            chains.iter().any(|chain| chain.filters && chain.hook == "forward")
        });
    let what = format!(
        "switched on: {}: broadcasts and multicasts between containers of one network pass iptables' FORWARD",
        on.join(", ")
    );
    let settings: Vec<String> = on.iter().map(|key| format!("{key}=0")).collect();
    let remedy =
        format!("sysctl -w {}, unless Kubernetes or another firewall needs it", settings.join(" "));
    Some(if judged {
        Finding::warn("bridge-nf", format!("{what}, which drops some"), remedy)
    } else {
        Finding::ok("bridge-nf", format!("{what}, where nothing is dropped"))
    })
}

/// Without it the routing table tells the programs no way out of a network.
fn forwarding(facts: &Facts, agent: &AgentFacts) -> Vec<Finding> {
    let off = |network: &&crate::api::protocol::ReportNetwork| {
        value(facts, &format!("net/ipv4/conf/{}/forwarding", network.bridge)) == Some("0")
    };
    let off: Vec<&str> =
        agent.report.networks.iter().filter(off).map(|n| n.bridge.as_str()).collect();
    if off.is_empty() {
        return Vec::new();
    }
    let keys = off.iter().map(|name| format!("net.ipv4.conf.{name}.forwarding=1"));
    vec![Finding::fail(
        "forwarding",
        format!("forwarding is off on {}: containers there do not get out", list(&off)),
        format!(
            "find out what sets it (netd puts it right every 30 s), and sysctl -w {}",
            keys.collect::<Vec<_>>().join(" ")
        ),
    )]
}

fn ipv6(facts: &Facts, agent: &AgentFacts) -> Option<Finding> {
    let off = |name: &str| value(facts, &format!("net/ipv6/conf/{name}/disable_ipv6")) == Some("1");
    let networks = agent.report.networks.iter();
    let wants: Vec<&str> = networks
        .filter(|network| network.subnets.iter().any(|subnet| subnet.addr().is_ipv6()))
        .map(|network| network.name.as_str())
        .collect();
    let absent = value(facts, "net/ipv6/conf/all/disable_ipv6").is_none();
    if !absent && !off("all") && !off("default") {
        return Some(Finding::ok("ipv6", "IPv6 is on"));
    }
    let (what, remedy) = match absent {
        true => ("this kernel runs without IPv6", "boot without ipv6.disable=1"),
        false => (
            "IPv6 is switched off (net.ipv6.conf.all or default.disable_ipv6)",
            "sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0",
        ),
    };
    Some(if wants.is_empty() {
        Finding::ok("ipv6", format!("{what}, and no network uses it"))
    } else {
        Finding::fail("ipv6", format!("{what}, but {} have IPv6 subnets", list(wants)), remedy)
    })
}

/// Published ports can't be picked for the host's own connections.
fn ports(facts: &Facts, agent: &AgentFacts) -> Finding {
    let range = value(facts, "net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|word| word.parse::<u32>().ok());
    let (Some(first), Some(last)) = (ends.next(), ends.next()) else {
        return Finding::ok("ports", "the ephemeral range is not known");
    };
    let taken: BTreeSet<(&str, u32)> = agent
        .report
        .ports
        .iter()
        .flat_map(|port| {
            let (from, to) = (u32::from(port.first).max(first), u32::from(port.last).min(last));
            (from..=to).map(|number| (port.protocol.as_str(), number))
        })
        .collect();
    let most = ["tcp", "udp", "sctp"].map(|name| taken.iter().filter(|(p, _)| *p == name).count());
    let most = most.into_iter().max().unwrap_or_default();
    let size = last.saturating_sub(first) as usize + 1;
    let what = format!("{most} of the {size} ephemeral ports {first}-{last} are published");
    if most * 2 <= size {
        return Finding::ok("ports", what);
    }
    Finding::warn(
        "ports",
        format!("{what}: the host's own connections and masquerade may run out of ports"),
        "publish below the range, or widen it: sysctl -w net.ipv4.ip_local_port_range='10240 65535'",
    )
}

const STRICT: u8 = 1;

#[cfg(test)]
mod tests {
    use super::super::{
        Level,
        nft::Chain,
        tests::{bad, only},
    };
    use super::*;
    use crate::api::protocol::ReportPort;

    fn set(facts: &mut Facts, key: &str, value: &str) {
        facts.settings.insert(key.into(), value.into());
    }

    fn report(facts: &mut Facts) -> &mut crate::api::protocol::Report {
        &mut facts.agent.as_mut().unwrap().report
    }

    #[test]
    fn the_stricter_of_all_and_the_device_counts() {
        let (level, what) = only("rp_filter", |f| set(f, "net/ipv4/conf/nd-web/rp_filter", "1"));
        assert_eq!(level, Level::Warn);
        assert!(what.contains("strict on nd-web:"), "{what}");
        // 2 is loose, and wins over 1.
        let (_, what) = only("rp_filter", |f| set(f, "net/ipv4/conf/all/rp_filter", "1"));
        assert!(what.contains("strict on nd-web:"), "{what}");
        let all = bad("rp_filter", |f| set(f, "net/ipv4/conf/all/rp_filter", "2"));
        assert!(all.is_empty());
    }

    #[test]
    fn frames_that_pass_iptables_matter_where_it_drops() {
        let on = |f: &mut Facts| set(f, "net/bridge/bridge-nf-call-iptables", "1");
        assert!(bad("bridge-nf", on).is_empty());
        let (level, what) = only("bridge-nf", |f| {
            on(f);
            let chain = Chain { hook: "forward".into(), filters: true, ..Chain::default() };
            f.firewall.chains = Ok(vec![chain]);
        });
        assert_eq!(level, Level::Warn);
        assert!(what.contains("drops some"), "{what}");
    }

    #[test]
    fn a_bridge_that_does_not_forward_fails() {
        let (level, _) = only("forwarding", |f| set(f, "net/ipv4/conf/nd-web/forwarding", "0"));
        assert_eq!(level, Level::Fail);
    }

    #[test]
    fn ipv6_that_is_off_matters_where_a_network_has_it() {
        let off = |f: &mut Facts| set(f, "net/ipv6/conf/all/disable_ipv6", "1");
        assert!(bad("ipv6", off).is_empty());
        let (level, what) = only("ipv6", |f| {
            off(f);
            report(f).networks[0].subnets.push("fd00::/64".parse().unwrap());
        });
        assert_eq!(level, Level::Fail);
        assert!(what.ends_with("but web have IPv6 subnets"), "{what}");
    }

    #[test]
    fn an_ephemeral_range_that_is_published_away_is_told() {
        let publish = |first, last| {
            bad("ports", move |f| {
                let address = "0.0.0.0".parse().unwrap();
                let protocol = "tcp".to_owned();
                report(f).ports = vec![ReportPort { address, first, last, protocol }];
            })
        };
        assert!(publish(20_000, 40_000).is_empty());
        let found = publish(20_000, 50_000);
        assert!(found[0].what.starts_with("17233 of the 28232"), "{found:?}");
    }
}
