//! UDP packets a second that reach a container from outside through a published port: with XDP on the
//! uplink, by TCX alone, and by iptables' DNAT. Real frames of 64 bytes, made by the kernel's XDP
//! live-frame generator on the neighbour's end of the cable. Prints JSON.
#![allow(clippy::print_stdout, reason = "its output is for programs")]

use anyhow::{Context, Result, ensure};
use aya::programs::{TestRun, Xdp};
use aya::{Ebpf, TestRunAttrs, TestRunOptions};
use netd::spec::name::Mac;
use netd_tests::{
    frame::{Body, Frame},
    host::{HOST, NEIGHBOUR, TestHost, shell, wait},
    ns::TestNs,
    program,
};
use serde_json::{Map, Value, json};
use std::{
    env, fs,
    os::fd::{AsFd, AsRawFd},
    process::{self, Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Frames of one call to the generator, and of one sample.
const BURST: u32 = 1 << 15;
const BURSTS: u32 = 16;
/// The published port and the container's.
const PORTS: (u16, u16) = (5353, 53);

fn main() -> Result<()> {
    ensure!(nix::unistd::geteuid().is_root(), "bench-xdp needs root");
    let rounds =
        env::args().nth(1).map_or(Ok(9), |n| n.parse()).context("usage: bench-xdp [ROUNDS]")?;
    let mut tracks = vec![netd("xdp", "on")?, netd("tcx", "off")?];
    let mut skipped = Vec::new();
    match iptables() {
        Ok(track) => tracks.push(track),
        Err(error) => skipped.push(format!("iptables: {error:#}")),
    }
    let mut samples = vec![Vec::new(); tracks.len()];
    for round in 0..=rounds {
        for (track, samples) in tracks.iter().zip(&mut samples) {
            let sample = track.sample()?;
            // The first warms up.
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    println!("{:#}", report(&tracks, &samples, &skipped));
    Ok(())
}

/// One way into a container.
struct Track {
    name: &'static str,
    host: TestHost,
    /// Where the packets end.
    container: Option<TestNs>,
    sink: Option<Child>,
    frame: Vec<u8>,
    generator: Ebpf,
    /// Interface index of the neighbour's end of the cable.
    index: u32,
}

impl Drop for Track {
    fn drop(&mut self) {
        if let Some(sink) = &mut self.sink {
            let _ = sink.kill();
            let _ = sink.wait();
        }
    }
}

/// What netd does, with XDP on the uplink or without.
fn netd(name: &'static str, mode: &str) -> Result<Track> {
    let host = TestHost::without_agent()?;
    fs::write(host.path("netd.toml"), format!("uplink-xdp = '{mode}'\n"))?;
    host.start_agent()?;
    let port = format!("{}:{}/udp", PORTS.0, PORTS.1);
    host.run("sink", &["-p", &port], &["python3", "-c", SINK, &PORTS.1.to_string()])?;
    track(name, host)?.ready()
}

/// What Docker's rules do.
fn iptables() -> Result<Track> {
    let host = TestHost::without_agent()?;
    let container = TestNs::new()?;
    host.host.run("iptables --version")?;
    let far = format!("/proc/{}/fd/{}", process::id(), container.as_fd().as_raw_fd());
    host.host.run("ip link add br0 type bridge")?;
    host.host.run(&format!("ip link add v0 master br0 type veth peer name eth0 netns {far}"))?;
    host.host.run("ip address add 172.30.0.1/24 dev br0")?;
    host.host.run("ip link set br0 up")?;
    host.host.run("ip link set v0 up")?;
    container.run("ip link set lo up")?;
    container.run("ip link set eth0 up")?;
    container.run("ip address add 172.30.0.2/24 dev eth0")?;
    container.run("ip route add default via 172.30.0.1")?;
    host.host.run("sysctl -qw net.ipv4.ip_forward=1")?;
    let to = format!("172.30.0.2:{}", PORTS.1);
    host.host.run(&format!(
        "iptables -t nat -A PREROUTING -p udp --dport {} -j DNAT --to-destination {to}",
        PORTS.0
    ))?;
    host.host.run("iptables -t nat -A POSTROUTING -s 172.30.0.0/24 ! -o br0 -j MASQUERADE")?;
    let mut command = Command::new("python3");
    command.args(["-c", SINK, &PORTS.1.to_string()]).stdin(Stdio::null());
    let sink = container.namespace().run(|| command.spawn())??;
    let mut track = track("iptables", host)?;
    (track.container, track.sink) = (Some(container), Some(sink));
    track.ready()
}

fn track(name: &'static str, host: TestHost) -> Result<Track> {
    // The kernel takes frames from the other side only where this one polls.
    host.host.run("ethtool -K eth0 gro on")?;
    let mac = |ns: &TestNs| -> Result<Mac> {
        let link = ns.json("ip -j link show eth0")?;
        Ok(link[0]["address"].as_str().context("no address")?.parse()?)
    };
    let link = host.neighbour.json("ip -j link show eth0")?;
    let index = u32::try_from(link[0]["ifindex"].as_u64().context("no index")?)?;
    let macs = (mac(&host.neighbour)?.0, mac(&host.host)?.0);
    // 64 bytes with the frame check sequence.
    let body = Body::Udp(40_000, PORTS.0, vec![0; 18]);
    let frame = Frame::new(macs, NEIGHBOUR.0.parse()?, HOST.0.parse()?, body).bytes();
    let generator = program::sender(&frame)?;
    Ok(Track { name, host, container: None, sink: None, frame, generator, index })
}

impl Track {
    /// Waits until its sink gets something.
    fn ready(self) -> Result<Self> {
        let arrives = wait(Duration::from_secs(10), || {
            let before = self.arrived().unwrap_or(0);
            self.send(64).is_ok() && self.arrived().is_ok_and(|now| now > before)
        });
        ensure!(arrives, "{}: no packet arrives", self.name);
        Ok(self)
    }

    /// Packets a second that arrived, sent as fast as one processor sends and carries them.
    fn sample(&self) -> Result<f64> {
        let before = self.arrived()?;
        let start = Instant::now();
        for _ in 0..BURSTS {
            self.send(BURST)?;
        }
        let time = start.elapsed();
        Ok((self.arrived()? - before) as f64 / time.as_secs_f64())
    }

    fn send(&self, count: u32) -> Result<()> {
        let program: &Xdp = self.generator.program("verdict").context("no program")?.try_into()?;
        let length = u32::try_from(self.frame.len())?;
        let context: Vec<u8> =
            [0, length, 0, self.index, 0, 0].iter().flat_map(|n: &u32| n.to_ne_bytes()).collect();
        let options = TestRunOptions {
            data_in: Some(&self.frame),
            ctx_in: Some(&context),
            repeat: count,
            attrs: TestRunAttrs::new().xdp_live_frames(64),
            ..TestRunOptions::new()
        };
        self.host.neighbour.namespace().run(|| program.test_run(options))??;
        Ok(())
    }

    /// Datagrams that the container's stack has got so far, those that no socket had room for
    /// included.
    fn arrived(&self) -> Result<u64> {
        let text = match &self.container {
            Some(container) => shell(container, "cat /proc/self/net/snmp")?.stdout,
            None => self.host.exec("sink", &["cat", "/proc/self/net/snmp"])?.stdout,
        };
        let text = String::from_utf8(text)?;
        let mut lines = text.lines().filter(|line| line.starts_with("Udp:"));
        let names = lines.next().context("no UDP counters")?.split(' ');
        let values = lines.next().context("no UDP counters")?.split(' ');
        let counted =
            names.zip(values).filter(|(name, _)| ["InDatagrams", "InErrors"].contains(name));
        counted.map(|(_, value)| Ok(value.parse::<u64>()?)).sum()
    }
}

fn report(tracks: &[Track], samples: &[Vec<f64>], skipped: &[String]) -> Value {
    let mut rates = Map::new();
    let mut ratios = Map::new();
    for (track, own) in tracks.iter().zip(samples) {
        rates.insert(track.name.into(), spread(own.clone()));
    }
    for (track, other) in tracks.iter().zip(samples).skip(1) {
        // Of the same round, so that what disturbs both cancels out.
        let pairs = samples[0].iter().zip(other).map(|(xdp, other)| xdp / other).collect();
        ratios.insert(format!("xdp/{}", track.name), spread(pairs));
    }
    json!({
        "workload": "UDP frames of 64 bytes from outside to a published port, one flow",
        "rounds": samples[0].len(),
        "packets_per_second": rates,
        "ratios": ratios,
        "skipped": skipped,
    })
}

fn spread(mut values: Vec<f64>) -> Value {
    values.sort_unstable_by(f64::total_cmp);
    let at = |percent: usize| values[(values.len() - 1) * percent / 100];
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    json!({ "p10": round(at(10)), "median": round(at(50)), "p90": round(at(90)) })
}

/// Takes datagrams and does nothing with them.
const SINK: &str = "
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
s.bind(('', int(sys.argv[1])))
time.sleep(86400)
";
