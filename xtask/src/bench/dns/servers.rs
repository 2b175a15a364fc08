//! netd-dns and its rivals, each in a namespace of its own, with the same names.

use super::TOOL;
use crate::{
    bench::tracks::{pinned, second_processor, this_program},
    build, run,
    world::{World, until},
};
use anyhow::{Context, Result};
use std::{
    fmt::Write as _,
    fs,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::Path,
    process::{Command, Stdio},
};

/// A server that answers.
pub(super) struct Server {
    /// What the tables call it.
    pub(super) name: String,
    /// Its namespace's file.
    pub(super) namespace: String,
}

/// A server, or why there is none.
type Found = Result<Server, String>;

impl Server {
    /// netd-dns with an agent of the bench's own.
    pub(super) fn netd(world: &World) -> Result<Self> {
        let server = Self::at(world, "netd-dns")?;
        let (socket, names) = (world.path("dns.sock"), world.path("names"));
        fs::write(&names, hosts())?;
        let listener = OwnedFd::from(UnixListener::bind(&socket)?);
        let program = build::binary("netd-dns").to_string_lossy().into_owned();
        // Its socket is its descriptor 3, as systemd hands it over.
        let mut command = pinned(&server.namespace, second_processor(), "sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 0</dev/null"#, &program]);
        command.args(["--log-level", "error"]).env("LISTEN_FDS", "1").stdin(Stdio::from(listener));
        command.stdout(Stdio::null()).spawn().context("cannot start netd-dns")?;
        let mut hand = server.inside(&this_program()?);
        hand.args([TOOL, "hand"]).args([&socket, &names]);
        run::read(&mut hand)?;
        server.answers()
    }

    pub(super) fn dnsmasq(world: &World) -> Result<Found> {
        if !run::has("dnsmasq") {
            return Ok(Err("dnsmasq (package dnsmasq-base)".into()));
        }
        let server = Self::at(world, "dnsmasq")?;
        let names = world.path("hosts");
        fs::write(&names, hosts())?;
        let words = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"];
        let mut command = pinned(&server.namespace, second_processor(), "dnsmasq");
        command.args(words).args(["--bind-interfaces", "--user=root", "--pid-file="]);
        command.arg(format!("--listen-address={ADDRESS}"));
        command.arg(format!("--addn-hosts={}", names.display()));
        quiet(&mut command).spawn().context("cannot start dnsmasq")?;
        Ok(Ok(server.answers()?))
    }

    pub(super) fn aardvark(world: &World) -> Result<Found> {
        if !Path::new(AARDVARK).exists() {
            return Ok(Err(format!("{AARDVARK} (package aardvark-dns)")));
        }
        let server = Self::at(world, "aardvark-dns")?;
        let folder = world.path("aardvark");
        fs::create_dir_all(&folder)?;
        // Who asks must be one of the containers.
        let mut names = format!("{ADDRESS}\n{:064x} {SOURCE}  client\n", u16::MAX);
        for (number, (address, name)) in containers().enumerate() {
            writeln!(names, "{number:064x} {address}  {name}")?;
        }
        fs::write(folder.join("bench"), names)?;
        let mut command = pinned(&server.namespace, second_processor(), AARDVARK);
        command.arg("--config").arg(&folder).args(["--port", "53", "run"]);
        quiet(&mut command).spawn().context("cannot start aardvark-dns")?;
        Ok(Ok(server.answers()?))
    }

    fn at(world: &World, name: &str) -> Result<Self> {
        world.namespace(name)?;
        Ok(Self { name: name.into(), namespace: world.file(name) })
    }

    /// Itself, when it does.
    fn answers(self) -> Result<Self> {
        let at = format!("@{ADDRESS}");
        let words = ["-b", SOURCE, &at, "+short", "+noedns", "+timeout=1", "+tries=1", "web", "A"];
        until(&format!("{} answers", self.name), || {
            let said = run::read(self.inside("dig").args(words));
            Ok(said.is_ok_and(|said| said.trim() == WEB))
        })?;
        Ok(self)
    }

    fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.namespace)).args(["--", program]);
        command
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

/// A thousand, one of them called `web`.
fn containers() -> impl Iterator<Item = (String, String)> {
    let others =
        (0..999).map(|n| (format!("172.18.{}.{}", 1 + n / 250, 1 + n % 250), format!("c{n}")));
    [(WEB.to_owned(), "web".to_owned())].into_iter().chain(others)
}

/// The same as /etc/hosts has it.
fn hosts() -> String {
    containers().map(|(address, name)| format!("{address} {name}\n")).collect()
}

/// Where each server listens.
pub(super) const ADDRESS: &str = "127.0.0.11";
/// The same, with the port.
pub(super) const RESOLVER: &str = "127.0.0.11:53";
/// Where questions come from.
pub(super) const SOURCE: &str = "127.0.0.2";
const WEB: &str = "172.18.0.2";
const AARDVARK: &str = "/usr/lib/podman/aardvark-dns";
