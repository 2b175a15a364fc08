//! Docker's rules for names, one by one.

use super::*;
use crate::dns::{
    name::{key, text},
    protocol::{Client, Endpoint, Zone},
};
use proptest::prelude::*;

const WEB: ClientId = ClientId(1);
const LONE: ClientId = ClientId(2);

fn endpoint(names: &[&str], ipv4: u8, ipv6: Option<u16>) -> Endpoint {
    Endpoint {
        names: names.iter().map(ToString::to_string).collect(),
        ipv4: Some([172, 18, 0, ipv4].into()),
        ipv6: ipv6.map(|host| Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host)),
    }
}

/// WEB is on `front` and then `back.end`, LONE on `front` alone.
fn names() -> Names {
    let front = Zone {
        name: "Front".into(),
        endpoints: vec![
            endpoint(&["Web", "shop", "0123456789ab", "web"], 2, Some(2)),
            endpoint(&["other", "shop"], 3, None),
            endpoint(&["a.b"], 4, None),
            endpoint(&["x.back.end"], 5, None),
        ],
    };
    let back = Zone {
        name: "back.end".into(),
        endpoints: vec![
            endpoint(&["db", "other"], 20, None),
            endpoint(&["x"], 21, None),
            endpoint(&["web"], 22, None),
        ],
    };
    let client = |networks: &[&str]| Client {
        networks: networks.iter().map(ToString::to_string).collect(),
        outside: true,
        ..Client::default()
    };
    let web = Client {
        links: [("store", "db"), ("lost", "nobody"), ("other", "web")]
            .map(|(a, t)| (a.into(), t.into()))
            .into(),
        hosts: [("store".into(), vec![]), ("Given.Name".into(), vec!["1.2.3.4".parse().unwrap()])]
            .into(),
        ..client(&["f", "b", "gone"])
    };
    Names {
        networks: [("f".into(), front), ("b".into(), back)].into(),
        clients: [(WEB, web), (LONE, client(&["f"]))].into(),
    }
}

/// What a client finds, in words.
fn find(client: ClientId, name: &str) -> String {
    match Tables::new(&names()).find(client, &key(name).unwrap()) {
        Found::Addresses(all) => {
            let v4 = all.ipv4.iter().map(|ip| ip.octets()[3].to_string());
            let v6 = all.ipv6.iter().map(|ip| format!(":{:x}", ip.segments()[7]));
            v4.chain(v6).collect::<Vec<_>>().join(" ")
        }
        Found::Localhost => "localhost".into(),
        Found::Pointer(name, rest) => text(&[name, &rest].concat()),
        Found::Nothing => "nothing".into(),
        Found::NoSuchName => "no such name".into(),
        Found::Refused => "refused".into(),
        Found::Elsewhere(_) => "elsewhere".into(),
    }
}

#[test]
fn a_name_is_sought_on_the_networks_in_order_then_by_its_network() {
    for (name, found) in [
        ("web", "2 :2"),
        ("WEB", "2 :2"),
        ("0123456789ab", "2 :2"),
        ("shop", "2 3 :2"),
        ("db", "20"),
        ("a.b", "4"),
        ("web.front", "2 :2"),
        ("web.back.end", "22"),
        ("x.back.end", "5"),
        ("a.b.front", "4"),
        ("db.front", "elsewhere"),
        ("web.end", "elsewhere"),
        ("front", "elsewhere"),
        ("b", "elsewhere"),
    ] {
        assert_eq!(find(WEB, name), found, "{name}");
    }
}

#[test]
fn nobody_finds_what_is_on_networks_of_others() {
    for name in ["db", "db.back.end", "x", "web.back.end"] {
        assert_eq!(find(LONE, name), "elsewhere", "{name}");
    }
    assert_eq!(find(LONE, "20.0.18.172.in-addr.arpa"), "no such name");
    assert_eq!(find(LONE, "db.back.end.netd"), "no such name");
    assert_eq!(find(ClientId(9), "web"), "refused");
}

#[test]
fn links_come_first_then_given_hosts() {
    assert_eq!(find(WEB, "store"), "20");
    assert_eq!(find(WEB, "store.back.end"), "20");
    assert_eq!(find(WEB, "lost"), "nothing");
    assert_eq!(find(WEB, "other"), "2 :2");
    assert_eq!(find(WEB, "given.name"), "4");
    assert_eq!(find(LONE, "store"), "elsewhere");
    assert_eq!(find(LONE, "other"), "3");
}

#[test]
fn an_address_has_its_containers_name() {
    assert_eq!(find(WEB, "2.0.18.172.in-addr.arpa"), "Web.Front");
    assert_eq!(find(WEB, "20.0.18.172.in-addr.arpa"), "db.back.end");
    let v6 = format!("2.0.0.0.{}0.0.d.f.ip6.arpa", "0.".repeat(24));
    assert_eq!(find(WEB, &v6), "Web.Front");
    assert_eq!(find(WEB, "9.9.9.9.in-addr.arpa"), "elsewhere");
    assert_eq!(find(WEB, "1.0.0.127.in-addr.arpa"), "localhost");
}

#[test]
fn localhost_is_this_machine_and_the_hosts_names_go_nowhere() {
    for name in ["localhost", "a.localhost", "LOCALHOST"] {
        assert_eq!(find(LONE, name), "localhost");
    }
    assert_eq!(find(WEB, "db.back.end.netd"), "20");
    assert_eq!(find(WEB, "db.netd"), "no such name");
    assert_eq!(find(WEB, "netd"), "no such name");
}

#[test]
fn the_host_asks_by_network_and_top() {
    let host = ClientId::HOST;
    for (name, found) in [
        ("web.front.netd", "2 :2"),
        ("web.back.end.netd", "22"),
        ("a.b.front.netd", "4"),
        ("front.netd", "nothing"),
        ("netd", "nothing"),
        ("web.netd", "no such name"),
        ("web.front", "refused"),
        ("example.com", "refused"),
        ("localhost", "refused"),
        ("20.0.18.172.in-addr.arpa", "db.back.end.netd"),
        ("9.9.9.9.in-addr.arpa", "refused"),
    ] {
        assert_eq!(find(host, name), found, "{name}");
    }
}

#[test]
fn what_is_no_name_in_dns_is_left_out_and_the_rest_stays() {
    let long = "x".repeat(64);
    let mut names = names();
    let zone = names.networks.get_mut("f").unwrap();
    zone.endpoints.push(endpoint(&[&long, "", "a..b", "fine"], 9, None));
    names.networks.insert("bad".into(), Zone { name: long, endpoints: vec![] });
    let tables = Tables::new(&names);
    assert!(matches!(tables.find(WEB, &key("fine").unwrap()), Found::Addresses(_)));
}

fn label() -> impl Strategy<Value = String> {
    proptest::sample::select(vec!["a", "b", "c", "netd", "localhost"]).prop_map(String::from)
}

fn dotted() -> impl Strategy<Value = String> {
    proptest::collection::vec(label(), 1..4).prop_map(|labels| labels.join("."))
}

prop_compose! {
    fn some_names()(
        zones in proptest::collection::vec(
            (dotted(), proptest::collection::vec((dotted(), 0..9_u8), 0..5)), 1..4),
        on in proptest::collection::vec(0..4_usize, 0..4),
    ) -> Names {
        let networks = zones.into_iter().enumerate().map(|(at, (name, all))| {
            // The third byte tells the network.
            let endpoints = all.into_iter().map(|(name, host)| Endpoint {
                names: vec![name],
                ipv4: Some([10, 0, at as u8, host].into()),
                ipv6: None,
            });
            (at.to_string(), Zone { name, endpoints: endpoints.collect() })
        });
        let networks = networks.collect();
        let client =
            Client { networks: on.iter().map(ToString::to_string).collect(), ..Client::default() };
        Names { networks, clients: [(WEB, client)].into() }
    }
}

/// The rule as it is written, by text: the whole name, then every shorter one on the rest.
fn by_the_book(names: &Names, asked: &str) -> Option<Vec<Ipv4Addr>> {
    let own: Vec<_> = names.clients[&WEB].networks.iter().collect();
    let on = |id: &str, host: &str| -> Option<Vec<Ipv4Addr>> {
        let all = &names.networks.get(id)?.endpoints;
        let mut found = Vec::new();
        for ip in all.iter().filter(|e| e.names[0] == host).filter_map(|e| e.ipv4) {
            if !found.contains(&ip) {
                found.push(ip);
            }
        }
        (!found.is_empty()).then_some(found)
    };
    let labels: Vec<_> = asked.split('.').collect();
    own.iter().find_map(|id| on(id, asked)).or_else(|| {
        (1..labels.len()).rev().find_map(|at| {
            let (host, network) = (labels[..at].join("."), labels[at..].join("."));
            let named = names.networks.iter().filter(|(_, zone)| zone.name == network);
            let mut own_named = named.filter(|(id, _)| own.contains(id));
            own_named.find_map(|(id, _)| on(id, &host))
        })
    })
}

proptest! {
    #[test]
    fn what_is_found_is_what_the_rule_says(names in some_names(), asked in dotted()) {
        prop_assume!(!asked.ends_with("netd") && !asked.ends_with("localhost"));
        let tables = Tables::new(&names);
        let found = match tables.find(WEB, &key(&asked).unwrap()) {
            Found::Addresses(all) => Some(all.ipv4.clone()),
            _ => None,
        };
        prop_assert_eq!(found, by_the_book(&names, &asked));
    }
}
