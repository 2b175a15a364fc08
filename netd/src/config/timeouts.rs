//! How long flows live without a packet: the file's section `[timeouts]`, in seconds.

use netd_common::abi::Timeouts;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};
use std::fmt;

/// The section; what it leaves out is [`Timeouts::DEFAULT`]'s.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct Section {
    tcp_established: Option<Seconds>,
    tcp_transitory: Option<Seconds>,
    tcp_reset: Option<Seconds>,
    udp_one_way: Option<Seconds>,
    udp_query: Option<Seconds>,
    udp: Option<Seconds>,
    icmp: Option<Seconds>,
    sctp_opening: Option<Seconds>,
    sctp: Option<Seconds>,
    fragment: Option<Seconds>,
    window: Option<Seconds>,
}

impl From<Section> for Timeouts {
    fn from(section: Section) -> Self {
        let or = |given: Option<Seconds>, default: u32| given.map_or(default, |s| s.0);
        let default = Self::DEFAULT;
        Self {
            tcp_established: or(section.tcp_established, default.tcp_established),
            tcp_transitory: or(section.tcp_transitory, default.tcp_transitory),
            tcp_reset: or(section.tcp_reset, default.tcp_reset),
            udp_one_way: or(section.udp_one_way, default.udp_one_way),
            udp_query: or(section.udp_query, default.udp_query),
            udp: or(section.udp, default.udp),
            icmp: or(section.icmp, default.icmp),
            sctp_opening: or(section.sctp_opening, default.sctp_opening),
            sctp: or(section.sctp, default.sctp),
            fragment: or(section.fragment, default.fragment),
            window: or(section.window, default.window),
            replies: default.replies,
            pad: default.pad,
        }
    }
}

/// A time in which something can happen.
#[derive(Clone, Copy, Debug)]
struct Seconds(u32);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(SecondsVisitor)
    }
}

struct SecondsVisitor;

impl Visitor<'_> for SecondsVisitor {
    type Value = Seconds;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds from 1 to 4294967295")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Seconds, E> {
        let seconds = u32::try_from(value).ok().filter(|seconds| *seconds > 0);
        seconds.map(Seconds).ok_or_else(|| E::invalid_value(Unexpected::Signed(value), &self))
    }
}

/// A sentence for each timeout that is shorter than a NAT's may be.
pub(super) fn warnings(timeouts: &Timeouts) -> Vec<String> {
    let floors = [
        ("tcp-established", timeouts.tcp_established, 7_440, "RFC 5382 REQ-5"),
        ("tcp-transitory", timeouts.tcp_transitory, 240, "RFC 5382 REQ-5"),
        ("udp-one-way", timeouts.udp_one_way, 120, "RFC 4787 REQ-5"),
        ("udp", timeouts.udp, 120, "RFC 4787 REQ-5"),
        ("icmp", timeouts.icmp, 60, "RFC 5508 REQ-2"),
    ];
    floors
        .into_iter()
        .filter(|(_, seconds, floor, _)| seconds < floor)
        .map(|(name, seconds, floor, source)| {
            format!(
                "timeout {name} is {seconds} s and {source} asks for at least {floor} s: flows \
                 that are only idle will be cut"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeouts(text: &str) -> Result<Timeouts, toml::de::Error> {
        toml::from_str::<Section>(text).map(Timeouts::from)
    }

    #[test]
    fn every_timeout_has_a_key() {
        let keys = [
            "tcp-established",
            "tcp-transitory",
            "tcp-reset",
            "udp-one-way",
            "udp-query",
            "udp",
            "icmp",
            "sctp-opening",
            "sctp",
            "fragment",
            "window",
        ];
        let text: String =
            keys.iter().zip(1001..).map(|(key, value)| format!("{key} = {value}\n")).collect();
        let given = timeouts(&text).unwrap();
        let values = [
            given.tcp_established,
            given.tcp_transitory,
            given.tcp_reset,
            given.udp_one_way,
            given.udp_query,
            given.udp,
            given.icmp,
            given.sctp_opening,
            given.sctp,
            given.fragment,
            given.window,
        ];
        assert!(values.into_iter().eq(1001..1012), "{values:?}");
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        assert_eq!(timeouts("").unwrap(), Timeouts::DEFAULT);
        let one = timeouts("udp = 200").unwrap();
        assert_eq!(one, Timeouts { udp: 200, ..Timeouts::DEFAULT });
    }

    #[test]
    fn nothing_lives_for_no_time_and_nothing_is_ignored() {
        for text in ["udp = 0", "udp = -1", "udp = '5m'", "udp = 4294967296", "upd = 5"] {
            assert!(timeouts(text).is_err(), "{text}");
        }
        let error = timeouts("udp = '5m'").unwrap_err();
        let why = "expected a number of seconds from 1 to 4294967295";
        assert!(error.message().ends_with(why), "{error}");
    }

    #[test]
    fn the_defaults_keep_to_the_rfcs_and_shorter_ones_are_warned_of() {
        assert_eq!(warnings(&Timeouts::DEFAULT), Vec::<String>::new());
        let short = timeouts("tcp-established = 7439\nudp = 119\nicmp = 60").unwrap();
        let warnings = warnings(&short);
        assert_eq!(warnings.len(), 2);
        assert_eq!(
            warnings[0],
            "timeout tcp-established is 7439 s and RFC 5382 REQ-5 asks for at least 7440 s: flows \
             that are only idle will be cut"
        );
    }
}
