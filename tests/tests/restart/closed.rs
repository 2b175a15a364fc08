//! A container whose namespace can't be opened while an agent starts.

use anyhow::{Result, ensure};
use netd_tests::{
    host::{TestHost, shell},
    ns::{TestNs, is_root},
};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::signal::Signal,
};
use std::{
    fs,
    os::{
        fd::{AsFd, AsRawFd},
        unix::fs::symlink,
    },
    path::PathBuf,
    process,
};

/// A namespace's file, gone with this value.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// The kernel refuses the path, which tells neither of an end nor of the agent.
#[test]
fn a_namespace_that_cannot_be_opened_stays_as_it_is() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    let (ns, directory, aside) = (TestNs::new()?, host.path("guests"), host.path("aside"));
    fs::create_dir(&directory)?;
    let path = directory.join("guest");
    fs::write(&path, "")?;
    let own = format!("/proc/{}/fd/{}", process::id(), ns.as_fd().as_raw_fd());
    mount(Some(own.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
    let _here = File(path.clone());
    let _there = File(aside.join("guest"));
    host.ok(&["network", "connect", "web", &format!("netns:{}", path.display())])?;
    let inside = || shell(&ns, "ip -o addr; ip route");
    let before = inside()?;

    host.end_agent(Signal::SIGKILL)?;
    fs::rename(&directory, &aside)?;
    symlink(&directory, &directory)?;
    host.start_agent()?;
    let problems = host.ok(&["status", "--format", "{{json .Problems}}"])?;
    ensure!(problems.contains("guest") && problems.contains("stays as it is"), "{problems}");
    ensure!(problems.matches("\",\"").count() == 0, "more than one: {problems}");
    ensure!(inside()? == before, "{before:?} is {:?}", inside()?);

    host.end_agent(Signal::SIGKILL)?;
    fs::remove_file(&directory)?;
    fs::rename(&aside, &directory)?;
    host.start_agent()?;
    let problems = host.ok(&["status", "--format", "{{json .Problems}}"])?;
    ensure!(problems == "[]", "{problems}");
    ensure!(inside()? == before, "{before:?} is {:?}", inside()?);
    Ok(())
}
