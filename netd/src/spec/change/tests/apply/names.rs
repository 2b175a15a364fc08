//! What is exported, and whose names and addresses declared containers have.

use super::*;

#[test]
fn an_export_declares_what_there_is() {
    let text = "networks: {back: {enable_ipv6: true, internal: true, labels: {a: 'b$$c'}}, front: {driver_opts: {netd.mss: clamp}}}\n\
                services:\n  web:\n    hostname: www\n    networks: {back: {aliases: [w]}, front: {priority: 3}}\n    \
                ports: ['80', {target: 81, published: 8081, x-netd: {from: [10.0.0.0/8]}}]\n    expose: [9]\n    dns: 9.9.9.9\n  \
                ns: {networks: [front], x-netd: {namespace: 'netns:/run/netns/r'}}";
    let mut spec = spec();
    apply(&mut spec, text).unwrap();
    start(&mut spec, &named("web"));
    crate::spec::fixture::run(&mut spec, "by-hand", &["front"]);
    let before = spec.clone();
    let yaml = compose::to_yaml(&compose::export(&spec));
    let changes = apply(&mut spec, &yaml).unwrap();
    assert!(
        changes.len() == 1 && changes[0].starts_with("declare container by-hand: "),
        "{changes:?}\n{yaml}"
    );
    spec.declared.services.remove(&"by-hand".parse::<Name>().unwrap());
    assert_eq!(spec, before, "{yaml}");
}

#[test]
fn names_and_the_host_are_those_of_the_declared_networks() {
    let text = "services: {web: {hostname: www, domainname: example.org, extra_hosts: ['me:host-gateway']}, \
                ns: {x-netd: {namespace: 'netns:/run/netns/other-name'}}}\n\
                networks: {default: {ipam: {config: [{subnet: 10.8.0.0/24}]}}}";
    let mut spec = spec();
    apply(&mut spec, text).unwrap();
    let mut request = named("web");
    request.add_hosts = vec!["you:host-gateway".into()];
    let id = start(&mut spec, &request);
    let web = &spec.containers[&id];
    assert_eq!((&*web.hostname, &*web.domainname), ("www", "example.org"));
    let hosts: Vec<String> = web.hosts.iter().map(|(name, a)| format!("{name} {a}")).collect();
    assert_eq!(hosts, ["me 10.8.0.1", "you 10.8.0.1"]);
    let path = Some("/run/netns/other-name".into());
    let foreign = Foreign { path, pid: 0, start_time: 0, netns: 77 };
    let id = spec.attach_declared(&"ns".parse().unwrap(), &foreign, 0).unwrap();
    assert_eq!(spec.containers[&id].host_name(), Some("ns"));
}
