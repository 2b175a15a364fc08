//! Answers of others, kept apart, and floods of wrong ones.

use super::{
    site::{Asker, Handed, Site, texts},
    upstream::{Upstream, is},
};
use hickory_proto::{op::ResponseCode, rr::RecordType};
use netd::dns::protocol::{Answer, Client, ClientId};
use netd_tests::ns::is_root;
use std::time::{Duration, Instant};

#[test]
fn what_resolvers_of_one_said_is_not_told_to_another() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&["127.0.0.1"]);
    let _host = Upstream::new(&site.host, "127.0.0.1", |question| is(question, 1));
    let _own = Upstream::new(&site.container, "127.0.0.7", |question| is(question, 7));
    let other = Client {
        resolvers: vec!["127.0.0.7".parse().unwrap()],
        outside: true,
        ..Client::default()
    };
    site.names.clients.insert(ClientId(2), other);
    site.know();
    let sockets = Handed::make(&site.container, "127.0.0.12:53", 1, 1);
    assert_eq!(site.serve(ClientId(2), sockets), Answer::Done);
    let (first, second) = (site.client(), Asker::new(&site.container, "127.0.0.12:53"));
    for _ in 0..2 {
        assert_eq!(texts(&first.ask("a.com.")), ["9.9.9.1"]);
        assert_eq!(texts(&second.ask("a.com.")), ["9.9.9.7"]);
    }
}

#[test]
fn a_flood_of_wrong_answers_slows_nobody() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let _upstream = Upstream::new(&site.host, "127.0.0.1", |question| {
        let mut wrong = is(question, 6).remove(0);
        wrong[0] ^= 1;
        vec![wrong; 5_000]
    });
    let client = site.client();
    client.send("a.com.", RecordType::A);
    for _ in 0..200 {
        let start = Instant::now();
        assert_eq!(texts(&site.client().ask("db.")), ["172.18.0.3"]);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
    assert_eq!(client.hear().metadata.response_code, ResponseCode::ServFail);
}
