//! Bridges: made, changed, refused, left alone.

use super::*;

#[test]
fn a_bridge_is_made_as_described_and_putting_it_again_changes_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    let wanted = bridge(&["172.18.0.1/16", "fd00:18::1/64"]);
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        let index = netlink.put_bridge(&name("nd-web"), &wanted).await?;
        assert_eq!(netlink.link_index(&name("nd-web")).await?, Some(index));
        Ok(())
    })?;
    let made = device(&host, "nd-web")?;
    assert_eq!(made["ifalias"], format!("netd:network:{}", wanted.network));
    assert_eq!(made["address"], wanted.mac.to_string());
    assert_eq!(made["mtu"], 1450);
    assert_eq!(made["linkinfo"]["info_data"]["stp_state"], 0);
    assert_eq!(made["linkinfo"]["info_data"]["mcast_snooping"], 0);
    assert!(made["flags"].as_array().unwrap().contains(&"UP".into()));
    assert_eq!(own_addresses(&made), wanted.addresses);
    for (key, value) in [
        ("ipv4.conf.nd-web.forwarding", "1"),
        ("ipv4.conf.nd-web.rp_filter", "0"),
        ("ipv6.conf.nd-web.forwarding", "1"),
        ("ipv6.conf.nd-web.accept_ra", "0"),
        ("ipv4.ip_forward", "0"),
    ] {
        assert_eq!(host.run(&format!("sysctl -n net.{key}"))?.trim(), value, "{key}");
    }
    let before = everything(&host)?;
    let view = host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &wanted).await?;
        Ok(netlink.observe_links(&BTreeMap::new()).await?)
    })?;
    assert_eq!(everything(&host)?, before);
    assert_eq!(view.bridges, BTreeMap::from([(name("nd-web"), wanted)]));
    Ok(())
}

#[test]
fn a_bridge_follows_a_changed_description() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    let first = bridge(&["172.18.0.1/16", "172.18.0.9/16"]);
    let second = Bridge { mtu: 9000, addresses: addresses(&["172.18.0.9/16"]), ..first.clone() };
    let view = host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &first).await?;
        netlink.put_bridge(&name("nd-web"), &second).await?;
        Ok(netlink.observe_links(&BTreeMap::new()).await?)
    })?;
    assert_eq!(view.bridges, BTreeMap::from([(name("nd-web"), second)]));
    assert_eq!(host.run("sysctl -n net.ipv6.conf.nd-web.disable_ipv6")?.trim(), "1");
    Ok(())
}

#[test]
fn a_bridge_that_lost_its_sysctls_is_seen_as_not_up() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    let wanted = bridge(&["172.18.0.1/16", "fd00:18::1/64"]);
    let put_and_break = |key: &'static str, value: &'static str| {
        let (host, wanted) = (&host, &wanted);
        host.block_on(move || async move {
            let netlink = Netlink::open()?;
            netlink.put_bridge(&name("nd-web"), wanted).await?;
            host.run(&format!("sysctl -w net.{key}={value}"))?;
            let view = netlink.observe_links(&BTreeMap::new()).await?;
            Ok(view.bridges[&name("nd-web")].up)
        })
    };
    assert!(put_and_break("ipv4.conf.nd-web.rp_filter", "0")?);
    assert!(!put_and_break("ipv4.conf.nd-web.forwarding", "0")?);
    assert!(!put_and_break("ipv6.conf.nd-web.forwarding", "0")?);
    assert!(!put_and_break("ipv6.conf.nd-web.accept_ra", "1")?);
    Ok(())
}

#[test]
fn a_device_of_somebody_else_is_neither_taken_nor_deleted() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    host.run("ip link add nd-web type bridge")?;
    host.run("ip link set nd-web alias netd:network:theirs")?;
    let before = everything(&host)?;
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        let put = netlink.put_bridge(&name("nd-web"), &bridge(&["10.1.0.1/24"])).await.unwrap_err();
        let delete = netlink.delete_link(&name("nd-web")).await.unwrap_err();
        for error in [put, delete] {
            assert_eq!(error.code, ErrorCode::Conflict);
            assert!(error.message.starts_with("interface name nd-web is taken by"), "{error}");
        }
        let view = netlink.observe_links(&BTreeMap::new()).await?;
        assert!(view.bridges.is_empty());
        assert!(view.host.links.contains_key(&name("nd-web")));
        Ok(())
    })?;
    assert_eq!(everything(&host)?, before);
    Ok(())
}

#[test]
fn a_bridge_of_another_network_is_not_taken() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    let first = bridge(&["172.18.0.1/16"]);
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &first).await?;
        let error = netlink.put_bridge(&name("nd-web"), &bridge(&[])).await.unwrap_err();
        assert!(error.message.contains(first.network.short()), "{error}");
        netlink.delete_link(&name("nd-web")).await?;
        netlink.delete_link(&name("nd-web")).await?;
        Ok(())
    })?;
    assert_eq!(host.json("ip -j link")?.as_array().unwrap().len(), 1);
    Ok(())
}

#[test]
fn a_bridge_that_cannot_be_finished_leaves_nothing() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestNs::new()?;
    let before = everything(&host)?;
    let error = host.block_on(|| async {
        let wrong = Bridge { mtu: 70_000, ..bridge(&["172.18.0.1/16"]) };
        Ok(Netlink::open()?.put_bridge(&name("nd-web"), &wrong).await.unwrap_err())
    })?;
    assert_eq!(error.message, "cannot put bridge nd-web: invalid argument");
    assert_eq!(everything(&host)?, before);
    Ok(())
}
