//! A netd-dns that gets nowhere: by its own end, or for want of descriptors.

use super::{LONG, dig, kill_netd_dns, netd_dns, shop_and_client};
use netd_tests::{
    host::{TestHost, binary, wait},
    ns::is_root,
};
use nix::sys::signal::Signal;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// An agent of its own directory, whose netd-dns notes each start in `starts` and ends at once, as
/// long as there is no file `well`.
fn build_that_fails(host: &TestHost) -> PathBuf {
    let netd = binary("netd").unwrap();
    let (own, dns) = host.room_for_build("build").unwrap();
    if fs::hard_link(&netd, &own).is_err() {
        fs::copy(&netd, &own).unwrap();
    }
    let script = format!(
        "#!/bin/sh\ndate +%s%N >>{}\n[ -e {} ] || exit 1\nexec {} \"$@\"\n",
        host.path("starts").display(),
        host.path("well").display(),
        binary("netd-dns").unwrap().display()
    );
    fs::write(&dns, script).unwrap();
    fs::set_permissions(&dns, fs::Permissions::from_mode(0o755)).unwrap();
    own
}

/// When it was started, nanoseconds.
fn starts(file: &Path) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn a_netd_dns_that_ends_at_once_is_started_again_less_and_less_often() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    let netd = build_that_fails(&host);
    host.end_agent(Signal::SIGKILL).unwrap();
    kill_netd_dns(&host);
    host.start_agent_as(&[], &netd).unwrap();
    let file = host.path("starts");
    let a_second = || {
        let times = starts(&file);
        times.windows(2).last().is_some_and(|pair| pair[1] - pair[0] > 1_000_000_000)
    };
    assert!(wait(LONG, a_second), "{:?}", starts(&file));
    // Each pause is twice the last one, of 20 ms; a change of the host's tries again at once.
    assert!((5..=15).contains(&starts(&file).len()), "{:?}", starts(&file));
    let status = host.ok(&["status"]).unwrap();
    assert!(status.contains("netd-dns ends as soon as it is started; see its log"), "{status}");
    // No request fails for its sake, or waits for it.
    host.idle("newcomer", "web").unwrap();
    let log = fs::read_to_string(host.path("netd.log")).unwrap();
    let lines = log.lines().filter(|line| line.contains("ERROR") && line.contains("netd-dns"));
    assert_eq!(lines.count(), 1, "once, and not for each start: {log}");

    fs::write(host.path("well"), "").unwrap();
    let found = || dig(&host, "newcomer", &["+time=1", "shop"]).len() == 1;
    assert!(wait(LONG, found), "{}", host.ok(&["status"]).unwrap());
    let clear = || !host.ok(&["status"]).unwrap().contains("netd-dns");
    assert!(wait(LONG, clear), "{}", host.ok(&["status"]).unwrap());
}

/// Lets a process have as many descriptors from now on. Its own user may do that to it.
fn limit(pid: i32, descriptors: u32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let id = |name: &str| -> String {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", &id("Uid:"), "--regid", &id("Gid:"), "--clear-groups"]);
    command.args(["prlimit", "--pid", &pid.to_string(), &format!("--nofile={descriptors}:")]);
    assert!(command.status().unwrap().success());
}

/// The kernel leaves out descriptors that the receiver may not have (MSG_CTRUNC, recvmsg(2)).
#[test]
fn a_netd_dns_that_may_open_nothing_more_takes_no_socket_for_anothers_and_is_asked_again() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    let pid = netd_dns(&host).unwrap();
    let open = |fd: &u32| Path::new(&format!("/proc/{pid}/fd/{fd}")).symlink_metadata().is_ok();
    let free = (0..).find(|fd| !open(fd)).unwrap();
    // One of the sockets of a client, and not the others.
    limit(pid, free + 1);
    host.idle("newcomer", "web").unwrap();
    let log = fs::read_to_string(host.path("netd.log")).unwrap();
    assert!(log.contains("more descriptors than this process may have open"), "{log}");
    let status = || host.ok(&["status"]).unwrap();
    assert!(status().contains("names: netd-dns does not answer"), "{}", status());
    assert_eq!(dig(&host, "client", &["newcomer"]).len(), 1, "the others are answered");
    let (shop, _) = host.addresses("shop", "web").unwrap();
    let found = || dig(&host, "newcomer", &["+time=1", "shop"]) == [shop.as_str()];
    assert!(!found());
    limit(pid, 1_000);
    assert!(wait(LONG, found), "{}", status());
    assert!(wait(LONG, || !status().contains("netd-dns")), "{}", status());
    assert_eq!(netd_dns(&host), Some(pid), "for want of descriptors nobody ends");
}
