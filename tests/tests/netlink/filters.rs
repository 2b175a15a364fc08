//! The shared blocks and the programs in them.

use super::*;
use netd_tests::host::shell;

/// A program in both blocks.
fn filters(program: &program::Program) -> BTreeMap<u32, u32> {
    [INGRESS_BLOCK, EGRESS_BLOCK].map(|block| (block, program.id())).into()
}

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
        let index = netlink.put_veth(&name("nd0"), &first, a.namespace()).await?;
        let passing = filters(&pass);
        assert!(
            !netlink.raise_veth(index, &BTreeMap::new()).await?,
            "no program is there or named"
        );
        assert!(!netlink.raise_veth(index, &passing).await?, "no program is there");
        netlink.put_block_filter(INGRESS_BLOCK, pass.fd(), "container_out").await?;
        assert!(!netlink.raise_veth(index, &passing).await?, "no program is in the other block");
        assert!(!host.json("ip -j link show nd0")?[0]["flags"].to_string().contains("UP"));
        netlink.put_block_filter(EGRESS_BLOCK, pass.fd(), "container_in").await?;
        assert_eq!(netlink.block_filter(INGRESS_BLOCK).await?, Some(pass.id()));
        let other = netlink.put_veth(&name("nd1"), &second, b.namespace()).await?;
        assert!(!netlink.raise_veth(index, &filters(&drop)).await?, "another program is there");
        assert!(netlink.raise_veth(index, &passing).await?);
        assert!(netlink.raise_veth(other, &passing).await?);
        a.run("ping -c1 -W5 172.18.0.1")?;
        b.run("ping -c1 -W5 172.18.0.1")?;
        netlink.put_block_filter(INGRESS_BLOCK, drop.fd(), "container_out").await?;
        assert_eq!(netlink.block_filter(INGRESS_BLOCK).await?, Some(drop.id()));
        assert!(a.run("ping -c1 -W1 172.18.0.1").is_err());
        let block = format!("tc -j filter show block {INGRESS_BLOCK}");
        let there = host.json(&block)?;
        let with_program = there.as_array().unwrap().iter().filter(|f| !f["options"].is_null());
        assert_eq!(with_program.count(), 1, "{there}");
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
        let wanted = veth(a.namespace(), &[]);
        let index = netlink.put_veth(&name("nd0"), &wanted, a.namespace()).await?;
        netlink.put_veth(&name("nd1"), &veth(b.namespace(), &[]), b.namespace()).await?;
        netlink.put_block_filter(INGRESS_BLOCK, pass.fd(), "container_out").await?;
        netlink.put_block_filter(EGRESS_BLOCK, pass.fd(), "container_in").await?;
        assert!(netlink.raise_veth(index, &filters(&pass)).await?);
        let none = BTreeMap::new();
        assert!(netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        host.run("tc qdisc del dev nd0 clsact")?;
        assert!(!netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        host.run("tc qdisc add dev nd0 ingress")?;
        assert!(!netlink.observe_links(&none).await?.veths[&name("nd0")].up);
        assert!(!netlink.raise_veth(index, &filters(&pass)).await?, "it is not bound");
        netlink.bind_blocks(index).await?;
        assert!(netlink.raise_veth(index, &filters(&pass)).await?);
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
