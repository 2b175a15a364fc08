//! Namespaces that netd did not make.

use super::{dig, dig_in, host_with_resolver, lines, netd_dns};
use netd_tests::{
    host::{TestHost, shell, wait},
    ns::{TestNs, is_root},
};
use std::{fs, os::fd::AsRawFd, path::PathBuf, process, time::Duration};

/// A namespace's file, gone with this value.
struct File(PathBuf);

impl File {
    /// Binds a namespace to a file as `ip netns add` does, in a directory of the test's own.
    fn new(host: &TestHost, ns: &TestNs, name: &str) -> Self {
        let path = host.path(name);
        fs::write(&path, "").unwrap();
        let number = std::os::fd::AsFd::as_fd(ns).as_raw_fd();
        let source = format!("/proc/{}/fd/{number}", process::id());
        let flags = nix::mount::MsFlags::MS_BIND;
        nix::mount::mount(Some(source.as_str()), &path, None::<&str>, flags, None::<&str>).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(&self.0, nix::mount::MntFlags::MNT_DETACH);
    }
}

#[test]
fn a_namespace_brought_by_others_asks_and_is_found_by_its_files_name() {
    if !is_root() {
        return;
    }
    let host = host_with_resolver(None);
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("shop", "web").unwrap();
    let ns = TestNs::new().unwrap();
    let file = File::new(&host, &ns, "guest");
    let reference = format!("netns:{}", file.0.display());
    host.ok(&["network", "connect", "--alias", "visitor", "web", &reference]).unwrap();
    let shop = host.addresses("shop", "web").unwrap().0;
    assert_eq!(dig_in(&ns, &["shop"]), [shop.as_str()]);
    for name in ["guest", "visitor", "guest.web"] {
        assert_eq!(dig(&host, "shop", &[name]).len(), 1, "{name}");
    }
    let own = dig(&host, "shop", &["guest"]);
    assert_eq!(dig(&host, "shop", &["-x", &own[0]]), ["guest.web."]);
    host.ok(&["network", "disconnect", "web", &reference]).unwrap();
    assert_eq!(dig(&host, "shop", &["guest"]), [] as [&str; 0]);
    let left = shell(&ns, "tc qdisc show dev lo; ss -lnH -A inet").unwrap();
    let left: Vec<String> = lines(&left).into_iter().filter(|l| !l.contains("noqueue")).collect();
    assert_eq!(left, [] as [&str; 0], "a trace is left");
}

#[test]
fn a_namespace_that_is_over_is_let_go() {
    if !is_root() {
        return;
    }
    let host = host_with_resolver(None);
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("shop", "web").unwrap();
    let sockets = || {
        let pid = netd_dns(&host).unwrap();
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        open.filter(|e| fs::read_link(e.path()).is_ok_and(|l| l.starts_with("socket:"))).count()
    };
    let few = sockets();
    host.run("guest", &["--network", "web", "--dns", "192.0.2.1"], &["sleep", "infinity"]).unwrap();
    host.ok(&["rm", "-f", "guest"]).unwrap();
    assert!(wait(Duration::from_secs(5), || sockets() == few), "{} sockets", sockets());
}
