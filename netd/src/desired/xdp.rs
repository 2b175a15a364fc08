//! On which uplinks the hot part runs in XDP, before the kernel has made an skb.

use crate::error::{Error, Result};
use crate::spec::name::InterfaceName;
use crate::state::{Host, State};
use std::{collections::BTreeMap, str::FromStr};

/// Whether an uplink runs XDP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XdpMode {
    /// Where it wins: hardware whose driver has native XDP.
    #[default]
    Auto,
    /// Always, where the driver has it: a device that has not is a problem.
    On,
    /// Never.
    Off,
}

/// Which uplinks run XDP.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpChoice {
    others: XdpMode,
    named: BTreeMap<InterfaceName, XdpMode>,
}

impl XdpChoice {
    /// Reads words: `auto`, `on` or `off` for every uplink, `NAME=on` and the like for one.
    ///
    /// # Errors
    /// Another word, or two for the same.
    pub fn parse(words: &[String]) -> Result<Self> {
        let mut choice = Self::default();
        let mut others = None;
        for word in words {
            let twice = match word.split_once('=') {
                Some((name, mode)) => {
                    let name = name.parse().map_err(|e: Error| e.context("uplink-xdp"))?;
                    choice.named.insert(name, mode.parse()?).is_some()
                }
                None => others.replace(word.parse()?).is_some(),
            };
            if twice {
                return Err(Error::invalid(format!("uplink-xdp {word:?} says it a second time")));
            }
        }
        choice.others = others.unwrap_or_default();
        Ok(choice)
    }

    /// Whether XDP is to run on a device; `wins` says that it is worth it there.
    #[must_use]
    pub fn runs(&self, name: &InterfaceName, wins: bool) -> bool {
        match self.named.get(name).unwrap_or(&self.others) {
            XdpMode::Auto => wins,
            XdpMode::On => true,
            XdpMode::Off => false,
        }
    }
}

/// Runs XDP on the chosen uplinks; the frames that it redirects reach only containers that poll.
pub(super) fn add(state: &mut State, host: &Host) {
    let chosen = host.express.iter().filter(|(name, _)| state.uplinks.contains_key(*name));
    state.express = chosen.map(|(name, mac)| (name.clone(), *mac)).collect();
    if !state.express.is_empty() {
        state.polled = state.veths.keys().cloned().collect();
    }
}

impl FromStr for XdpMode {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "auto" => Ok(Self::Auto),
            "on" => Ok(Self::On),
            "off" => Ok(Self::Off),
            _ => Err(Error::invalid(format!(
                "uplink-xdp {word:?}: say auto, on or off, or NAME=on for one uplink"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(words: &[&str]) -> Result<XdpChoice> {
        XdpChoice::parse(&words.iter().map(|w| (*w).into()).collect::<Vec<_>>())
    }

    fn runs(words: &[&str], name: &str, wins: bool) -> bool {
        choice(words).unwrap().runs(&name.parse().unwrap(), wins)
    }

    #[test]
    fn nothing_said_means_where_it_wins() {
        assert!(runs(&[], "eth0", true));
        assert!(!runs(&[], "eth0", false));
    }

    #[test]
    fn a_name_wins_over_what_is_said_of_all() {
        assert!(runs(&["off", "eth1=on"], "eth1", false));
        assert!(!runs(&["off", "eth1=on"], "eth0", true));
        assert!(!runs(&["on", "eth1=auto"], "eth1", false));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [&["yes"][..], &["eth0=maybe"], &["on", "off"], &["a=on", "a=off"], &["/=on"]]
        {
            assert!(choice(words).is_err(), "{words:?}");
        }
    }
}
