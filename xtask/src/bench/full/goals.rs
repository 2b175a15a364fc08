//! What netd must reach. A stream is held against its goals by the internal network, the only one that
//! uses BIG TCP of itself; everything else by an ordinary network.

use super::{
    peers::{ENGINE, INTERNAL, NETD, RULES, VETH},
    workload::Workload,
};

/// What `subject` must be at least of `rival`, all by their words; none where nothing is asked for.
pub(super) fn goal(workload: Workload, subject: &str, rival: &str) -> Option<f64> {
    let (raw, docker) = match workload {
        Workload::Stream(1) if subject == INTERNAL.0 => (1.10, 1.30),
        Workload::Requests if subject == NETD.0 => (0.98, 1.30),
        Workload::Connections if subject == NETD.0 => (0.96, 1.40),
        Workload::Datagrams(64) if subject == NETD.0 => (0.92, 1.60),
        _ => return None,
    };
    match rival {
        _ if rival == VETH.0 => Some(raw),
        _ if rival == RULES.0 || rival == ENGINE.0 => Some(docker),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_is_a_goal() {
        assert_eq!(goal(Workload::Requests, "netd", "veth"), Some(0.98));
        assert_eq!(goal(Workload::Connections, "netd", "docker"), Some(1.40));
        assert_eq!(goal(Workload::Stream(1), "netd-internal", "docker-rules"), Some(1.30));
        assert_eq!(goal(Workload::Stream(1), "netd", "veth"), None);
        assert_eq!(goal(Workload::Requests, "netd", "loopback"), None);
        assert_eq!(goal(Workload::Datagrams(512), "netd", "veth"), None);
    }
}
