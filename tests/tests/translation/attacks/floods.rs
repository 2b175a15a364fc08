//! Too many packets: guessed resets, half-open connections, flows without end.

use super::{BOTH, Wire, published};
use crate::{
    handshake::Talk,
    oracle::with_netd,
    site::{Family, Remote, Two, V4, V6},
    wire::{ACK, Packet, RST, SYN},
};
use std::net::IpAddr;

#[test]
fn redan_resets_from_off_the_path_end_no_connection() {
    with_netd(&BOTH, |site, family| {
        let wire = Wire::new(site)?;
        for outward in [true, false] {
            let mut talk = if outward {
                Talk::outward(site, family, 20_705)?
            } else {
                Talk::inward(site, family, 5)?
            };
            talk.open(1000)?;
            let outside = if outward { &talk.answerer } else { &talk.opener };
            // Spoofed by somebody who knows the ends and guesses the numbers.
            for guess in (0..=u32::MAX).step_by(200_003).skip(1) {
                let flags = if guess % 2 == 0 { RST } else { RST | ACK };
                wire.send(&Packet::tcp(outside.own, outside.far, flags, (guess, guess)))?;
            }
            talk.opener.heard()?;
            talk.answerer.heard()?;
            talk.alive(1000)?;
        }
        Ok(())
    });
}

#[test]
fn a_flood_of_half_open_connections_harms_no_other() {
    with_netd(&BOTH, |site, family| {
        let (mut talk, wire) = (Talk::inward(site, family, 11)?, Wire::new(site)?);
        talk.open(1000)?;
        let mut masqueraded = Talk::outward(site, family, 20_711)?;
        masqueraded.open(1000)?;
        let (outer, _) = published(family, 12);
        for number in 0..30_000_u32 {
            let source = spread(family, number);
            wire.send(&Packet::tcp((source, (number % 60_000) as u16 + 1), outer, SYN, (1, 0)))?;
        }
        for talk in [&talk, &masqueraded] {
            talk.opener.heard()?;
            talk.answerer.heard()?;
            talk.alive(1000)?;
        }
        let mut new = Talk::inward(site, family, 13)?;
        new.open(1000)?;
        new.alive(1000)
    });
}

/// One of many addresses outside.
fn spread(family: Family, number: u32) -> IpAddr {
    let [_, a, b, c] = number.to_be_bytes();
    match family {
        V4 => IpAddr::from([192, a, b, c]),
        V6 => IpAddr::from([0x2001, 0xdb8, 0xff, 0, 0, 0, (number >> 16) as u16, number as u16]),
    }
}

#[test]
fn a_container_that_opens_flows_without_end_harms_no_other() {
    with_netd(&BOTH, |site, family| {
        let (mut talk, two) = (Talk::outward(site, family, 20_714)?, site.station(Two)?);
        talk.open(1000)?;
        for number in 0..30_000_u32 {
            let to = (family.at(Remote), (number % 60_000) as u16 + 1);
            two.send(&Packet::udp((family.at(Two), 30_000 + (number / 60) as u16), to, b"x"))?;
        }
        talk.opener.heard()?;
        talk.answerer.heard()?;
        talk.alive(1000)?;
        let mut new = Talk::outward(site, family, 20_715)?;
        new.open(1000)?;
        new.alive(1000)
    });
}

#[test]
fn rfc4787_req14a_a_flood_of_pieces_harms_no_other() {
    with_netd(&BOTH, |site, family| {
        let (mut talk, wire) = (Talk::inward(site, family, 14)?, Wire::new(site)?);
        talk.open(1000)?;
        let (outer, _) = published(family, 14);
        let whole = Packet::udp((family.at(Remote), 20_714), outer, &[0; 48]);
        // First pieces whose rest never comes; fewer than fill the container's own memory for them,
        // which would refuse the next tests' pieces for half a minute.
        for id in 0..2_000 {
            wire.send(&whole.pieces(48, id)[0])?;
        }
        talk.opener.heard()?;
        talk.answerer.heard()?;
        talk.alive(1000)?;
        let mut new = Talk::outward(site, family, 20_716)?;
        new.open(1000)?;
        new.alive(1000)
    });
}
