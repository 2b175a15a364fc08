//! A userspace proxy as a rival: what comes from one side is copied to the other, a connection at a
//! time per thread. It does less than docker-proxy does: no goroutines, no second thread per
//! connection, nothing allocated on the way.

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd,
    thread,
};

/// Copies between every client of `address` and a connection of its own to `target`, until it is
/// killed.
pub(super) fn run(address: &str, target: &str) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot bind {address}"))?;
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for client in listener.incoming().flatten() {
                    // A connection that breaks is its two ends' trouble.
                    drop(carry(client, target));
                }
            });
        }
    });
    Ok(())
}

fn carry(client: TcpStream, target: &str) -> Result<()> {
    let server = TcpStream::connect(target)?;
    let mut ways = [Way::new(&client, &server)?, Way::new(&server, &client)?];
    let mut buffer = vec![0; 64 * 1024];
    while ways.iter().any(|way| way.open) {
        let mut ready = ways.each_ref().map(|way| {
            let flags = if way.open { PollFlags::POLLIN } else { PollFlags::empty() };
            PollFd::new(way.from.as_fd(), flags)
        });
        poll(&mut ready, PollTimeout::NONE)?;
        let events = ready.map(|one| one.revents().unwrap_or(PollFlags::empty()));
        if events.iter().any(|events| events.contains(PollFlags::POLLERR)) {
            return Ok(());
        }
        for (way, events) in ways.iter_mut().zip(events) {
            if way.open && !events.is_empty() {
                way.copy(&mut buffer)?;
            }
        }
    }
    Ok(())
}

/// One direction of a connection.
struct Way<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    open: bool,
}

impl<'a> Way<'a> {
    fn new(from: &'a TcpStream, to: &'a TcpStream) -> Result<Self> {
        to.set_nodelay(true)?;
        Ok(Self { from, to, open: true })
    }

    /// Carries what is there on; the end, too.
    fn copy(&mut self, buffer: &mut [u8]) -> Result<()> {
        let count = self.from.read(buffer)?;
        self.to.write_all(&buffer[..count])?;
        if count == 0 {
            self.open = false;
            self.to.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}

/// Clients at a time.
const THREADS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_and_the_end_are_carried() {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let target_address = target.local_addr().unwrap().to_string();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let address = free.clone();
        thread::spawn(move || run(&address, &target_address));
        let mut client = loop {
            if let Ok(stream) = TcpStream::connect(&free) {
                break stream;
            }
        };
        client.write_all(b"ask").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut server, _) = target.accept().unwrap();
        let (mut asked, mut answered) = (String::new(), String::new());
        server.read_to_string(&mut asked).unwrap();
        server.write_all(b"answer").unwrap();
        drop(server);
        client.read_to_string(&mut answered).unwrap();
        assert_eq!((asked.as_str(), answered.as_str()), ("ask", "answer"));
    }
}
