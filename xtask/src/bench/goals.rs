//! What netd must reach. Between containers, a stream is held against its goals by the internal network,
//! the only one that uses BIG TCP of itself; everything else by an ordinary network.

use super::{
    contest::{Course, INTERNAL},
    workload::Workload,
};

/// What `subject` must be at least of `rival`, all by their words; none where nothing is asked for.
pub(crate) fn goal(course: Course, workload: Workload, subject: &str, rival: &str) -> Option<f64> {
    match course {
        Course::Containers => containers(workload, subject, rival),
        Course::Published => published(workload, rival),
        Course::Ports => ports(rival),
        Course::Host => host(workload, rival),
        Course::Outside => None,
        Course::Crowded => Some(WITHIN_5_PERCENT),
    }
}

fn containers(workload: Workload, subject: &str, rival: &str) -> Option<f64> {
    let internal = subject == INTERNAL.0;
    let (raw, docker) = match workload {
        Workload::Stream(1) if internal => (1.10, 1.30),
        Workload::Requests if !internal => (0.98, 1.30),
        Workload::Connections if !internal => (0.96, 1.40),
        Workload::Datagrams(64) if !internal => (0.92, 1.60),
        _ => return None,
    };
    match rival {
        "veth" => Some(raw),
        "docker-rules" | "docker" => Some(docker),
        _ => None,
    }
}

fn published(workload: Workload, rival: &str) -> Option<f64> {
    let (rules, proxy) = match workload {
        Workload::Stream(1) => (1.05, 1.5),
        Workload::Requests => (1.10, 1.8),
        Workload::Connections => (1.25, 2.6),
        _ => return None,
    };
    match rival {
        // Who comes from outside meets the engine's rules, and not its proxy.
        "docker-rules" | "docker-rules-legacy" | "docker" => Some(rules),
        "docker-proxy" => Some(proxy),
        _ => None,
    }
}

/// Of new connections.
fn ports(rival: &str) -> Option<f64> {
    match rival {
        "docker-rules-10000" => Some(15.0),
        "nftables-10000" => Some(1.15),
        _ => None,
    }
}

fn host(workload: Workload, rival: &str) -> Option<f64> {
    let (proxy, direct) = match workload {
        Workload::Stream(1) => (1.3, None),
        Workload::Requests => (1.9, Some(WITHIN_3_PERCENT)),
        Workload::Connections => (3.0, Some(WITHIN_3_PERCENT)),
        _ => return None,
    };
    match rival {
        // From the host, the engine's proxy is what answers.
        "docker-proxy" | "docker" => Some(proxy),
        "direct" => direct,
        _ => None,
    }
}

const WITHIN_3_PERCENT: f64 = 0.97;
const WITHIN_5_PERCENT: f64 = 0.95;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_set_is_a_goal() {
        let goal = |workload, subject, rival| goal(Course::Containers, workload, subject, rival);
        assert_eq!(goal(Workload::Requests, "netd", "veth"), Some(0.98));
        assert_eq!(goal(Workload::Connections, "netd", "docker"), Some(1.40));
        assert_eq!(goal(Workload::Stream(1), "netd-internal", "docker-rules"), Some(1.30));
        assert_eq!(goal(Workload::Stream(1), "netd", "veth"), None);
        assert_eq!(goal(Workload::Requests, "netd", "loopback"), None);
        assert_eq!(goal(Workload::Datagrams(512), "netd", "veth"), None);
    }

    #[test]
    fn a_published_port_has_goals_of_its_own() {
        let goal = |course, workload, rival| goal(course, workload, "netd", rival);
        let published = Course::Published;
        assert_eq!(goal(Course::Ports, Workload::Connections, "docker-rules-10000"), Some(15.0));
        assert_eq!(goal(published, Workload::Frames, "docker-rules"), None);
        assert_eq!(goal(published, Workload::Stream(1), "docker-proxy"), Some(1.5));
        assert_eq!(goal(Course::Host, Workload::Connections, "docker-proxy"), Some(3.0));
        assert_eq!(goal(Course::Host, Workload::Requests, "direct"), Some(0.97));
        assert_eq!(goal(Course::Outside, Workload::Requests, "docker-rules"), None);
    }
}
