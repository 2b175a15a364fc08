//! What applying files does to a spec.

mod names;
mod refused;
mod resolving;

use super::*;
use crate::compose;
use crate::spec::change::{Circumstances, Foreign};
use crate::spec::container::{Container, Mode, Source};
use crate::spec::declared::Origin;
use crate::spec::fixture::{
    connect, context, disconnect, host, publish, register, start, with_ports,
};
use crate::spec::name::Name;
use std::collections::BTreeMap;

/// Applies a file: the changes, or the faults as lines.
fn apply_as(
    spec: &mut Spec,
    text: &str,
    origin: &Origin,
    prune: bool,
    foreign: &BTreeMap<Name, Foreign>,
) -> Result<Vec<String>, Vec<String>> {
    let files = ["f".to_owned()];
    let lines = |faults: &[crate::spec::declaration::Fault]| -> Vec<String> {
        faults.iter().map(|fault| fault.line(&files)).collect()
    };
    let reading = compose::read(&[text], &|_| None);
    if !reading.faults.is_empty() {
        return Err(lines(&reading.faults));
    }
    let host = host();
    let circumstances = Circumstances { network: context(&host), origin, prune, foreign };
    let mut next = spec.clone();
    let changes = with_ports(|ports| next.apply(&reading.declaration, &circumstances, ports));
    let changes = changes.map_err(|faults| lines(&faults))?;
    *spec = next;
    Ok(changes)
}

fn apply(spec: &mut Spec, text: &str) -> Result<Vec<String>, Vec<String>> {
    apply_as(spec, text, &Origin::Request, false, &BTreeMap::new())
}

fn prune(spec: &mut Spec, text: &str) -> Result<Vec<String>, Vec<String>> {
    apply_as(spec, text, &Origin::Request, true, &BTreeMap::new())
}

fn named(name: &str) -> crate::api::protocol::ContainerCreate {
    crate::spec::fixture::container(name, &[])
}

fn live<'a>(spec: &'a Spec, name: &str) -> &'a Container {
    spec.live().find(|c| c.name == name).unwrap()
}

/// The container's IPv4 addresses by network.
fn addresses(spec: &Spec, container: &Container) -> BTreeMap<String, String> {
    let one = |(id, e): (&Id, &crate::spec::container::Endpoint)| {
        (spec.networks[id].name.to_string(), e.ipv4.unwrap().to_string())
    };
    container.endpoints.iter().map(one).collect()
}

fn reserved<'a>(spec: &'a Spec, name: &str) -> &'a Container {
    &spec.service(name).unwrap().reserved
}

const WEB: &str = "networks: {back: {ipam: {config: [{subnet: 10.8.0.0/24}]}}}\n\
                   services: {web: {networks: [back], ports: ['8080:80']}, db: {networks: [back]}}";

#[test]
fn a_second_time_there_is_nothing_to_do() {
    let mut spec = spec();
    let changes = apply(&mut spec, WEB).unwrap();
    assert_eq!(
        changes,
        [
            "create network back: 10.8.0.0/24",
            "declare container web: 10.8.0.2 on back, port 8080:80/tcp",
            "declare container db: 10.8.0.3 on back",
        ]
    );
    let before = spec.clone();
    assert_eq!(apply(&mut spec, WEB).unwrap(), [""; 0]);
    assert_eq!(prune(&mut spec, WEB).unwrap(), [""; 0]);
    assert_eq!(spec, before);
}

#[test]
fn what_is_reserved_is_nobody_elses() {
    let mut spec = spec();
    apply(&mut spec, WEB).unwrap();
    let other = start(&mut spec, &crate::spec::fixture::container("other", &["back"]));
    assert_eq!(addresses(&spec, &spec.containers[&other])["back"], "10.8.0.4");
    let error = publish(&mut spec, "other", &["8080:80"]).unwrap_err();
    assert!(error.message.contains("already allocated to container web"), "{error}");
    let mut request = crate::spec::fixture::container("third", &["back"]);
    request.networks[0].ip = Some("10.8.0.2".into());
    assert!(register(&mut spec, &request).is_err());
    let error = spec.remove_network("back").unwrap_err();
    assert!(error.message.contains("in use by other;"), "{error}");
    spec.exit_container(&other, 0).unwrap();
    let error = spec.remove_network("back").unwrap_err();
    assert!(error.message.contains("declared for db, web;"), "{error}");
    assert_eq!(spec.prune_networks(), [""; 0]);
}

#[test]
fn run_takes_what_is_reserved_each_time() {
    let mut spec = spec();
    apply(&mut spec, WEB).unwrap();
    for _ in 0..2 {
        let id = start(&mut spec, &named("web"));
        let web = &spec.containers[&id];
        assert_eq!(addresses(&spec, web)["back"], "10.8.0.2");
        assert_eq!(web.ports, reserved(&spec, "web").ports);
        assert_eq!((web.mode, &web.source), (Mode::Bridge, &Source::Run));
        assert_eq!(apply(&mut spec, WEB).unwrap(), [""; 0]);
        spec.exit_container(&id, 0).unwrap();
        assert_eq!(apply(&mut spec, WEB).unwrap(), [""; 0]);
        spec.remove_container(id.as_str(), false).unwrap();
    }
    let mut request = named("web");
    request.publish = vec!["81:81".into()];
    assert!(
        register(&mut spec, &request).unwrap_err().message.contains("leave --network and -p out")
    );
}

#[test]
fn a_running_container_follows_its_declaration() {
    let mut spec = spec();
    apply(&mut spec, WEB).unwrap();
    start(&mut spec, &named("web"));
    publish(&mut spec, "web", &["9000:90"]).unwrap();
    let more =
        WEB.replace("[back], ports: ['8080:80']", "[back, front], ports: ['8081:80']").replace(
            "networks: {back",
            "networks: {front: {ipam: {config: [{subnet: 10.9.0.0/24}]}}, back",
        );
    apply(&mut spec, &more).unwrap();
    let web = live(&spec, "web");
    assert_eq!(addresses(&spec, web).len(), 2);
    assert_eq!(addresses(&spec, web)["back"], "10.8.0.2");
    let ports: Vec<String> = web.ports.iter().map(|p| p.mapping.to_string()).collect();
    assert_eq!(ports, ["9000:90/tcp", "8081:80/tcp"]);
    assert_eq!(apply(&mut spec, &more).unwrap(), [""; 0]);
    // What somebody undid by hand is put back.
    disconnect(&mut spec, "front", "web").unwrap();
    spec.unpublish("web", &["8081:80".into()]).unwrap();
    apply(&mut spec, &more).unwrap();
    assert_eq!(addresses(&spec, live(&spec, "web")).len(), 2);
    // And what is declared no more is taken away.
    apply(&mut spec, WEB).unwrap();
    let web = live(&spec, "web");
    assert_eq!(addresses(&spec, web).len(), 1);
    assert_eq!(web.ports.len(), 2);
}

#[test]
fn a_container_that_was_there_before_keeps_its_addresses() {
    let mut spec = spec();
    apply(&mut spec, "networks: {back: {ipam: {config: [{subnet: 10.8.0.0/24}]}}}").unwrap();
    crate::spec::fixture::run(&mut spec, "filler", &["back"]);
    let id = crate::spec::fixture::run(&mut spec, "web", &["back"]);
    apply(&mut spec, WEB).unwrap();
    assert_eq!(addresses(&spec, &spec.containers[&id])["back"], "10.8.0.3");
    assert_eq!(spec.containers[&id].ports.len(), 1);
    assert_eq!(reserved(&spec, "web").endpoints, spec.containers[&id].endpoints);
}

#[test]
fn addresses_and_ports_can_change_hands_in_one_go() {
    let text = |web: &str, db: &str| {
        format!(
            "networks: {{back: {{ipam: {{config: [{{subnet: 10.8.0.0/24}}]}}}}}}\nservices:\n  \
             web: {{networks: {{back: {{ipv4_address: 10.8.0.{web}}}}}, ports: ['80{web}:80']}}\n  \
             db: {{networks: {{back: {{ipv4_address: 10.8.0.{db}}}}}, ports: ['80{db}:80']}}"
        )
    };
    let mut spec = spec();
    apply(&mut spec, &text("10", "11")).unwrap();
    start(&mut spec, &named("web"));
    apply(&mut spec, &text("11", "10")).unwrap();
    assert_eq!(addresses(&spec, live(&spec, "web"))["back"], "10.8.0.11");
    assert_eq!(addresses(&spec, reserved(&spec, "db"))["back"], "10.8.0.10");
    assert_eq!(live(&spec, "web").published().next().unwrap().host.first(), 8011);
}

#[test]
fn a_network_is_replaced_where_only_declared_containers_are_on_it() {
    let mut spec = spec();
    apply(&mut spec, WEB).unwrap();
    start(&mut spec, &named("web"));
    let moved = WEB.replace("10.8.0.0/24", "10.9.0.0/24");
    let changes = apply(&mut spec, &moved).unwrap();
    assert_eq!(changes[0], "replace network back, of which ipam changes: 10.9.0.0/24");
    assert_eq!(addresses(&spec, live(&spec, "web"))["back"], "10.9.0.2");
    assert_eq!(spec.networks.len(), 4);
    crate::spec::fixture::run(&mut spec, "stranger", &["back"]);
    let faults = apply(&mut spec, WEB).unwrap_err();
    assert_eq!(
        faults,
        [
            "f:1:12: cannot change ipam of network back: network back is in use by stranger; disconnect them first"
        ]
    );
    let labels = moved.replace("{back: {", "{back: {labels: {a: b}, ");
    assert_eq!(apply(&mut spec, &labels).unwrap(), ["label network back"]);
}

#[test]
fn pruning_takes_what_was_declared_and_nothing_else() {
    let mut spec = spec();
    crate::spec::fixture::create(&mut spec, &crate::spec::fixture::named("by-hand")).unwrap();
    apply(&mut spec, WEB).unwrap();
    let id = start(&mut spec, &named("web"));
    connect(&mut spec, "by-hand", "web").unwrap();
    let rest = "services: {db: {networks: [back]}}\nnetworks: {back: {ipam: {config: [{subnet: 10.8.0.0/24}]}}}";
    assert_eq!(apply(&mut spec, rest).unwrap(), [""; 0]);
    assert_eq!(prune(&mut spec, rest).unwrap(), ["forget container web"]);
    let web = &spec.containers[&id];
    assert_eq!((addresses(&spec, web).len(), web.ports.len()), (1, 0));
    assert_eq!(
        prune(&mut spec, "services: {}").unwrap(),
        ["forget container db", "remove network back"]
    );
    assert!(spec.network("by-hand").is_ok() && spec.declared == Default::default());
}

#[test]
fn a_namespace_is_attached_when_it_is_there() {
    let text = "services: {router: {x-netd: {namespace: 'netns:/run/netns/r'}}}";
    let foreign =
        |netns| Foreign { path: Some("/run/netns/r".into()), pid: 0, start_time: 0, netns };
    let mut spec = spec();
    apply(&mut spec, text).unwrap();
    assert!(spec.containers.is_empty());
    assert!(
        register(&mut spec, &named("router"))
            .unwrap_err()
            .message
            .contains("declared to be in netns")
    );
    let present = BTreeMap::from([("router".parse().unwrap(), foreign(7))]);
    let changes = apply_as(&mut spec, text, &Origin::Request, false, &present).unwrap();
    assert_eq!(changes, ["attach container router in netns:/run/netns/r"]);
    let id = live(&spec, "router").id.clone();
    assert_eq!(
        addresses(&spec, live(&spec, "router")),
        addresses(&spec, reserved(&spec, "router"))
    );
    assert_eq!(apply_as(&mut spec, text, &Origin::Request, false, &present).unwrap(), [""; 0]);
    assert_eq!(prune(&mut spec.clone(), "services: {}").unwrap().len(), 2);
    // Its namespace ends and comes back as another one.
    spec.exit_container(&id, 0).unwrap();
    spec.attach_declared(&"router".parse().unwrap(), &foreign(8), 0).unwrap();
    let other = spec.attach_declared(&"router".parse().unwrap(), &foreign(9), 0).unwrap_err();
    assert!(other.message.contains("already attached as container router"), "{other}");
}

#[test]
fn host_and_none_need_no_network() {
    let mut spec = spec();
    apply(
        &mut spec,
        "services: {a: {network_mode: host}, b: {network_mode: none}, c: {network_mode: bridge}}",
    )
    .unwrap();
    for (name, mode) in [("a", Mode::Host), ("b", Mode::None), ("c", Mode::Bridge)] {
        let id = start(&mut spec, &named(name));
        assert_eq!(spec.containers[&id].mode, mode);
    }
    assert!(spec.network("default").is_err());
}
