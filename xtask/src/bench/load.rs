//! The load: a server that answers bytes and swallows streams, and the clients that ask it. Blocking
//! sockets of the standard library, one thread per client, so that what is measured is the way.

use super::latency::Histogram;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::{
    socket::{setsockopt, sockopt::ReceiveTimeout},
    time::{TimeVal, TimeValLike},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

/// Serves `address` by TCP and UDP, one TCP client at a time, until it is killed.
///
/// A connection's first byte says what it is: [`STREAM`] is swallowed to its end and answered with
/// the number of bytes (big-endian, 8 bytes); anything else is answered byte by byte.
pub(crate) fn serve(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address).with_context(|| format!("cannot bind {address}"))?;
    let datagrams = UdpSocket::bind(address).with_context(|| format!("cannot bind {address}"))?;
    // Connections inherit it: a client that vanished does not hold up the next one.
    setsockopt(&listener, ReceiveTimeout, &TimeVal::seconds(PATIENCE))?;
    thread::spawn(move || answer_datagrams(&datagrams));
    loop {
        match listener.accept() {
            // What a client does to its connection is not the server's trouble.
            Ok((stream, _)) => drop(attend(stream)),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e).context("cannot accept"),
        }
    }
}

/// Asks for that many seconds and prints one JSON object: `per_second`, `count` (requests,
/// connections, bits or datagrams), `seconds`, and how long the requests took.
pub(crate) fn ask(workload: &str, address: &str, seconds: &str) -> Result<()> {
    let time = Duration::from_secs_f64(seconds.parse().context("seconds")?);
    let mut latency = Histogram::default();
    let done = match workload {
        "requests" => requests(address, time, &mut latency),
        "connections" => connections(address, time),
        "stream" => stream(address, time),
        "datagrams" => datagrams(address, time),
        other => bail!("no workload is called {other}"),
    };
    let (count, time) = done.with_context(|| format!("{workload} to {address}"))?;
    ensure!(count > 0, "{workload} to {address}: nothing came through");
    let seconds = time.as_secs_f64();
    let report = serde_json::json!({
        "per_second": count as f64 / seconds, "count": count, "seconds": seconds,
        "latency": latency.json(),
    });
    println!("{report}");
    Ok(())
}

/// What was counted, and in how much time.
type Done = (u64, Duration);

fn attend(mut stream: TcpStream) -> std::io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    if byte[0] == STREAM {
        let count = swallow(&mut stream)?;
        return stream.write_all(&count.to_be_bytes());
    }
    loop {
        stream.write_all(&byte)?;
        stream.read_exact(&mut byte)?;
    }
}

fn swallow(stream: &mut TcpStream) -> std::io::Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(count),
            bytes => count += bytes as u64,
        }
    }
}

/// Answers datagrams of one byte: the answer establishes the flow. All others are read and dropped.
fn answer_datagrams(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    loop {
        if let Ok((1, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..1], from);
        }
    }
}

/// One byte there, one byte back, on one connection.
fn requests(address: &str, time: Duration, latency: &mut Histogram) -> Result<Done> {
    let mut stream = connect(address)?;
    stream.set_nodelay(true)?;
    repeat(time / 10, || exchange(&mut stream))?;
    // One look at the clock per request, and everything else afterwards.
    let mut ends = vec![Duration::ZERO];
    let start = Instant::now();
    while ends.last().is_none_or(|end| *end < time) {
        exchange(&mut stream)?;
        ends.push(start.elapsed());
    }
    ends.windows(2).for_each(|pair| latency.record((pair[1] - pair[0]).as_secs_f64() * 1e9, 1));
    Ok((ends.len() as u64 - 1, ends.last().copied().unwrap_or_default()))
}

/// A connection for one byte there and one byte back; the client closes, with a FIN.
fn connections(address: &str, time: Duration) -> Result<Done> {
    repeat(time, || exchange(&mut connect(address)?))
}

/// Bits that arrived, by the server's count; the time ends when that count is here.
fn stream(address: &str, time: Duration) -> Result<Done> {
    let mut stream = connect(address)?;
    stream.write_all(&[STREAM])?;
    let chunk = vec![0; CHUNK];
    let start = Instant::now();
    repeat(time, || Ok(stream.write_all(&chunk)?))?;
    stream.shutdown(Shutdown::Write)?;
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    Ok((u64::from_be_bytes(count) * 8, start.elapsed()))
}

/// Datagrams that were sent, in frames of 64 bytes with their checksum, after one that was answered.
fn datagrams(address: &str, time: Duration) -> Result<Done> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    let mut answer = [0];
    let mut answered = || {
        socket.send(&answer)?;
        socket.recv(&mut answer)
    };
    ensure!((0..10).any(|_| answered().is_ok()), "no datagram is answered");
    let payload = [0; 18];
    // The clock costs as much as a tenth of a datagram.
    let (count, time) = repeat(time, || (0..BURST).try_for_each(|_| Ok(send(&socket, &payload)?)))?;
    Ok((count * BURST, time))
}

fn send(socket: &UdpSocket, payload: &[u8]) -> std::io::Result<()> {
    match socket.send(payload) {
        // The device's queue is full: the datagram does not arrive, and is not counted there.
        Err(e) if e.raw_os_error() != Some(nix::errno::Errno::ENOBUFS as i32) => Err(e),
        _ => Ok(()),
    }
}

fn connect(address: &str) -> Result<TcpStream> {
    Ok(TcpStream::connect(address)?)
}

fn exchange(stream: &mut TcpStream) -> Result<()> {
    let mut byte = [REQUEST];
    stream.write_all(&byte)?;
    stream.read_exact(&mut byte)?;
    ensure!(byte[0] == REQUEST, "the answer is not what was asked");
    Ok(())
}

/// Does it again and again for that long.
fn repeat(time: Duration, mut work: impl FnMut() -> Result<()>) -> Result<Done> {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        work()?;
        count += 1;
    }
    Ok((count, start.elapsed()))
}

const REQUEST: u8 = b'r';
const STREAM: u8 = b's';
/// Bytes of one write or read of a stream.
const CHUNK: usize = 128 * 1024;
/// Datagrams between two looks at the clock.
const BURST: u64 = 64;
/// Seconds that the server waits for a byte.
const PATIENCE: i64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> String {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let address = free.clone();
        thread::spawn(move || serve(&address));
        while TcpStream::connect(&free).is_err() {
            thread::yield_now();
        }
        free
    }

    #[test]
    fn every_workload_is_served_by_one_server() {
        let address = server();
        let time = Duration::from_millis(20);
        for workload in [connections, stream, datagrams] {
            let (count, took) = workload(&address, time).unwrap();
            assert!(count > 0 && took >= time);
        }
        let mut latency = Histogram::default();
        let (count, took) = requests(&address, time, &mut latency).unwrap();
        assert!(count > 0 && took >= time && latency.quantile(0.5) > 0.0);
    }

    #[test]
    fn a_stream_is_counted_where_it_arrives() {
        let mut stream = TcpStream::connect(server()).unwrap();
        stream.write_all(&[STREAM, 1, 2, 3]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut count = Vec::new();
        stream.read_to_end(&mut count).unwrap();
        assert_eq!(count, 3_u64.to_be_bytes());
    }

    #[test]
    fn nobody_there_is_an_error_and_no_figure() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        assert!(ask("requests", &free, "0.01").is_err());
        assert!(ask("laughs", &free, "0.01").is_err());
    }
}
