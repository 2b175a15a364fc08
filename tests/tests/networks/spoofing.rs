//! What a container may not say of itself (DESIGN 3.3 rule 1): raw frames, dropped and counted.

use super::{LONG, mac, python, said, serves, words};
use netd::spec::name::Mac;
use netd_tests::{
    frame::{Body, Frame, arp},
    host::{TestHost, wait},
    ns::is_root,
    programs::{LISTENER, RAW_SENDER},
};
use std::net::IpAddr;

struct Pair {
    host: TestHost,
    own: (IpAddr, IpAddr),
    other: (IpAddr, IpAddr),
    macs: ([u8; 6], [u8; 6]),
}

fn pair() -> Pair {
    let host = TestHost::new().unwrap();
    host.ok(&["network", "create", "--ipv6", "web"]).unwrap();
    host.idle("liar", "web").unwrap();
    let listener = python(LISTENER, &["9"]);
    host.run("victim", &["--network", "web"], &words(&listener)).unwrap();
    serves(&host, "victim", "9", "udp");
    let of = |name: &str| {
        let (v4, v6) = host.addresses(name, "web").unwrap();
        (v4.parse().unwrap(), v6.parse().unwrap())
    };
    let macs = (mac(&host, "liar").0, mac(&host, "victim").0);
    let (own, other) = (of("liar"), of("victim"));
    Pair { host, own, other, macs }
}

impl Pair {
    /// Sends frames from the liar; says how many more were dropped for `reason`.
    fn send(&self, frames: &[Vec<u8>], reason: &str) -> u64 {
        let hex = |frame: &Vec<u8>| frame.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let frames: Vec<String> = frames.iter().map(hex).collect();
        let args: Vec<&str> = ["eth0"].into_iter().chain(words(&frames)).collect();
        let before = self.host.dropped(reason).unwrap();
        let sent = self.host.exec("liar", &words(&python(RAW_SENDER, &args))).unwrap();
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        self.host.dropped(reason).unwrap() - before
    }

    /// What the victim knows of its neighbours.
    fn neighbours(&self) -> String {
        said(&self.host.exec("victim", &["ip", "neigh"]).unwrap())
    }
}

fn udp(word: &str) -> Body {
    Body::Udp(1, 9, word.into())
}

#[test]
fn foreign_ethernet_and_ip_sources_are_dropped() {
    if !is_root() {
        return;
    }
    let pair = pair();
    let stranger: [IpAddr; 2] = ["203.0.113.77".parse().unwrap(), "2001:db8::77".parse().unwrap()];
    let macs = pair.macs;
    let mac = Frame::new((macs.1, macs.1), pair.own.0, pair.other.0, udp("forged")).bytes();
    assert_eq!(pair.send(&[mac.clone(), mac], "spoofed-mac"), 2);
    let sources = [
        Frame::new(macs, stranger[0], pair.other.0, udp("forged")).bytes(),
        Frame::new(macs, stranger[1], pair.other.1, udp("forged")).bytes(),
        Frame::new(macs, pair.other.0, pair.own.0, udp("forged")).bytes(),
    ];
    assert_eq!(pair.send(&sources, "spoofed-address"), 3);
    let honest = [
        Frame::new(macs, pair.own.0, pair.other.0, udp("honest")).bytes(),
        Frame::new(macs, pair.own.1, pair.other.1, udp("honest")).bytes(),
    ];
    assert_eq!(pair.send(&honest, "spoofed-address"), 0);
    let heard = || pair.host.ok(&["logs", "victim"]).unwrap();
    assert!(wait(LONG, || heard() == "honest\nhonest"), "the victim heard: {}", heard());
}

#[test]
fn nobody_claims_another_s_address_by_arp_or_neighbour_discovery() {
    if !is_root() {
        return;
    }
    let pair = pair();
    let (IpAddr::V4(own), IpAddr::V4(other)) = (pair.own.0, pair.other.0) else { unreachable!() };
    let gateway = {
        let [a, b, ..] = own.octets();
        [a, b, 0, 1]
    };
    let claims = [
        arp((pair.macs.0, [0xff; 6]), 2, (pair.macs.0, gateway), gateway),
        arp((pair.macs.0, pair.macs.1), 2, (pair.macs.0, gateway), other.octets()),
    ];
    assert_eq!(pair.send(&claims, "spoofed-arp"), 2);
    let mac = Mac(pair.macs.0).to_string();
    let liar = |line: &str| line.contains(&mac) && line.contains(".0.1 ");
    assert!(!pair.neighbours().lines().any(liar), "{}", pair.neighbours());
    let IpAddr::V6(target) = pair.other.1 else { unreachable!() };
    let mut rest = vec![0x20, 0, 0, 0];
    rest.extend(target.octets());
    rest.extend([2, 1]);
    rest.extend(pair.macs.0);
    let all = "ff02::1".parse().unwrap();
    let macs = (pair.macs.0, [0x33, 0x33, 0, 0, 0, 1]);
    let claim =
        Frame::new(macs, pair.own.1, all, Body::Icmp(136, 0, rest.clone())).hops(255).bytes();
    assert_eq!(pair.send(&[claim], "spoofed-neighbour"), 1);
    let advertisement = Body::Icmp(134, 0, rest);
    let rogue = Frame::new(macs, pair.own.1, all, advertisement).hops(255).bytes();
    assert_eq!(pair.send(&[rogue], "router-message"), 1);
}

#[test]
fn nobody_plays_dhcp_server() {
    if !is_root() {
        return;
    }
    let pair = pair();
    let all: (IpAddr, IpAddr) = ("255.255.255.255".parse().unwrap(), "ff02::1:2".parse().unwrap());
    let macs = |to| (pair.macs.0, to);
    let offers = [
        Frame::new(macs([0xff; 6]), pair.own.0, all.0, Body::Udp(67, 68, vec![2; 240])).bytes(),
        Frame::new(pair.macs, pair.own.0, pair.other.0, Body::Udp(67, 68, vec![2; 240])).bytes(),
        Frame::new(macs([0x33, 0x33, 0, 1, 0, 2]), pair.own.1, all.1, Body::Udp(547, 546, vec![2]))
            .bytes(),
    ];
    assert_eq!(pair.send(&offers, "dhcp-server"), 3);
}

#[test]
fn tagged_and_unknown_frames_are_dropped() {
    if !is_root() {
        return;
    }
    let pair = pair();
    let plain = Frame::new(pair.macs, pair.own.0, pair.other.0, udp("forged")).bytes();
    let tagged = [&plain[..12], &[0x81, 0x00, 0, 1], &plain[12..]].concat();
    let twice = [&plain[..12], &[0x88, 0xa8, 0, 1, 0x81, 0x00, 0, 1], &plain[12..]].concat();
    assert_eq!(pair.send(&[tagged, twice], "vlan"), 2);
    let mut lldp = plain.clone();
    lldp[12..14].copy_from_slice(&[0x88, 0xcc]);
    assert_eq!(pair.send(&[lldp], "ether-type"), 1);
    let mut bpdu = plain;
    bpdu[..6].copy_from_slice(&[0x01, 0x80, 0xc2, 0, 0, 0]);
    assert_eq!(pair.send(&[bpdu], "link-control"), 1);
}
