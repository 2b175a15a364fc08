//! File systems that do not answer: who asked for them waits, and nobody else.

use super::*;
use netd::api::protocol::{ContainerCreate, ContainerInspect, ContainerStart, NetworkAttach};
use serde_json::json;
use std::{fs, path::Path, thread, time::Instant};

/// Holds up whoever opens a file of the directory in its first argument, or that file, until it
/// ends (fanotify(7)); says when it is ready and when somebody waits.
const HOLDER: &str = "
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
fan = libc.fanotify_init(4, 0)
path = sys.argv[1].encode()
done = libc.fanotify_mark(fan, 1, ctypes.c_uint64(0x08010000 if os.path.isdir(path) else 0x10000), -100, path)
print('ready' if fan >= 0 and done == 0 else 'error %d' % ctypes.get_errno())
os.read(fan, 4096)
print('held')
import time
time.sleep(1000)
";

fn hold(path: &Path) -> Result<Process> {
    let mut holder = Process::python(HOLDER, &[path.to_str().context("a path")?])?;
    assert_eq!(holder.line()?, "ready");
    Ok(holder)
}

#[test]
fn who_only_looks_waits_for_no_change_that_hangs() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    let networks = vec![NetworkAttach { network: "web".into(), ..Default::default() }];
    let name = Some("slow".to_owned());
    let request =
        ContainerCreate { name, networks, command: vec!["sleep".into()], ..Default::default() };
    let container: ContainerInspect = client(&host).post("/v1/containers", &request)?;
    let mut holder = hold(&container.directory)?;
    let process = Process::in_namespace()?;
    let start = ContainerStart { pid: process.0.id().try_into()? };
    thread::scope(|scope| -> Result<()> {
        let starting =
            scope.spawn(|| client(&host).post::<Value>("/v1/containers/slow/start", &start));
        assert_eq!(holder.line()?, "held");
        let creating = scope.spawn(|| host.ok(&["network", "create", "late"]));
        let looks: [&[&str]; 8] = [
            &["network", "ls"],
            &["network", "inspect", "web"],
            &["ps", "-a"],
            &["inspect", "slow"],
            &["status"],
            &["drops"],
            &["export"],
            &["port", "slow"],
        ];
        for look in looks {
            let asked = Instant::now();
            host.ok(look)?;
            assert!(asked.elapsed() < SOON / 4, "{look:?} took {:?}", asked.elapsed());
        }
        assert!(!starting.is_finished() && !creating.is_finished());
        drop(holder);
        starting.join().unwrap()?;
        creating.join().unwrap()?;
        Ok(())
    })?;
    let shown: Value = client(&host).get("/v1/containers/slow")?;
    assert_eq!(shown["Status"], "running");
    Ok(())
}

#[test]
fn a_namespace_that_does_not_answer_holds_up_its_own_request_only() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    let name = format!("netd-test-hung-{}", std::process::id());
    let path = format!("/run/netns/{name}");
    let _gone = Namespace::add(&name)?;
    let mut holder = hold(Path::new(&path))?;
    let begun = Instant::now();
    let request = json!({"Container": format!("netns:{path}")});
    thread::scope(|scope| -> Result<()> {
        let joining =
            scope.spawn(|| client(&host).post::<Value>("/v1/networks/web/connect", &request));
        assert_eq!(holder.line()?, "held");
        host.ok(&["network", "create", "other"])?;
        host.ok(&["network", "rm", "other"])?;
        assert!(!joining.is_finished(), "changes wait for it");
        let error = joining.join().unwrap().unwrap_err();
        assert!(error.message.contains("did not answer within 5s"), "{error}");
        assert!(begun.elapsed() < SOON);
        Ok(())
    })?;
    drop(holder);
    client(&host).post::<Value>("/v1/networks/web/connect", &request)?;
    Ok(())
}

/// A namespace that `ip netns` made, gone with this value.
struct Namespace<'a>(&'a str);

impl<'a> Namespace<'a> {
    fn add(name: &'a str) -> Result<Self> {
        let done = Command::new("ip").args(["netns", "add", name]).status()?;
        ensure!(done.success(), "no namespace");
        Ok(Self(name))
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", self.0]).status();
        let _ = fs::remove_dir_all(Path::new("/etc/netns").join(self.0));
    }
}
