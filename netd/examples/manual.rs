//! Writes the manual pages of netd, netctl and netd-dns into a directory: what `--help` says, as man(1)
//! shows it. `cargo xtask dist` runs it.

use anyhow::{Context as _, Result};
use clap::{Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};
use netd::{cli::args::Cli, config::Args, dns::options::Options};
use std::{env, fs, path::Path};

fn main() -> Result<()> {
    let directory = env::args_os().nth(1).context("usage: manual DIRECTORY")?;
    let directory = Path::new(&directory);
    fs::create_dir_all(directory)?;
    pages(directory, Cli::command(), "1", &NETCTL)?;
    pages(directory, Args::command(), "8", &NETD)?;
    pages(directory, Options::command(), "8", &NETD_DNS)
}

fn pages(directory: &Path, command: Command, section: &str, more: &[Section]) -> Result<()> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    page(directory, &command, section, more)
}

/// The page of a command, and one for each command below it.
fn page(directory: &Path, command: &Command, section: &str, more: &[Section]) -> Result<()> {
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        page(directory, below, section, &[])?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let page = Man::new(command.clone())
        .title(name.to_uppercase())
        .section(section)
        .source(format!("netd {}", env!("CARGO_PKG_VERSION")))
        .manual("netd");
    let mut text = Vec::new();
    page.render(&mut text)?;
    for (title, body) in more {
        let mut section = Roff::new();
        section.control("SH", [*title]);
        for paragraph in body.split("\n\n") {
            section.control("PP", []);
            section.text([roman(paragraph)]);
        }
        section.to_writer(&mut text)?;
    }
    let path = directory.join(format!("{name}.{section}"));
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}

/// A title, and paragraphs with an empty line between them.
type Section = (&'static str, &'static str);

const NETCTL: [Section; 3] = [
    ("EXIT STATUS", "0: done. 1: failed; one line says what, why, and what to do. 2: wrong usage."),
    (
        "FILES",
        "/run/netd/netd.sock: where the agent listens, for root and members of the group netd.",
    ),
    ("SEE ALSO", "netd(8), netd-dns(8)"),
];

const NETD: [Section; 3] = [
    (
        "SIGNALS",
        "SIGTERM, SIGINT: the agent ends; networks, containers and what forwards their packets stay.\n\n\
         SIGHUP: the files that declare what should exist are read again.",
    ),
    (
        "FILES",
        "/etc/netd/netd.toml: settings; the long name of each option is a key.\n\n\
         /etc/netd/*.yaml: what should exist, in the words of Compose.\n\n\
         /var/lib/netd: what must survive a reboot.\n\n\
         /sys/fs/bpf/netd: programs and maps.\n\n\
         /run/netd/netd.sock: where netctl asks.",
    ),
    ("SEE ALSO", "netctl(1), netd-dns(8), systemctl(1)"),
];

const NETD_DNS: [Section; 1] = [("SEE ALSO", "netd(8), netctl(1)")];
