//! Who is called what, for whom (Docker's rules).

use super::{dig, dig_at, dig_in, host_with_resolver, lines, status};
use netd_tests::{host::TestHost, ns::is_root, programs::services::DNS};
use std::time::Duration;

/// Two containers on `web`, which has both families; the first one's addresses and identity.
fn site() -> (TestHost, (String, String), String) {
    let host = host_with_resolver(None);
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    let attachment = ["--network", "web,alias=front,alias=www", "--hostname", "shop-host"];
    let id = host.run("shop", &attachment, &["sleep", "infinity"]).unwrap();
    host.idle("client", "web").unwrap();
    let addresses = host.addresses("shop", "web").unwrap();
    (host, addresses, id)
}

#[test]
fn a_container_is_found_by_all_its_names_in_both_families() {
    if !is_root() {
        return;
    }
    let (host, (ipv4, ipv6), id) = site();
    for name in
        ["shop", "SHOP", "front", "www", &id[..12], "shop-host", "shop.web", "front.web", "shop."]
    {
        assert_eq!(dig(&host, "client", &[name]), [ipv4.as_str()], "{name}");
        assert_eq!(dig(&host, "client", &["-t", "AAAA", name]), [ipv6.as_str()], "{name}");
    }
    assert_eq!(dig(&host, "client", &["+tcp", "shop"]), [ipv4.as_str()]);
    assert_eq!(dig(&host, "shop", &["shop"]), [ipv4.as_str()], "its own name");
    for address in [&ipv4, &ipv6] {
        assert_eq!(dig(&host, "client", &["-x", address]), ["shop.web."], "{address}");
    }
    assert_eq!(status(&host, "client", &["-t", "MX", "shop"]).as_deref(), Some("NOERROR"));
    assert_eq!(dig(&host, "client", &["-t", "MX", "shop"]), [] as [&str; 0]);
    let answer = lines(&host.exec("client", &["dig", "@127.0.0.11", "shop"]).unwrap());
    let record = answer.iter().find(|line| line.starts_with("shop.")).unwrap();
    let ttl: u32 = record.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(ttl <= 5, "{record}");
}

#[test]
fn programs_find_containers_by_the_systems_resolver() {
    if !is_root() {
        return;
    }
    let (host, (ipv4, ipv6), _) = site();
    for (command, expected) in [
        ("getent ahostsv4 shop", &ipv4),
        ("getent ahostsv6 front", &ipv6),
        ("ping -4 -c 1 -W 2 shop", &ipv4),
        ("python3 -c 'import socket; print(socket.gethostbyname(\"www.web\"))'", &ipv4),
        (&format!("getent hosts {ipv4}"), &"shop.web".to_owned()),
    ] {
        let output = host.exec("client", &["sh", "-c", command]).unwrap();
        let said = lines(&output).join("\n");
        assert!(output.status.success() && said.contains(expected.as_str()), "{command}: {said}");
    }
}

#[test]
fn names_are_those_of_the_askers_own_networks() {
    if !is_root() {
        return;
    }
    let host = host_with_resolver(None);
    for network in ["front", "back"] {
        host.ok(&["network", "create", network]).unwrap();
    }
    host.idle("web", "front").unwrap();
    host.idle("db", "back").unwrap();
    host.idle("plain", "bridge").unwrap();
    let both = ["--network", "front", "--network", "back,alias=middle"];
    host.run("both", &both, &["sleep", "infinity"]).unwrap();
    let address = |name: &str, network: &str| host.addresses(name, network).unwrap().0;
    assert_eq!(dig(&host, "web", &["db"]), [] as [&str; 0]);
    assert_eq!(dig(&host, "web", &["db.back"]), [] as [&str; 0]);
    assert_eq!(dig(&host, "web", &["middle"]), [] as [&str; 0], "an alias of the other network");
    assert_eq!(dig(&host, "both", &["db"]), [address("db", "back")]);
    assert_eq!(dig(&host, "both", &["web"]), [address("web", "front")]);
    assert_eq!(dig(&host, "web", &["both"]), [address("both", "front")]);
    assert_eq!(dig(&host, "db", &["both"]), [address("both", "back")]);
    let ports = |container: &str| {
        lines(&host.exec(container, &["ss", "-lnH", "-u", "sport", "=", ":61053"]).unwrap()).len()
    };
    assert_eq!((ports("web"), ports("plain")), (1, 0), "the default network has no names");
    let asked = host.ok(&["network", "connect", "back", "plain"]);
    asked.unwrap();
    assert_eq!(dig(&host, "plain", &["db"]), [address("db", "back")], "names from now on");
    host.ok(&["network", "disconnect", "back", "plain"]).unwrap();
    assert_eq!(ports("plain"), 0);
    let output = host.exec("plain", &["tc", "qdisc", "show", "dev", "lo"]).unwrap();
    assert!(!lines(&output).join("").contains("clsact"), "a trace is left");
}

#[test]
fn what_was_replaced_or_disconnected_is_gone_at_once() {
    if !is_root() {
        return;
    }
    let host = host_with_resolver(None);
    host.ok(&["network", "create", "web", "--subnet", "10.71.0.0/24"]).unwrap();
    host.idle("client", "web").unwrap();
    let start = |name: &str, ip: &str| {
        let attachment = format!("web,alias=pool,ip={ip}");
        host.run(name, &["--network", &attachment], &["sleep", "infinity"]).unwrap();
    };
    start("shop", "10.71.0.50");
    start("other", "10.71.0.60");
    let pool = dig(&host, "client", &["pool"]);
    assert_eq!(pool, ["10.71.0.50", "10.71.0.60"], "both are called that");
    host.ok(&["rm", "-f", "shop"]).unwrap();
    assert_eq!(dig(&host, "client", &["shop"]), [] as [&str; 0]);
    assert_eq!(dig(&host, "client", &["pool"]), ["10.71.0.60"]);
    start("shop", "10.71.0.51");
    assert_eq!(dig(&host, "client", &["shop"]), ["10.71.0.51"]);
    host.ok(&["network", "disconnect", "web", "other"]).unwrap();
    assert_eq!(dig(&host, "client", &["other"]), [] as [&str; 0]);
    assert_eq!(dig(&host, "client", &["pool"]), ["10.71.0.51"]);
    host.ok(&["network", "connect", "--alias", "again", "web", "other"]).unwrap();
    assert_eq!(dig(&host, "client", &["again"]).len(), 1);
}

#[test]
fn a_container_has_a_dns_server_of_its_own_on_any_address() {
    if !is_root() {
        return;
    }
    let (host, (ipv4, _), _) = site();
    host.run("own", &["--network", "web"], &["python3", "-c", DNS, "53"]).unwrap();
    let own = host.addresses("own", "web").unwrap().0;
    let answers = netd_tests::host::wait(Duration::from_secs(10), || {
        dig_at(&host, "client", &own, &["+time=1", "any.example"]) == ["192.0.2.7"]
    });
    assert!(answers, "its server on 0.0.0.0:53 serves others");
    for transport in ["+notcp", "+tcp"] {
        assert_eq!(dig(&host, "own", &[transport, "shop"]), [ipv4.as_str()], "netd's is there too");
        let itself = dig_at(&host, "own", "127.0.0.1", &[transport, "any.example"]);
        assert_eq!(itself, ["192.0.2.7"], "and so is its own");
    }
}

#[test]
fn the_host_asks_for_names_with_their_network() {
    if !is_root() {
        return;
    }
    let (host, (ipv4, ipv6), _) = site();
    assert_eq!(dig_in(&host.host, &["shop.web.netd"]), [ipv4.as_str()]);
    assert_eq!(dig_in(&host.host, &["+tcp", "-t", "AAAA", "shop.web.netd"]), [ipv6]);
    assert_eq!(dig_in(&host.host, &["shop"]), [] as [&str; 0]);
    let gateway = "{{.NetworkSettings.Networks.web.Gateway}}";
    let gateway = host.ok(&["inspect", "shop", "--format", gateway]).unwrap();
    assert_eq!(dig(&host, "client", &["host.docker.internal"]), [gateway]);
    assert_eq!(dig(&host, "client", &["-x", &ipv4]), ["shop.web."]);
}
