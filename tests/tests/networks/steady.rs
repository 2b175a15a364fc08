//! Traffic that goes on while something else happens, and must not notice.

use netd_tests::{host::TestHost, ns::TestNs, programs::STEADY_CLIENT};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A hundred pings a second from a container.
pub(super) struct Pings(Child);

impl Pings {
    /// Begins; the first one is answered when this returns. The agent may be gone by and by.
    pub(super) fn start(host: &TestHost, container: &str, address: &str) -> Self {
        let mut command = inside(host, container);
        command.args(["ping", "-n", "-i", "0.01", address]).stdout(Stdio::piped());
        let mut pings = Self(command.spawn().unwrap());
        // The heading, then the first answer: unbuffered, or the rest would be lost to the end.
        let mut first = Vec::new();
        while first.iter().filter(|byte| **byte == b'\n').count() < 2 {
            let mut byte = [0];
            let output = pings.0.stdout.as_mut().unwrap();
            let read = std::io::Read::read(output, &mut byte).unwrap();
            assert!(read == 1, "{address} was never answered");
            first.push(byte[0]);
        }
        assert!(String::from_utf8_lossy(&first).contains("_seq=1 "), "the first answer is late");
        pings
    }

    /// Ends: every ping but one that may just be under way was answered, once.
    pub(super) fn finish(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "ping ended before its time");
        kill(pid(&self.0), Signal::SIGINT).unwrap();
        let output = BufReader::new(self.0.stdout.take().unwrap()).lines();
        let sequence: Vec<u16> = output.filter_map(|line| number(&line.unwrap())).collect();
        // ping counts in 16 bits.
        let lost = sequence.windows(2).find(|pair| pair[1] != pair[0].wrapping_add(1));
        assert_eq!(lost, None, "answers are missing between these two");
        assert_eq!(sequence.first(), Some(&2), "answers after the first");
        assert!(self.0.wait().unwrap().success());
    }
}

/// The number of an answer: `64 bytes from 172.18.0.2: icmp_seq=7 ttl=64 time=0.05 ms`.
fn number(line: &str) -> Option<u16> {
    if !line.contains(" bytes from ") {
        return None;
    }
    line.split_once("_seq=")?.1.split_once(' ')?.0.parse().ok()
}

impl Drop for Pings {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A TCP connection in use.
pub(super) struct Connection(Child);

impl Connection {
    /// Begins in a namespace; the first echo has come back when this returns.
    pub(super) fn from(ns: &TestNs, address: &str, port: &str) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", STEADY_CLIENT, address, port]).stdin(Stdio::piped());
        command.stdout(Stdio::piped());
        Self(ns.namespace().run(|| command.spawn()).unwrap().unwrap()).opened()
    }

    /// As [`Connection::from`], in a container.
    pub(super) fn from_container(host: &TestHost, name: &str, address: &str, port: &str) -> Self {
        let mut command = inside(host, name);
        command.args(["python3", "-c", STEADY_CLIENT, address, port]).stdin(Stdio::piped());
        command.stdout(Stdio::piped());
        Self(command.spawn().unwrap()).opened()
    }

    fn opened(mut self) -> Self {
        let mut first = [0; 5];
        let output = self.0.stdout.as_mut().unwrap();
        std::io::Read::read_exact(output, &mut first).unwrap();
        assert_eq!(&first, b"open\n");
        self
    }

    /// Ends: all that was sent has come back, in time.
    pub(super) fn finish(mut self) {
        drop(self.0.stdin.take());
        let mut rest = String::new();
        let output = self.0.stdout.as_mut().unwrap();
        std::io::Read::read_to_string(output, &mut rest).unwrap();
        assert_eq!(rest, "done\n", "the connection broke");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command in a container's network, which needs no agent.
fn inside(host: &TestHost, container: &str) -> Command {
    let pid = host.ok(&["inspect", container, "--format", "{{.State.Pid}}"]).unwrap();
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid, "--net", "--"]);
    command
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}
