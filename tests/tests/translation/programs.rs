//! Programs that people use, through translation and back.

use crate::{
    oracle::{Outcome, same, with_netd},
    site::{COUNT, Family, Host, One, PUBLISHED, Remote, Site, V4, V6, Who},
};
use anyhow::{Context, Result, ensure};
use netd_tests::{host::wait, programs::services};
use std::{
    net::IpAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A program that serves, ended with the value.
struct Service(Child);

impl Service {
    fn start(site: &Site, who: Who, command: &[&str]) -> Result<Self> {
        let mut new = Command::new(command[0]);
        new.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(site.ns(who).run(|| new.spawn())??))
    }

    /// Starts it and waits until it has the port.
    fn serving(site: &Site, who: Who, command: &[&str], protocol: &str, port: u16) -> Result<Self> {
        let new = Self::start(site, who, command)?;
        let option = if protocol == "tcp" { "-ltnH" } else { "-lunH" };
        let bound = format!("ss {option} 'sport = :{port}'");
        let there = || site.must(who, &bound).is_ok_and(|lines| !lines.is_empty());
        ensure!(wait(Duration::from_secs(10), there), "{command:?} does not serve {port}");
        Ok(new)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An address as URLs have it.
fn url(address: IpAddr) -> String {
    if address.is_ipv6() { format!("[{address}]") } else { address.to_string() }
}

/// Out to a port of the remote machine's, and in to a published one: who asks, who serves there on
/// which port, and where it is reached.
fn ways(family: Family, number: u16) -> [(Who, Who, u16, (IpAddr, u16)); 2] {
    let inner = PUBLISHED.1 + COUNT - 1 - number;
    let outer = (family.at(Host), PUBLISHED.0 + COUNT - 1 - number);
    let port = 9500 + number;
    [(One, Remote, port, (family.at(Remote), port)), (Remote, One, inner, outer)]
}

#[test]
fn dig_by_udp_and_tcp() {
    same(|site, family| {
        let mut told = Vec::new();
        for (asker, server, port, (address, reached)) in ways(family, 0) {
            let word = port.to_string();
            let command = ["/usr/bin/python3", "-c", services::DNS, &word];
            let _dns = Service::serving(site, server, &command, "tcp", port)?;
            for how in ["+notcp", "+tcp"] {
                let dig = format!(
                    "dig @{address} -p {reached} {how} +short +time=2 +tries=2 name.example A"
                );
                told.push(site.must(asker, &dig)?);
            }
        }
        Ok(told.join("; "))
    });
}

#[test]
fn curl_downloads_whole() {
    same(|site, family| {
        let mut told = Vec::new();
        for (asker, server, port, (address, reached)) in ways(family, 1) {
            let port = port.to_string();
            let command = ["/usr/bin/python3", "-c", services::HTTP, &port, "3000000"];
            let _web = Service::serving(site, server, &command, "tcp", port.parse()?)?;
            let curl =
                format!("curl -sS --max-time 10 http://{}:{reached}/ | md5sum", url(address));
            told.push(site.must(asker, &curl)?);
        }
        Ok(told.join("; "))
    });
}

/// Down and up, as a client of the outside and as a server for it: what comes of it, and how long
/// the slowest took.
fn loads(site: &Site, family: Family, bytes: u64) -> Result<(String, Duration)> {
    let narrow = family.narrow();
    let (size, inner) = (bytes.to_string(), PUBLISHED.1 + COUNT - 3);
    let serve = |who: Who, port: u16| {
        let word = port.to_string();
        let command = ["/usr/bin/python3", "-c", services::HTTP, &word, &size];
        Service::serving(site, who, &command, "tcp", port)
    };
    let _servers = [serve(Remote, 9502)?, serve(One, inner)?];
    let out = format!("http://{}:9502/", url(narrow));
    let inward = format!("http://{}:{}/", url(family.at(Host)), PUBLISHED.0 + COUNT - 3);
    let (mut told, mut slowest) = (Vec::new(), Duration::ZERO);
    for (who, url, options) in
        [(One, &out, ""), (Remote, &inward, &*format!("--interface {narrow}"))]
    {
        let begun = Instant::now();
        let curl = format!("curl -sS --max-time 20 {options} {url}");
        told.push(site.must(who, &format!("{curl} | wc -c"))?);
        slowest = slowest.max(begun.elapsed());
        let begun = Instant::now();
        told.push(site.must(who, &format!("head -c {bytes} /dev/zero | {curl} -T -"))?);
        slowest = slowest.max(begun.elapsed());
    }
    Ok((told.join(" "), slowest))
}

#[test]
fn a_hundred_megabytes_pass_a_hop_of_1280_bytes() {
    same(|site, family| {
        // The kernel's NAT need only show that the test can be passed.
        let bytes = if site.netd { 100_000_000 } else { 3_000_000 };
        let (told, slowest) = loads(site, family, bytes)?;
        let whole = told == vec![bytes.to_string(); 4].join(" ");
        let quick = slowest < Duration::from_secs(10);
        let fault = if whole && quick { String::new() } else { format!(": {told}, {slowest:?}") };
        Ok(format!("whole: {whole}, quick: {quick}{fault}"))
    });
}

#[test]
fn iperf3_by_tcp_and_udp_in_both_directions() {
    with_netd(&[V4, V6], |site, family| {
        for (asker, server, port, (address, reached)) in ways(family, 3) {
            let port_word = port.to_string();
            let command = ["iperf3", "-s", "-p", &port_word];
            let _server = Service::serving(site, server, &command, "tcp", port)?;
            for how in ["", "-R", "-u -b 50M -l 1200", "-u -b 50M -l 1200 -R"] {
                let iperf = format!("iperf3 -c {address} -p {reached} -n 4M {how} -J");
                let report = site.must(asker, &iperf);
                let report: serde_json::Value = serde_json::from_str(&report?)?;
                let end = &report["end"];
                // What was under way at the end is not counted.
                let name = if how.contains("-u") { "sum" } else { "sum_received" };
                let arrived = end[name]["bytes"].as_u64().context("no result")?;
                ensure!(arrived >= 500_000, "{address} {how}: {arrived} bytes arrive");
                let lost = end["sum"]["lost_percent"].as_f64().unwrap_or_default();
                ensure!(lost < 20.0, "{address} {how}: {lost} % are lost");
            }
        }
        Ok(())
    });
}

/// Every hop of the way out shows itself to traceroute, whatever it sends.
fn hops(site: &Site, family: Family, how: &str) -> Outcome {
    let version = if family == V4 { "-4" } else { "-6" };
    let command =
        format!("traceroute {version} {how} -n -q 1 -w 1 -m 5 -N 1 {}", family.at(Remote));
    let output = site.must(One, &command)?;
    let hop = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    Ok(output.lines().skip(1).filter_map(hop).collect::<Vec<_>>().join(" "))
}

#[test]
fn traceroute_by_udp() {
    same(|site, family| hops(site, family, "-U -p 9504"));
}

#[test]
fn traceroute_by_tcp() {
    same(|site, family| {
        let _server = site.listen(Remote, family, 9505)?;
        hops(site, family, "-T -p 9505")
    });
}

#[test]
fn traceroute_by_echo() {
    same(|site, family| hops(site, family, "-I"));
}

#[test]
fn ping_learns_of_the_narrow_hop() {
    with_netd(&[V4, V6], |site, family| {
        let narrow = family.narrow();
        let version = if family == V4 { "-4" } else { "-6" };
        // ping with packets that may not be fragmented: the first is refused, the next fit.
        let ping = |size: u16| format!("ping {version} -M do -c 1 -W 2 -s {size} {narrow}");
        let refused = site.shell(One, &ping(1400))?;
        let told = String::from_utf8_lossy(&refused.stdout).into_owned()
            + &String::from_utf8_lossy(&refused.stderr);
        ensure!(told.contains("1280"), "ping of 1400 bytes: {told}");
        let header = if family == V4 { 28 } else { 48 };
        site.must(One, &ping(1280 - header))?;
        Ok(())
    });
}

#[test]
fn ssh_to_a_container() {
    with_netd(&[V4, V6], |site, family| {
        let folder = site.lan.path(&format!("ssh-{family}"));
        std::fs::create_dir(&folder)?;
        let folder = folder.display().to_string();
        let number = COUNT - 5;
        let setup = format!(
            "cd {folder} && ssh-keygen -q -t ed25519 -N '' -f host && \
             ssh-keygen -q -t ed25519 -N '' -f user && cp user.pub allowed"
        );
        site.must(Host, &setup)?;
        let (port, key) = (PUBLISHED.1 + number, format!("{folder}/host"));
        let options = [
            format!("Port={port}"),
            format!("AuthorizedKeysFile={folder}/allowed"),
            "PidFile=none".into(),
            "PermitRootLogin=yes".into(),
            "PasswordAuthentication=no".into(),
            "StrictModes=no".into(),
            "UsePAM=no".into(),
        ];
        // It wants a directory of its own in /run.
        let own = "mount -t tmpfs run /run && mkdir /run/sshd && exec /usr/sbin/sshd \"$@\"";
        let mut command = vec!["unshare", "--mount", "sh", "-c", own, "sshd", "-D"];
        command.extend(["-f", "/dev/null", "-h", &key]);
        command.extend(options.iter().flat_map(|option| ["-o", option]));
        let _sshd = Service::serving(site, One, &command, "tcp", port)?;
        let ssh = format!(
            "ssh -F none -i {folder}/user -p {} -o BatchMode=yes -o ConnectTimeout=5 \
             -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
             root@{} 'head -c 2000000 /dev/zero | wc -c'",
            PUBLISHED.0 + number,
            family.at(Host)
        );
        let said = site.must(Remote, &ssh)?;
        ensure!(said == "2000000", "ssh says {said}");
        Ok(())
    });
}
