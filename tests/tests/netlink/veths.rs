//! Veths: born in the container, changed, refused, undone.

use super::*;

#[test]
fn a_veth_is_born_in_the_container() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, container) = (TestNs::new()?, TestNs::new()?);
    let wanted = veth(container.namespace(), &["172.18.0.2/16", "fd00:18::2/64"]);
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        let network = bridge(&["172.18.0.1/16", "fd00:18::1/64"]);
        netlink.put_bridge(&name("nd-web"), &network).await?;
        netlink.put_veth(&name("nd0"), &wanted, container.namespace()).await?;
        Ok(())
    })?;
    let inside = device(&container, "eth0")?;
    assert_eq!(inside["address"], wanted.mac.to_string());
    assert_eq!(inside["mtu"], 1450);
    assert_eq!(own_addresses(&inside), wanted.addresses);
    assert!(!inside.to_string().contains("tentative"), "{inside}");
    assert!(inside["flags"].as_array().unwrap().contains(&"UP".into()));
    let lo = device(&container, "lo")?;
    assert!(lo["flags"].as_array().unwrap().contains(&"UP".into()));
    let outside = device(&host, "nd0")?;
    assert_eq!(outside["ifalias"], format!("netd:endpoint:{}", wanted.endpoint));
    assert_eq!(outside["master"], "nd-web");
    assert!(!outside["flags"].as_array().unwrap().contains(&"UP".into()));
    let port = &outside["linkinfo"]["info_slave_data"];
    assert_eq!((&port["learning"], &port["flood"]), (&false.into(), &false.into()));
    assert_eq!((&port["mcast_flood"], &port["bcast_flood"]), (&true.into(), &true.into()));
    let fdb = host.run("bridge fdb show br nd-web dev nd0")?;
    assert!(fdb.contains(&format!("{} master nd-web static", wanted.mac)), "{fdb}");
    assert_eq!(host.run("sysctl -n net.ipv6.conf.nd0.disable_ipv6")?.trim(), "1");
    Ok(())
}

#[test]
fn what_was_put_is_what_is_observed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, a, b) = (TestNs::new()?, TestNs::new()?, TestNs::new()?);
    let first = veth(a.namespace(), &["172.18.0.2/16", "fd00:18::2/64"]);
    let second = veth(b.namespace(), &["172.18.0.3/16"]);
    let gateways =
        Gateways { ipv4: Some("172.18.0.1".parse()?), ipv6: Some("fd00:18::1".parse()?) };
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        let network = bridge(&["172.18.0.1/16", "fd00:18::1/64"]);
        netlink.put_bridge(&name("nd-web"), &network).await?;
        netlink.put_veth(&name("nd0"), &first, a.namespace()).await?;
        netlink.put_veth(&name("nd1"), &second, b.namespace()).await?;
        let inside = Netlink::open_in(a.as_fd())?;
        inside.set_gateways(&gateways).await?;
        inside.set_gateways(&gateways).await?;
        let known = BTreeMap::from([(a.namespace().id(), inside)]);
        let view = netlink.observe_links(&known).await?;
        assert_eq!(view.veths[&name("nd0")], first);
        assert_eq!(view.veths[&name("nd1")].netns, Netns(0), "its namespace is not known");
        assert_eq!(view.gateways, BTreeMap::from([(a.namespace().id(), gateways)]));
        let names: Vec<_> = view.names.values().map(InterfaceName::as_str).collect();
        assert_eq!(names, ["nd-web", "nd0", "nd1"]);
        assert!(view.host.links.is_empty() && view.host.routes.is_empty());
        assert!(view.host.addresses.contains(&"172.18.0.1".parse()?));
        let only_ipv4 = Gateways { ipv6: None, ..gateways };
        known[&a.namespace().id()].set_gateways(&only_ipv4).await?;
        let view = netlink.observe_links(&known).await?;
        assert_eq!(view.gateways, BTreeMap::from([(a.namespace().id(), only_ipv4)]));
        Ok(())
    })
}

#[test]
fn a_veth_follows_a_changed_description_and_loses_what_was_added() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, container) = (TestNs::new()?, TestNs::new()?);
    let first = veth(container.namespace(), &["172.18.0.2/16", "fd00:18::2/64"]);
    let second = Veth {
        mtu: 1400,
        bridge: name("nd-db"),
        addresses: addresses(&["172.19.0.2/16", "fd00:18::2/64"]),
        ..first.clone()
    };
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        netlink.put_bridge(&name("nd-db"), &bridge(&["172.19.0.1/16"])).await?;
        netlink.put_veth(&name("nd0"), &first, container.namespace()).await?;
        container.run("ip addr add 172.18.0.77/16 dev eth0")?;
        netlink.put_veth(&name("nd0"), &second, container.namespace()).await?;
        let inside = Netlink::open_in(container.as_fd())?;
        let known = BTreeMap::from([(container.namespace().id(), inside)]);
        let view = netlink.observe_links(&known).await?;
        assert_eq!(view.veths, BTreeMap::from([(name("nd0"), second)]));
        Ok(())
    })?;
    let fdb = host.run("bridge fdb show br nd-db dev nd0")?;
    assert!(fdb.contains(&format!("{} master nd-db static", first.mac)), "{fdb}");
    let port = &device(&host, "nd0")?["linkinfo"]["info_slave_data"];
    assert_eq!((&port["learning"], &port["flood"]), (&false.into(), &false.into()));
    Ok(())
}

#[test]
fn a_name_taken_in_the_container_is_a_conflict_and_leaves_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, container) = (TestNs::new()?, TestNs::new()?);
    container.run("ip link add eth0 type bridge")?;
    let wanted = veth(container.namespace(), &["172.18.0.2/16"]);
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        let before = (everything(&host)?, everything(&container)?);
        let put = netlink.put_veth(&name("nd0"), &wanted, container.namespace()).await;
        let error = put.unwrap_err();
        assert_eq!(error.code, ErrorCode::Conflict);
        assert!(error.message.starts_with("interface name eth0 is taken in the container"));
        assert_eq!((everything(&host)?, everything(&container)?), before);
        Ok(())
    })
}

#[test]
fn a_veth_that_cannot_be_finished_leaves_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, container) = (TestNs::new()?, TestNs::new()?);
    // No device takes a multicast address as its own.
    let wanted = veth(container.namespace(), &["172.18.0.2/16", "ff02::1/64"]);
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        let before = everything(&host)?;
        let put = netlink.put_veth(&name("nd0"), &wanted, container.namespace()).await;
        let error = put.unwrap_err();
        assert!(error.message.starts_with("cannot set up eth0 in the container"), "{error}");
        assert_eq!(everything(&host)?, before);
        assert!(device(&container, "eth0").is_err());
        Ok(())
    })
}

#[test]
fn veths_that_leave_are_waited_for_where_they_are_in_the_way() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, container) = (TestNs::new()?, TestNs::new()?);
    let wanted = veth(container.namespace(), &["172.18.0.2/16"]);
    host.block_on(|| async {
        let (netlink, departures) = (Netlink::open()?, Departures::default());
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        let own = name("nd0");
        for _ in 0..5 {
            netlink.put_veth(&own, &wanted, container.namespace()).await?;
            netlink.dismiss_veth(&own, Some(&wanted), &departures).await?;
            departures.clear(&own, wanted.netns).await?;
        }
        assert!(departures.names().is_empty());
        netlink.put_veth(&own, &wanted, container.namespace()).await?;
        let other = Veth { endpoint: Id::random(), ..wanted.clone() };
        let error = netlink.dismiss_veth(&own, Some(&other), &departures).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Conflict, "{error}");
        netlink.dismiss_veth(&own, None, &departures).await?;
        let others = BTreeMap::from_iter((1..40).map(|n| {
            let peer = name(&format!("eth{n}"));
            (name(&format!("nd{n}")), Veth { peer, endpoint: Id::random(), ..wanted.clone() })
        }));
        for (name, veth) in &others {
            netlink.put_veth(name, veth, container.namespace()).await?;
        }
        for (name, veth) in &others {
            netlink.dismiss_veth(name, Some(veth), &departures).await?;
        }
        departures.now().await;
        assert!(netlink.observe_links(&BTreeMap::new()).await?.veths.is_empty());
        // As often as one likes, and never what is not netd's.
        netlink.dismiss_veth(&own, None, &departures).await?;
        host.run("ip link add nd0 type veth peer name nd0p")?;
        let error = netlink.dismiss_veth(&own, None, &departures).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Conflict, "{error}");
        departures.now().await;
        assert!(netlink.link_index(&own).await?.is_some());
        Ok(())
    })
}
