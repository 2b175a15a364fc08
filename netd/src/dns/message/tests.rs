//! Messages, held against hickory-proto, and against what attackers send.

mod pointers;

use super::{foreign::*, query::*, *};
use crate::dns::name::text;
use hickory_proto::{
    op::{Edns as TheirEdns, Message, Query as TheirQuery},
    rr::{Name, RData, Record, RecordType, rdata},
};
use proptest::prelude::*;

/// A header with these counts, and what follows it.
fn packet(counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd, 1, 0];
    packet.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    packet.extend_from_slice(rest);
    packet
}

const QUESTION: &[u8] = b"\x03Web\x01b\0\0\x01\0\x01";

fn fault(packet: &[u8]) -> Fault {
    Query::parse(packet).unwrap_err()
}

#[test]
fn a_question_is_read_and_its_name_is_in_lower_case() {
    let bytes = packet([1, 0, 0, 0], QUESTION);
    let query = Query::parse(&bytes).unwrap();
    assert_eq!((text(query.name()), query.kind, query.class), ("web.b".into(), kind::A, IN));
    assert_eq!((query.question(), query.id()), (QUESTION, [0xab, 0xcd]));
    assert_eq!((query.room(false), query.room(true)), (512, 65_535));
}

#[test]
fn what_is_no_question_gets_its_code_or_nothing() {
    assert_eq!(fault(b""), Fault::Silence);
    assert_eq!(fault(&packet([1, 0, 0, 0], QUESTION)[..11]), Fault::Silence);
    let mut response = packet([1, 0, 0, 0], QUESTION);
    response[2] |= 0x80;
    assert_eq!(fault(&response), Fault::Silence);
    for opcode in 1..16 {
        let mut other = packet([1, 0, 0, 0], QUESTION);
        other[2] |= opcode << 3;
        assert_eq!(fault(&other), Fault::Code(code::NOTIMP));
    }
    let malformed = Fault::Code(code::FORMERR);
    for counts in [[0, 0, 0, 0], [2, 0, 0, 0], [65_535; 4], [1, 1, 0, 0], [1, 0, 65_535, 0]] {
        assert_eq!(fault(&packet(counts, QUESTION)), malformed, "{counts:?}");
    }
    assert_eq!(fault(&packet([1, 0, 0, 65_535], QUESTION)), malformed);
    for length in 0..QUESTION.len() {
        assert_eq!(fault(&packet([1, 0, 0, 0], &QUESTION[..length])), malformed, "{length}");
    }
}

#[test]
fn names_that_are_too_long_or_point_somewhere_are_malformed() {
    let end = b"\0\0\x01\0\x01".as_slice();
    let label = |length: u8| [vec![length], vec![b'x'; length.into()]].concat();
    let longest = [label(63), label(63), label(63), label(61)].concat();
    assert!(Query::parse(&packet([1, 0, 0, 0], &[&longest, end].concat())).is_ok());
    let pointer = b"\xc0\x0c\0\x01\0\x01".to_vec();
    for wrong in [
        [longest.as_slice(), b"\x01y", end].concat(),
        [label(64).as_slice(), end].concat(),
        [b"\x80x".as_slice(), end].concat(),
        pointer.clone(),
        [b"\x01a".as_slice(), &pointer].concat(),
    ] {
        assert_eq!(fault(&packet([1, 0, 0, 0], &wrong)), Fault::Code(code::FORMERR));
    }
}

#[test]
fn edns_is_read_once_and_only_what_goes_to_the_end_is_passed_on() {
    let option = |code: u8, data: &[u8]| [&[0, code, 0, data.len() as u8], data].concat();
    let (subnet, cookie) = (option(8, b"\0\x01\x18\0\x0a\0\0"), option(10, b"12345678"));
    let options = [cookie.as_slice(), &subnet].concat();
    let head = [0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, options.len() as u8];
    let opt = [head.as_slice(), &options].concat();
    let bytes = packet([1, 0, 0, 1], &[QUESTION, &opt].concat());
    let query = Query::parse(&bytes).unwrap();
    let edns = query.edns.unwrap();
    assert_eq!((edns.room, edns.version, edns.signatures), (4096, 0, true));
    assert_eq!(query.room(false), DATAGRAM);
    let mut sent = Vec::new();
    query.forward(7, &mut sent);
    let theirs = Message::from_vec(&sent).unwrap();
    let asked = theirs.edns.as_ref().unwrap();
    assert_eq!((asked.max_payload(), asked.flags().dnssec_ok), (1232, true));
    assert!(sent.ends_with(&subnet) && !sent.windows(8).any(|part| part == b"12345678"));
    for wrong in [
        packet([1, 0, 0, 2], &[QUESTION, &opt, &opt].concat()),
        packet([1, 0, 0, 1], &[QUESTION, b"\x01a", &opt].concat()),
        packet([1, 0, 0, 1], &[QUESTION, &opt[..opt.len() - 1]].concat()),
        packet([1, 0, 0, 1], &[QUESTION, b"\0\0\x29\x10\0\0\0\0\0\0\x03\0\x08\0"].concat()),
    ] {
        assert_eq!(fault(&wrong), Fault::Code(code::FORMERR));
    }
}

#[test]
fn questions_share_a_key_where_they_may_share_an_answer() {
    let key = |packet: &[u8]| Query::parse(packet).unwrap().key();
    let usual = packet([1, 0, 0, 0], QUESTION);
    let mut other_id = packet([1, 0, 0, 0], b"\x03wEB\x01B\0\0\x01\0\x01");
    other_id[0] = 9;
    assert_eq!(key(&usual), key(&other_id));
    let mut unchecked = usual.clone();
    unchecked[3] |= 0x10;
    let edns = packet([1, 0, 0, 1], &[QUESTION, b"\0\0\x29\x10\0\0\0\0\0\0\0"].concat());
    let aaaa = packet([1, 0, 0, 0], b"\x03Web\x01b\0\0\x1c\0\x01");
    for other in [&unchecked, &edns, &aaaa] {
        assert_ne!(key(&usual), key(other));
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn asked() -> (Vec<u8>, Message) {
    let mut question = Message::query();
    question.add_query(TheirQuery::query(name("a.example."), RecordType::A));
    let mut answer = question.clone().into_response();
    answer.metadata.id = 77;
    (question.to_vec().unwrap(), answer)
}

fn soa(minimum: u32) -> RData {
    RData::SOA(rdata::SOA::new(name("ns.example."), name("root.example."), 1, 2, 3, 4, minimum))
}

fn facts(answer: &Message, question: &[u8]) -> Facts {
    let length = Query::parse(question).unwrap().question().len();
    examine(&answer.to_vec().unwrap(), length).unwrap()
}

#[test]
fn rfc2308_answers_live_as_long_as_their_records_and_denials_as_the_soa_says() {
    let (question, none) = asked();
    let record = |ttl, data| Record::from_rdata(name("a.example."), ttl, data);
    let a = |ttl| record(ttl, RData::A(rdata::A::new(1, 2, 3, 4)));
    let alias = |ttl| record(ttl, RData::CNAME(rdata::CNAME(name("b.example."))));
    let authority = |ttl, minimum| Record::from_rdata(name("example."), ttl, soa(minimum));
    let with = |answers: &[Record], authorities: &[Record]| {
        let mut answer = none.clone();
        answer.add_answers(answers.to_vec());
        answer.add_authorities(authorities.to_vec());
        facts(&answer, &question).lifetime
    };
    assert_eq!(with(&[a(60), a(50)], &[]), 50);
    assert_eq!(with(&[alias(30), a(60)], &[]), 30);
    assert_eq!(with(&[a(1 << 31)], &[]), 0);
    assert_eq!(with(&[a(100_000)], &[]), 86_400);
    assert_eq!(with(&[], &[]), 0);
    assert_eq!(with(&[], &[authority(100, 40)]), 40);
    assert_eq!(with(&[], &[authority(20, 40)]), 20);
    assert_eq!(with(&[], &[authority(9_000, 9_000)]), 300);
    assert_eq!(with(&[alias(10)], &[authority(100, 40)]), 10);
    let mut failed = none.clone();
    failed.metadata.response_code = hickory_proto::op::ResponseCode::ServFail;
    failed.add_authority(authority(100, 40));
    assert_eq!(facts(&failed, &question).lifetime, 0);
}

#[test]
fn only_the_answer_to_the_question_is_one() {
    let (question, answer) = asked();
    let query = Query::parse(&question).unwrap();
    let right = answer.to_vec().unwrap();
    let is_one = |packet: &[u8]| answers(packet, 77, query.question());
    assert!(is_one(&right));
    assert!(!answers(&right, 78, query.question()));
    let changed = |at: usize, bits: u8| {
        let mut packet = right.clone();
        packet[at] ^= bits;
        is_one(&packet)
    };
    assert!(changed(13, 0x20), "case does not count");
    assert!(!changed(13, 0x01), "another name");
    assert!(!changed(2, 0x80), "a question");
    assert!(!changed(2, 0x08), "another kind of message");
    assert!(!changed(right.len() - 3, 1), "another type");
    assert!(!changed(5, 2), "three questions");
    for length in 0..right.len() {
        assert!(!is_one(&right[..length]));
    }
    let mut bare = right[..HEADER].to_vec();
    (bare[3], bare[5]) = (2, 0);
    assert!(is_one(&bare), "a server that failed");
    bare[3] = 0;
    assert!(!is_one(&bare), "no failure and no question");
}

#[test]
fn an_answer_is_passed_on_with_the_clients_id_spelling_and_less_time() {
    let (question, mut answer) = asked();
    answer.add_answer(Record::from_rdata(
        name("a.example."),
        60,
        RData::A(rdata::A::new(1, 2, 3, 4)),
    ));
    let bytes = [answer.to_vec().unwrap(), b"rubbish".to_vec()].concat();
    let mut spelled = question.clone();
    spelled[13] = b'A';
    let query = Query::parse(&spelled).unwrap();
    let facts = examine(&bytes, query.question().len()).unwrap();
    let mut out = Vec::new();
    pass(&query, &bytes, &facts, 7, 512, &mut out);
    let told = Message::from_vec(&out).unwrap();
    assert_eq!(told.metadata.id.to_be_bytes(), query.id());
    assert_eq!(told.answers[0].ttl, 53);
    assert_eq!(out[13], b'A');
    assert_eq!(out.len() + 7, bytes.len());
    pass(&query, &bytes, &facts, 7, facts.length - 1, &mut out);
    let told = Message::from_vec(&out).unwrap();
    assert!(told.metadata.truncation && told.answers.is_empty());
}

#[test]
fn malformed_answers_are_none() {
    let (question, none) = asked();
    let length = Query::parse(&question).unwrap().question().len();
    let head = none.to_vec().unwrap();
    let with = |records: &[u8]| {
        let mut packet = [head.as_slice(), records].concat();
        packet[7] = 1;
        examine(&packet, length)
    };
    let fixed = |kind: u8, data: &[u8]| {
        [b"\xc0\x0c\0".as_slice(), &[kind, 0, 1, 0, 0, 0, 9, 0, data.len() as u8], data].concat()
    };
    assert!(with(&fixed(1, &[1, 2, 3, 4])).is_some());
    assert!(with(&fixed(5, b"\xc0\x0c")).is_some());
    assert!(with(&fixed(200, b"anything")).is_some());
    let here = head.len() as u8;
    for wrong in [
        fixed(1, &[1, 2, 3]),
        fixed(28, &[0; 15]),
        fixed(5, b"\xc0\x0cx"),
        fixed(5, &[0xc0, here + 12]),
        fixed(5, b"\x3fshort"),
        fixed(6, b"\0\0short"),
        [&[0xc0, here], &fixed(1, &[1, 2, 3, 4])[2..]].concat(),
        b"\xc0\x0b".to_vec(),
        Vec::new(),
    ] {
        assert_eq!(with(&wrong), None, "{wrong:?}");
    }
    let mut counts = head.clone();
    counts[6..12].fill(0xff);
    assert_eq!(examine(&counts, length), None);
}

fn names() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-zA-Z0-9][a-zA-Z0-9-]{0,20}", 1..6)
        .prop_map(|labels| labels.join(".") + ".")
}

proptest! {
    #[test]
    fn what_hickory_asks_is_read_as_meant(
        asked in names(), kind: u16, id: u16, edns in proptest::option::of((any::<u16>(), any::<bool>())),
    ) {
        prop_assume!(kind != 0);
        let mut message = Message::query();
        message.metadata.id = id;
        message.add_query(TheirQuery::query(name(&asked), RecordType::from(kind)));
        if let Some((room, signatures)) = edns {
            let mut theirs = TheirEdns::new();
            theirs.set_max_payload(room).set_dnssec_ok(signatures);
            message.set_edns(theirs);
        }
        let bytes = message.to_vec().unwrap();
        let query = Query::parse(&bytes).unwrap();
        prop_assert_eq!(text(query.name()) + ".", asked.to_ascii_lowercase());
        prop_assert_eq!((query.kind, query.id()), (kind, id.to_be_bytes()));
        let read = query.edns.map(|edns| (edns.room.max(512), edns.signatures));
        prop_assert_eq!(read, edns.map(|(room, signatures)| (room.max(512), signatures)));
    }

    #[test]
    fn no_bytes_are_too_strange(mut bytes: Vec<u8>, question in 0..300_usize) {
        let _ = Query::parse(&bytes).map(|query| query.key());
        let _ = examine(&bytes, question);
        if let Some(flags) = bytes.get_mut(2) {
            *flags &= 0x01;
        }
        let _ = Query::parse(&bytes).map(|query| query.key());
    }
}
