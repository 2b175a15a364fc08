//! Who is called what, and who may ask.

use super::*;
use crate::desired::samples::{attach, container, id, ip, network, spec};
use crate::spec::container::{self, Link, Source};
use crate::spec::name::Name;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The endpoint that a container has on a network.
fn endpoint<'a>(c: &'a mut Container, network: &Network) -> &'a mut container::Endpoint {
    c.endpoints.get_mut(&network.id).unwrap()
}

fn called(names: &Names, network: &Network) -> Vec<Vec<String>> {
    let zone = &names.networks[network.id.as_str()];
    zone.endpoints.iter().map(|endpoint| endpoint.names.clone()).collect()
}

fn of(names: &Names, netns: u64) -> &Client {
    &names.clients[&ClientId(netns)]
}

#[test]
fn a_container_has_its_name_aliases_identity_and_hostname_once_each() {
    let web = network("web", 1, true);
    let mut c = container(1);
    c.name = "shop".into();
    c.hostname = "SHOP".into();
    attach(&mut c, &web);
    endpoint(&mut c, &web).aliases = ["front", "Front", "shop"].map(name).into();
    let mut other = container(2);
    other.hostname = "other-host".into();
    attach(&mut other, &web);
    let names = names(&spec([web.clone()], [c.clone(), other.clone()]), false);
    let expected = [
        vec!["shop".to_owned(), "front".into(), c.id.short().into()],
        vec!["c2".into(), other.id.short().into(), "other-host".into()],
    ];
    assert_eq!(called(&names, &web), expected);
    let zone = &names.networks[web.id.as_str()];
    assert_eq!(zone.name, "web");
    assert_eq!(zone.endpoints[0].ipv4.map(IpAddr::V4), Some(ip("172.1.0.2")));
    assert_eq!(zone.endpoints[0].ipv6.map(IpAddr::V6), Some(ip("fd00:0:0:1::2")));
}

#[test]
fn a_foreign_container_is_called_by_its_file_or_its_identity() {
    let web = network("web", 1, false);
    let by = |number, source: Source, name: &str| {
        let mut c = container(number);
        (c.source, c.name) = (source, name.into());
        attach(&mut c, &web);
        c
    };
    let path = |path: &str| Source::Path(path.into());
    let containers = [
        by(1, path("/run/netns/shop"), "netns:/run/netns/shop"),
        by(2, path("/run/netns/no name"), "netns:/run/netns/no name"),
        by(3, Source::Pid, "pid:4242"),
    ];
    let ids = containers.clone().map(|c| c.id.short().to_owned());
    let names = names(&spec([web.clone()], containers), false);
    let [first, second, third] = ids;
    assert_eq!(called(&names, &web), [vec!["shop".into(), first], vec![second], vec![third]]);
}

#[test]
fn only_what_runs_is_named_and_may_ask() {
    let web = network("web", 1, false);
    for status in [Status::Created, Status::Exited { code: 0 }] {
        let mut c = container(1);
        attach(&mut c, &web);
        c.status = status;
        let names = names(&spec([web.clone()], [c]), true);
        assert_eq!(called(&names, &web), [] as [Vec<String>; 0], "{status:?}");
        assert!(names.clients.is_empty(), "{status:?}");
    }
}

#[test]
fn the_default_network_has_no_names() {
    let (default, web) = (network("bridge", 1, false), network("web", 2, false));
    let mut unnamed = container(1);
    attach(&mut unnamed, &default);
    let mut both = container(2);
    attach(&mut both, &default);
    attach(&mut both, &web);
    let names = names(&spec([default, web.clone()], [unnamed, both]), false);
    assert_eq!(names.networks.keys().collect::<Vec<_>>(), [web.id.as_str()]);
    assert_eq!(names.clients.keys().collect::<Vec<_>>(), [&ClientId(1002)]);
    assert_eq!(of(&names, 1002).networks, [web.id.as_str()]);
}

#[test]
fn networks_answer_in_the_order_of_their_names() {
    let networks = [network("b", 1, false), network("a", 2, false)];
    let mut c = container(1);
    networks.iter().for_each(|n| attach(&mut c, n));
    let names = names(&spec(networks, [c]), false);
    assert_eq!(of(&names, 1001).networks, [id(1, 2).as_str(), id(1, 1).as_str()]);
}

#[test]
fn an_internal_network_asks_nobody_outside_and_any_other_one_does() {
    let internal = Network { internal: true, ..network("a", 1, true) };
    let default = network("bridge", 2, false);
    let mut c = container(1);
    attach(&mut c, &internal);
    let alone = names(&spec([internal.clone()], [c.clone()]), false);
    assert!(!of(&alone, 1001).outside);
    assert!(of(&alone, 1001).hosts.is_empty(), "its gateway leads nowhere");
    attach(&mut c, &default);
    let both = names(&spec([internal, default], [c]), false);
    assert!(of(&both, 1001).outside);
    assert_eq!(of(&both, 1001).hosts["host.docker.internal"], [ip("172.2.0.1")]);
}

#[test]
fn the_host_is_called_by_the_gateways_of_both_families() {
    let web = network("web", 1, true);
    let mut c = container(1);
    attach(&mut c, &web);
    let names = names(&spec([web], [c]), false);
    let gateways = ["172.1.0.1", "fd00:0:0:1::1"].map(ip);
    assert_eq!(of(&names, 1001).hosts["host.docker.internal"], gateways);
}

#[test]
fn a_link_stands_for_the_targets_name_and_stays_when_the_target_is_gone() {
    let web = network("web", 1, false);
    let (mut c, mut target) = (container(1), container(2));
    attach(&mut c, &web);
    attach(&mut target, &web);
    let link = |container: &str, alias| Link { container: container.into(), alias: name(alias) };
    endpoint(&mut c, &web).links =
        vec![link("c2", "db"), link(target.id.as_str(), "base"), link("gone", "cache")];
    let linked = names(&spec([web.clone()], [c.clone(), target]), false);
    let expected = [("base", "c2"), ("cache", "gone"), ("db", "c2")];
    let expected = expected.map(|(alias, to)| (alias.to_owned(), to.to_owned()));
    assert_eq!(of(&linked, 1001).links, expected.into());
    let alone = names(&spec([web], [c]), false);
    assert_eq!(of(&alone, 1001).links["db"], "c2");
}

#[test]
fn resolvers_and_the_last_ndots_are_the_containers_own() {
    let web = network("web", 1, false);
    let mut c = container(1);
    attach(&mut c, &web);
    c.dns = vec![ip("192.0.2.53")];
    for (options, dotted) in [
        (&[][..], false),
        (&["ndots:0"], false),
        (&["ndots:1"], true),
        (&["ndots:2", "ndots:0"], false),
        (&["timeout:1", "ndots:x"], false),
    ] {
        c.dns_options = options.iter().map(|option| (*option).to_owned()).collect();
        let names = names(&spec([web.clone()], [c.clone()]), false);
        assert_eq!(of(&names, 1001).dotted_only, dotted, "{options:?}");
        assert_eq!(of(&names, 1001).resolvers, c.dns);
    }
}

#[test]
fn the_host_may_ask_where_a_container_may() {
    let (web, empty) = (network("web", 1, false), network("empty", 2, false));
    let mut c = container(1);
    attach(&mut c, &web);
    assert!(names(&spec([web.clone()], []), true).clients.is_empty());
    let names = names(&spec([web.clone(), empty.clone()], [c]), true);
    let host = of(&names, ClientId::HOST.0);
    assert_eq!(host.networks, [web.id.as_str(), empty.id.as_str()]);
    assert!(!host.outside);
}
