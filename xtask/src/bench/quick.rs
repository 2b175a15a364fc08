//! The comparison: short samples in the order A B C C B A, so that a slow drift of the machine falls
//! on all alike; a ratio per round; the median of the rounds.

use super::{
    ECHO,
    stats::median,
    tracks::{ECHO_PORT, Track, this_program},
};
use crate::{run, world::iperf_rate};
use anyhow::{Context, Result, bail};

/// What is measured, and how netd must compare with the raw veth pair.
struct Metric {
    name: &'static str,
    unit: f64,
    target: f64,
    sample: fn(&Track) -> Result<f64>,
}

/// The samples of one metric in one round, averaged: pair, bridge, netd.
type Round = [f64; 3];

/// Measures, prints the table, and fails where netd is below a target.
pub(crate) fn compare(tracks: &[Track; 3]) -> Result<()> {
    let mut measured = Vec::new();
    for metric in METRICS {
        let rounds = run::stage(metric.name, || measure(&metric, tracks))?;
        measured.push((metric, rounds));
    }
    println!("\n{:24}{HEAD}", "median of the rounds");
    let mut below = Vec::new();
    for (metric, rounds) in measured {
        let ratio = print(&metric, &rounds);
        if ratio < metric.target {
            below.push(format!("{} {ratio:.2} < {:.2}", metric.name, metric.target));
        }
    }
    if below.is_empty() {
        return Ok(());
    }
    bail!("netd is below its target against the raw veth pair: {}", below.join(", "))
}

fn measure(metric: &Metric, tracks: &[Track; 3]) -> Result<Vec<Round>> {
    for track in tracks {
        // Caches, ARP and processor clocks warm up; the sample is dropped.
        sample(metric, track)?;
    }
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = [0.0; 3];
        for place in [0, 1, 2, 2, 1, 0] {
            round[place] += sample(metric, &tracks[place])? / 2.0;
        }
        rounds.push(round);
    }
    Ok(rounds)
}

fn sample(metric: &Metric, track: &Track) -> Result<f64> {
    (metric.sample)(track).with_context(|| format!("{} over the {}", metric.name, track.name))
}

/// Prints the metric's line and returns netd's median ratio to the veth pair.
fn print(metric: &Metric, rounds: &[Round]) -> f64 {
    let column = |of: &dyn Fn(&Round) -> f64| {
        let mut column: Vec<f64> = rounds.iter().map(of).collect();
        column.sort_by(f64::total_cmp);
        column
    };
    let shown: Vec<String> = (0..3)
        .map(|place| format!("{:>14.2}", median(&column(&|round| round[place])) / metric.unit))
        .collect();
    let to_pair = column(&|round| round[2] / round[0]);
    let to_bridge = median(&column(&|round| round[2] / round[1]));
    let ratio = median(&to_pair);
    let (low, high) = (to_pair.first().unwrap_or(&0.0), to_pair.last().unwrap_or(&0.0));
    let verdict = if ratio < metric.target { "below" } else { "reached" };
    println!(
        "{:24}{}{ratio:>11.2} ({low:.2}-{high:.2}){to_bridge:>13.2}   {:.2} {verdict}",
        metric.name,
        shown.concat(),
        metric.target
    );
    ratio
}

fn stream(track: &Track) -> Result<f64> {
    let words = ["--client", track.address(), "--time", "1", "--json"];
    Ok(iperf_rate(&run::read(track.client("iperf3").args(words))?)?.0)
}

/// Packets that the network brought, whether or not iperf3 took them from its socket in time.
fn small_packets(track: &Track) -> Result<f64> {
    let words = ["--client", track.address(), "--time", "1", "--json", "--udp"];
    let flood = ["--bandwidth", "0", "--length", "64"];
    let before = brought(track)?;
    let report = run::read(track.client("iperf3").args(words).args(flood))?;
    Ok((brought(track)? - before) / iperf_rate(&report)?.1)
}

/// Datagrams that reached the server's UDP sockets so far, full ones included.
fn brought(track: &Track) -> Result<f64> {
    datagrams(&run::read(track.server("cat").arg("/proc/net/snmp"))?)
}

/// Datagrams that reached UDP sockets, full ones included, by the text of /proc/net/snmp.
pub(crate) fn datagrams(table: &str) -> Result<f64> {
    let mut lines = table.lines().filter(|line| line.starts_with("Udp:"));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
        bail!("/proc/net/snmp has no line for UDP");
    };
    let columns = names.split_whitespace().zip(values.split_whitespace());
    let wanted = columns.filter(|(name, _)| ["InDatagrams", "InErrors"].contains(name));
    Ok(wanted.filter_map(|(_, value)| value.parse::<f64>().ok()).sum())
}

fn requests(track: &Track) -> Result<f64> {
    let address = format!("{}:{ECHO_PORT}", track.address());
    let words = [ECHO, "client", &address, "1"];
    let rate = run::read(track.client(&this_program()?).args(words))?;
    rate.trim().parse().context("the tool printed no number")
}

const ROUNDS: u32 = 4;

const HEAD: &str =
    "     veth pair  Linux bridge          netd  netd/pair (low-high)   netd/bridge   target";

const METRICS: [Metric; 3] = [
    Metric { name: "TCP stream, Gb/s", unit: 1e9, target: 0.95, sample: stream },
    Metric { name: "UDP 64 bytes, kpacket/s", unit: 1e3, target: 0.90, sample: small_packets },
    Metric { name: "TCP requests, k/s", unit: 1e3, target: 0.95, sample: requests },
];

#[cfg(test)]
mod tests {
    use super::datagrams;

    #[test]
    fn datagrams_count_also_where_the_socket_was_full() {
        let table = "Udp: InDatagrams NoPorts InErrors\nUdp: 40 7 2\n";
        assert!((datagrams(table).unwrap() - 42.0).abs() < 1e-9);
        assert!(datagrams("Tcp: 1\n").is_err());
    }
}
