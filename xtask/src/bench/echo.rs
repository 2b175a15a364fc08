//! One byte there, one byte back, over TCP: what a request costs when nothing is waiting.

use anyhow::{Context, Result};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// Answers every byte with a byte, one client at a time, until it is killed.
pub(crate) fn serve(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot bind {address}"))?;
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        let mut byte = [0];
        while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
    }
    Ok(())
}

/// Asks for that many seconds and prints the exchanges per second.
pub(crate) fn ask(address: &str, seconds: &str) -> Result<()> {
    let time = Duration::from_secs_f64(seconds.parse().context("seconds")?);
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
    stream.set_nodelay(true)?;
    exchange(&mut stream, time / 10)?;
    println!("{:.0}", exchange(&mut stream, time)?);
    Ok(())
}

/// Exchanges per second.
fn exchange(stream: &mut TcpStream, time: Duration) -> Result<f64> {
    let start = Instant::now();
    let mut count = 0.0;
    let mut byte = [0];
    while start.elapsed() < time {
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
        count += 1.0;
    }
    Ok(count / start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn every_byte_is_answered() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        thread::spawn(move || serve(&free.to_string()));
        let mut stream = loop {
            if let Ok(stream) = TcpStream::connect(free) {
                break stream;
            }
        };
        assert!(exchange(&mut stream, Duration::from_millis(20)).unwrap() > 0.0);
    }
}
