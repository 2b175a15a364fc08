//! The shared blocks and the programs in them.

use super::*;
use netd_tests::host::shell;

#[test]
fn one_filter_serves_every_veth_and_is_replaced_in_place() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, a, b) = (TestNs::new()?, TestNs::new()?, TestNs::new()?);
    let (pass, drop) = (program::load(program::PASS)?, program::load(program::DROP)?);
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        assert_eq!(netlink.block_filter(INGRESS_BLOCK).await?, None);
        let (first, second) =
            (veth(a.namespace(), &["172.18.0.2/16"]), veth(b.namespace(), &["172.18.0.3/16"]));
        netlink.put_veth(&name("nd0"), &first, a.namespace()).await?;
        let error = netlink.raise_veth(&name("nd0")).await.unwrap_err();
        assert!(error.message.starts_with("device nd0 stays down: no program"), "{error}");
        netlink.put_block_filter(INGRESS_BLOCK, pass.fd(), "container_out").await?;
        netlink.put_block_filter(EGRESS_BLOCK, pass.fd(), "container_in").await?;
        assert_eq!(netlink.block_filter(INGRESS_BLOCK).await?, Some(pass.id()));
        netlink.put_veth(&name("nd1"), &second, b.namespace()).await?;
        netlink.raise_veth(&name("nd0")).await?;
        netlink.raise_veth(&name("nd1")).await?;
        a.run("ping -c1 -W5 172.18.0.1")?;
        b.run("ping -c1 -W5 172.18.0.1")?;
        netlink.put_block_filter(INGRESS_BLOCK, drop.fd(), "container_out").await?;
        assert_eq!(netlink.block_filter(INGRESS_BLOCK).await?, Some(drop.id()));
        assert!(a.run("ping -c1 -W1 172.18.0.1").is_err());
        let block = format!("tc -j filter show block {INGRESS_BLOCK}");
        let filters = host.json(&block)?;
        let with_program = filters.as_array().unwrap().iter().filter(|f| !f["options"].is_null());
        assert_eq!(with_program.count(), 1, "{filters}");
        Ok(())
    })
}

#[test]
fn a_veth_that_lost_its_programs_is_seen_as_down_and_raised_again() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (host, a, b) = (TestNs::new()?, TestNs::new()?, TestNs::new()?);
    let pass = program::load(program::PASS)?;
    host.block_on(|| async {
        let netlink = Netlink::open()?;
        netlink.put_bridge(&name("nd-web"), &bridge(&["172.18.0.1/16"])).await?;
        netlink.put_veth(&name("nd0"), &veth(a.namespace(), &[]), a.namespace()).await?;
        netlink.put_veth(&name("nd1"), &veth(b.namespace(), &[]), b.namespace()).await?;
        netlink.put_block_filter(INGRESS_BLOCK, pass.fd(), "container_out").await?;
        netlink.put_block_filter(EGRESS_BLOCK, pass.fd(), "container_in").await?;
        netlink.raise_veth(&name("nd0")).await?;
        let none = BTreeMap::new();
        assert!(netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        host.run("tc qdisc del dev nd0 clsact")?;
        assert!(!netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        host.run("tc qdisc add dev nd0 ingress")?;
        assert!(!netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        netlink.raise_veth(&name("nd0")).await?;
        assert!(netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        Ok(())
    })
}

#[test]
fn the_program_on_lo_is_put_replaced_and_taken_off_without_a_trace() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let container = TestNs::new()?;
    let (first, second) = (program::load(program::PASS)?, program::load(program::DROP)?);
    container.run("ip link set lo up")?;
    let pings = || container.run("ping -c1 -W1 127.0.0.1").is_ok();
    container.block_on(|| async {
        let netlink = Netlink::open()?;
        // Not there: as good as gone.
        netlink.delete_lo_program().await?;
        netlink.put_lo_program(first.fd(), "resolver_lo").await?;
        assert!(pings());
        netlink.put_lo_program(second.fd(), "resolver_lo").await?;
        assert!(!pings(), "the first one is still there");
        assert_eq!(container.json("tc -j qdisc show dev lo clsact")?.as_array().unwrap().len(), 1);
        netlink.delete_lo_program().await?;
        assert!(pings());
        assert!(!container.run("tc qdisc show dev lo")?.contains("clsact"));
        Ok(())
    })
}

#[test]
fn a_containers_own_filters_on_lo_stay() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    for (discipline, filter) in [
        ("clsact", Some("tc filter add dev lo ingress bpf bytecode '1,6 0 0 0,'")),
        ("ingress", None),
    ] {
        let container = TestNs::new()?;
        let drop = program::load(program::DROP)?;
        container.run("ip link set lo up")?;
        container.run(&format!("tc qdisc add dev lo {discipline}"))?;
        if let Some(filter) = filter {
            assert!(shell(&container, filter)?.status.success(), "{filter}");
        }
        container.block_on(|| async {
            let netlink = Netlink::open()?;
            netlink.put_lo_program(drop.fd(), "resolver_lo").await?;
            assert!(container.run("ping -c1 -W1 127.0.0.1").is_err(), "{discipline}");
            netlink.delete_lo_program().await?;
            assert!(container.run("ping -c1 -W5 127.0.0.1").is_ok(), "{discipline}");
            assert!(container.run("tc qdisc show dev lo")?.contains(discipline), "{discipline}");
            Ok(())
        })?;
    }
    Ok(())
}
