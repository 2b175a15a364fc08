//! What files mean, what is refused and how, and the files of well-known projects.

mod refused;
mod validate;

use super::tree::{Node, Value as Tree};
use super::*;
use crate::spec::declaration::ServiceDeclaration;
use proptest::prelude::*;
use serde_json::{Value, json};

fn declared(text: &str) -> Declaration {
    let reading = read(&[text], &|_| None);
    let lines: Vec<String> = reading.faults.iter().map(|f| f.line(&["f".into()])).collect();
    assert!(lines.is_empty(), "{lines:#?}");
    reading.declaration
}

fn service(text: &str) -> ServiceDeclaration {
    declared(text).services.remove(0)
}

fn faults(text: &str) -> Vec<String> {
    read(&[text], &|_| None).faults.iter().map(|fault| fault.line(&["f".into()])).collect()
}

/// The network parts of well-known projects' files, and netd's own examples.
const FILES: [(&str, &str); 16] = [
    ("elk", include_str!("../../../tests/corpus/compose/elk.yaml")),
    ("gitea", include_str!("../../../tests/corpus/compose/gitea.yaml")),
    ("gluetun", include_str!("../../../tests/corpus/compose/gluetun.yaml")),
    ("immich", include_str!("../../../tests/corpus/compose/immich.yaml")),
    ("mailcow", include_str!("../../../tests/corpus/compose/mailcow.yaml")),
    ("mastodon", include_str!("../../../tests/corpus/compose/mastodon.yaml")),
    ("nextcloud", include_str!("../../../tests/corpus/compose/nextcloud.yaml")),
    ("pihole", include_str!("../../../tests/corpus/compose/pihole-unbound.yaml")),
    ("prometheus", include_str!("../../../tests/corpus/compose/prometheus.yaml")),
    ("traefik", include_str!("../../../tests/corpus/compose/traefik.yaml")),
    ("voting-app", include_str!("../../../tests/corpus/compose/voting-app.yaml")),
    ("wordpress", include_str!("../../../tests/corpus/compose/wordpress.yaml")),
    ("web", include_str!("../../../examples/web-and-database.yaml")),
    ("dual-stack", include_str!("../../../examples/dual-stack.yaml")),
    ("namespaces", include_str!("../../../examples/namespaces.yaml")),
    ("restricted", include_str!("../../../examples/restricted.yaml")),
];

#[test]
fn files_of_well_known_projects_are_understood() {
    for (name, text) in FILES {
        let reading = read(&[text], &|_| None);
        assert!(reading.faults.is_empty(), "{name}: {:#?}", reading.faults);
        assert!(!reading.declaration.services.is_empty(), "{name}");
    }
}

/// What YAML's own types are, as an editor sees them.
fn as_json(node: &Node) -> Value {
    match &node.value {
        Tree::Null => Value::Null,
        Tree::Text(text) => match (text.parse::<bool>(), text.parse::<i64>()) {
            (Ok(truth), _) => json!(truth),
            (_, Ok(number)) => json!(number),
            _ => json!(text),
        },
        Tree::List(items) => items.iter().map(as_json).collect(),
        Tree::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), as_json(&entry.value))).collect()
        }
    }
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    for (name, text) in FILES {
        let value = as_json(&tree::parse(text, 0).unwrap());
        let errors = validate::errors(&schema(), &value);
        assert!(errors.is_empty(), "{name}: {errors:#?}");
    }
    for wrong in [
        json!({ "networks": { "a": { "intrenal": true } } }),
        json!({ "services": { "a": { "ports": 80 } } }),
        json!({ "services": { "a": { "x-netd": { "colour": "red" } } } }),
        json!({ "services": { "a": { "networks": { "b": { "ip": "10.0.0.1" } } } } }),
    ] {
        assert!(!validate::errors(&schema(), &wrong).is_empty(), "{wrong}");
    }
    let ports = &schema()["$defs"]["Service"]["properties"]["ports"];
    assert_eq!(ports["description"], "What it publishes.");
}

#[test]
fn names_are_keys_or_composes() {
    let text = "networks: {b: , c: {name: own}}\nservices:\n  web: {networks: [b, c]}\n  db: {container_name: base}";
    let names = |text: &str| {
        let all = declared(text);
        let networks: Vec<String> = all.networks.iter().map(|n| n.name.to_string()).collect();
        let services: Vec<String> = all.services.iter().map(|s| s.name.to_string()).collect();
        (networks.join(" "), services.join(" "))
    };
    assert_eq!(names(text), ("b own default".into(), "web base".into()));
    let project = format!("name: p\n{text}");
    assert_eq!(names(&project), ("p_b own p_default".into(), "p-web-1 base".into()));
    let web = service(&project);
    assert_eq!(web.wanted.networks[0].attach.aliases, ["web"]);
}

#[test]
fn a_service_is_read_whole() {
    let web = service(
        "networks: {a: , b: {ipam: {config: [{subnet: 10.9.0.0/24}]}}}\n\
         services:\n  web:\n    hostname: www\n    domainname: example.org\n    \
         networks:\n      a: {aliases: [x, y], interface_name: lan0}\n      b: {ipv4_address: 10.9.0.7, mac_address: 02-00-00-00-00-07, priority: 5}\n    \
         ports: [80, '8080:80/udp', {target: 443, published: '8443', host_ip: '::1', x-netd: {from: [10.0.0.0/8]}}]\n    \
         expose: [81, '53/udp']\n    links: ['db:database', db]\n    external_links: [old]\n    \
         extra_hosts: {me: host-gateway, two: [10.0.0.1, '[::1]']}\n    \
         dns: 9.9.9.9\n    dns_search: [a.example, '.']\n    dns_opt: ['ndots:2']\n  db:",
    );
    let wanted = web.wanted;
    let networks: Vec<_> = wanted.networks.iter().map(|n| n.attach.network.as_str()).collect();
    assert_eq!(networks, ["b", "a"]);
    assert_eq!(wanted.networks[0].attach.ip.as_deref(), Some("10.9.0.7"));
    assert_eq!(wanted.networks[0].mac.unwrap().to_string(), "02:00:00:00:00:07");
    assert_eq!(wanted.networks[1].attach.aliases, ["x", "y"]);
    assert_eq!(wanted.networks[1].interface.as_ref().unwrap().as_str(), "lan0");
    let links: Vec<String> =
        wanted.networks[0].links.iter().map(|l| format!("{}:{}", l.container, l.alias)).collect();
    assert_eq!(links, ["db:database", "db:db", "old:old"]);
    let ports: Vec<String> = wanted.ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["80/tcp", "8080:80/udp", "[::1]:8443:443/tcp,from=10.0.0.0/8"]);
    assert_eq!(wanted.hostname.as_deref(), Some("www"));
    assert_eq!(wanted.domainname.as_deref(), Some("example.org"));
    assert_eq!(wanted.expose, ["81", "53/udp"]);
    assert_eq!(wanted.hosts, ["me:host-gateway", "two:10.0.0.1", "two:::1"]);
    assert_eq!(wanted.dns_search, ["a.example", "."]);
    assert_eq!((wanted.dns, wanted.dns_options), (vec!["9.9.9.9".into()], vec!["ndots:2".into()]));
}

#[test]
fn a_network_is_read_whole() {
    let all = declared(
        "networks:\n  a:\n    driver: bridge\n    internal: ${X:-true}\n    enable_ipv6: yes\n    \
         labels: [k=v, bare]\n    driver_opts: {com.docker.network.driver.mtu: 1400}\n    \
         x-netd: {nat_mapping: per-flow}\n    ipam:\n      config:\n        \
         - {subnet: 10.1.0.0/16, gateway: 10.1.0.9, ip_range: 10.1.2.0/24, aux_addresses: {p: 10.1.0.5}}\n        \
         - subnet: fd00:1::/64\n",
    );
    let request = &all.networks[0].request;
    assert!(request.internal && request.enable_ipv6);
    assert_eq!(request.subnets, ["10.1.0.0/16", "fd00:1::/64"]);
    assert_eq!(
        (&*request.gateways, &*request.ip_ranges),
        (&["10.1.0.9".into()][..], &["10.1.2.0/24".into()][..])
    );
    assert_eq!(request.auxiliary_addresses["p"], "10.1.0.5");
    assert_eq!(request.options["com.docker.network.driver.mtu"], "1400");
    assert_eq!(request.options["netd.nat_mapping"], "per-flow");
    assert_eq!((&*request.labels["k"], &*request.labels["bare"]), ("v", ""));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let text = "networks:\n  a:\n    intrenal: true\n    ipam:\n      config:\n        - subnet: 10.0.0.1/8\n\
                services:\n  web:\n    networks:\n      a:\n        ipv4_address: 10.0.0.999\n      z:\n    \
                ports:\n      - \"80:http\"\n      - target: 80\n        protocol: icmp\n    port: 80\n    dns: [one]\n";
    let told = faults(text);
    let expected = [
        "f:3:5: networks.a has no key \"intrenal\"; did you mean internal?",
        "f:6:19: invalid subnet 10.0.0.1/8: it should be 10.0.0.0/8",
        "f:11:23: ipv4_address \"10.0.0.999\": it is no IPv4 address; write one such as 172.28.0.5",
        "f:12:7: network \"z\" is not among this file's networks; add it there, with external: true if it exists already",
        "f:14:9: port \"80:http\": container port \"http\" is not a number from 1 to 65535; write [IP:][HOST:]CONTAINER[/PROTOCOL], such as \"8080:80\"",
        "f:15:9: port \"80/icmp\": protocol \"icmp\" is none of tcp, udp and sctp; write [IP:][HOST:]CONTAINER[/PROTOCOL], such as \"8080:80\"",
        "f:17:5: services.web has no key \"port\"; did you mean ports?",
        "f:18:11: dns \"one\": it is no IP address; write one such as 9.9.9.9",
    ];
    assert_eq!(told, expected);
}

#[test]
fn composes_own_words_are_let_be() {
    let text = "x-a: 1\nversion: '3'\nsecrets: {}\nservices:\n  web:\n    image: ${UNSET:?never read}\n    \
                build: .\n    init: true\n    pid: host\n    x-b: 2\n    deploy: {replicas: 2}\n";
    assert!(faults(text).is_empty(), "{:?}", faults(text));
}

#[test]
fn several_files_are_one_declaration() {
    let reading = read(
        &["services: {a: }", "services: {b: }\nnetworks: {default: {internal: true}}"],
        &|_| None,
    );
    assert!(reading.faults.is_empty(), "{:?}", reading.faults);
    assert_eq!(reading.declaration.services.len(), 2);
    let reading = read(&["services: {a: }", "\nservices: {a: }"], &|_| None);
    let lines: Vec<String> =
        reading.faults.iter().map(|f| f.line(&["1".into(), "2".into()])).collect();
    assert_eq!(
        lines,
        [
            "2:2:12: container a is declared already, in line 1 of another file; give one of them another name"
        ]
    );
}

#[test]
fn variables_come_from_whoever_asks() {
    let variable = |name: &str| (name == "PORT").then(|| "8080".to_owned());
    let text = "services: {a: {ports: ['${PORT}:80', '${OTHER:-9090}:90'], hostname: '$NONE'}}";
    let reading = read(&[text], &variable);
    let ports: Vec<String> =
        reading.declaration.services[0].wanted.ports.iter().map(ToString::to_string).collect();
    assert_eq!(ports, ["8080:80/tcp", "9090:90/tcp"]);
    assert_eq!(reading.used.iter().collect::<Vec<_>>(), ["NONE", "OTHER", "PORT"]);
    assert_eq!(reading.unset.iter().collect::<Vec<_>>(), ["NONE"]);
}

/// Files with a bit of one put elsewhere, cut out or doubled.
fn mutated() -> impl Strategy<Value = String> {
    let cut = (0..FILES.len(), 0..4000usize, 0..60usize, 0..FILES.len(), 0..4000usize);
    cut.prop_map(|(file, at, length, other, from)| {
        let mut text: Vec<char> = FILES[file].1.chars().collect();
        let other: Vec<char> = FILES[other].1.chars().collect();
        let (at, from) = (at % text.len(), from % other.len());
        let bit = other[from..(from + length).min(other.len())].to_vec();
        let end = (at + length / 2).min(text.len());
        text.splice(at..end, bit);
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn no_file_makes_it_panic_and_faults_have_a_line(text in mutated()) {
        let lines = text.lines().count() as u32 + 1;
        for fault in read(&[&text], &|_| None).faults {
            prop_assert!((1..=lines).contains(&fault.place.line), "{:?}", fault);
            prop_assert!(!fault.message.is_empty() && !fault.message.contains('\n'), "{:?}", fault);
        }
    }
}
