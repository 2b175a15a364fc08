//! The host whose NAT is the kernel's: bridges as Docker makes them, and the rules that Docker
//! writes for masquerade, published ports and the way of a container back to itself.

use crate::site::{CONTAINERS, Host, NETWORKS, One, Other, Site, Two, publications};
use anyhow::Result;
use netd::kernel::netns::Namespace;
use netd_tests::ns::TestNs;

/// An empty namespace for a container.
pub(crate) fn container() -> Result<Namespace> {
    Ok(TestNs::new()?.namespace().run(Namespace::current)??)
}

/// Bridges, containers' links and rules.
pub(crate) fn set_up(site: &Site) -> Result<()> {
    site.must(Host, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")?;
    for (_, bridge, subnets, gateways) in NETWORKS {
        site.must(Host, &format!("ip link add {bridge} type bridge && ip link set {bridge} up"))?;
        for (gateway, subnet) in gateways.iter().zip(subnets) {
            let length = subnet.split_once('/').map_or("", |(_, length)| length);
            site.must(Host, &format!("ip address add {gateway}/{length} dev {bridge} nodad"))?;
        }
    }
    // Answers within a bridge have to meet the rules, too.
    site.must(
        Host,
        "sysctl -qw net.bridge.bridge-nf-call-iptables=1 \
        net.bridge.bridge-nf-call-ip6tables=1",
    )?;
    for (who, (name, network, addresses)) in [One, Two, Other].into_iter().zip(CONTAINERS) {
        let (_, bridge, _, gateways) = NETWORKS[network];
        // The host's end is made in the container, and moved by the number of a process there.
        site.must(who, "ip link set lo up && sysctl -qw net.ipv6.conf.default.accept_dad=0")?;
        link(site, who, name)?;
        site.must(
            Host,
            &format!(
                "ip link set {name} master {bridge} && ip link set {name} up \
            type bridge_slave hairpin on"
            ),
        )?;
        let [v4, v6] = addresses;
        site.must(
            who,
            &format!(
                "ip address add {v4}/24 dev eth0 && \
            ip address add {v6}/64 dev eth0 nodad && ip link set eth0 up && \
            ip route add default via {} && ip -6 route add default via {}",
                gateways[0], gateways[1]
            ),
        )?;
    }
    let file = site.lan.path("rules");
    std::fs::write(&file, rules())?;
    site.must(Host, &format!("nft -f {}", file.display()))?;
    Ok(())
}

fn link(site: &Site, who: crate::site::Who, name: &str) -> Result<()> {
    let mut waiting =
        site.ns(who).run(|| std::process::Command::new("sleep").arg("60").spawn())??;
    let moved = site
        .must(Host, &format!("ip link add {name} type veth peer name eth0 netns {}", waiting.id()));
    waiting.kill()?;
    waiting.wait()?;
    moved.map(drop)
}

fn rules() -> String {
    let mut inbound = String::new();
    let mut itself = String::new();
    let [v4, v6] = CONTAINERS[0].2;
    for (protocol, host, inner) in publications() {
        let to = format!("fib daddr type local {protocol} dport {host} dnat");
        inbound += &format!("meta nfproto ipv4 {to} ip to {v4}:{inner}\n");
        inbound += &format!("meta nfproto ipv6 {to} ip6 to [{v6}]:{inner}\n");
    }
    itself += &format!("ip saddr {v4} ip daddr {v4} masquerade\n");
    itself += &format!("ip6 saddr {v6} ip6 daddr {v6} masquerade\n");
    for (_, bridge, [v4, v6], _) in NETWORKS {
        itself += &format!("ip saddr {v4} oifname != \"{bridge}\" masquerade\n");
        itself += &format!("ip6 saddr {v6} oifname != \"{bridge}\" masquerade\n");
    }
    format!(
        "table inet nat {{\n\
         chain prerouting {{ type nat hook prerouting priority -100;\n{inbound}}}\n\
         chain output {{ type nat hook output priority -100;\n{inbound}}}\n\
         chain postrouting {{ type nat hook postrouting priority 100;\n{itself}}}\n}}\n"
    )
}

/// A command that publishes a container's port, and nobody else's by that number.
pub(crate) fn publication(container: &str, (host, inner, protocol): (u16, u16, &str)) -> String {
    let named = CONTAINERS.iter().find(|(name, ..)| *name == container);
    let [v4, v6] = named.map_or_else(Default::default, |(.., addresses)| *addresses);
    let to = format!("fib daddr type local {protocol} dport {host} dnat");
    format!(
        "nft 'table inet later\ndelete table inet later\ntable inet later {{\nchain in {{\n\
         type nat hook prerouting priority -101\n\
         meta nfproto ipv4 {to} ip to {v4}:{inner}\n\
         meta nfproto ipv6 {to} ip6 to [{v6}]:{inner}\n}}\n}}'"
    )
}
