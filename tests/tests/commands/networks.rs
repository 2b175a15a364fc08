//! `network create`, `ls`, `inspect`, `rm` and `prune` where they succeed.

use super::*;

#[test]
fn the_three_fixed_networks_exist_and_lists_have_dockers_columns() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let id = host.ok(&["network", "create", "web", "--label", "team=a"])?;
    assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    let table = host.ok(&["network", "ls"])?;
    let mut lines = table.lines();
    assert_eq!(lines.next(), Some("NETWORK ID     NAME      DRIVER    SCOPE"));
    let rows: Vec<_> = lines.map(|line| line.split_once("   ").unwrap()).collect();
    let wanted = ["bridge    bridge    local", "host      host      local"];
    assert_eq!((rows[0].1, rows[1].1), (wanted[0], wanted[1]));
    assert_eq!(rows[2].1, "none      null      local");
    assert_eq!(rows[3], (&id[..12], "web       bridge    local"));
    let listed = host.ok(&["network", "ls", "-f", "name=web", "--format", "json", "--no-trunc"])?;
    let row: Value = serde_json::from_str(&listed)?;
    assert_eq!((&row["ID"], &row["Name"]), (&id.as_str().into(), &"web".into()));
    assert_eq!((&row["Driver"], &row["Labels"]), (&"bridge".into(), &"team=a".into()));
    assert_eq!(host.ok(&["network", "ls", "-q", "-f", "type=custom"])?, &id[..12]);
    assert_eq!(host.ok(&["network", "ls", "--format", "{{.Name}}", "-f", "driver=null"])?, "none");
    Ok(())
}

#[test]
fn a_network_has_the_addresses_and_options_that_it_was_made_with() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let four = ["--subnet", "10.80.0.0/16", "--gateway", "10.80.9.9", "--ip-range", "10.80.7.0/24"];
    let six = ["--ipv6", "--subnet", "fd80::/64", "--aux-address", "nas=10.80.7.0"];
    let options = [
        ["-o", "com.docker.network.driver.mtu=1400"],
        ["-o", "com.docker.network.bridge.name=br-own"],
        ["-o", "com.docker.network.host_ipv4=198.51.100.2"],
        ["-o", "com.docker.network.host_ipv6=2001:db8:1::2"],
        ["-o", "netd.nat_mapping=endpoint-independent"],
        ["-o", "netd.mss=clamp"],
        ["-o", "netd.big_tcp=on"],
    ];
    let id = host.ok(&[
        &["network", "create", "web", "--internal"][..],
        &four,
        &six,
        options.as_flattened(),
    ]
    .concat())?;
    let web = &json(&host, &["network", "inspect", &id[..12]])?[0];
    assert_eq!((&web["Name"], &web["Id"]), (&"web".into(), &id.as_str().into()));
    assert_eq!((&web["Internal"], &web["EnableIPv6"]), (&true.into(), &true.into()));
    assert_eq!(web["Options"]["com.docker.network.driver.mtu"], "1400");
    assert_eq!(web["Options"]["netd.mss"], "clamp");
    let pools = &web["IPAM"]["Config"];
    assert_eq!(
        (&pools[0]["Subnet"], &pools[0]["Gateway"]),
        (&"10.80.0.0/16".into(), &"10.80.9.9".into())
    );
    assert_eq!(pools[0]["IPRange"], "10.80.7.0/24");
    assert_eq!(pools[0]["AuxiliaryAddresses"]["nas"], "10.80.7.0");
    assert_eq!(
        (&pools[1]["Subnet"], &pools[1]["Gateway"]),
        (&"fd80::/64".into(), &"fd80::1".into())
    );
    let device = in_host(&host, "ip addr show br-own")?;
    for part in ["mtu 1400", "inet 10.80.9.9/16", "inet6 fd80::1/64"] {
        assert!(device.contains(part), "no {part} in {device}");
    }
    host.idle("c", "web")?;
    assert_eq!(host.addresses("c", "web")?, ("10.80.7.1".into(), "fd80::2".into()));
    let inside = text(&host.exec("c", &["ip", "addr", "show", "eth0"])?.stdout);
    assert!(inside.contains("mtu 1400"), "{inside}");
    let routes = text(&host.exec("c", &["ip", "route"])?.stdout);
    assert!(!routes.contains("default"), "an internal network has no way out: {routes}");
    host.ok(&["rm", "-f", "c"])?;
    assert_eq!(host.ok(&["network", "rm", "web"])?, "web");
    assert!(in_host(&host, "ip link show br-own").is_err());
    Ok(())
}

#[test]
fn made_up_subnets_avoid_each_other_and_the_hosts_routes() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::without_agent()?;
    in_host(&host, "ip route add 172.18.4.0/24 via 198.51.100.7")?;
    host.start_agent()?;
    host.ok(&["network", "create", "one"])?;
    host.ok(&["network", "create", "two"])?;
    host.ok(&["network", "create", "--ipv6", "six"])?;
    let pool = |name: &str, index: usize| {
        let template = format!("{{{{(index .IPAM.Config {index}).Subnet}}}}");
        host.ok(&["network", "inspect", name, "-f", &template])
    };
    assert_eq!(pool("bridge", 0)?, "172.17.0.0/16");
    assert_eq!(
        (pool("one", 0)?, pool("two", 0)?),
        ("172.19.0.0/16".into(), "172.20.0.0/16".into())
    );
    let six = pool("six", 1)?;
    assert!(six.starts_with("fd") && six.ends_with("::/64"), "{six}");
    Ok(())
}

#[test]
fn prune_removes_exactly_what_nobody_uses() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let before = Snapshot::of_kernel(&host)?;
    for name in ["used", "idle-1", "idle-2"] {
        host.ok(&["network", "create", name])?;
    }
    host.idle("user", "used")?;
    assert_eq!(host.ok(&["network", "prune", "-f"])?, "Deleted Networks:\nidle-1\nidle-2");
    assert_eq!(host.ok(&["network", "prune", "-f"])?, "");
    let names = ["network", "ls", "--format", "{{.Name}}"];
    assert_eq!(host.ok(&names)?, "bridge\nhost\nnone\nused");
    host.ok(&["rm", "-f", "user"])?;
    host.ok(&["network", "rm", "used"])?;
    Snapshot::of_kernel(&host)?.same_as(&before)
}

#[test]
fn a_name_an_id_and_a_unique_part_of_it_mean_the_same() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let id = host.ok(&["network", "create", "web"])?;
    let container = host.idle("c", &id[..20])?;
    for reference in ["web", &id, &id[..12]] {
        let found = host.ok(&["network", "inspect", reference, "-f", "{{.Id}}"])?;
        assert_eq!(found, id);
    }
    for reference in ["c", &container, &container[..12], &container[..30]] {
        assert_eq!(field(&host, reference, "{{.Id}}")?, container);
        assert_eq!(host.ok(&["exec", reference, "--", "hostname"])?, &container[..12]);
    }
    // A name wins over the beginning of another's identity.
    let named = host.ok(&["network", "create", &id[..12]])?;
    assert_eq!(host.ok(&["network", "inspect", &id[..12], "-f", "{{.Id}}"])?, named);
    Ok(())
}
