//! Compression, as attackers write it.

use super::*;

#[test]
fn a_chain_of_pointers_costs_nothing() {
    let mut bytes = packet([1, 0, 0, 0], b"\0");
    while bytes.len() < 16_000 {
        let last = bytes.len() as u16 - if bytes.len() == 13 { 1 } else { 2 };
        bytes.extend((0xc000 | last).to_be_bytes());
    }
    assert_eq!(super::bytes::after_name(&bytes, 13, &[]), Some(15));
    assert_eq!(super::bytes::after_name(&bytes, bytes.len() - 2, &[]), None);
}

#[test]
fn a_name_that_reads_what_is_written_anew_is_none() {
    let (question, none) = asked();
    let length = Query::parse(&question).unwrap().question().len();
    let head = none.to_vec().unwrap();
    let with = |to: u8| {
        // The first record's time to live can be read as a name: one label, then the root.
        let first = b"\xc0\x0c\0\x01\0\x01\x01x\0\0\0\x04\x01\x02\x03\x04";
        let second = [0xc0, to, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4];
        let mut packet = [head.as_slice(), first, &second].concat();
        packet[7] = 2;
        examine(&packet, length)
    };
    assert!(with(12).is_some());
    assert_eq!(with(head.len() as u8 + 6), None);
}
