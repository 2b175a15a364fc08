//! Ports that can't be published.

use super::*;
use std::net::{TcpListener, UdpSocket};

#[test]
fn malformed_publish_specs_are_refused_and_named() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    for (spec, why) in [
        ("x", "not a number from 1 to 65535"),
        ("", "no container port"),
        ("99999:1", "host port \"99999\""),
        ("1:2-3", "not equally many"),
        ("9-8", "ends before it begins"),
        ("80/icmp", "none of tcp, udp and sctp"),
        ("80:80:80", "\"80\" is not an address of the host"),
        ("127.0.0.1:80", "two colons"),
        ("[::1:80:80", "not an address"),
        ("1:2:3:4", "not an address"),
        ("80:80,10.0.0.0/8", "is not understood after the ports"),
        ("80:80,from=", "no address or CIDR"),
        ("80:80,from=10.0.0.1/8", "it should be 10.0.0.0/8"),
        ("80:80,from=::ffff:10.0.0.1", "write it as IPv4"),
    ] {
        let quoted = format!("invalid publish spec {spec:?}");
        refuses(&host, &[(&["run", "-d", "-p", spec, "--", "true"], 2, &[&quoted, why])])?;
    }
    let foreign = ["run", "-d", "-p", "192.0.2.9:80:80", "--", "true"];
    let expose = ["run", "-d", "-P", "--expose", "x", "--", "true"];
    refuses(
        &host,
        &[
            (&foreign, 1, &["192.0.2.9 is not an address of this host"]),
            (&expose, 2, &["invalid exposed port \"x\""]),
        ],
    )
}

#[test]
fn ports_of_other_containers_are_refused_in_dockers_words() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let ports = ["-p", "8080:80", "-p", "127.0.0.1:9000:9", "-p", "7000-7009:7000-7009/udp"];
    host.run("web", &ports, &["sleep", "infinity"])?;
    let publish = |spec: &str, words: &[&str]| {
        refuses(&host, &[(&["run", "-d", "-p", spec, "--", "true"], 1, words)])
    };
    let allocated = "port is already allocated to container web";
    publish("8080:1", &["Bind for 0.0.0.0:8080 failed", allocated])?;
    publish("127.0.0.1:8080:1", &["127.0.0.1:8080", allocated])?;
    publish("[::1]:8080:1", &["[::1]:8080", allocated])?;
    publish("9000:1", &["9000", allocated])?;
    publish("7009-7010:1-2/udp", &["7009", allocated])?;
    let twice = ["run", "-d", "-p", "5000:1", "-p", "5000:2", "--", "true"];
    refuses(&host, &[(&twice, 1, &["another publish spec of the same container"])])?;
    // What does not clash is not refused: another protocol, another address, another host port.
    let others = ["-p", "8080:80/udp", "-p", "198.51.100.2:9000:9", "-p", "8081:80"];
    host.run("other", &others, &["sleep", "infinity"])?;
    Ok(())
}

#[test]
fn ports_that_a_host_process_has_are_refused_until_it_lets_go() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let ns = host.host.namespace();
    let (tcp, udp) = ns.run(|| {
        (TcpListener::bind("127.0.0.1:4500").unwrap(), UdpSocket::bind("[::]:4501").unwrap())
    })?;
    let tcp_spec = ["run", "-d", "--name", "x", "-p", "4500:80", "--", "sleep", "infinity"];
    let udp_spec = ["run", "-d", "-p", "4501:80/udp", "--", "sleep", "infinity"];
    refuses(
        &host,
        &[
            (&tcp_spec, 1, &["failed to bind host port", "4500/tcp: address already in use"]),
            (&udp_spec, 1, &["failed to bind host port", "4501/udp: address already in use"]),
        ],
    )?;
    drop((tcp, udp));
    host.ok(&tcp_spec)?;
    let taken = ns.run(|| TcpListener::bind("0.0.0.0:4500").map(drop))?;
    assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    host.ok(&["rm", "-f", "x"])?;
    ns.run(|| TcpListener::bind("0.0.0.0:4500"))??;
    Ok(())
}

#[test]
fn of_a_range_the_first_port_that_a_host_process_has_is_named() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let ns = host.host.namespace();
    let (listener, bound) = ns.run(|| {
        (TcpListener::bind("127.0.0.1:24007").unwrap(), UdpSocket::bind("0.0.0.0:24008").unwrap())
    })?;
    let range = |ports: &str| format!("{ports}:{ports}");
    let (tcp, udp) = (range("20000-29999"), format!("{}/udp", range("20000-29999")));
    let words = "failed to bind host port 0.0.0.0:24007/tcp: address already in use";
    refuses(
        &host,
        &[
            (&["run", "-d", "-p", &tcp, "--", "true"], 1, &[words]),
            (&["run", "-d", "-p", &udp, "--", "true"], 1, &["0.0.0.0:24008/udp: address already"]),
        ],
    )?;
    // A listener on another address is none of the publication's business.
    let here = format!("198.51.100.2:{tcp}");
    host.run("here", &["-p", &here], &["sleep", "infinity"])?;
    drop((listener, bound));
    host.run("web", &["-p", &udp], &["sleep", "infinity"])?;
    Ok(())
}

#[test]
fn what_can_not_be_published_or_unpublished_is_told_and_nothing_is_done() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "--internal", "vault"])?;
    for (name, network) in
        [("web", "bridge"), ("db", "vault"), ("hosted", "host"), ("lonely", "none")]
    {
        host.run(name, &["--network", network], &["sleep", "infinity"])?;
    }
    host.run("other", &["-p", "8000-8009:1-10"], &["sleep", "infinity"])?;
    host.ok(&["publish", "web", "9090:80"])?;
    let allocated = "Bind for 0.0.0.0:8009 failed: port is already allocated to container other";
    refuses(
        &host,
        &[
            (&["publish", "web", "81:81", "8009-8010:1-2"], 1, &["container web", allocated]),
            (&["publish", "web", "9090:80"], 1, &["already published", "unpublish it first"]),
            (&["publish", "web", "9090:81"], 1, &["port is already allocated"]),
            (&["publish", "web", "81:81", "x"], 2, &["invalid publish spec \"x\""]),
            (&["publish", "web"], 2, &["SPEC"]),
            (&["publish", "nobody", "81:81"], 1, &["container nobody not found"]),
            (&["publish", "db", "81:81"], 1, &["on internal networks only", "connect it"]),
            (&["publish", "hosted", "81:81"], 1, &["the host's own network"]),
            (&["publish", "lonely", "81:81"], 1, &["network none"]),
            (&["unpublish", "web", "80", "81"], 1, &["81/tcp is not published", "9090:80/tcp"]),
            (&["unpublish", "web", "9090:80/udp"], 1, &["9090:80/udp is not published"]),
            (&["unpublish", "other", "8000:1"], 1, &["8000-8009:1-10/tcp"]),
            (&["unpublish", "db", "80"], 1, &["it publishes nothing"]),
            (&["unpublish", "nobody", "80"], 1, &["container nobody not found"]),
        ],
    )
}
