//! The dataplane end to end: real clients and servers in namespaces, IPv4 and IPv6.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails ends the test that uses it"
)]

mod apart;
mod inside;
mod layer3;
mod lifecycle;
mod link;
mod modes;
mod outside;
mod published;
mod reserved;
mod spoofing;
mod steady;
mod tables;
mod uplinks;
mod xdp;

use netd::spec::name::Mac;
use netd_tests::{
    host::{TestHost, shell, wait},
    ns::TestNs,
    programs::{TCP_CLIENT, TCP_SERVER, UDP_CLIENT, UDP_SERVER},
};
use std::{process::Output, time::Duration};

/// What a client's arguments begin with, in a namespace or a container.
fn python(script: &str, args: &[&str]) -> Vec<String> {
    let start = ["python3", "-c", script];
    start.iter().chain(args).map(|word| (*word).to_owned()).collect()
}

fn words(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A container that tells its TCP clients on `port` the address it sees.
fn tcp_server(host: &TestHost, name: &str, options: &[&str], port: &str) {
    host.run(name, options, &words(&python(TCP_SERVER, &[port]))).unwrap();
    serves(host, name, port, "tcp");
}

/// A container that tells its UDP clients on `port` the address it sees, and `word`.
fn udp_server(host: &TestHost, name: &str, options: &[&str], port: &str, word: &str) {
    host.run(name, options, &words(&python(UDP_SERVER, &[port, word]))).unwrap();
    serves(host, name, port, "udp");
}

/// Waits until something in the container has the port.
fn serves(host: &TestHost, name: &str, port: &str, protocol: &str) {
    let option = if protocol == "tcp" { "-ltnH" } else { "-lunH" };
    let filter = format!("sport = :{port}");
    let there = wait(LONG, || {
        host.exec(name, &["ss", option, &filter]).is_ok_and(|output| !said(&output).is_empty())
    });
    assert!(there, "{name} does not serve {port}/{protocol}");
}

/// What a TCP server says to a client in a namespace; none where it can't be reached.
fn ask_tcp(ns: &TestNs, address: &str, port: &str) -> Option<String> {
    let args = [address, port, "1.5"].map(str::to_owned);
    answer(
        ns.namespace().run(|| {
            std::process::Command::new("python3").args(["-c", TCP_CLIENT]).args(args).output()
        }),
    )
}

/// What a UDP server says to a client in a namespace, and who seems to have said it.
fn ask_udp(ns: &TestNs, address: &str, port: &str, own: &str, how: &str) -> Option<String> {
    let args = [address, port, "1.5", own, how].map(str::to_owned);
    answer(
        ns.namespace().run(|| {
            std::process::Command::new("python3").args(["-c", UDP_CLIENT]).args(args).output()
        }),
    )
}

fn answer(output: netd::error::Result<std::io::Result<Output>>) -> Option<String> {
    let output = output.unwrap().unwrap();
    output.status.success().then(|| said(&output))
}

/// As [`ask_tcp`], from a container.
fn tcp_from(host: &TestHost, container: &str, address: &str, port: &str) -> Option<String> {
    let output = host.exec(container, &words(&python(TCP_CLIENT, &[address, port, "1.5"])));
    let output = output.unwrap();
    output.status.success().then(|| said(&output))
}

/// As [`ask_udp`], from a container.
fn udp_from(host: &TestHost, container: &str, address: &str, port: &str) -> Option<String> {
    let args = [address, port, "1.5", "0", "unconnected"];
    let output = host.exec(container, &words(&python(UDP_CLIENT, &args))).unwrap();
    output.status.success().then(|| said(&output))
}

/// The Ethernet address of a container that is on one network.
fn mac(host: &TestHost, container: &str) -> Mac {
    let path = "{{range .NetworkSettings.Networks}}{{.MacAddress}}{{end}}";
    host.ok(&["inspect", container, "--format", path]).unwrap().parse().unwrap()
}

/// Three pings from a container; whether all were answered.
fn pings(host: &TestHost, container: &str, address: &str) -> bool {
    let ping = ["ping", "-q", "-c", "3", "-i", "0.1", "-W", "1", address];
    said(&host.exec(container, &ping).unwrap()).contains(" 3 received")
}

/// One ping from a namespace; whether it was answered.
fn ping_from(ns: &TestNs, address: &str) -> bool {
    shell(ns, &format!("ping -q -c 1 -W 1 {address}")).unwrap().status.success()
}

const LONG: Duration = Duration::from_secs(10);
