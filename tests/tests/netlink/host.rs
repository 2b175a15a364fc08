//! What netd reads of the host, and whose namespaces it refuses.

use super::*;

#[test]
fn the_host_is_seen_as_it_is() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    for command in [
        "ip link set lo up",
        "ip link add wan0 type veth peer name wan1",
        "ip link set wan1 up",
        "ip addr add 192.0.2.10/24 dev wan0",
        "ip addr add 192.0.2.11/24 dev wan0",
        "ip addr add 2001:db8::10/64 dev wan0 nodad",
        "ip link set wan0 up",
        "ip tuntap add tun0 mode tun",
        "ip link add br9 type bridge",
        "ip link add port9 type veth peer name port8",
        "ip link set port9 master br9",
        "ip route add default via 192.0.2.1 src 192.0.2.11 metric 100",
        "ip route add 10.9.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.2.3",
        "ip route add blackhole 10.8.0.0/16",
    ] {
        host.run(command)?;
    }
    let view = host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        Ok(netlink.observe_links(&BTreeMap::new()).await?)
    })?;
    let links = &view.host.links;
    let names: Vec<_> = links.keys().map(InterfaceName::as_str).collect();
    assert_eq!(names, ["br9", "port8", "port9", "tun0", "wan0", "wan1"]);
    let wan = &links[&name("wan0")];
    assert!(wan.up && !wan.enslaved && wan.header == Some(14));
    let global: Vec<_> = wan.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(global, ["192.0.2.10/24", "192.0.2.11/24", "2001:db8::10/64"]);
    assert!(!links[&name("tun0")].up && links[&name("tun0")].header == Some(0));
    assert!(links[&name("port9")].enslaved);
    for address in ["127.0.0.1", "::1", "192.0.2.11", "172.18.0.1"] {
        assert!(view.host.addresses.contains(&address.parse()?), "{address}");
    }
    let routes = &view.host.routes;
    assert!(routes.iter().all(|route| route.device != name("nd-web")), "{routes:?}");
    let to = |net: &str| routes.iter().filter(|r| r.destination.to_string() == net).count();
    assert_eq!((to("10.9.0.0/16"), to("10.8.0.0/16"), to("172.18.0.0/16")), (2, 0, 0));
    let default = routes.iter().find(|route| route.destination.prefix_len() == 0);
    let default = default.context("no default route")?;
    assert_eq!((default.metric, default.on_link), (100, false));
    assert_eq!(default.source, Some("192.0.2.11".parse()?));
    Ok(())
}

#[test]
fn a_change_on_the_host_is_noticed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    host.block_on(|| async {
        let mut events = Netlink::events()?;
        assert!(events.try_recv().is_err());
        host.run("ip link add wan0 type bridge")?;
        let noticed = tokio::time::timeout(std::time::Duration::from_secs(10), events.recv()).await;
        assert_eq!(noticed?, Some(()));
        Ok(())
    })
}

#[test]
fn more_changes_than_the_socket_holds_are_noticed_all_the_same() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, directory) = (TestNs::new()?, tempfile::tempdir()?);
    let routes = |verb| {
        (0..3_000).map(move |n| format!("route {verb} 10.0.{}.{}/32 dev lo\n", n / 256, n % 256))
    };
    let batch = directory.path().join("batch");
    std::fs::write(&batch, routes("add").chain(routes("del")).collect::<String>())?;
    host.run("ip link set lo up")?;
    host.block_on(|| async {
        let mut events = Netlink::events()?;
        // Nobody reads meanwhile: this thread is the runtime's only one.
        host.run(&format!("ip -batch {}", batch.display()))?;
        let sockets = host.run("cat /proc/self/net/netlink")?;
        let dropped = sockets.lines().skip(1).filter_map(|l| l.split_whitespace().nth(8));
        assert!(dropped.into_iter().any(|count| count != "0"), "nothing was lost: {sockets}");
        // One unit may be left of before; a listener that gave up sends no more.
        for n in 0..4 {
            host.run(&format!("ip address add 192.0.2.{n}/32 dev lo"))?;
            let patience = std::time::Duration::from_secs(10);
            assert_eq!(tokio::time::timeout(patience, events.recv()).await?, Some(()));
        }
        Ok(())
    })
}

#[test]
fn a_bound_namespace_is_found_by_its_path() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (ns, directory) = (TestNs::new()?, tempfile::tempdir()?);
    let bound = directory.path().join("net");
    std::fs::write(&bound, "")?;
    let source = ns.namespace().run(|| {
        let (none, flags): (Option<&Path>, _) = (None, nix::mount::MsFlags::MS_BIND);
        nix::mount::mount(Some("/proc/thread-self/ns/net"), &bound, none, flags, none)
    })?;
    source?;
    let found = Namespace::of_path(&bound);
    nix::mount::umount(&bound)?;
    assert_eq!(found?.id(), ns.namespace().id());
    Ok(())
}

#[test]
fn the_hosts_own_namespace_and_other_kinds_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let own = Namespace::of_pid(std::process::id()).unwrap_err();
    assert_eq!(own.code, ErrorCode::Invalid);
    assert!(own.message.contains("is the host's own"), "{own}");
    let directory = tempfile::tempdir()?;
    let bound = directory.path().join("uts");
    std::fs::write(&bound, "")?;
    let none: Option<&Path> = None;
    let (uts, flags) = (Path::new("/proc/self/ns/uts"), nix::mount::MsFlags::MS_BIND);
    nix::mount::mount(Some(uts), &bound, none, flags, none)?;
    let other = Namespace::of_path(&bound);
    nix::mount::umount(&bound)?;
    assert!(other.unwrap_err().message.ends_with("is not a network namespace"));
    let pipe = directory.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU)?;
    let waits_for_nobody = Namespace::of_path(&pipe).unwrap_err();
    assert!(waits_for_nobody.message.ends_with("is not a network namespace"));
    Ok(())
}
