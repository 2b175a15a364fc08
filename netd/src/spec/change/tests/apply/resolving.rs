//! What declared containers have to find others with.

use super::*;

fn hosts(container: &Container) -> Vec<String> {
    container.hosts.iter().map(|(name, address)| format!("{name}={address}")).collect()
}

#[test]
fn host_gateway_is_the_host_on_the_network_that_is_declared() {
    let mut spec = spec();
    let text = WEB.replace("ports:", "extra_hosts: {me: host-gateway}, ports:");
    apply(&mut spec, &text).unwrap();
    assert_eq!(hosts(reserved(&spec, "web")), ["me=10.8.0.1"]);
    let mut request = named("web");
    request.add_hosts = vec!["host.docker.internal:host-gateway".into(), "db:10.0.0.9".into()];
    let id = start(&mut spec, &request);
    assert_eq!(
        hosts(&spec.containers[&id]),
        ["me=10.8.0.1", "host.docker.internal=10.8.0.1", "db=10.0.0.9"]
    );
    spec.remove_container(id.as_str(), true).unwrap();
    request.add_hosts = vec!["db:x".into()];
    assert!(register(&mut spec, &request).unwrap_err().message.contains("--add-host \"db:x\""));
}

#[test]
fn what_resolv_conf_could_not_hold_is_refused() {
    let mut spec = spec();
    let good = "services: {a: {dns_search: [a.example, '.'], dns_opt: ['ndots:2', rotate]}}";
    apply(&mut spec, good).unwrap();
    assert_eq!(reserved(&spec, "a").dns_search, ["a.example", "."]);
    assert_eq!(reserved(&spec, "a").dns_options, ["ndots:2", "rotate"]);
    let before = spec.clone();
    for (text, fault) in [
        ("dns_search: [a..b]", "invalid dns_search \"a..b\": it has an empty part"),
        ("dns_opt: [ndots]", "invalid dns_opt \"ndots\": it needs a number"),
        ("dns_opt: [a/b]", "invalid dns_opt \"a/b\": write NAME"),
    ] {
        let faults = apply(&mut spec, &format!("services: {{b: {{{text}}}}}")).unwrap_err();
        assert!(faults[0].contains(fault), "{faults:?}");
    }
    assert_eq!(spec, before);
}
