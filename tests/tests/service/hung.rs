//! File systems that do not answer: who asked for them waits, and nobody else.

use super::*;
use netd::api::protocol::{ContainerCreate, ContainerInspect, ContainerStart, NetworkAttach};
use serde_json::json;
use std::{fs, path::Path, thread, time::Instant};

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

#[test]
fn a_file_that_names_a_namespace_that_does_not_answer_holds_up_nobody_else() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let name = format!("netd-test-declared-{}", std::process::id());
    let _gone = Namespace::add(&name)?;
    let namespace = format!("/run/netns/{name}");
    let declared = format!(
        "networks: {{a: }}\nservices: {{x: {{networks: [a], x-netd: {{namespace: 'netns:{namespace}'}}}}}}"
    );
    let file = host.path("spec.yaml");
    fs::write(&file, &declared)?;
    let apply = ["apply", "-f", file.to_str().context("a path")?];
    let change = || host.ok(&["network", "create", "b"]).and(host.ok(&["network", "rm", "b"]));
    let mut holder = hold(Path::new(&namespace))?;
    thread::scope(|scope| -> Result<()> {
        let applying = scope.spawn(|| host.ok(&apply));
        assert_eq!(holder.line()?, "held");
        change()?;
        assert!(!applying.is_finished(), "changes wait for it");
        let error = applying.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("did not answer within 5s"), "{error}");
        Ok(())
    })?;
    fs::create_dir_all(host.path("spec"))?;
    fs::rename(&file, host.path("spec/own.yaml"))?;
    host.reload()?;
    let problems = || host.problems().unwrap();
    let unanswered = || problems().iter().any(|problem| problem.contains("did not answer"));
    let begun = || {
        let log = fs::read_to_string(host.path("netd.log")).unwrap();
        log.contains("told to reload")
    };
    ensure!(wait(SOON, begun), "the signal is not heard");
    let asked = Instant::now();
    change()?;
    assert!(asked.elapsed() < SOON / 5 && problems().is_empty(), "{:?}", problems());
    ensure!(wait(SOON, unanswered), "{:?}", problems());
    drop(holder);
    host.reload()?;
    ensure!(wait(SOON, || problems().is_empty()), "{:?}", problems());
    host.ok(&["inspect", "x"])?;
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
