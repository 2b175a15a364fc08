use super::*;
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, UdpSocket},
    thread,
};

/// www. A IN
const QUESTION: &[u8] = b"\x03www\0\0\x01\0\x01";
const ADDRESS: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01";

/// An answer to `packet` with one record, of which there may be less.
fn answer(packet: &[u8], flags: u8, record: &[u8]) -> Vec<u8> {
    [&packet[..2], &[0x80 | flags, 0, 0, 1, 0, 1, 0, 0, 0, 0], QUESTION, record].concat()
}

fn both() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
            return (udp, tcp);
        }
    }
}

#[tokio::test]
async fn a_truncated_answer_whose_last_record_is_cut_is_asked_for_over_tcp() {
    let (udp, tcp) = both();
    let server = udp.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let mut room = [0; 512];
        let (length, from) = udp.recv_from(&mut room).unwrap();
        let truncated = answer(&room[..length], 0x02, &ADDRESS[..7]);
        udp.send_to(&truncated, from).unwrap();
        let (mut stream, _) = tcp.accept().unwrap();
        let length = stream.read(&mut room).unwrap();
        let whole = answer(&room[2..length], 0, ADDRESS);
        stream.write_all(&[&[0, whole.len() as u8], whole.as_slice()].concat()).unwrap();
    });
    let packet = [b"\0\0\x01\0\0\x01\0\0\0\0\0\0", QUESTION].concat();
    let limit = std::time::Duration::from_secs(5);
    let asking = ask(&Sockets::Host, server, &packet, QUESTION.len());
    let kept = tokio::time::timeout(limit, asking).await.unwrap().unwrap();
    assert!(!kept.facts.truncated && kept.packet.ends_with(&[192, 0, 2, 1]), "{kept:?}");
    serving.join().unwrap();
}
