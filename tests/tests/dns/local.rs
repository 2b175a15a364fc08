//! Names of containers, as dig sees them.

use super::{
    site::{Asker, Handed, Site, WEB, texts},
    upstream::{Upstream, is},
};
use hickory_proto::{op::ResponseCode, rr::RecordType};
use netd::dns::protocol::{Answer, Client, ClientId};
use netd_tests::ns::is_root;

#[test]
fn a_container_finds_its_neighbours_over_udp_and_tcp() {
    if !is_root() {
        return;
    }
    let site = Site::new(&[]);
    for tcp in ["", "+tcp "] {
        let short = |words: &str| site.dig(&format!("{tcp}+short {words}"));
        assert_eq!(short("db A"), "172.18.0.3");
        assert_eq!(short("WEB.Front AAAA"), "fd00::2");
        assert_eq!(short("db AAAA"), "");
        assert_eq!(short("-x 172.18.0.2"), "Web.front.");
        assert_eq!(short("localhost A"), "127.0.0.1");
        let mut both: Vec<_> = short("both A").lines().map(String::from).collect();
        both.sort();
        assert_eq!(both, ["172.18.0.4", "172.18.0.5"]);
    }
    let whole = site.dig("wEb A");
    assert!(whole.contains("status: NOERROR") && whole.contains("\nwEb.\t\t\t1\tIN\tA"), "{whole}");
    assert!(whole.contains("EDNS: version: 0") && whole.contains("ra;"), "{whole}");
}

#[test]
fn what_is_known_is_asked_for_nowhere_else_and_neither_are_others_names() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&["127.0.0.1"]);
    let upstream = Upstream::new(&site.host, "127.0.0.1", |question| is(question, 1));
    let client = site.client();
    for kind in [RecordType::AAAA, RecordType::MX, RecordType::TXT, RecordType::HTTPS] {
        client.send("db.", kind);
        let answer = client.hear();
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert!(answer.answers.is_empty());
    }
    assert!(site.dig("-x 172.18.0.9").contains("status: NXDOMAIN"));
    assert!(site.dig("secret.back.netd").contains("status: NXDOMAIN"));
    assert!(upstream.heard().is_empty());
    site.web().outside = false;
    site.know();
    assert!(site.dig("example.com").contains("status: NXDOMAIN"));
    assert!(upstream.heard().is_empty(), "an internal network");
    site.web().outside = true;
    site.know();
    assert_eq!(site.dig("+short example.com"), "9.9.9.1");
}

#[test]
fn a_replaced_container_is_found_at_once() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    let client = site.client();
    for host in 10..60 {
        let zone = site.names.networks.get_mut("f").unwrap();
        zone.endpoints[1].ipv4 = Some([172, 18, 0, host].into());
        site.know();
        assert_eq!(texts(&client.ask("db.")), [format!("172.18.0.{host}")]);
    }
    site.names.clients.remove(&WEB);
    site.know();
    assert_eq!(client.ask("db.").metadata.response_code, ResponseCode::Refused);
}

#[test]
fn the_host_and_each_client_have_names_of_their_own() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&["127.0.0.1"]);
    let upstream = Upstream::new(&site.host, "127.0.0.1", |question| is(question, 1));
    let sockets = Handed::make(&site.host, "127.0.0.54:53", 0, 0);
    assert_eq!(site.serve(ClientId::HOST, sockets), Answer::Done);
    let back = Client { networks: vec!["b".into()], ..Client::default() };
    site.names.clients.insert(ClientId(2), back);
    site.know();
    let sockets = Handed::make(&site.container, "127.0.0.12:53", 0, 0);
    assert_eq!(site.serve(ClientId(2), sockets), Answer::Done);
    let host = Asker::new(&site.host, "127.0.0.54:53");
    assert_eq!(texts(&host.ask("secret.back.netd.")), ["172.18.0.9"]);
    assert_eq!(texts(&host.ask("db.front.netd.")), ["172.18.0.3"]);
    assert_eq!(host.ask("example.com.").metadata.response_code, ResponseCode::Refused);
    let other = Asker::new(&site.container, "127.0.0.12:53");
    assert_eq!(texts(&other.ask("secret.")), ["172.18.0.9"]);
    assert_eq!(other.ask("db.").metadata.response_code, ResponseCode::NXDomain);
    assert!(upstream.heard().is_empty());
}
