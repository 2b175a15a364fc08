//! Five hundred calls at once.

use super::*;
use netd::{
    api::protocol::{ContainerCreate, ContainerInspect, NetworkAttach, NetworkInspect, Status},
    error::{Error, ErrorCode},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// What one caller does.
#[derive(Clone, Copy, Debug)]
enum Call {
    /// Makes a network with a subnet that netd picks, of which there are few.
    Picked,
    /// Makes a network with a subnet of its own.
    Chosen,
    /// Reserves a container with a picked port.
    Reserve,
    /// Attaches a process' namespace to the network `web`, then publishes a picked port of it.
    Attach,
    /// Runs `netctl run` itself, with a picked port.
    Run,
    /// Looks.
    Look,
}

/// As many as there are calls; attaching takes two.
const CALLS: [(Call, usize); 6] = [
    (Call::Picked, 60),
    (Call::Chosen, 80),
    (Call::Reserve, 140),
    (Call::Attach, 40),
    (Call::Run, 20),
    (Call::Look, 120),
];

#[test]
fn five_hundred_calls_at_once_get_what_is_theirs_or_a_reason() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.77.0.0/16", "--ipv6"])?;
    let processes: Vec<Process> = (0..number(|call| matches!(call, Call::Attach)))
        .map(|_| Process::in_namespace())
        .collect::<Result<_>>()?;
    assert_eq!(number(|_| true) + processes.len(), 500);
    let barrier = Barrier::new(number(|_| true));
    let begun = Instant::now();
    let refused: Vec<(Call, Error)> = thread::scope(|scope| {
        let mut all = Vec::new();
        for (call, count) in CALLS {
            for number in 0..count {
                let (host, barrier, processes) = (&host, &barrier, &processes);
                all.push(scope.spawn(move || {
                    let process = processes.get(number).map_or(0, |process| process.0.id());
                    barrier.wait();
                    make(host, call, number, process).err().map(|error| (call, error))
                }));
            }
        }
        all.into_iter().filter_map(|one| one.join().unwrap()).collect()
    });
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    // Docker's own pools have room for thirty networks or so, and nothing else is scarce.
    for (call, error) in &refused {
        assert!(matches!(call, Call::Picked), "{call:?}: {error}");
        assert_eq!(error.code, ErrorCode::Conflict);
        assert!(error.message.contains("no free IPv4 subnet"), "{error}");
    }
    check(&host, &refused)
}

fn number(of: impl Fn(Call) -> bool) -> usize {
    CALLS.iter().filter(|(call, _)| of(*call)).map(|(_, count)| count).sum()
}

fn make(host: &TestHost, call: Call, number: usize, process: u32) -> Result<(), Error> {
    let client = client(host);
    let web = || vec![NetworkAttach { network: "web".into(), ..Default::default() }];
    match call {
        Call::Picked => {
            let name = format!("picked{number}");
            client.post::<NetworkInspect>("/v1/networks", &json!({"Name": name})).map(drop)
        }
        Call::Chosen => {
            let subnet = format!("10.78.{number}.0/24");
            let request = json!({"Name": format!("chosen{number}"), "Subnets": [subnet]});
            client.post::<NetworkInspect>("/v1/networks", &request).map(drop)
        }
        Call::Reserve => {
            let request = ContainerCreate {
                networks: web(),
                publish: vec!["80".into()],
                command: vec!["true".into()],
                ..Default::default()
            };
            client.post::<ContainerInspect>("/v1/containers", &request).map(drop)
        }
        Call::Attach => {
            let request = json!({"Container": format!("pid:{process}")});
            let container: ContainerInspect = client.post("/v1/networks/web/connect", &request)?;
            let path = format!("/v1/containers/{}/publish", container.id);
            client.post::<Value>(&path, &json!({"Publish": ["80"]})).map(drop)
        }
        Call::Run => {
            let args = ["run", "-d", "--network", "web", "-p", "80", "--", "sleep", "infinity"];
            host.ok(&args).map(drop).map_err(|e| Error::internal(e.to_string()))
        }
        Call::Look => match number % 3 {
            0 => client.get::<Status>("/v1/status").map(drop),
            1 => client.get::<Vec<NetworkInspect>>("/v1/networks").map(drop),
            _ => host.ok(&["ps", "-a"]).map(drop).map_err(|e| Error::internal(e.to_string())),
        },
    }
}

/// Everybody has something of their own, and it is there.
fn check(host: &TestHost, refused: &[(Call, Error)]) -> Result<()> {
    let client = client(host);
    let networks: Vec<NetworkInspect> = client.get("/v1/networks")?;
    let made = number(|call| matches!(call, Call::Picked | Call::Chosen)) - refused.len();
    // Those that always exist, and web.
    assert_eq!(networks.len(), made + 4);
    let subnets: BTreeSet<&str> =
        networks.iter().flat_map(|n| n.ipam.config.iter().map(|c| c.subnet.as_str())).collect();
    assert_eq!(subnets.len(), networks.iter().map(|n| n.ipam.config.len()).sum::<usize>());
    let bridges = host.host.json("ip -j link show type bridge")?;
    // All but `host` and `none` have one.
    assert_eq!(bridges.as_array().context("no list")?.len(), networks.len() - 2);
    let containers: Vec<ContainerInspect> = client.get("/v1/containers")?;
    let expected = number(|call| matches!(call, Call::Reserve | Call::Attach | Call::Run));
    assert_eq!(containers.len(), expected);
    let (mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new());
    for container in &containers {
        let endpoint = container.networks.get("web").context("not on web")?;
        addresses.extend(endpoint.ip_address.map(IpAddr::V4));
        addresses.extend(endpoint.global_ipv6_address.map(IpAddr::V6));
        let own: BTreeSet<_> = container.ports.iter().filter_map(|port| port.public_port).collect();
        assert_eq!(own.len(), 1, "{:?}", container.ports);
        ports.extend(own);
    }
    assert_eq!((addresses.len(), ports.len()), (2 * expected, expected));
    let status: Status = client.get("/v1/status")?;
    let running = number(|call| matches!(call, Call::Attach | Call::Run));
    assert_eq!((status.containers, status.endpoints), (running, running));
    assert_eq!(status.problems, [""; 0]);
    Ok(())
}
