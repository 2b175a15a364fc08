//! Networks against what else the host has: routes, addresses, VPNs, and the uplinks' MTU.

use super::{AgentFacts, Facts, Finding, list};
use crate::api::protocol::ReportNetwork;
use crate::state::{HostLink, HostRoute};
use ipnet::IpNet;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(agent) = &facts.agent else { return Vec::new() };
    let mut findings = overlaps(facts, agent);
    findings.extend(mtu(facts, agent));
    findings.extend(uplinks(facts, agent));
    findings
}

fn overlaps(facts: &Facts, agent: &AgentFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for network in &agent.report.networks {
        for subnet in &network.subnets {
            findings.extend(facts.host.routes.iter().filter_map(|r| route(network, subnet, r)));
            let links = facts.host.links.iter();
            let addresses =
                links.flat_map(|(name, link)| link.addresses.iter().map(move |a| (name, a)));
            let inside = addresses.filter(|(_, address)| subnet.contains(&address.addr()));
            findings.extend(inside.map(|(name, address)| {
                Finding::fail(
                    "overlap",
                    format!(
                        "address {address} of {name} is in subnet {subnet} of network {}: one of the two is out of reach",
                        network.name
                    ),
                    ANOTHER,
                )
            }));
            let resolvers = facts.host.resolvers.iter().filter(|r| subnet.contains(*r));
            findings.extend(resolvers.map(|resolver| {
                Finding::fail(
                    "overlap",
                    format!(
                        "resolver {resolver} of /etc/resolv.conf is in subnet {subnet} of network {}: it is out of reach",
                        network.name
                    ),
                    ANOTHER,
                )
            }));
        }
    }
    if findings.is_empty() {
        let count = agent.report.networks.len();
        let what = format!(
            "the subnets of {count} networks overlap with no route, address or resolver of the host"
        );
        findings.push(Finding::ok("overlap", what));
    }
    findings
}

/// The more specific one wins: a route inside a subnet takes containers away, a subnet inside a
/// route takes hosts behind it away.
fn route(network: &ReportNetwork, subnet: &IpNet, route: &HostRoute) -> Option<Finding> {
    let HostRoute { destination, device, .. } = route;
    if destination.prefix_len() == 0 {
        return None;
    }
    let name = &network.name;
    if subnet.contains(destination) {
        return Some(Finding::fail(
            "overlap",
            format!(
                "the route {destination} by {device} takes its part of subnet {subnet} of network {name} away"
            ),
            ANOTHER,
        ));
    }
    destination.contains(subnet).then(|| {
        Finding::warn(
            "overlap",
            format!(
                "subnet {subnet} of network {name} hides its part of the route {destination} by {device}: \
                 nobody there can be reached from this host"
            ),
            ANOTHER,
        )
    })
}

fn mtu(facts: &Facts, agent: &AgentFacts) -> Vec<Finding> {
    let uplinks = agent.report.status.uplinks.keys();
    let found = uplinks.filter_map(|name| {
        facts
            .host
            .links
            .iter()
            .find(|(link, _)| link.as_str() == name)
            .map(|(_, link)| (name, link))
    });
    let findings: Vec<Finding> =
        found.filter_map(|(name, link)| narrow(name, link, &agent.report.networks)).collect();
    if findings.is_empty() {
        return vec![Finding::ok("mtu", "no network has larger packets than an uplink takes")];
    }
    findings
}

fn narrow(uplink: &str, link: &HostLink, networks: &[ReportNetwork]) -> Option<Finding> {
    let mtu = link.mtu;
    let outside = networks.iter().filter(|network| !network.internal);
    let six = |n: &&ReportNetwork| n.subnets.iter().any(|subnet| subnet.addr().is_ipv6());
    if mtu < LEAST_IPV6 && outside.clone().any(|network| six(&network)) {
        return Some(Finding::fail(
            "mtu",
            format!(
                "uplink {uplink} has an MTU of {mtu}, too little for IPv6 (RFC 8200, 5), which networks have"
            ),
            format!("ip link set {uplink} mtu {LEAST_IPV6}"),
        ));
    }
    let larger: Vec<&str> = outside.filter(|n| n.mtu > mtu).map(|n| n.name.as_str()).collect();
    (!larger.is_empty()).then(|| {
        Finding::warn(
            "mtu",
            format!(
                "uplink {uplink} has an MTU of {mtu}, networks have more ({}): large packets need one more round trip, \
                 and are lost to those who ignore ICMP",
                list(&larger)
            ),
            format!(
                "make the networks with -o com.docker.network.driver.mtu={mtu}, or with -o netd.mss=clamp for TCP"
            ),
        )
    })
}

fn uplinks(facts: &Facts, agent: &AgentFacts) -> Vec<Finding> {
    let status = &agent.report.status;
    if status.uplinks.is_empty() {
        return vec![Finding::warn(
            "uplinks",
            "there is no uplink: containers reach nothing but this host",
            "set a device up, or name one by `uplink` in /etc/netd/netd.toml",
        )];
    }
    let leads_out = |name: &String| {
        let mut routes = facts.host.routes.iter();
        routes.any(|r| r.device.as_str() == name && r.destination.prefix_len() == 0)
    };
    let bare = status.uplinks.iter().filter(|(name, to)| to.is_empty() && leads_out(name));
    let mut findings: Vec<Finding> = bare
        .map(|(name, _)| {
            Finding::warn(
                "uplinks",
                format!(
                    "the default route leaves by {name}, which has no address to masquerade behind"
                ),
                format!("ip address add ADDRESS dev {name}"),
            )
        })
        .collect();
    if findings.is_empty() {
        let modes = status.uplinks.keys().map(|name| {
            format!("{name} ({})", if status.xdp.contains(name) { "xdp" } else { "tcx" })
        });
        findings.push(Finding::ok("uplinks", list(modes)));
    }
    findings
}

const ANOTHER: &str = "make the network anew with another --subnet";
const LEAST_IPV6: u32 = 1280;

#[cfg(test)]
mod tests {
    use super::super::{
        Level,
        tests::{bad, only},
    };
    use super::*;

    fn route(facts: &mut Facts, destination: &str) {
        let mut route = facts.host.routes[0].clone();
        route.destination = destination.parse().unwrap();
        route.device = "tun0".parse().unwrap();
        facts.host.routes.push(route);
    }

    #[test]
    fn a_route_inside_a_subnet_fails_and_one_around_it_warns() {
        let (level, what) = only("overlap", |f| route(f, "172.18.5.0/24"));
        assert_eq!(level, Level::Fail);
        assert!(what.starts_with("the route 172.18.5.0/24 by tun0 takes"), "{what}");
        assert_eq!(only("overlap", |f| route(f, "172.18.0.0/16")).0, Level::Fail);
        assert_eq!(only("overlap", |f| route(f, "172.16.0.0/12")).0, Level::Warn);
        assert!(bad("overlap", |f| route(f, "10.0.0.0/8")).is_empty());
    }

    #[test]
    fn addresses_and_resolvers_in_a_subnet_fail() {
        let (level, _) = only("overlap", |f| f.host.resolvers.push("172.18.0.53".parse().unwrap()));
        assert_eq!(level, Level::Fail);
        let (_, what) = only("overlap", |f| {
            let link = f.host.links.values_mut().next().unwrap();
            link.addresses.push("172.18.3.3/32".parse().unwrap());
        });
        assert!(what.starts_with("address 172.18.3.3/32 of eth0 is in subnet"), "{what}");
    }

    fn set_mtu(facts: &mut Facts, mtu: u32) {
        facts.host.links.values_mut().for_each(|link| link.mtu = mtu);
    }

    #[test]
    fn an_uplink_that_is_too_narrow_is_told() {
        let (level, what) = only("mtu", |f| set_mtu(f, 1420));
        assert_eq!(level, Level::Warn);
        assert!(
            what.contains("uplink eth0 has an MTU of 1420, networks have more (web)"),
            "{what}"
        );
        let (level, _) = only("mtu", |f| {
            set_mtu(f, 1200);
            let network = &mut f.agent.as_mut().unwrap().report.networks[0];
            network.subnets.push("fd00::/64".parse().unwrap());
        });
        assert_eq!(level, Level::Fail);
        assert!(
            bad("mtu", |f| {
                set_mtu(f, 1420);
                f.agent.as_mut().unwrap().report.networks[0].internal = true;
            })
            .is_empty()
        );
    }

    #[test]
    fn an_uplink_without_an_address_and_a_host_without_uplinks_are_told() {
        let uplinks = |facts: &mut Facts| {
            std::mem::take(&mut facts.agent.as_mut().unwrap().report.status.uplinks)
        };
        let (level, _) = only("uplinks", |f| drop(uplinks(f)));
        assert_eq!(level, Level::Warn);
        let (_, what) = only("uplinks", |f| {
            let names = uplinks(f).into_keys();
            f.agent.as_mut().unwrap().report.status.uplinks =
                names.map(|name| (name, Vec::new())).collect();
        });
        assert!(what.contains("no address to masquerade behind"), "{what}");
    }
}
