//! netd under a service manager: what it reports, and a netd-dns that it did not start.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails ends the test that uses it"
)]

use netd_tests::{
    host::{TestHost, binary, wait},
    ns::is_root,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

fn agent(host: &TestHost, notify: &str, watchdog: Duration) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", r#"WATCHDOG_PID=$$ exec "$0" "$@""#]).arg(binary("netd").unwrap());
    command.args(["--socket".as_ref(), host.path("netd.sock").as_os_str()]);
    command.args(["--state-dir".as_ref(), host.path("state").as_os_str()]);
    command.args(["--spec-dir".as_ref(), host.path("spec").as_os_str()]);
    command.args(["--bpf-dir".as_ref(), host.bpf().as_os_str()]);
    command.env("NOTIFY_SOCKET", notify);
    command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    host.host.namespace().run(|| command.spawn()).unwrap().unwrap()
}

fn heard(manager: &UnixDatagram) -> String {
    let mut bytes = [0; 64];
    let length = manager.recv(&mut bytes).expect("the agent is silent");
    String::from_utf8_lossy(&bytes[..length]).trim().to_owned()
}

#[test]
fn the_service_manager_hears_when_netd_is_ready_alive_and_about_to_stop() {
    if !is_root() {
        return;
    }
    let host = TestHost::without_agent().unwrap();
    let path = host.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let limit = Duration::from_secs(2);
    let mut agent = agent(&host, path.to_str().unwrap(), limit);
    assert_eq!(heard(&manager), "READY=1");
    host.ok(&["status"]).unwrap();
    let mut last = Instant::now();
    for _ in 0..3 {
        assert_eq!(heard(&manager), "WATCHDOG=1");
        assert!(last.elapsed() < limit, "{:?}", last.elapsed());
        last = Instant::now();
    }
    kill(Pid::from_raw(agent.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let last_word = std::iter::repeat_with(|| heard(&manager)).find(|word| word != "WATCHDOG=1");
    assert_eq!(last_word.unwrap(), "STOPPING=1");
    assert!(agent.wait().unwrap().success());
}

/// As systemd starts it for its socket. Its own end of the socket stays open.
fn netd_dns(host: &TestHost, listener: &UnixListener) -> Child {
    let mut command = Command::new("sh");
    command.args(["-c", r#"exec "$0" "$@" 3<&0 0</dev/null"#]);
    command.arg(binary("netd-dns").unwrap()).args(["--user", "nobody"]);
    command.env("LISTEN_FDS", "1").env("NETD_SOCKET", host.path("netd.sock"));
    command.stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())));
    command.stderr(Stdio::null());
    host.host.namespace().run(|| command.spawn()).unwrap().unwrap()
}

fn answers(host: &TestHost) -> bool {
    let words = ["dig", "@127.0.0.11", "+tries=1", "+time=1", "+short", "shop"];
    wait(Duration::from_secs(10), || {
        let output = host.exec("client", &words).unwrap();
        output.stdout.starts_with(b"172.")
    })
}

#[test]
fn a_netd_dns_of_the_service_manager_is_used_and_stays_its_own() {
    if !is_root() {
        return;
    }
    let host = TestHost::without_agent().unwrap();
    fs::write(host.path("netd.toml"), "names-by = 'service'\n").unwrap();
    host.start_agent().unwrap();
    let status = host.ok(&["status"]).unwrap();
    assert!(status.contains("start netd-dns.socket"), "{status}");

    let socket = host.path("netd.dns.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut first = netd_dns(&host, &listener);
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("shop", "web").unwrap();
    host.idle("client", "web").unwrap();
    assert!(answers(&host));
    let status = host.ok(&["status"]).unwrap();
    assert!(!status.contains("netd-dns"), "{status}");

    host.end_agent(Signal::SIGKILL).unwrap();
    host.start_agent().unwrap();
    assert!(answers(&host));
    assert!(first.try_wait().unwrap().is_none(), "the next agent uses it as well");

    first.kill().unwrap();
    first.wait().unwrap();
    let mut second = netd_dns(&host, &listener);
    assert!(answers(&host), "the next netd-dns is told everything");

    host.ok(&["rm", "-f", "shop", "client"]).unwrap();
    assert!(second.try_wait().unwrap().is_none(), "it stays where nobody has names");
    host.ok(&["teardown", "-f"]).unwrap();
    assert!(wait(Duration::from_secs(10), || second.try_wait().unwrap().is_some()));
    assert!(socket.exists(), "the socket is the service manager's");
}
