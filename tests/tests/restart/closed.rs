//! A container whose namespace can't be opened while an agent starts.

use super::SOON;
use anyhow::{Result, bail, ensure};
use netd_tests::{
    host::{TestHost, shell, wait},
    ns::{TestNs, is_root},
    process::hold,
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
    process::{self, Output},
};

/// A namespace's file, gone with this value.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}

/// A network `web` with a container in a namespace that a file stands for.
struct Site {
    // Goes first: a directory with a mount in it can't be removed.
    _file: File,
    host: TestHost,
    ns: TestNs,
    directory: PathBuf,
}

impl Site {
    fn new() -> Result<Self> {
        let host = TestHost::new()?;
        host.ok(&["network", "create", "web"])?;
        let (ns, directory) = (TestNs::new()?, host.path("guests"));
        fs::create_dir(&directory)?;
        let path = directory.join("guest");
        fs::write(&path, "")?;
        let own = format!("/proc/{}/fd/{}", process::id(), ns.as_fd().as_raw_fd());
        mount(Some(own.as_str()), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        host.ok(&["network", "connect", "web", &format!("netns:{}", path.display())])?;
        Ok(Self { host, ns, directory, _file: File(path) })
    }

    fn inside(&self) -> Result<Output> {
        shell(&self.ns, "ip -o addr; ip route")
    }

    /// One sentence, on the container.
    fn stays(&self, why: &str) -> Result<()> {
        let problems = self.host.problems()?;
        let [problem] = &problems[..] else { bail!("not one: {problems:?}") };
        ensure!(problem.contains("guest") && problem.contains("stays as it is"), "{problem}");
        ensure!(problem.contains(why), "{problem}");
        Ok(())
    }

    /// Without a restart: the agent sees what happens in there.
    fn is_let_in(&self) -> Result<()> {
        let well = || self.host.problems().is_ok_and(|problems| problems.is_empty());
        ensure!(wait(SOON, well), "{:?}", self.host.problems()?);
        let before = self.inside()?;
        self.ns.run("ip route flush dev eth0")?;
        ensure!(self.inside()? != before);
        let back = || self.inside().is_ok_and(|now| now == before);
        ensure!(wait(SOON, back), "{before:?} is {:?}", self.inside()?);
        Ok(())
    }
}

/// The kernel refuses the path, which tells neither of an end nor of the agent.
#[test]
fn a_namespace_that_cannot_be_opened_stays_as_it_is() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let site = Site::new()?;
    let (host, directory, aside) = (&site.host, &site.directory, site.host.path("aside"));
    let _there = File(aside.join("guest"));
    let before = site.inside()?;

    host.end_agent(Signal::SIGKILL)?;
    fs::rename(directory, &aside)?;
    symlink(directory, directory)?;
    host.start_agent()?;
    site.stays("cannot open netns:")?;
    ensure!(site.inside()? == before, "{before:?} is {:?}", site.inside()?);

    fs::remove_file(directory)?;
    fs::rename(&aside, directory)?;
    site.is_let_in()?;
    ensure!(site.inside()? == before, "{before:?} is {:?}", site.inside()?);

    host.end_agent(Signal::SIGKILL)?;
    host.start_agent()?;
    ensure!(host.problems()?.is_empty(), "{:?}", host.problems()?);
    ensure!(site.inside()? == before, "{before:?} is {:?}", site.inside()?);
    Ok(())
}

/// A file system that does not answer holds up the start for some seconds, and no other container.
#[test]
fn a_namespace_that_does_not_answer_stays_as_it_is() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let site = Site::new()?;
    site.host.idle("other", "web")?;
    let before = site.inside()?;
    site.host.end_agent(Signal::SIGKILL)?;
    let holder = hold(&site.directory.join("guest"))?;
    site.host.start_agent()?;
    site.stays("did not answer within 5s")?;
    ensure!(site.inside()? == before, "{before:?} is {:?}", site.inside()?);
    site.host.ok(&["network", "disconnect", "web", "other"])?;
    site.host.ok(&["network", "connect", "web", "other"])?;
    drop(holder);
    site.is_let_in()?;
    ensure!(site.inside()? == before, "{before:?} is {:?}", site.inside()?);
    Ok(())
}
