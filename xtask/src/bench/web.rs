//! A web server for short requests: every request has the same short answer, and its connection stays open
//! unless the client wants it closed.

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

/// Serves `address`, with a thread for each connection, until it is killed.
pub(crate) fn serve(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot bind {address}"))?;
    many_files()?;
    for stream in listener.incoming().flatten() {
        // What a client does to its connection is not the server's trouble.
        let one = thread::Builder::new().stack_size(STACK).spawn(move || drop(attend(&stream)));
        one.context("cannot start a thread")?;
    }
    Ok(())
}

fn attend(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(STACK / 16, stream);
    let mut line = String::new();
    let mut closing = false;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        closing |= line.eq_ignore_ascii_case("connection: close\r\n");
        if line == "\r\n" {
            (&mut &*stream).write_all(ANSWER)?;
            if closing {
                return Ok(());
            }
        }
    }
}

/// Opens so many connections to the web server at `address`, has each answer once, says how many there are,
/// and keeps them until it is killed.
pub(crate) fn hold(address: &str, count: &str) -> Result<()> {
    many_files()?;
    let count: usize = count.parse().context("how many")?;
    let open = |_| -> Result<TcpStream> {
        let mut stream =
            TcpStream::connect(address).with_context(|| format!("cannot reach {address}"))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: netd\r\n\r\n")?;
        stream.read_exact(&mut vec![0; ANSWER.len()])?;
        Ok(stream)
    };
    let open = (0..count).map(open).collect::<Result<Vec<_>>>()?;
    println!("{}", open.len());
    loop {
        thread::park();
    }
}

/// As many as root allows: each connection needs one.
fn many_files() -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).context("cannot open many files")
}

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
/// Bytes of a thread's stack: there may be a thousand.
const STACK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_answered_until_one_asks_to_close() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        thread::spawn(move || serve(&free.to_string()));
        let mut stream = loop {
            if let Ok(stream) = TcpStream::connect(free) {
                break stream;
            }
        };
        let request =
            "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("hello").count(), 2);
    }
}
