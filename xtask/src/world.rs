//! Namespaces, wires and an agent for a play. Everything carries the stage's name, so that the
//! supervisor finds it again.

use crate::{build, run, stage};
use anyhow::{Context, Result, bail};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The stage's namespaces, by short names: `host`, `remote` and so on.
pub(crate) struct World {
    name: String,
}

impl World {
    /// An empty stage.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let folder = stage::folder(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self { name: name.to_owned() })
    }

    /// A file or folder of the stage.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        stage::folder(&self.name).join(file)
    }

    /// Where the agent of [`start_agent`](Self::start_agent) answers.
    pub(crate) fn socket(&self) -> PathBuf {
        self.path("netd.sock")
    }

    /// A network namespace of its own, with `lo` up.
    pub(crate) fn namespace(&self, who: &str) -> Result<()> {
        run::read(Command::new("ip").args(["netns", "add", &self.long(who)]))?;
        self.ip(who, "link set lo up")
    }

    pub(crate) fn remove_namespace(&self, who: &str) -> Result<()> {
        run::read(Command::new("ip").args(["netns", "delete", &self.long(who)])).map(drop)
    }

    /// Where the agent pins.
    pub(crate) fn bpf_folder(&self) -> PathBuf {
        stage::bpf_folder(&self.name)
    }

    /// `ip WORDS` in the namespace `who`.
    pub(crate) fn ip(&self, who: &str, words: &str) -> Result<()> {
        let mut command = Command::new("ip");
        run::read(command.args(["-netns", &self.long(who)]).args(words.split_whitespace()))?;
        Ok(())
    }

    /// A wire: device and namespace of either end; both ends are up.
    pub(crate) fn wire(&self, one: (&str, &str), other: (&str, &str)) -> Result<()> {
        let ((device, who), (peer, peer_who)) = (one, other);
        let far = self.long(peer_who);
        self.ip(who, &format!("link add {device} type veth peer name {peer} netns {far}"))?;
        self.ip(who, &format!("link set {device} up"))?;
        self.ip(peer_who, &format!("link set {peer} up"))
    }

    /// The namespaces `left` and `right` on a Linux bridge in a third, as any tutorial makes them.
    pub(crate) fn plain_bridge(&self) -> Result<()> {
        for who in ["bridge", "left", "right"] {
            self.namespace(who)?;
        }
        self.ip("bridge", "link add br0 type bridge")?;
        self.ip("bridge", "link set br0 up")?;
        for (who, address) in [("left", LEFT), ("right", RIGHT)] {
            self.wire(("eth0", who), (who, "bridge"))?;
            self.ip("bridge", &format!("link set {who} master br0"))?;
            self.ip(who, &format!("address add {address}/24 dev eth0"))?;
        }
        Ok(())
    }

    /// The file of the network namespace `who`.
    pub(crate) fn file(&self, who: &str) -> String {
        format!("/run/netns/{}", self.long(who))
    }

    /// `program` in the network namespace `who`; everything else is this process's.
    pub(crate) fn inside(&self, who: &str, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.file(who))).args(["--", program]);
        command.env("NETD_SOCKET", self.socket());
        command
    }

    /// netctl, talking to the agent of [`start_agent`](Self::start_agent).
    pub(crate) fn netctl(&self, words: &[&str]) -> Command {
        let mut command = self.inside("host", &build::binary("netctl").to_string_lossy());
        command.args(words);
        command
    }

    /// Starts `program` in the background; its output goes to the stage's file `log`.
    pub(crate) fn start(&self, who: &str, words: &[&str], log: &str) -> Result<Child> {
        let [program, words @ ..] = words else { bail!("nothing to start") };
        let file = fs::File::create(self.path(log))?;
        self.inside(who, program)
            .args(words)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {program}"))
    }

    /// Starts netd in the namespace `host`, with the allocator set as by its unit, and waits until it
    /// answers.
    pub(crate) fn start_agent(&self) -> Result<()> {
        let words = [
            build::binary("netd"),
            "--socket".into(),
            self.socket(),
            "--state-dir".into(),
            self.path("state"),
            "--spec-dir".into(),
            self.path("spec"),
            "--bpf-dir".into(),
            stage::bpf_folder(&self.name),
        ];
        let words = words.iter().map(|word| word.to_string_lossy().into_owned());
        let words: Vec<String> =
            ["env".to_owned()].into_iter().chain(allocator()?).chain(words).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut agent = self.start("host", &words, "netd.log")?;
        until("netd answers", || {
            if agent.try_wait()?.is_some() {
                bail!("netd ended");
            }
            Ok(run::read(&mut self.netctl(&["status"])).is_ok())
        })
        .with_context(|| {
            let log = fs::read_to_string(self.path("netd.log")).unwrap_or_default();
            format!("netd does not run; it said: {}", log.trim())
        })
    }

    /// A field of `netctl inspect CONTAINER`, by a template.
    pub(crate) fn inspect(&self, container: &str, template: &str) -> Result<String> {
        let answer = run::read(&mut self.netctl(&["inspect", "--format", template, container]))?;
        Ok(answer.trim().to_owned())
    }

    /// The name that the system knows the namespace `who` by.
    fn long(&self, who: &str) -> String {
        format!("{}-{who}", self.name)
    }
}

/// What netd.service sets for the allocator, `NAME=VALUE` each.
fn allocator() -> Result<Vec<String>> {
    let file = run::root().join("package/netd.service");
    let unit = fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let words = lines.flat_map(str::split_ascii_whitespace);
    Ok(words.filter(|word| word.starts_with("MALLOC_")).map(str::to_owned).collect())
}

/// Asks `done` again and again until it says yes, for ten seconds at most.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(10);
    while !done()? {
        if Instant::now() > end {
            bail!("waited ten seconds in vain until {what}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What a client of iperf3 reports with `--json`: bits per second that arrived, and seconds.
pub(crate) fn iperf_rate(json: &str) -> Result<(f64, f64)> {
    let report: serde_json::Value = serde_json::from_str(json).context("iperf3's report")?;
    let sum = &report["end"]["sum_received"];
    match (sum["bits_per_second"].as_f64(), sum["seconds"].as_f64()) {
        (Some(bits), Some(seconds)) if bits > 0.0 && seconds > 0.0 => Ok((bits, seconds)),
        _ => bail!("iperf3 measured nothing: {}", report["error"]),
    }
}

/// The address of `right` on the plain bridge.
pub(crate) const RIGHT: &str = "10.99.0.2";
const LEFT: &str = "10.99.0.1";

/// The address of a container that is on one network only.
pub(crate) const ADDRESS: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_iperf3_is_read() {
        let json = r#"{"end": {"sum_received": {"bits_per_second": 2e9, "seconds": 1.5}}}"#;
        assert_eq!(iperf_rate(json).unwrap(), (2e9, 1.5));
    }

    #[test]
    fn the_reason_of_a_failed_iperf3_is_passed_on() {
        let told = iperf_rate(r#"{"error": "unable to connect", "end": {}}"#).unwrap_err();
        assert!(told.to_string().contains("unable to connect"));
    }
}
