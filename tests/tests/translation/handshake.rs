//! TCP segment by segment, as no kernel's own TCP would send them.

use crate::{
    oracle::{differs, same},
    site::{Family, Host, One, PUBLISHED_RAW, Remote, Site, V4, V6},
    station::{PATIENCE, Station},
    wire::{ACK, FIN, Packet, RST, SYN},
};
use anyhow::{Context, Result};
use netd_tests::host::wait;
use std::net::IpAddr;

type End = (IpAddr, u16);

/// Two ends that speak TCP by hand; each knows the other by the end that translation shows.
pub(crate) struct Talk {
    pub(crate) opener: Party,
    pub(crate) answerer: Party,
}

pub(crate) struct Party {
    pub(crate) station: Station,
    /// Its own end.
    pub(crate) own: End,
    /// The other's, as seen from here.
    pub(crate) far: End,
}

impl Party {
    pub(crate) fn send(&self, flags: u8, numbers: (u32, u32)) -> Result<()> {
        self.station.send(&Packet::tcp(self.own, self.far, flags, numbers))
    }

    /// The next segment that arrives; its flags must be these.
    pub(crate) fn hear(&self, what: &str, flags: u8) -> Result<Packet> {
        self.station.hear(what, |packet| {
            packet.reaches(self.own) && packet.as_tcp().is_some_and(|tcp| tcp.flags == flags)
        })
    }

    /// Everything that has arrived: flags.
    pub(crate) fn heard(&self) -> Result<Vec<u8>> {
        let heard = self.station.heard(|packet| packet.reaches(self.own))?;
        Ok(heard.iter().filter_map(|packet| packet.as_tcp().map(|tcp| tcp.flags)).collect())
    }
}

impl Talk {
    /// A container that will open a connection to the outside.
    pub(crate) fn outward(site: &Site, family: Family, port: u16) -> Result<Self> {
        let (own, far) = ((family.at(One), port), (family.at(Remote), port));
        // Translation shows another end; it is known by the first segment.
        let shown = (family.at(Host), port);
        Ok(Self {
            opener: Party { station: site.station(One)?, own, far },
            answerer: Party { station: site.station(Remote)?, own: far, far: shown },
        })
    }

    /// A client outside that will open one to a published port.
    pub(crate) fn inward(site: &Site, family: Family, number: u16) -> Result<Self> {
        let client = (family.at(Remote), 20_300 + number);
        let outer = (family.at(Host), PUBLISHED_RAW.0 + number);
        let inner = (family.at(One), PUBLISHED_RAW.1 + number);
        Ok(Self {
            opener: Party { station: site.station(Remote)?, own: client, far: outer },
            answerer: Party { station: site.station(One)?, own: inner, far: client },
        })
    }

    /// Opens it; the opener's next byte is `first` + 1, the answerer's 5001.
    pub(crate) fn open(&mut self, first: u32) -> Result<()> {
        self.opener.send(SYN, (first, 0))?;
        let syn = self.answerer.hear("the SYN", SYN)?;
        self.answerer.far = (syn.from, syn.ports().context("no ports")?.0);
        self.answerer.send(SYN | ACK, (5000, first + 1))?;
        self.opener.hear("the SYN's answer", SYN | ACK)?;
        self.opener.send(ACK, (first + 1, 5001))?;
        self.answerer.hear("the third segment", ACK)?;
        Ok(())
    }

    /// Sends an acknowledgement each way; it takes both to go on.
    pub(crate) fn alive(&self, first: u32) -> Result<()> {
        self.opener.send(ACK, (first + 1, 5001))?;
        self.answerer.hear("the opener's segment", ACK)?;
        self.answerer.send(ACK, (5001, first + 1))?;
        self.opener.hear("the answerer's segment", ACK)?;
        Ok(())
    }

    /// Closes it on both sides.
    fn close(&self, first: u32) -> Result<()> {
        self.opener.send(FIN | ACK, (first + 1, 5001))?;
        self.answerer.hear("the opener's FIN", FIN | ACK)?;
        self.answerer.send(FIN | ACK, (5001, first + 2))?;
        self.opener.hear("the answerer's FIN", FIN | ACK)?;
        self.opener.send(ACK, (first + 2, 5002))?;
        self.answerer.hear("the last segment", ACK)?;
        Ok(())
    }
}

#[test]
fn a_new_connection_follows_one_that_was_closed() {
    same(|site, family| {
        for mut talk in [Talk::outward(site, family, 20_301)?, Talk::inward(site, family, 1)?] {
            talk.open(1000)?;
            talk.close(1000)?;
            // The same ends, and a later sequence number.
            talk.open(900_000)?;
            talk.alive(900_000)?;
        }
        Ok("open again".into())
    });
}

#[test]
fn a_new_connection_follows_one_that_was_reset() {
    same(|site, family| {
        for mut talk in [Talk::outward(site, family, 20_302)?, Talk::inward(site, family, 2)?] {
            talk.open(1000)?;
            talk.answerer.send(RST | ACK, (5001, 1001))?;
            talk.opener.hear("the reset", RST | ACK)?;
            talk.open(900_000)?;
            talk.alive(900_000)?;
        }
        Ok("open again".into())
    });
}

#[test]
fn both_may_open_at_once() {
    same(|site, family| {
        let mut talk = Talk::outward(site, family, 20_303)?;
        talk.opener.send(SYN, (1000, 0))?;
        let syn = talk.answerer.hear("the SYN", SYN)?;
        talk.answerer.far = (syn.from, syn.ports().context("no ports")?.0);
        talk.answerer.send(SYN, (5000, 0))?;
        talk.opener.hear("the other SYN", SYN)?;
        talk.opener.send(SYN | ACK, (1000, 5001))?;
        talk.answerer.hear("the answer", SYN | ACK)?;
        talk.answerer.send(SYN | ACK, (5000, 1001))?;
        talk.opener.hear("the other answer", SYN | ACK)?;
        talk.alive(1000)?;
        Ok("open".into())
    });
}

#[test]
fn one_side_may_close_and_go_on_listening() {
    same(|site, family| {
        for mut talk in [Talk::outward(site, family, 20_304)?, Talk::inward(site, family, 4)?] {
            talk.open(1000)?;
            talk.opener.send(FIN | ACK, (1001, 5001))?;
            talk.answerer.hear("the FIN", FIN | ACK)?;
            for _ in 0..3 {
                talk.answerer.send(ACK, (5001, 1002))?;
                talk.opener.hear("what comes after", ACK)?;
            }
        }
        Ok("still heard".into())
    });
}

#[test]
fn a_syn_sent_again_reaches_the_same_end() {
    same(|site, family| {
        let talk = Talk::outward(site, family, 20_305)?;
        let mut seen = Vec::new();
        for _ in 0..3 {
            talk.opener.send(SYN, (1000, 0))?;
            seen.push(talk.answerer.hear("the SYN", SYN)?.to_string());
        }
        Ok(seen.join("; "))
    });
}

#[test]
fn an_answer_that_comes_late_is_refused_by_the_client_itself() {
    same(|site, family| {
        let mut talk = Talk::outward(site, family, 20_306)?;
        talk.opener.send(SYN, (1000, 0))?;
        let syn = talk.answerer.hear("the SYN", SYN)?;
        talk.answerer.far = (syn.from, syn.ports().context("no ports")?.0);
        talk.answerer.send(SYN | ACK, (5000, 1001))?;
        talk.opener.hear("the answer", SYN | ACK)?;
        talk.opener.send(RST, (1001, 0))?;
        talk.answerer.hear("the refusal", RST)?;
        Ok("refused".into())
    });
}

/// A segment from the middle of a connection that nobody knows: it arrives, or it is refused.
fn from_the_middle(talk: &Talk) -> Result<String> {
    talk.opener.send(ACK, (1000, 5000))?;
    let mut told = String::from("silence");
    wait(PATIENCE, || {
        let (reset, arrived) = (talk.opener.heard(), talk.answerer.heard());
        if reset.is_ok_and(|flags| flags.iter().any(|flags| flags & RST != 0)) {
            told = "a reset".into();
        } else if arrived.is_ok_and(|flags| !flags.is_empty()) {
            told = "it arrives".into();
        }
        told != "silence"
    });
    Ok(told)
}

#[test]
fn a_connection_that_netd_forgot_goes_on_when_its_opener_speaks() {
    same(|site, family| from_the_middle(&Talk::outward(site, family, 20_307)?));
}

#[test]
fn a_segment_from_outside_of_a_connection_that_nobody_knows_is_refused() {
    differs(
        &[V4, V6],
        |site, family| from_the_middle(&Talk::inward(site, family, 7)?),
        |_| ("it arrives".into(), "a reset".into()),
    );
}
