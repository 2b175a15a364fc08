//! The file that remembers: damaged, of a newer netd, of another boot.

use super::{SOON, host};
use anyhow::{Context, Result, ensure};
use netd::store::Store;
use netd_tests::{
    host::{TestHost, wait},
    ns::is_root,
};
use nix::sys::signal::Signal;
use std::{fs, path::Path};

/// Whatever the file holds, the agent starts, says so, keeps the file, and leaves no strays.
#[test]
fn a_file_that_makes_no_sense_is_set_aside_and_nothing_strays() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let damages: [Damage<'_>; 3] = [
        &|path| Ok(fs::write(path, "no database")?),
        &|path| Ok(fs::File::options().write(true).open(path)?.set_len(5_000)?),
        &|path| Ok(fs::write(path, vec![0xa5; usize::try_from(fs::metadata(path)?.len())?])?),
    ];
    let host = host()?;
    for (round, damage) in damages.into_iter().enumerate() {
        host.ok(&["network", "create", "more"])?;
        host.end_agent(Signal::SIGKILL)?;
        damage(&host.path("state/state.redb"))?;
        host.start_agent()?;
        let problems = host.problems()?;
        let said = problems.iter().any(|problem| problem.contains("state.redb.damaged-"));
        ensure!(said, "{problems:?}");
        ensure!(set_aside(&host)?.len() == round + 1, "{:?}", set_aside(&host));
        ensure!(host.ok(&["network", "ls", "-q"])?.lines().count() == 3, "only the fixed ones");
        let strays = || {
            let links = host.host.run("ip -o link").unwrap();
            links.lines().filter(|link| link.contains("netd:")).count()
        };
        ensure!(wait(SOON, || strays() == fixed_bridges()), "{}", host.host.run("ip -o link")?);
    }
    Ok(())
}

/// A reboot ends every container; what was declared of networks and ports stays.
#[test]
fn nothing_of_the_last_boot_is_taken_for_alive() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = host()?;
    host.end_agent(Signal::SIGKILL)?;
    let (mut store, remembered, problem) = Store::open(&host.path("state"))?;
    ensure!(problem.is_none(), "{problem:?}");
    store.save_host(remembered.seed.context("no seed")?, Some("00000000-another-boot"))?;
    drop(store);
    host.start_agent()?;
    ensure!(host.ok(&["ps", "-q"])?.is_empty(), "a container of another boot runs");
    ensure!(host.ok(&["ps", "-a", "-q"])?.lines().count() == 3, "forgotten");
    ensure!(host.ok(&["network", "ls", "-q"])?.lines().count() == 5);
    let status = host.ok(&["status", "--format", "{{.Endpoints}} {{.Ports}}"])?;
    ensure!(status == "0 0", "{status}");
    ensure!(host.problems()?.is_empty(), "{:?}", host.problems()?);
    Ok(())
}

/// Something that happens to a file.
type Damage<'a> = &'a dyn Fn(&Path) -> Result<()>;

fn set_aside(host: &TestHost) -> Result<Vec<String>> {
    let names = fs::read_dir(host.path("state"))?.flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name.contains("damaged-")).collect())
}

/// The bridge of the network `bridge` comes with its first container.
fn fixed_bridges() -> usize {
    1
}
