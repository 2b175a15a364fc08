//! What clients get, as hickory-proto reads it.

use super::*;
use crate::dns::protocol::{Client, Endpoint, Names, Zone};
use hickory_proto::{
    op::{Edns, Message, Query as TheirQuery, ResponseCode},
    rr::{DNSClass, Name, RData, RecordType},
};
use std::{collections::BTreeSet, net::IpAddr};

const OUT: ClientId = ClientId(1);
const INTERNAL: ClientId = ClientId(2);
const DOTTED: ClientId = ClientId(3);

fn tables(crowd: u32) -> Tables {
    let one = |names: &[&str], ipv4: Option<u32>, ipv6: bool| Endpoint {
        names: names.iter().map(ToString::to_string).collect(),
        ipv4: ipv4.map(Ipv4Addr::from_bits),
        ipv6: ipv6.then_some("fd00::1".parse().unwrap()),
    };
    let mut endpoints = vec![one(&["v4"], Some(1), false), one(&["v6"], None, true)];
    endpoints.extend((0..crowd).map(|at| one(&["crowd"], Some(0x0a00_0000 + at), false)));
    let client = |outside, dotted_only| Client {
        networks: vec!["n".into()],
        outside,
        dotted_only,
        ..Client::default()
    };
    Tables::new(&Names {
        networks: [("n".into(), Zone { name: "net".into(), endpoints })].into(),
        clients: [
            (OUT, client(true, false)),
            (INTERNAL, client(false, false)),
            (DOTTED, client(true, true)),
        ]
        .into(),
    })
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(TheirQuery::query(Name::from_ascii(name).unwrap(), kind));
    message
}

/// The answer, or none where others are to be asked.
fn ask(tables: &Tables, client: ClientId, message: &Message, stream: bool) -> Option<Message> {
    let mut out = Vec::new();
    match respond(tables, client, &message.to_vec().unwrap(), stream, &mut out) {
        Next::Answer => Some(Message::from_vec(&out).unwrap()),
        Next::Ask(_) => None,
        Next::Silence => panic!("no answer"),
    }
}

fn code(client: ClientId, name: &str, kind: RecordType) -> Option<(ResponseCode, usize)> {
    let answer = ask(&tables(0), client, &question(name, kind), false)?;
    assert_eq!(answer.queries, question(name, kind).queries);
    assert!(answer.metadata.recursion_available && answer.metadata.recursion_desired);
    Some((answer.metadata.response_code, answer.answers.len()))
}

const OK: ResponseCode = ResponseCode::NoError;

#[test]
fn a_known_name_is_never_asked_for_elsewhere_whatever_the_type() {
    use RecordType::{A, AAAA, ANY, HTTPS, MX, SRV, TXT};
    assert_eq!(code(OUT, "v4.", A), Some((OK, 1)));
    assert_eq!(code(OUT, "V4.net.", A), Some((OK, 1)));
    assert_eq!(code(OUT, "v6.", AAAA), Some((OK, 1)));
    for (name, kind) in [("v4.", AAAA), ("v6.", A), ("v4.", MX), ("v4.", ANY), ("v6.", HTTPS)] {
        assert_eq!(code(OUT, name, kind), Some((OK, 0)), "{name} {kind}");
    }
    assert_eq!(code(OUT, "localhost.", A), Some((OK, 1)));
    assert_eq!(code(OUT, "localhost.", TXT), Some((OK, 0)));
    assert_eq!(code(OUT, "1.0.0.0.in-addr.arpa.", RecordType::PTR), Some((OK, 1)));
    assert_eq!(code(OUT, "1.0.0.0.in-addr.arpa.", SRV), Some((OK, 0)));
    assert_eq!(code(OUT, "example.com.", A), None);
}

#[test]
fn who_may_not_ask_outside_hears_that_there_is_no_such_name() {
    for name in ["example.com.", "com.", "9.9.9.9.in-addr.arpa."] {
        assert_eq!(code(INTERNAL, name, RecordType::A), Some((ResponseCode::NXDomain, 0)));
    }
    assert_eq!(code(INTERNAL, "v4.", RecordType::A), Some((OK, 1)));
}

#[test]
fn names_without_a_dot_stay_inside_where_resolv_conf_says_so() {
    assert_eq!(code(DOTTED, "com.", RecordType::AAAA), Some((OK, 0)));
    assert_eq!(code(DOTTED, "com.", RecordType::NS), None);
    assert_eq!(code(DOTTED, "a.com.", RecordType::A), None);
    assert_eq!(code(OUT, "com.", RecordType::A), None);
}

#[test]
fn what_is_no_question_for_a_resolver_is_refused() {
    let refused = Some((ResponseCode::Refused, 0));
    assert_eq!(code(OUT, "example.com.", RecordType::AXFR), refused);
    assert_eq!(code(OUT, "v4.", RecordType::IXFR), refused);
    assert_eq!(code(ClientId(9), "v4.", RecordType::A), refused);
    assert_eq!(code(ClientId::HOST, "example.com.", RecordType::A), refused);
    let mut chaos = question("version.bind.", RecordType::TXT);
    chaos.queries[0].query_class = DNSClass::CH;
    let answer = ask(&tables(0), OUT, &chaos, false).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
}

fn addresses(answer: &Message) -> Vec<IpAddr> {
    let address = |data: &RData| data.ip_addr().unwrap();
    answer.answers.iter().map(|record| address(&record.data)).collect()
}

#[test]
fn several_containers_of_one_name_take_turns() {
    let tables = tables(4);
    let asked = question("crowd.", RecordType::A);
    let all: BTreeSet<_> =
        (0..200).map(|_| addresses(&ask(&tables, OUT, &asked, false).unwrap())).collect();
    assert!(all.len() > 12, "{} orders of 24", all.len());
    let same = |order: &Vec<IpAddr>| order.iter().collect::<BTreeSet<_>>().len() == 4;
    assert!(all.iter().all(same));
}

#[test]
fn what_does_not_fit_is_left_out_and_said_to_be() {
    let tables = tables(100);
    let mut asked = question("crowd.", RecordType::A);
    let plain = ask(&tables, OUT, &asked, false).unwrap();
    assert!(plain.metadata.truncation);
    assert_eq!(plain.answers.len(), (512 - 12 - 11) / 16);
    let whole = ask(&tables, OUT, &asked, true).unwrap();
    assert_eq!((whole.metadata.truncation, whole.answers.len()), (false, 100));
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    asked.set_edns(edns);
    let mut out = Vec::new();
    respond(&tables, OUT, &asked.to_vec().unwrap(), false, &mut out);
    assert!((1210..=1232).contains(&out.len()), "{}", out.len());
    let told = Message::from_vec(&out).unwrap();
    assert!(told.metadata.truncation && told.edns.is_some());
    assert_eq!(told.answers[0].ttl, 1);
}

#[test]
fn a_version_of_edns_that_nobody_knows_is_told() {
    let mut asked = question("v4.", RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(1);
    asked.set_edns(edns);
    for name in ["v4.", "example.com."] {
        asked.queries[0].name = Name::from_ascii(name).unwrap();
        let answer = ask(&tables(0), OUT, &asked, false).unwrap();
        // 16 means BADSIG as well, in other messages.
        assert_eq!(u16::from(answer.metadata.response_code), 16);
        assert!(answer.answers.is_empty());
    }
}
