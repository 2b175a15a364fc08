//! Many at once.

use super::*;
use std::{collections::BTreeSet, thread};

const MANY: usize = 20;

#[test]
fn twenty_containers_started_at_once_get_addresses_and_ports_of_their_own() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--ipv6"])?;
    let before = Snapshot::take(&host)?;
    let start = || {
        let options = ["run", "-d", "--network", "web", "-p", "80", "--", "sleep", "infinity"];
        host.ok(&options)
    };
    let ids: BTreeSet<String> = thread::scope(|scope| {
        let all: Vec<_> = (0..MANY).map(|_| scope.spawn(start)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Result<_>>()
    })?;
    assert_eq!(ids.len(), MANY);
    let (mut names, mut addresses, mut ports) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for id in &ids {
        let (four, six) = host.addresses(id, "web")?;
        names.insert(field(&host, id, "{{.Name}}")?);
        addresses.extend([four, six]);
        ports.insert(host.ok(&["port", id, "80"])?);
    }
    assert_eq!((names.len(), addresses.len(), ports.len()), (MANY, 2 * MANY, MANY));
    // They are there for real, each reached from the first.
    let first = ids.first().context("none")?;
    for address in &addresses {
        let ping = host.exec(first, &["ping", "-c", "1", "-W", "5", address])?;
        assert!(ping.status.success(), "{address}: {}", text(&ping.stdout));
    }
    let stop = |id: &String| host.ok(&["rm", "-f", id]).map(drop);
    thread::scope(|scope| {
        let all: Vec<_> = ids.iter().map(|id| scope.spawn(move || stop(id))).collect();
        all.into_iter().try_for_each(|one| one.join().unwrap())
    })?;
    Snapshot::take(&host)?.same_as(&before)
}

#[test]
fn of_several_that_want_one_name_port_and_address_exactly_one_gets_them() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web", "--subnet", "10.90.0.0/24"])?;
    let wants: [&[&str]; 3] =
        [&["--name", "x"], &["-p", "8080:80"], &["--network", "web,ip=10.90.0.7"]];
    for want in wants {
        let start = || {
            let args = [&["run", "-d"][..], want, &["--", "sleep", "infinity"]].concat();
            host.netctl(&args)
        };
        let outputs: Vec<Output> = thread::scope(|scope| {
            let all: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Result<_>>()
        })?;
        let (done, refused): (Vec<_>, Vec<_>) =
            outputs.iter().partition(|output| output.status.success());
        assert_eq!((done.len(), refused.len()), (1, 5), "{want:?}");
        refused.iter().try_for_each(|output| is_refusal(output, 1, &["already"]))?;
        assert_eq!(host.ok(&["ps", "-a", "-q"])?.lines().count(), 1);
        host.ok(&["rm", "-f", text(&done[0].stdout).trim()])?;
    }
    Ok(())
}
