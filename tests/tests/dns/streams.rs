//! TCP: several questions on a connection, and clients that are slow on purpose.

use super::{
    site::{Site, question, texts, until},
    upstream::{Upstream, is},
};
use hickory_proto::{op::Message, rr::RecordType};
use netd_tests::ns::is_root;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

fn framed(name: &str) -> Vec<u8> {
    let packet = question(name, RecordType::A);
    [&(packet.len() as u16).to_be_bytes(), packet.as_slice()].concat()
}

fn hear(stream: &mut TcpStream) -> Message {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut packet).unwrap();
    Message::from_vec(&packet).unwrap()
}

/// Whether the other side has closed, within the time that reading may take.
fn closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 1]), Ok(0)) || stream.take_error().is_ok_and(|e| e.is_some())
}

#[test]
fn questions_come_one_behind_the_other_and_a_slow_one_is_overtaken() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let _slow = Upstream::new(&site.host, "127.0.0.1", |question| {
        thread::sleep(Duration::from_millis(500));
        is(question, 1)
    });
    let mut stream = site.connect();
    stream.write_all(&[framed("slow.com."), framed("db."), framed("web.")].concat()).unwrap();
    let heard: Vec<_> = (0..3).map(|_| texts(&hear(&mut stream)).remove(0)).collect();
    assert_eq!(heard, ["172.18.0.3", "172.18.0.2", "9.9.9.1"]);
    // Byte by byte, too.
    for byte in framed("db.") {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(texts(&hear(&mut stream)), ["172.18.0.3"]);
}

#[test]
fn many_more_questions_than_wait_at_a_time_are_all_answered() {
    if !is_root() {
        return;
    }
    let site = Site::new(&[]);
    let mut stream = site.connect();
    stream.write_all(&framed("db.").repeat(200)).unwrap();
    for _ in 0..200 {
        assert_eq!(texts(&hear(&mut stream)), ["172.18.0.3"]);
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(closed(&mut stream));
}

#[test]
fn cve_2024_8418_idle_and_trickling_clients_slow_nobody_and_are_closed() {
    if !is_root() {
        return;
    }
    let site = Site::new(&[]);
    let mut idle: Vec<_> = (0..16).map(|_| site.connect()).collect();
    let mut trickling: Vec<_> = (0..16).map(|_| site.connect()).collect();
    trickling.iter_mut().for_each(|stream| stream.write_all(&[0]).unwrap());
    let start = Instant::now();
    assert_eq!(site.dig("+short db"), "172.18.0.3");
    // The 33rd connection is closed at once.
    let mut one_more = site.connect();
    assert!(closed(&mut one_more));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let all_gone = || {
        trickling.iter_mut().for_each(|stream| drop(stream.write_all(&[0])));
        idle.iter_mut().chain(&mut trickling).all(|stream| {
            stream.set_nonblocking(true).unwrap();
            match stream.read(&mut [0; 1]) {
                Ok(0) => true,
                Ok(_) => false,
                Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
            }
        })
    };
    until("slow clients are closed", all_gone);
    assert!(start.elapsed() > Duration::from_secs(4), "not before their time");
    assert_eq!(site.dig("+tcp +short db"), "172.18.0.3");
}

#[test]
fn a_client_that_takes_no_answers_is_closed_and_costs_little() {
    if !is_root() {
        return;
    }
    let site = Site::new(&[]);
    let mut greedy = site.connect();
    greedy.set_write_timeout(Some(Duration::from_secs(9))).unwrap();
    let many = framed("both.").repeat(10_000);
    let start = Instant::now();
    while greedy.write_all(&many).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(30), "it is served for ever");
    }
    assert_eq!(site.dig("+tcp +short db"), "172.18.0.3");
}

#[test]
fn garbage_ends_a_connection_or_is_called_so() {
    if !is_root() {
        return;
    }
    let site = Site::new(&[]);
    for garbage in [&b"\0\0"[..], b"\0\x05hello", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 70_000]] {
        let mut stream = site.connect();
        let _ = stream.write_all(garbage);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() <= 14, "{answer:?}");
    }
    assert_eq!(site.dig("+tcp +short db"), "172.18.0.3");
}
