//! What the rivals with rules enter: Docker's rules for iptables, and a map for nftables.

use super::site::{BRIDGE, CONTAINER, PUBLISHED, Published};
use std::fmt::Write;

/// What Docker writes for a container on its default bridge that publishes `ours`, as iptables-save would
/// print it, behind so many other ports that the first of ours is the last of `count`.
pub(in crate::bench) fn docker_rules(count: u16, ours: &[Published]) -> String {
    let mut nat = NAT_HEAD.to_owned();
    let mut filter = FILTER_HEAD.to_owned();
    let others = others(count).map(|port| ("tcp", port, port));
    for (protocol, host, container) in others.chain(ours.iter().copied()) {
        let _ = writeln!(
            nat,
            "-A DOCKER ! -i {BRIDGE} -p {protocol} -m {protocol} --dport {host} -j DNAT --to-destination {CONTAINER}:{container}"
        );
        let _ = writeln!(
            filter,
            "-A DOCKER -d {CONTAINER}/32 ! -i {BRIDGE} -o {BRIDGE} -p {protocol} -m {protocol} --dport {container} -j ACCEPT"
        );
    }
    format!("{nat}COMMIT\n{filter}COMMIT\n")
}

/// The same by one look-up.
pub(super) fn nftables_rules(count: u16) -> String {
    let others = others(count).map(|port| ("tcp", port, port));
    let ours = PUBLISHED.into_iter().filter(|(protocol, ..)| *protocol == "tcp");
    let elements: Vec<String> = ours
        .chain(others)
        .map(|(_, host, container)| format!("{host} : {CONTAINER} . {container}"))
        .collect();
    let elements = elements.join(", ");
    NFTABLES.replace("ELEMENTS", &elements).replace("BRIDGE", BRIDGE)
}

/// The published ports beside ours.
pub(super) fn others(count: u16) -> std::ops::Range<u16> {
    20_000..20_000 + count.saturating_sub(1)
}

const NAT_HEAD: &str = "\
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
";

const FILTER_HEAD: &str = "\
*filter
:INPUT ACCEPT [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
";

const NFTABLES: &str = "\
table ip nat {
    map ports { type inet_service : ipv4_addr . inet_service; elements = { ELEMENTS } }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        iifname != \"BRIDGE\" fib daddr type local dnat ip to tcp dport map @ports
        iifname != \"BRIDGE\" fib daddr type local dnat ip to udp dport map @ports
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 172.17.0.0/16 oifname != \"BRIDGE\" masquerade
    }
}
table ip filter {
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        oifname \"BRIDGE\" ct status dnat accept
        iifname \"BRIDGE\" accept
    }
}
";

#[cfg(test)]
mod tests {
    use super::{super::site::HOST_PORT, *};

    #[test]
    fn ours_follow_the_other_ports() {
        let rules = docker_rules(1_000, &PUBLISHED);
        let dnat: Vec<&str> = rules.lines().filter(|line| line.contains("DNAT")).collect();
        assert_eq!(dnat.len(), 999 + PUBLISHED.len());
        assert!(dnat[999].contains("-p tcp -m tcp --dport 8080"), "{}", dnat[999]);
        let few = docker_rules(1, &PUBLISHED[..2]);
        assert_eq!(few.matches("--to-destination").count(), 2);
        assert!(few.contains(&format!("-p udp -m udp --dport {HOST_PORT}")));
    }

    #[test]
    fn the_map_holds_every_port() {
        let others = 9_999;
        let listed = nftables_rules(10_000).matches(" . ").count();
        assert_eq!(listed, others + 3 + 1, "ours, and the map's type");
    }
}
