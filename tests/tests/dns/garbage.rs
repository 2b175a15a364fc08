//! What is no question.

use super::site::{Site, question, texts};
use hickory_proto::{op::Message, rr::RecordType};
use netd_tests::ns::is_root;
use std::{fs, time::Duration};

#[test]
fn malformed_questions_get_their_code_and_the_process_stays_as_it_is() {
    if !is_root() {
        return;
    }
    let site = Site::new(&[]);
    let client = site.client();
    let right = question("db.", RecordType::A);
    let with = |at: usize, bytes: &[u8]| {
        let mut packet = right.clone();
        packet[at..at + bytes.len()].copy_from_slice(bytes);
        packet
    };
    let code = |packet: &[u8]| {
        client.0.send(packet).unwrap();
        let mut answer = [0; 512];
        let length = client.0.recv(&mut answer).unwrap();
        assert_eq!((length, &answer[..2]), (12, &packet[..2]));
        answer[3] & 15
    };
    assert_eq!(code(&with(2, &[0x28])), 4, "an update");
    assert_eq!(code(&with(4, &[0, 2])), 1, "two questions");
    assert_eq!(code(&with(4, &[0xff; 8])), 1, "counts of 65,535");
    assert_eq!(code(&with(12, &[0x40])), 1, "a label of 64");
    assert_eq!(code(&with(12, &[0xc0, 12])), 1, "a name that points to itself");
    assert_eq!(code(&right[..right.len() - 1]), 1);
    assert_eq!(code(&[&right[..12], &[1; 4000]].concat()), 1);
    for silent in [&b""[..], b"x", &right[..11], &with(2, &[0x81])] {
        client.0.send(silent).unwrap();
    }
    client.hears_nothing_but("db.", "172.18.0.3");
}

#[test]
fn a_storm_of_garbage_leaves_memory_and_answers_alone() {
    if !is_root() {
        return;
    }
    let site = Site::new(&["127.0.0.1"]);
    let client = site.client();
    let right = question("name.example.com.", RecordType::A);
    let mut state = 1_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let before = resident(&site);
    for _ in 0..50_000 {
        let mut packet = right.clone();
        for _ in 0..1 + random() % 4 {
            let at = random() % packet.len();
            packet[at] = random() as u8;
        }
        packet.truncate(1 + random() % packet.len());
        let _ = client.0.send(&packet);
    }
    client.0.set_nonblocking(true).unwrap();
    while client.0.recv(&mut [0; 512]).is_ok() {}
    let after = resident(&site);
    assert!(after < before + 20_000, "{before} kB before, {after} kB after");
    // What is left of the storm may fill the socket: clients ask again then.
    let again = site.client();
    again.0.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut room = [0; 512];
    let answered = (0..20).find_map(|_| {
        again.send("db.", RecordType::A);
        again.0.recv(&mut room).ok()
    });
    let answer = Message::from_vec(&room[..answered.unwrap()]).unwrap();
    assert_eq!(texts(&answer), ["172.18.0.3"]);
}

/// Memory that the process has, kB.
fn resident(site: &Site) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
