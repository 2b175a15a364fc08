//! Links on both kinds of networks.

use super::*;
use crate::api::protocol::{ContainerCreate, NetworkAttach, NetworkConnect};
use crate::spec::fixture::*;

fn own(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn linked(name: &str, network: &str, links: &[&str]) -> ContainerCreate {
    let attach = NetworkAttach { network: network.into(), links: own(links), ..Default::default() };
    ContainerCreate { networks: vec![attach], ..container(name, &[]) }
}

/// redis-server on the default network.
fn with_redis() -> Spec {
    let mut spec = spec();
    let redis = ContainerCreate {
        expose: own(&["6379", "53/udp", "8001-8002"]),
        publish: own(&["9000:8003"]),
        environment: own(&["COLOUR=red", "HOME=/root", "PATH=/bin", "EMPTY="]),
        ..container("redis-server", &[])
    };
    start(&mut spec, &redis);
    spec
}

fn words(links: &[Link]) -> Vec<String> {
    links.iter().map(|link| format!("{}={}", link.alias, link.container)).collect()
}

#[test]
fn a_link_is_a_container_and_an_alias() {
    let id = "a".repeat(64);
    let texts = ["db", "redis:r", "redis:r", "netns:/run/netns/x:x", "pid:42:p"];
    let links = parse(&own(&[&texts[..], &[&format!("{id}:i")]].concat())).unwrap();
    let expected = ["db=db", "r=redis", "x=netns:/run/netns/x", "p=pid:42", &format!("i={id}")];
    assert_eq!(words(&links), expected);
    for bad in ["", ":", "a:", ":a", "a b", "a:b c", "a:10.0.0.1", "a:1", "pid:42", "docker:x:y"] {
        assert!(parse(&own(&[bad])).is_err(), "{bad:?}");
    }
    let message = parse(&own(&["a:x", "b:X"])).unwrap_err().message;
    assert_eq!(message, "alias X is given to a and to b; give each link an alias of its own");
}

#[test]
fn the_environment_of_a_link_is_dockers() {
    let mut spec = with_redis();
    let id = register(&mut spec, &linked("me", "bridge", &["redis-server:my-redis"])).unwrap();
    let links = spec.legacy_links(&spec.containers[&id]).unwrap();
    let redis = spec.container("redis-server").unwrap();
    assert_eq!(links[0].host_names(), format!("my-redis {} redis-server", redis.id.short()));
    let environment = links[0].environment("me").join("\n");
    assert_eq!(
        environment,
        "MY_REDIS_PORT=tcp://172.17.0.2:6379
MY_REDIS_PORT_6379_TCP=tcp://172.17.0.2:6379
MY_REDIS_PORT_6379_TCP_ADDR=172.17.0.2
MY_REDIS_PORT_6379_TCP_PORT=6379
MY_REDIS_PORT_6379_TCP_PROTO=tcp
MY_REDIS_PORT_8001_TCP=tcp://172.17.0.2:8001
MY_REDIS_PORT_8001_TCP_ADDR=172.17.0.2
MY_REDIS_PORT_8001_TCP_PORT=8001
MY_REDIS_PORT_8001_TCP_PROTO=tcp
MY_REDIS_PORT_8002_TCP=tcp://172.17.0.2:8002
MY_REDIS_PORT_8002_TCP_ADDR=172.17.0.2
MY_REDIS_PORT_8002_TCP_PORT=8002
MY_REDIS_PORT_8002_TCP_PROTO=tcp
MY_REDIS_PORT_8003_TCP=tcp://172.17.0.2:8003
MY_REDIS_PORT_8003_TCP_ADDR=172.17.0.2
MY_REDIS_PORT_8003_TCP_PORT=8003
MY_REDIS_PORT_8003_TCP_PROTO=tcp
MY_REDIS_PORT_8001_TCP_START=tcp://172.17.0.2:8001
MY_REDIS_PORT_8001_TCP_PORT_START=8001
MY_REDIS_PORT_8001_TCP_END=tcp://172.17.0.2:8003
MY_REDIS_PORT_8001_TCP_PORT_END=8003
MY_REDIS_PORT_53_UDP=udp://172.17.0.2:53
MY_REDIS_PORT_53_UDP_ADDR=172.17.0.2
MY_REDIS_PORT_53_UDP_PORT=53
MY_REDIS_PORT_53_UDP_PROTO=udp
MY_REDIS_NAME=/me/my-redis
MY_REDIS_ENV_COLOUR=red
MY_REDIS_ENV_EMPTY="
    );
}

#[test]
fn a_container_without_ports_has_a_name_at_least_and_a_long_range_stays_short() {
    let mut spec = spec();
    run(&mut spec, "quiet", &[]);
    let sip = ContainerCreate { expose: own(&["10000-65535/udp"]), ..container("sip", &[]) };
    start(&mut spec, &sip);
    let id = register(&mut spec, &linked("me", "bridge", &["quiet", "sip"])).unwrap();
    let links = spec.legacy_links(&spec.containers[&id]).unwrap();
    assert_eq!(links[0].environment("me"), ["QUIET_NAME=/me/quiet"]);
    let long = links[1].environment("me");
    assert_eq!(long.len(), 14);
    assert!(long.contains(&"SIP_PORT_10000_UDP_END=udp://172.17.0.3:65535".to_owned()));
}

#[test]
fn links_on_the_default_network_lead_to_containers_that_run_there() {
    let mut spec = with_redis();
    create(&mut spec, &named("backend")).unwrap();
    run(&mut spec, "elsewhere", &["backend"]);
    run(&mut spec, "hosted", &["host"]);
    register(&mut spec, &container("unborn", &[])).unwrap();
    for (target, why) in [
        ("nobody", "--link: container nobody not found"),
        ("elsewhere", "cannot link to container elsewhere as x: it is not on the default network"),
        ("hosted", "it uses the host's own network"),
        ("unborn", "it does not run"),
    ] {
        let before = spec.clone();
        let request = linked("me", "bridge", &[&format!("{target}:x")]);
        let message = register(&mut spec, &request).unwrap_err().message;
        assert!(message.contains(why), "{message}");
        assert_eq!(spec, before);
    }
    let id = register(&mut spec, &linked("me", "bridge", &["redis-server:db"])).unwrap();
    let redis = spec.container("redis-server").unwrap().id.clone();
    spec.exit_container(&redis, 0).unwrap();
    let message = spec.start_container(&id, 1, 1, 99, NOW).unwrap_err().message;
    assert!(message.starts_with("cannot start container me: cannot link to"), "{message}");
}

#[test]
fn links_on_user_defined_networks_may_wait_for_their_target() {
    let mut spec = with_redis();
    create(&mut spec, &named("backend")).unwrap();
    let id = start(&mut spec, &linked("me", "backend", &["nobody-yet:db"]));
    let network = spec.network("backend").unwrap().id.clone();
    assert_eq!(words(&spec.containers[&id].endpoints[&network].links), ["db=nobody-yet"]);
    assert!(spec.legacy_links(&spec.containers[&id]).unwrap().is_empty());
    run(&mut spec, "other", &["backend"]);
    let request = |links| NetworkConnect { container: "other".into(), links, ..Default::default() };
    let join = |spec: &mut Spec, network: &str, links: &[&str]| {
        with_ports(|ports| spec.connect(network, &request(own(links)), None, NOW, ports))
    };
    assert!(
        join(&mut spec, "bridge", &["redis-server"]).unwrap_err().message.contains("netctl run")
    );
    create(&mut spec, &named("frontend")).unwrap();
    let id = join(&mut spec, "frontend", &["me:you"]).unwrap();
    let network = spec.network("frontend").unwrap().id.clone();
    assert_eq!(words(&spec.containers[&id].endpoints[&network].links), ["you=me"]);
}
