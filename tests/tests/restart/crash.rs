//! The agent is killed at system calls of every change, or has them refused: a restart goes to
//! before or after, and nothing leaks. `cargo xtask sweep` visits every call of every kind; with
//! `NETD_SWEEP_ONLY=attach`, or `"attach bpf"`, those alone.

use super::{SOON, setting, shape::Shape};
use anyhow::{Context, Result, ensure};
use netd_tests::{
    host::{TestHost, binary, wait},
    ns::is_root,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

/// A change, and what takes it back whether or not it was made.
struct Change {
    name: &'static str,
    make: &'static [&'static str],
    undo: &'static [&'static [&'static str]],
}

const CHANGES: [Change; 7] = [
    Change { name: "start", make: &[], undo: &[] },
    Change {
        name: "create",
        make: &["network", "create", "--ipv6", "new"],
        undo: &[&["network", "rm", "new"]],
    },
    Change {
        name: "remove",
        make: &["network", "rm", "old"],
        undo: &[&["network", "create", "--subnet", "10.9.0.0/24", "old"]],
    },
    Change {
        name: "attach",
        make: &["network", "connect", "web", "b"],
        undo: &[&["network", "disconnect", "web", "b"]],
    },
    Change {
        name: "detach",
        make: &["network", "disconnect", "web", "a"],
        undo: &[&["network", "connect", "--ip", "10.8.0.2", "web", "a"]],
    },
    Change {
        name: "publish",
        make: &["publish", "b", "8081:80"],
        undo: &[&["unpublish", "b", "8081:80"]],
    },
    Change {
        name: "apply",
        make: &["apply", "-f", "FILE", "--prune"],
        undo: &[&["apply", "-f", "EMPTY", "--prune"]],
    },
];

/// What has an effect: on the kernel, on the store, on files.
const CALLS: [&str; 9] =
    ["sendto", "bpf", "pwrite64", "fdatasync", "openat", "write", "rename", "mkdir", "unlink"];
/// How many failures are told at most.
const ENOUGH: usize = 10;
const ERRORS: [&str; 5] = ["ENOMEM", "ENOSPC", "EIO", "EMFILE", "EPERM"];

#[test]
fn an_agent_killed_at_any_call_leaves_before_or_after_and_nothing_else() -> Result<()> {
    sweep(&["signal=KILL"])
}

#[test]
fn an_agent_whose_calls_are_refused_lives_on_and_leaves_nothing() -> Result<()> {
    sweep(&ERRORS.map(|error| format!("error={error}")).each_ref().map(String::as_str))
}

/// Every change with every fault, at the first call of each kind and then at every so many.
fn sweep(faults: &[&str]) -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let (stride, most) = (setting("NETD_SWEEP_STRIDE", 23), setting("NETD_SWEEP_MOST", 2));
    let only = env::var("NETD_SWEEP_ONLY").unwrap_or_default();
    let mut host = host()?;
    let mut clean = Shape::of(&host)?;
    let (mut points, mut turn, mut failures) = (0, 0, Vec::new());
    for change in &CHANGES {
        let wanted = |call: &&str| format!("{} {call}", change.name).contains(&only);
        for call in CALLS.into_iter().filter(wanted) {
            let before = points;
            for number in (0..most).map(|n| 1 + n * stride) {
                // One fault for each point in turn; all of them where every call is visited.
                let fault = faults[turn % faults.len()];
                turn += 1;
                let met = visit(&host, change, call, fault, number);
                let met = met.and_then(|met| clean.is_back(&host).map(|()| met));
                points += usize::from(met.as_ref().is_ok_and(|met| *met));
                match met {
                    Ok(true) => continue,
                    Ok(false) => break,
                    Err(error) => {
                        let what = format!("{} with {fault} at {call}", change.name);
                        failures.push(format!("{what} number {number}: {error:#}"));
                        eprintln!("{what} number {number}: {error:#}");
                    }
                }
                ensure!(failures.len() < ENOUGH, "{}", failures.join("\n"));
                // Another one: nobody knows what this one is like.
                host = self::host()?;
                clean = Shape::of(&host)?;
            }
            eprintln!("{}, {call}: {} points", change.name, points - before);
        }
    }
    eprintln!("{points} points");
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    let least = if only.is_empty() { CHANGES.len() } else { 0 };
    ensure!(points > least, "the faults do not happen: {points} of {only:?}");
    Ok(())
}

fn host() -> Result<TestHost> {
    let host = TestHost::new()?;
    host.ok(&["network", "create", "--subnet", "10.8.0.0/24", "web"])?;
    host.ok(&["network", "create", "--subnet", "10.9.0.0/24", "old"])?;
    let options = ["--network", "web,ip=10.8.0.2", "-p", "8080:80"];
    host.run("a", &options, &["sleep", "infinity"])?;
    host.idle("b", "bridge")?;
    let file =
        "networks:\n  file: {}\nservices:\n  c:\n    networks: [file]\n    ports: ['8082:80']\n";
    fs::write(host.path("file.yaml"), file)?;
    fs::write(host.path("empty.yaml"), "networks: {}\n")?;
    Ok(host)
}

/// Makes a change while a fault waits at a call, sees to it that an agent runs, and takes the
/// change back. Says whether the fault was met.
fn visit(host: &TestHost, change: &Change, call: &str, fault: &str, number: usize) -> Result<bool> {
    let kills = fault.starts_with("signal");
    let what = what(host, call, fault, number)?;
    let met = if change.make.is_empty() {
        started(host, &what, kills)?
    } else {
        let pid = host.agent_pid().context("no agent")?;
        let mut tracer = Tracer::attach(pid, &what)?;
        let output = netctl(host, change.make)?;
        let met = tracer.detach(kills)?;
        ensure!(kills || !host.agent_ends(Duration::ZERO), "the agent has ended");
        ensure!(met || output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        met
    };
    if kills && met {
        ensure!(host.agent_ends(SOON), "the agent lives on");
        host.start_agent()?;
    }
    for undo in change.undo {
        // Where the change was not made there is nothing to take back.
        netctl(host, undo)?;
    }
    Ok(met)
}

/// The words that tell strace where which fault waits.
fn what(host: &TestHost, call: &str, fault: &str, number: usize) -> Result<Vec<String>> {
    let mut words =
        vec![format!("--trace={call}"), format!("--inject={call}:{fault}:when={number}")];
    // No kernel refuses a thread's word to another one, which is a write as well.
    if call == "write" && !fault.starts_with("signal") {
        let paths = written(host)?;
        words.extend(paths.iter().map(|path| format!("--trace-path={}", path.display())));
    }
    Ok(words)
}

/// The files that an agent writes to in a change or at its start.
fn written(host: &TestHost) -> Result<Vec<PathBuf>> {
    let mut paths = vec![host.path("netd.log")];
    for container in fs::read_dir(host.path("state/containers"))?.flatten() {
        let files = fs::read_dir(container.path())?.flatten();
        paths.extend(files.map(|file| file.path()));
    }
    let devices = ["nd-web", "nd-old", "nd-new", "nd-file", "eth0", "eth1"];
    let own = ["accept_dad", "accept_ra", "addr_gen_mode", "disable_ipv6", "forwarding"];
    for device in devices {
        let settings =
            |family: &str| Path::new("/proc/sys/net").join(family).join("conf").join(device);
        paths.extend(["forwarding", "rp_filter"].map(|key| settings("ipv4").join(key)));
        paths.extend(own.map(|key| settings("ipv6").join(key)));
    }
    Ok(paths)
}

/// Starts the agent anew with the fault waiting.
fn started(host: &TestHost, what: &[String], kills: bool) -> Result<bool> {
    host.end_agent(Signal::SIGKILL)?;
    let log = host.path("strace.log");
    let log = log.to_str().context("a path that is not UTF-8")?;
    // -I2: it ends when told to, although it writes to a file.
    let strace = ["strace", "-D", "-I2", "-f", "-qq", "-o", log];
    let strace: Vec<&str> = strace.into_iter().chain(what.iter().map(String::as_str)).collect();
    let result = host.start_agent_as(&strace, &binary("netd")?);
    let met = fs::read_to_string(log)?.contains("INJECTED") || result.is_err();
    if let Err(error) = result {
        ensure!(met, "{error}");
        ensure!(host.agent_ends(SOON), "an agent that does not answer: {error:#}");
        if !kills {
            host.start_agent()?;
        }
    } else if kills && met {
        // It may have come up before it was killed.
        host.agent_ends(SOON);
    } else {
        // The fault was for the start: it is not to meet what a signal has to write.
        let_go(host.agent_pid().context("no agent")?)?;
        host.end_agent(Signal::SIGTERM)?;
        host.start_agent()?;
    }
    // One that could not read what is mounted has mounted the cgroups itself.
    let _ = nix::mount::umount(&host.path("cgroup"));
    Ok(met)
}

/// Sends away the strace of a process.
fn let_go(pid: u32) -> Result<()> {
    let tracer = || -> Result<i32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        Ok(line.context("no line of the tracer's")?.trim().parse()?)
    };
    let strace = tracer()?;
    ensure!(strace > 0, "strace has gone already");
    kill(Pid::from_raw(strace), Signal::SIGINT)?;
    ensure!(wait(SOON, || tracer().is_ok_and(|pid| pid == 0)), "strace does not go");
    Ok(())
}

/// strace, attached to the agent.
struct Tracer {
    strace: Child,
    log: PathBuf,
}

impl Tracer {
    fn attach(pid: u32, what: &[String]) -> Result<Self> {
        let log = env::temp_dir().join(format!("netd-sweep-{}-{pid}", std::process::id()));
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &pid.to_string(), "-o"]).arg(&log);
        command.args(what);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut strace = command.spawn()?;
        let mut first = String::new();
        let said = strace.stderr.as_mut().context("no output")?;
        BufReader::new(said).read_line(&mut first)?;
        ensure!(first.contains("attached"), "strace: {first}");
        Ok(Self { strace, log })
    }

    /// Lets the agent go; says whether the fault was met.
    fn detach(&mut self, kills: bool) -> Result<bool> {
        let log = self.log.clone();
        let says = |word: &str| fs::read_to_string(&log).is_ok_and(|text| text.contains(word));
        let killed = kills && wait(Duration::from_millis(200), || says("killed by SIGKILL"));
        if !killed {
            let pid = Pid::from_raw(i32::try_from(self.strace.id())?);
            let _ = kill(pid, Signal::SIGINT);
        }
        // It ends with the agent. Told to go while the agent ends, it would wait for ever.
        let ended = wait(Duration::from_secs(2), || {
            self.strace.try_wait().is_ok_and(|status| status.is_some())
        });
        if !ended {
            self.strace.kill()?;
            self.strace.wait()?;
        }
        Ok(killed || says("INJECTED"))
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
        let _ = fs::remove_file(&self.log);
    }
}

fn netctl(host: &TestHost, words: &[&str]) -> Result<Output> {
    let [file, empty] =
        ["file.yaml", "empty.yaml"].map(|name| host.path(name).display().to_string());
    let words = words.iter().map(|word| match *word {
        "FILE" => file.as_str(),
        "EMPTY" => empty.as_str(),
        word => word,
    });
    host.netctl(&words.collect::<Vec<_>>())
}
