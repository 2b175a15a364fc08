//! What is left when nobody has names any more.

use super::{dig_in, netd_dns};
use netd_tests::{
    host::{TestHost, wait},
    ns::is_root,
};
use std::time::Duration;

#[test]
fn netd_dns_runs_only_while_somebody_has_names() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("plain", "bridge").unwrap();
    assert_eq!(netd_dns(&host), None);
    host.idle("shop", "web").unwrap();
    assert!(netd_dns(&host).is_some());
    assert!(host.path("netd.dns.sock").exists());
    host.ok(&["rm", "-f", "shop"]).unwrap();
    assert!(wait(Duration::from_secs(5), || netd_dns(&host).is_none()));
    assert!(!host.path("netd.dns.sock").exists());
    let answers = dig_in(&host.host, &["+time=1", "shop.web.netd"]);
    assert!(answers.iter().all(|line| line.starts_with(";;")), "{answers:?}");
}

#[test]
fn a_teardown_ends_netd_dns() {
    if !is_root() {
        return;
    }
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "web"]).unwrap();
    host.idle("shop", "web").unwrap();
    assert!(netd_dns(&host).is_some());
    host.ok(&["teardown", "-f"]).unwrap();
    assert_eq!(netd_dns(&host), None);
    assert!(!host.path("netd.dns.sock").exists());
}
