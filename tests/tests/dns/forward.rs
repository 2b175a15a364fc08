//! Questions to others, and what others do to them.

use super::{
    site::{Handed, RESOLVER, Site, WEB, texts, until},
    upstream::{Manner, Upstream, code, denial, is, to, with},
};
use hickory_proto::{op::ResponseCode, rr::RecordType};
use netd::dns::protocol::Answer;
use netd_tests::ns::is_root;
use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

#[test]
fn the_next_resolver_is_asked_where_one_fails_or_is_silent() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    let servfail = |question: &[u8]| vec![code(question, ResponseCode::ServFail)];
    let first = Upstream::new(&site.host, "127.0.0.1", servfail);
    let second = Upstream::new(&site.host, "127.0.0.2", |_| Vec::new());
    let third = Upstream::new(&site.host, "127.0.0.3", |question| is(question, 3));
    let askers: Vec<_> = (0..3).map(|_| site.client()).collect();
    let start = Instant::now();
    for (asker, name) in askers.iter().zip(["a.com.", "b.com.", "c.com."]) {
        asker.send(name, RecordType::A);
    }
    assert!(askers.iter().all(|asker| texts(&asker.hear()) == ["9.9.9.3"]));
    let took = start.elapsed();
    assert!((2_000..3_500).contains(&took.as_millis()), "{took:?} with one that is silent");
    assert_eq!([first.heard().len(), second.heard().len(), third.heard().len()], [3, 3, 3]);
    let start = Instant::now();
    assert_eq!(texts(&askers[0].ask("d.com.")), ["9.9.9.3"]);
    assert!(start.elapsed() < Duration::from_secs(1), "the silent one is asked last for a while");
}

#[test]
fn a_name_that_nobody_finds_out_about_slows_no_other() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1", "127.0.0.2"]);
    let but_slow = |question: &[u8]| match question[12] {
        4 => Vec::new(),
        _ => is(question, 1),
    };
    let _first = Upstream::new(&site.host, "127.0.0.1", but_slow);
    let second = Upstream::new(&site.host, "127.0.0.2", |question| is(question, 2));
    assert_eq!(texts(&site.client().ask("slow.com.")), ["9.9.9.2"]);
    assert_eq!(texts(&site.client().ask("a.com.")), ["9.9.9.1"], "the first is still the first");
    assert_eq!(second.heard().len(), 1);
}

#[test]
fn the_last_word_is_servfail_and_it_comes_soon_where_nobody_listens() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1", "127.0.0.2", "127.0.0.11"]);
    let (client, start) = (site.client(), Instant::now());
    assert_eq!(client.ask("a.com.").metadata.response_code, ResponseCode::ServFail);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let refused = |question: &[u8]| vec![code(question, ResponseCode::Refused)];
    let _first = Upstream::new(&site.host, "127.0.0.1", refused);
    assert_eq!(client.ask("a.com.").metadata.response_code, ResponseCode::Refused);
}

#[test]
fn wrong_answers_are_passed_over_until_the_right_one_comes() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let upstream = Upstream::new(&site.host, "127.0.0.1", |question| {
        let right = is(question, 1).remove(0);
        let forged = with(question, &[Ipv4Addr::new(6, 6, 6, 6)]);
        let changed = |at: usize, bits: u8| {
            let mut packet = forged.clone();
            packet[at] ^= bits;
            packet
        };
        let other_name = super::site::question("b.com.", RecordType::A);
        let mut other_name = with(&other_name, &[Ipv4Addr::new(6, 6, 6, 6)]);
        other_name[..2].copy_from_slice(&question[..2]);
        let wrong =
            [changed(0, 1), changed(1, 0x80), changed(2, 0x80), other_name, vec![], vec![0; 5]];
        wrong.into_iter().chain([forged[..20].to_vec(), right]).collect()
    });
    assert_eq!(texts(&site.client().ask("a.com.")), ["9.9.9.1"]);
    assert_eq!(upstream.heard().len(), 1);
}

#[test]
fn a_malformed_answer_sends_the_question_to_the_next() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1", "127.0.0.2"]);
    let _first = Upstream::new(&site.host, "127.0.0.1", |question| {
        let mut loops = is(question, 1).remove(0);
        let record = question.len();
        loops[record..record + 2].copy_from_slice(&(0xc000 | record as u16).to_be_bytes());
        vec![loops]
    });
    let _second = Upstream::new(&site.host, "127.0.0.2", |question| is(question, 2));
    assert_eq!(texts(&site.client().ask("a.com.")), ["9.9.9.2"]);
}

#[test]
fn what_does_not_fit_into_a_datagram_is_fetched_over_tcp() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let all = |question: &[u8]| {
        vec![with(question, &(0..60).map(Ipv4Addr::from_bits).collect::<Vec<_>>())]
    };
    let truncated = |question: &[u8]| {
        let mut message = to(question);
        message.metadata.truncation = true;
        vec![message.to_vec().unwrap()]
    };
    let (udp, tcp): (Arc<Manner>, Arc<Manner>) = (Arc::new(truncated), Arc::new(all));
    let upstream = Upstream::with(&site.host, "127.0.0.1", &udp, &tcp);
    // 60 addresses are 980 bytes or so: dig's 1232 take them, the oldest rule's 512 do not.
    assert_eq!(site.dig("+short a.com").lines().count(), 60);
    assert_eq!(site.dig("+tcp +short a.com").lines().count(), 60);
    assert_eq!(site.dig("+noedns +short a.com").lines().count(), 60, "dig comes again by TCP");
    let cut = site.client().ask("a.com.");
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    // Which of the ways may share an answer: dig sends a flag that the plain client does not.
    assert_eq!(upstream.heard().len(), 3, "with EDNS, without, and without that flag");
}

#[test]
fn answers_are_kept_for_their_time_and_denials_too() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let upstream = Upstream::new(&site.host, "127.0.0.1", |question| match question[12] {
        1 => is(question, 1),
        _ => vec![denial(question)],
    });
    let client = site.client();
    for _ in 0..3 {
        assert_eq!(texts(&client.ask("A.com.")), ["9.9.9.1"]);
        assert_eq!(client.ask("no.com.").metadata.response_code, ResponseCode::NXDomain);
    }
    let answer = client.ask("a.COM.");
    assert_eq!(answer.queries[0].name.to_ascii(), "a.COM.");
    assert!((55..=60).contains(&answer.answers[0].ttl));
    assert_eq!(upstream.heard().len(), 2);
    site.resolvers(&["127.0.0.2"]);
    let _other = Upstream::new(&site.host, "127.0.0.2", |question| is(question, 2));
    until("resolv.conf is followed", || texts(&client.ask("a.com.")) == ["9.9.9.2"]);
    assert_eq!(upstream.heard().len(), 2);
}

#[test]
fn ids_and_ports_are_new_for_each_question() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let upstream = Upstream::new(&site.host, "127.0.0.1", |question| is(question, 1));
    let client = site.client();
    for number in 0..50 {
        client.ask(&format!("{number}.com."));
    }
    let packets = upstream.packets();
    let ids: BTreeSet<_> = packets.iter().map(|(packet, _)| &packet[..2]).collect();
    let ports: BTreeSet<_> = packets.iter().map(|(_, from)| from.port()).collect();
    assert!(ids.len() >= 48 && ports.len() >= 45, "{} ids, {} ports", ids.len(), ports.len());
}

#[test]
fn those_who_ask_the_same_wait_for_one_answer_and_nobody_else_waits() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let (answer, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let upstream = Upstream::new(&site.host, "127.0.0.1", move |question| {
        if question[12] == 4 {
            let _ = held.lock().unwrap().recv_timeout(Duration::from_secs(1));
        }
        is(question, 1)
    });
    let askers: Vec<_> = (0..20).map(|_| site.client()).collect();
    askers.iter().for_each(|asker| asker.send("slow.com.", RecordType::A));
    let start = Instant::now();
    assert_eq!(texts(&site.client().ask("db.")), ["172.18.0.3"]);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    drop(answer);
    for asker in &askers {
        assert_eq!(texts(&asker.hear()), ["9.9.9.1"]);
    }
    assert_eq!(upstream.heard().len(), 1);
}

#[test]
fn too_many_questions_are_refused_and_known_names_are_not() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let _silent = Upstream::new(&site.host, "127.0.0.1", |_| Vec::new());
    let client = site.client();
    for number in 0..200 {
        client.send(&format!("{number}.com."), RecordType::A);
    }
    for _ in 0..200 - 128 {
        assert_eq!(client.hear().metadata.response_code, ResponseCode::Refused);
    }
    assert_eq!(texts(&client.ask("db.")), ["172.18.0.3"]);
}

#[test]
fn resolvers_of_a_containers_own_are_asked_in_its_network_by_its_sockets() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&["127.0.0.1"]);
    site.web().resolvers = vec!["127.0.0.11".parse().unwrap(), "127.0.0.7".parse().unwrap()];
    site.know();
    assert_eq!(site.client().ask("a.com.").metadata.response_code, ResponseCode::ServFail);
    let host = Upstream::new(&site.host, "127.0.0.1", |question| is(question, 1));
    let own = Upstream::new(&site.container, "127.0.0.7", |question| is(question, 7));
    assert_eq!(
        site.client().ask("a.com.").metadata.response_code,
        ResponseCode::ServFail,
        "no sockets"
    );
    let release = netd::dns::protocol::Message::Release { client: WEB };
    assert_eq!(site.channel.ask(&release, &[]).unwrap(), Answer::Done);
    let sockets = Handed::make(&site.container, RESOLVER, 2, 1);
    assert_eq!(site.serve(WEB, sockets), Answer::Done);
    let client = site.client();
    for number in 0..40 {
        assert_eq!(texts(&client.ask(&format!("{number}.com."))), ["9.9.9.7"]);
    }
    assert!(host.heard().is_empty());
    let ports: BTreeSet<_> = own.packets().iter().map(|(_, from)| from.port()).collect();
    assert!(ports.len() >= 35, "two sockets, {} ports", ports.len());
}

#[test]
fn own_resolvers_are_asked_over_tcp_as_well_again_and_again() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    site.web().resolvers = vec!["127.0.0.7".parse().unwrap()];
    site.know();
    let release = netd::dns::protocol::Message::Release { client: WEB };
    site.channel.ask(&release, &[]).unwrap();
    let sockets = Handed::make(&site.container, RESOLVER, 1, 1);
    assert_eq!(site.serve(WEB, sockets), Answer::Done);
    let truncated: Arc<Manner> = Arc::new(|question: &[u8]| {
        let mut message = to(question);
        message.metadata.truncation = true;
        vec![message.to_vec().unwrap()]
    });
    let whole: Arc<Manner> = Arc::new(|question: &[u8]| is(question, 7));
    let _own = Upstream::with(&site.container, "127.0.0.7", &truncated, &whole);
    let client = site.client();
    for number in 0..5 {
        assert_eq!(texts(&client.ask(&format!("{number}.com."))), ["9.9.9.7"], "{number}");
    }
}
