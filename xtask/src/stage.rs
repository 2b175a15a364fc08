//! A stage for plays in network namespaces: the supervisor starts the play as a process of its own and
//! clears the stage after it, however it ended: done, failed, killed, or interrupted by a person.

use crate::{bench, dist::machine, run};
use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::{
        prctl,
        signal::{SigSet, Signal, kill},
        wait::wait,
    },
    unistd::{Pid, alarm, getpid},
};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
};

/// Hidden verb: be the supervisor of a play.
pub(crate) const SUPERVISE: &str = "supervise";
/// Hidden verb: be the play.
pub(crate) const PLAY: &str = "play";

/// The play of `bench ports`.
pub(crate) const PORTS: &str = "ports";
/// The play of `bench full`.
pub(crate) const FULL: &str = "full";
/// The play of `bench scale`.
pub(crate) const SCALE: &str = "scale";
/// The play of `bench attach`.
pub(crate) const ATTACH: &str = "attach";
/// The play of `bench dns`.
pub(crate) const DNS: &str = "dns";

/// Runs `play` with its options under a supervisor, as root.
pub(crate) fn run(play: &str, options: &[&str]) -> Result<()> {
    let this = env::current_exe().context("cannot find this program")?;
    let this = this.to_string_lossy();
    let mut supervisor = run::as_root(&this)?;
    let status =
        supervisor.args([SUPERVISE, play]).args(options).status().context("cannot start")?;
    ensure!(status.success(), "the {play} did not succeed; its namespaces and files are removed");
    Ok(())
}

/// The supervisor: starts `play`, waits for its end or for a signal, then removes every trace.
pub(crate) fn supervise(play: &str, options: &[&str]) -> ExitCode {
    let name = format!("netd-{play}-{}", getpid());
    let code = watch(play, &name, options).unwrap_or_else(|e| {
        eprintln!("error: {e:#}");
        1
    });
    clear(&name);
    ExitCode::from(code)
}

/// The folder for files of the stage `name`.
pub(crate) fn folder(name: &str) -> PathBuf {
    env::temp_dir().join(name)
}

/// The folder for pinned programs and maps of the stage `name`.
pub(crate) fn bpf_folder(name: &str) -> PathBuf {
    Path::new("/sys/fs/bpf").join(name)
}

/// Returns the exit code: the play's, or 128 and the number of the signal that ended it.
fn watch(play: &str, name: &str, options: &[&str]) -> Result<u8> {
    // What the play leaves behind becomes a child of this process, which can then end it.
    prctl::set_child_subreaper(true).context("cannot adopt orphans")?;
    let mut child = Command::new(env::current_exe()?)
        .args([PLAY, play, name])
        .args(options)
        .spawn()
        .context("cannot start the play")?;
    // Only now: a child inherits what is blocked.
    let signals = SigSet::from_iter(SIGNALS);
    signals.thread_block().context("cannot block signals")?;
    let longest =
        if [PORTS, FULL, SCALE, ATTACH].contains(&play) { LONGEST_BENCH } else { LONGEST_PLAY };
    alarm::set(longest);
    loop {
        if let Some(code) = exit_code(&mut child)? {
            return Ok(code);
        }
        match signals.wait().context("cannot wait for signals")? {
            Signal::SIGCHLD => {}
            Signal::SIGALRM => bail!("the {play} hangs: it took longer than {longest} s"),
            signal => {
                eprintln!("\n{signal}: clearing the stage");
                return Ok(128 + signal as u8);
            }
        }
    }
}

fn exit_code(child: &mut Child) -> Result<Option<u8>> {
    let status = child.try_wait().context("cannot wait for the play")?;
    Ok(status.map(|status| status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// Best effort and in this order: processes hold namespaces, namespaces hold devices.
fn clear(name: &str) {
    end_descendants();
    for namespace in belonging(Path::new("/run/netns"), name) {
        let _ = run::read(Command::new("ip").args(["netns", "delete", &namespace]));
    }
    machine::forget(name);
    bench::forget(name);
    for place in [Path::new("/sys/fs/bpf"), &env::temp_dir()] {
        for folder in belonging(place, name) {
            let _ = fs::remove_dir_all(place.join(folder));
        }
    }
}

/// What is called as the stage, alone or with a word behind it: `netd-demo-12` has `netd-demo-12-host`,
/// and not `netd-demo-123`.
fn belonging(folder: &Path, name: &str) -> Vec<String> {
    let mut found = names_in(folder, name);
    found.retain(|entry| entry == name || entry[name.len()..].starts_with('-'));
    found
}

/// Kills children until there are none: those of a killed child become children of this process.
fn end_descendants() {
    loop {
        for child in children_of(getpid()) {
            let _ = kill(child, Signal::SIGKILL);
        }
        if wait().is_err() {
            return;
        }
    }
}

fn children_of(parent: Pid) -> Vec<Pid> {
    let processes = names_in(Path::new("/proc"), "").into_iter();
    let numbers = processes.filter_map(|name| name.parse().ok());
    numbers.filter(|child| parent_of(*child) == Some(parent.as_raw())).map(Pid::from_raw).collect()
}

/// The fourth field of /proc/PID/stat; the second is a name in brackets that may hold anything.
fn parent_of(process: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn names_in(folder: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Seconds after which a play is taken for one that hangs.
const LONGEST_PLAY: u32 = 300;
/// The same of a comparison that writes a report.
const LONGEST_BENCH: u32 = 3600;

const SIGNALS: [Signal; 6] = [
    Signal::SIGALRM,
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGCHLD,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_stage_s_things_are_left_alone() {
        let folder = env::temp_dir().join(format!("belonging-{}", getpid()));
        for name in ["demo-1", "demo-1-host", "demo-12", "demo-12-host", "other"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let mut found = belonging(&folder, "demo-1");
        found.sort();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, ["demo-1", "demo-1-host"]);
    }

    #[test]
    fn a_child_is_found_under_its_parent() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let found = children_of(getpid());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.iter().any(|pid| u32::try_from(pid.as_raw()) == Ok(child.id())));
    }
}
