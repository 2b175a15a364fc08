//! A case that was found once, as a file: tables and packets in words that outlive the generator.

use super::{
    lockstep::hex,
    packets::Step,
    text::{Fields, Text, done, fields},
};
use crate::{
    cases::Hook,
    world::{ALL, Container, World},
};
use anyhow::{Context, Result, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Tables, and packets that come upon them.
#[derive(Clone, Debug)]
pub struct Crash {
    /// What it is about, for people; lines.
    pub note: String,
    /// The tables before.
    pub world: World,
    /// The packets.
    pub steps: Vec<Step>,
}

/// The folder of the files.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/packets")
}

impl Crash {
    /// As a file has it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text: String = self.note.lines().map(|line| format!("# {line}\n")).collect();
        text.push_str(&format!("now {}\n", self.world.now));
        let mut config = String::from("config");
        self.world.config.put("", &mut config);
        text.push_str(&format!("{config}\n"));
        each_table(&mut Writer(&mut text), &mut self.world.clone());
        for step in &self.steps {
            text.push_str(&format!("packet {}: {}\n", hook_word(step.hook), hex(&step.packet)));
        }
        text
    }

    /// From a file's text.
    ///
    /// # Errors
    /// Names the line that can't be understood.
    pub fn from_text(text: &str) -> Result<Self> {
        let mut crash = Self { note: String::new(), world: World::default(), steps: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            crash.read(line).with_context(|| format!("line {}: {line:?}", number + 1))?;
        }
        Ok(crash)
    }

    fn read(&mut self, line: &str) -> Result<()> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "#" => self.note.push_str(&format!("{rest}\n")),
            "now" => self.world.now = rest.parse()?,
            "packet" => self.steps.push(read_step(rest)?),
            "config" => {
                let mut fields = fields(rest)?;
                self.world.config = Text::take("", &mut fields)?;
                done(&fields)?;
            }
            table => {
                let mut reader =
                    Reader { table, fields: fields(rest)?, found: false, failed: None };
                each_table(&mut reader, &mut self.world);
                reader.end()?;
            }
        }
        Ok(())
    }
}

/// Something that is done to every table of a world.
pub(super) trait Visit {
    fn map<K: Text + Ord + Clone, V: Text + Clone>(
        &mut self,
        name: &'static str,
        table: &mut BTreeMap<K, V>,
    );

    fn set<K: Text + Ord + Clone>(&mut self, name: &'static str, table: &mut BTreeSet<K>) {
        let mut map: BTreeMap<K, ()> = std::mem::take(table).into_iter().map(|k| (k, ())).collect();
        self.map(name, &mut map);
        *table = map.into_keys().collect();
    }
}

/// Visits every table but the configuration; what is most often needless first.
pub(super) fn each_table(visit: &mut impl Visit, world: &mut World) {
    visit.map("flows", &mut world.flows);
    visit.map("unreplied", &mut world.unreplied);
    visit.map("crowded", &mut world.crowded);
    visit.map("fragments", &mut world.fragments);
    visit.map("published", &mut world.published);
    visit.map("ranges", &mut world.ranges);
    visit.set("clients", &mut world.clients);
    visit.map("sources", &mut world.sources);
    visit.set("sockets", &mut world.sockets);
    visit.map("usage", &mut world.usage);
    visit.set("hairpins", &mut world.hairpins);
    visit.map("generations", &mut world.generations);
    visit.map("endpoints", &mut world.endpoints);
    visit.set("owned", &mut world.owned);
    visit.map("devices", &mut world.devices);
    visit.map("networks", &mut world.networks);
    visit.map("subnets", &mut world.subnets);
    visit.set("locals", &mut world.locals);
    visit.map("uplinks", &mut world.uplinks);
}

struct Writer<'a>(&'a mut String);

impl Visit for Writer<'_> {
    fn map<K: Text + Ord + Clone, V: Text + Clone>(
        &mut self,
        name: &'static str,
        table: &mut BTreeMap<K, V>,
    ) {
        for (key, value) in table {
            self.0.push_str(name);
            key.put("key", self.0);
            value.put("value", self.0);
            self.0.push('\n');
        }
    }
}

struct Reader<'a> {
    table: &'a str,
    fields: Fields<'a>,
    found: bool,
    failed: Option<anyhow::Error>,
}

impl Visit for Reader<'_> {
    fn map<K: Text + Ord + Clone, V: Text + Clone>(
        &mut self,
        name: &'static str,
        table: &mut BTreeMap<K, V>,
    ) {
        if name != self.table {
            return;
        }
        self.found = true;
        match (K::take("key", &mut self.fields), V::take("value", &mut self.fields)) {
            (Ok(key), Ok(value)) => drop(table.insert(key, value)),
            (Err(error), _) | (_, Err(error)) => self.failed = Some(error),
        }
    }
}

impl Reader<'_> {
    fn end(self) -> Result<()> {
        match self.failed {
            Some(error) => return Err(error),
            None if !self.found => bail!("no table is called {:?}", self.table),
            None => {}
        }
        done(&self.fields)
    }
}

fn hook_word(hook: Hook) -> String {
    match hook {
        Hook::ContainerOut(container) => format!("container_out {}", container.number),
        Hook::ContainerIn(container, ingress) => {
            format!("container_in {} {ingress}", container.number)
        }
        Hook::UplinkIn => "uplink_in".into(),
        Hook::UplinkOut(ingress) => format!("uplink_out {ingress}"),
        Hook::ResolverLo => "resolver_lo".into(),
    }
}

fn read_step(text: &str) -> Result<Step> {
    let (hook, bytes) = text.split_once(": ").context("no packet")?;
    let words: Vec<_> = hook.split(' ').collect();
    let container = |number: &str| -> Result<Container> {
        let number: u32 = number.parse()?;
        ALL.into_iter().find(|c| c.number == number).context("no such container")
    };
    let hook = match words.as_slice() {
        ["container_out", number] => Hook::ContainerOut(container(number)?),
        ["container_in", number, ingress] => {
            Hook::ContainerIn(container(number)?, ingress.parse()?)
        }
        ["uplink_in"] => Hook::UplinkIn,
        ["uplink_out", ingress] => Hook::UplinkOut(ingress.parse()?),
        ["resolver_lo"] => Hook::ResolverLo,
        other => bail!("no hook is called {other:?}"),
    };
    let digits = bytes.as_bytes().chunks(2).map(std::str::from_utf8);
    let packet = digits.map(|d| Ok(u8::from_str_radix(d?, 16)?)).collect::<Result<_>>()?;
    Ok(Step { hook, packet })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{random::Random, tables};

    #[test]
    fn text_survives_the_round_trip() {
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let world = tables::world(&mut random, seed);
            let step = Step { hook: Hook::UplinkOut(111), packet: vec![0, 1, 0xff] };
            let crash = Crash { note: "some\nnote\n".into(), world, steps: vec![step] };
            let back = Crash::from_text(&crash.to_text()).unwrap();
            assert!(back.note == crash.note && back.world == crash.world, "{}", crash.to_text());
            assert_eq!(back.steps[0].packet, crash.steps[0].packet);
        }
    }

    #[test]
    fn what_can_not_be_understood_is_named() {
        for text in ["flaws key=1", "devices kay=1", "devices key=x", "packet uplink: 00"] {
            assert!(Crash::from_text(text).is_err(), "{text}");
        }
    }
}
