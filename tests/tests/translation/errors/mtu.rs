//! Packets that do not fit: who learns how much would.

use super::{asked, error_at, published};
use crate::{
    oracle::{same, same_for},
    site::{One, Remote, V4, V6},
    station::PATIENCE,
    wire::Packet,
};

#[test]
fn a_narrow_link_outside_says_how_much_it_takes() {
    same(|site, family| {
        let one = site.station(One)?;
        let (from, to) = ((family.at(One), 20_205), (family.narrow(), 9205));
        one.send(&Packet::udp(from, to, &[7; 1400]).whole())?;
        error_at(&one)
    });
}

#[test]
fn the_host_itself_says_how_much_its_route_takes() {
    same(|site, family| {
        let one = site.station(One)?;
        let (from, to) = ((family.at(One), 20_219), (family.tight(), 9219));
        one.send(&Packet::udp(from, to, &[7; 1400]).whole())?;
        error_at(&one)
    });
}

#[test]
fn the_host_itself_says_how_much_the_way_of_an_answer_takes() {
    same(|site, family| {
        let client = (family.tight(), 20_220);
        let (one, _remote) = asked(site, family, client, 20)?;
        one.send(&Packet::udp(published(family, 20).1, client, &[7; 1400]).whole())?;
        error_at(&one)
    });
}

#[test]
fn what_may_be_fragmented_gets_through_a_tight_route() {
    same_for(&[V4], |site, family| {
        let (one, server) = (site.station(One)?, site.udp(Remote, family, 9221)?);
        one.send(&Packet::udp((family.at(One), 20_221), (family.tight(), 9221), &[7; 1400]))?;
        let (length, seen) = server.recv_from(&mut [0; 2000])?;
        Ok(format!("{length} bytes from {seen}"))
    });
}

#[test]
fn a_program_learns_how_much_the_path_takes() {
    same_for(&[V4, V6], |site, family| {
        let (one, server) = (site.station(One)?, site.listen(Remote, family, 9206)?);
        let mut client = site.connect(One, 40_206, (family.narrow(), 9206))?;
        let (mut accepted, _) = server.accept()?;
        accepted.set_read_timeout(Some(PATIENCE))?;
        let reader = std::thread::spawn(move || std::io::copy(&mut accepted, &mut std::io::sink()));
        std::io::Write::write_all(&mut client, &[7; 300_000])?;
        drop(client);
        let arrived = reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??;
        let errors = one.heard(|packet| packet.quoted().is_some())?;
        // It learns once; how many segments were under way by then is up to time.
        Ok(format!("{arrived} bytes, told: {}", !errors.is_empty()))
    });
}

#[test]
fn a_narrow_link_on_the_way_of_an_answer_is_told_to_the_container() {
    same(|site, family| {
        let client = (family.narrow(), 20_208);
        let (one, _remote) = asked(site, family, client, 8)?;
        one.send(&Packet::udp(published(family, 8).1, client, &[7; 1400]).whole())?;
        error_at(&one)
    });
}
