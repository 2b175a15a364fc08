//! Other firewalls, and what they do to netd's traffic: its programs take packets before netfilter
//! sees them, but what goes between host and containers passes it.

use super::{Facts, Finding, list, nft::Chain};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !facts.firewall.legacy.is_empty() {
        let tables = list(&facts.firewall.legacy);
        findings.push(Finding::warn(
            "firewall",
            format!("iptables-legacy has the tables {tables}, which nft does not show and were not looked at"),
            "look at `iptables-legacy-save`; what judges INPUT or OUTPUT judges what goes between host and containers",
        ));
    }
    let chains = match &facts.firewall.chains {
        Ok(chains) => chains,
        Err(why) => {
            findings.push(Finding::warn(
                "firewall",
                format!("nftables was not looked at: {why}"),
                "run netctl doctor as root, with nft installed (apt-get install nftables)",
            ));
            return findings;
        }
    };
    let before = findings.len();
    findings.extend(chains.iter().filter(|chain| matters(chain)).map(|chain| judge(chain, facts)));
    if findings.len() == before {
        findings.push(Finding::ok("firewall", "no rule of nftables drops or translates anything"));
    }
    findings
}

fn matters(chain: &Chain) -> bool {
    chain.filters || (chain.translates && chain.hook != "output")
}

fn judge(chain: &Chain, facts: &Facts) -> Finding {
    let name = called(chain);
    match (chain.family.as_str(), chain.hook.as_str()) {
        ("arp", _) => Finding::ok("firewall", format!("{name} judges ARP of the host's own")),
        ("bridge", _) if chain.filters => Finding::warn(
            "firewall",
            format!(
                "{name} drops frames on bridges: broadcasts between containers, and what goes between them and the host"
            ),
            "let it leave bridges that begin with nd- alone",
        ),
        ("netdev", "egress") if chain.filters => Finding::warn(
            "firewall",
            format!(
                "{name} sees what containers send out before it is masqueraded, with the container's address"
            ),
            "let it accept the networks' subnets (netctl network inspect)",
        ),
        ("netdev", _) => Finding::ok(
            "firewall",
            format!(
                "{name} comes behind netd's programs: it does not see published ports or answers to containers"
            ),
        ),
        (_, "input") if chain.filters => input(&name, chain, facts),
        (_, "output") if chain.filters => Finding::warn(
            "firewall",
            format!(
                "{name} {} what the host's processes send to containers, published ports included",
                drops(chain)
            ),
            "let it accept packets that leave by bridges that begin with nd- (oifname \"nd-*\" accept)",
        ),
        (_, "prerouting") if chain.filters => Finding::warn(
            "firewall",
            format!("{name} {} what containers send to the host", drops(chain)),
            "let it accept packets from bridges that begin with nd- (iifname \"nd-*\" accept)",
        ),
        (_, "forward") => Finding::ok(
            "firewall",
            format!("{name} {} forwarded packets; netd's do not pass it", drops(chain)),
        ),
        _ => Finding::ok(
            "firewall",
            format!("{name} translates addresses; what netd carries does not pass it"),
        ),
    }
}

/// The chain that people believe to protect the host.
fn input(name: &str, chain: &Chain, facts: &Facts) -> Finding {
    let ports = facts.agent.iter().flat_map(|agent| &agent.report.ports);
    let open: Vec<String> = ports
        .filter(|port| !port.address.is_loopback())
        .map(|port| match port.first == port.last {
            true => format!("{}/{}", port.first, port.protocol),
            false => format!("{}-{}/{}", port.first, port.last, port.protocol),
        })
        .collect();
    let open = match open.is_empty() {
        true => String::new(),
        false => {
            format!("; the published ports {} are open all the same, netd comes first", list(open))
        }
    };
    Finding::warn(
        "firewall",
        format!("{name} {} what containers send to the host{open}", drops(chain)),
        "let it accept packets from bridges that begin with nd- where containers are to reach the host \
         (iifname \"nd-*\" accept); limit published ports by `,from=CIDR` or a host address",
    )
}

fn drops(chain: &Chain) -> &'static str {
    if chain.drops_rest { "(policy drop) judges" } else { "may drop" }
}

fn called(chain: &Chain) -> String {
    let Chain { family, table, name, hook, owner, .. } = chain;
    let owner = owner.map(|owner| format!("{owner}'s ")).unwrap_or_default();
    format!("{owner}chain {family} {table} {name} ({hook})")
}

#[cfg(test)]
mod tests {
    use super::super::{Level, examine, facts::healthy, tests::only};
    use super::*;
    use crate::api::protocol::ReportPort;

    fn chain(family: &str, hook: &str) -> Chain {
        Chain {
            family: family.into(),
            table: "filter".into(),
            name: hook.into(),
            hook: hook.into(),
            kind: "filter".into(),
            drops_rest: true,
            filters: true,
            ..Chain::default()
        }
    }

    fn found(chain: Chain) -> Finding {
        let mut facts = healthy();
        facts.firewall.chains = Ok(vec![chain]);
        examine(&facts).into_iter().find(|f| f.check == "firewall").unwrap()
    }

    #[test]
    fn what_judges_traffic_with_the_host_warns() {
        for (family, hook) in [
            ("inet", "input"),
            ("ip", "output"),
            ("ip6", "prerouting"),
            ("bridge", "forward"),
            ("netdev", "egress"),
        ] {
            assert_eq!(found(chain(family, hook)).level, Level::Warn, "{family} {hook}");
        }
    }

    #[test]
    fn what_netd_passes_by_is_told_and_fine() {
        for (family, hook) in [("ip", "forward"), ("netdev", "ingress"), ("arp", "input")] {
            assert_eq!(found(chain(family, hook)).level, Level::Ok, "{family} {hook}");
        }
        let nat = Chain { filters: false, translates: true, ..chain("ip", "postrouting") };
        let finding = found(Chain { owner: Some("Docker"), ..nat });
        assert_eq!(finding.level, Level::Ok);
        assert!(finding.what.starts_with("Docker's chain ip filter postrouting"), "{finding:?}");
    }

    #[test]
    fn published_ports_that_an_input_chain_does_not_guard_are_named() {
        let (level, what) = only("firewall", |facts| {
            facts.firewall.chains = Ok(vec![chain("inet", "input")]);
            let port = |address: &str, first| ReportPort {
                address: address.parse().unwrap(),
                first,
                last: first,
                protocol: "tcp".into(),
            };
            facts.agent.as_mut().unwrap().report.ports =
                vec![port("0.0.0.0", 8080), port("127.0.0.1", 9090)];
        });
        assert_eq!(level, Level::Warn);
        assert!(what.contains("published ports 8080/tcp are open all the same"), "{what}");
        assert!(!what.contains("9090"), "{what}");
    }

    #[test]
    fn what_was_not_looked_at_is_said() {
        let (level, what) =
            only("firewall", |f| f.firewall.chains = Err("nft is not installed".into()));
        assert_eq!(
            (level, what.as_str()),
            (Level::Warn, "nftables was not looked at: nft is not installed")
        );
        assert_eq!(only("firewall", |f| f.firewall.legacy = vec!["nat".into()]).0, Level::Warn);
    }
}
