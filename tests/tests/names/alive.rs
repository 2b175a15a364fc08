//! Answers while the agent or netd-dns dies, and after.

use super::{another_netd_dns, dig, kill_netd_dns, lines, load::Load, netd_dns, shop_and_client};
use netd_tests::{host::wait, ns::is_root};
use nix::sys::signal::Signal;
use std::{fs, time::Duration};

#[test]
fn no_question_fails_while_the_agent_is_killed_and_started_again() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    let before = netd_dns(&host).unwrap();
    let mut load = Load::start(&host, "client", "shop");
    host.end_agent(Signal::SIGKILL).unwrap();
    load.more(300);
    host.start_agent().unwrap();
    load.more(300);
    let outcome = load.finish();
    assert_eq!(outcome.lost, 0, "{outcome:?}");
    assert_eq!(netd_dns(&host), Some(before), "the next agent has found it again");
    host.ok(&["rm", "-f", "shop"]).unwrap();
    assert_eq!(dig(&host, "client", &["shop"]), [] as [&str; 0], "and tells it what is new");
    host.idle("shop", "web").unwrap();
    assert_eq!(dig(&host, "client", &["shop"]).len(), 1);
    host.idle("newcomer", "web").unwrap();
    assert_eq!(dig(&host, "newcomer", &["shop"]).len(), 1, "a new container asks");
}

#[test]
fn netd_dns_is_started_again_within_a_fifth_of_a_second() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    let mut load = Load::start(&host, "client", "shop");
    // It has lived for a while, as one that dies does.
    load.more(1_000);
    let before = kill_netd_dns(&host);
    assert!(another_netd_dns(&host, before));
    load.more(500);
    let outcome = load.finish();
    assert!(outcome.gap < 200, "{outcome:?}");
    // Those that wait in the socket are answered; what it had taken out is gone with it.
    assert!(outcome.lost <= 5, "{outcome:?}");
    assert_eq!(host.ok(&["status"]).unwrap().matches("netd-dns").count(), 0, "all is well again");
}

#[test]
fn netd_dns_that_died_with_the_agent_is_replaced_by_the_next_one() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    host.end_agent(Signal::SIGKILL).unwrap();
    let before = kill_netd_dns(&host);
    host.start_agent().unwrap();
    assert!(another_netd_dns(&host, before));
    let found = || dig(&host, "client", &["+time=1", "shop"]).len() == 1;
    assert!(wait(Duration::from_secs(5), found));
    // The agent has the sockets again.
    let second = kill_netd_dns(&host);
    assert!(another_netd_dns(&host, second));
    assert!(wait(Duration::from_secs(5), found));
}

#[test]
fn a_missing_netd_dns_fails_no_request_and_is_named() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    let socket = host.path("netd.dns.sock");
    host.end_agent(Signal::SIGTERM).unwrap();
    kill_netd_dns(&host);
    // Nothing can be made there: netd-dns can't be started.
    fs::remove_file(&socket).unwrap();
    fs::create_dir(&socket).unwrap();
    fs::write(socket.join("occupied"), "").unwrap();
    host.start_agent().unwrap();
    host.idle("newcomer", "web").unwrap();
    let status = host.ok(&["status"]).unwrap();
    assert!(status.contains("containers find no names: "), "{status}");
    fs::remove_dir_all(&socket).unwrap();
    let found = || dig(&host, "newcomer", &["+time=1", "shop"]).len() == 1;
    assert!(wait(Duration::from_secs(15), found), "it is tried again");
    let clear = || !host.ok(&["status"]).unwrap().contains("find no names");
    assert!(wait(Duration::from_secs(10), clear));
}

#[test]
fn the_way_to_the_resolver_is_put_back() {
    if !is_root() {
        return;
    }
    let host = shop_and_client();
    host.end_agent(Signal::SIGKILL).unwrap();
    host.start_agent().unwrap();
    let pid = host.ok(&["inspect", "client", "--format", "{{.State.Pid}}"]).unwrap();
    let on_lo = || {
        let output = host.exec("client", &["tc", "filter", "show", "dev", "lo", "egress"]);
        lines(&output.unwrap()).join("").matches("handle 0x1 resolver_lo").count()
    };
    assert_eq!(on_lo(), 1, "the next agent's program replaced the last one's");
    host.end_agent(Signal::SIGKILL).unwrap();
    let take_off = ["-t", &pid, "-n", "tc", "qdisc", "del", "dev", "lo", "clsact"];
    assert!(std::process::Command::new("nsenter").args(take_off).status().unwrap().success());
    host.start_agent().unwrap();
    assert_eq!(on_lo(), 1);
    assert_eq!(dig(&host, "client", &["shop"]).len(), 1);
}
