//! Clients that want too much, or take their time.

use super::*;
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    time::Instant,
};

/// What the agent answers to these bytes until it closes the connection.
fn exchange(host: &TestHost, bytes: &[u8]) -> Result<String> {
    let mut stream = UnixStream::connect(host.path("netd.sock"))?;
    stream.set_read_timeout(Some(2 * SOON))?;
    match stream.write_all(bytes) {
        // It has heard enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
        done => done?,
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
        done => drop(done?),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn post(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: netd\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
}

#[test]
fn what_is_too_large_is_refused_in_one_line() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    for (path, limit) in [("/v1/networks", 1 << 20), ("/v1/apply", 3 << 20)] {
        let large = limit + 1;
        let answer = exchange(&host, (post(path, large) + &" ".repeat(large)).as_bytes())?;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").context("no body")?;
        let error: netd::error::Error = serde_json::from_str(body)?;
        assert!(error.message.contains(&format!("larger than {limit} bytes")), "{error}");
        assert!(!error.message.contains('\n'));
        // As large as may be: read, and no JSON.
        let answer = exchange(&host, (post(path, limit) + &" ".repeat(limit)).as_bytes())?;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    // Nothing of it has to come for that.
    let answer = exchange(&host, post("/v1/networks", 1 << 40).as_bytes())?;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let head =
        format!("GET /v1/status HTTP/1.1\r\nhost: netd\r\nx: {}\r\n\r\n", "x".repeat(1 << 17));
    let answer = exchange(&host, head.as_bytes())?;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    host.ok(&["status"])?;
    Ok(())
}

#[test]
fn clients_that_take_their_time_are_given_up() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let begun = Instant::now();
    let slow = post("/v1/networks", 100);
    let slow: [&[u8]; 4] =
        [b"", b"GET /v1/sta", b"GET /v1/status HTTP/1.1\r\nhost: n", slow.as_bytes()];
    std::thread::scope(|scope| -> Result<()> {
        let all: Vec<_> = slow.iter().map(|bytes| scope.spawn(|| exchange(&host, bytes))).collect();
        host.ok(&["network", "create", "meanwhile"])?;
        let answers: Vec<String> =
            all.into_iter().map(|one| one.join().unwrap()).collect::<Result<_>>()?;
        // Closed without a word, or with the reason.
        assert!(
            answers[..3].iter().all(|a| a.is_empty() || a.starts_with("HTTP/1.1 408 ")),
            "{answers:?}"
        );
        assert!(answers[3].starts_with("HTTP/1.1 400 "), "{answers:?}");
        assert!(answers[3].contains("its body did not come within 10s"), "{answers:?}");
        Ok(())
    })?;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    Ok(())
}

/// Opens as many connections as its second argument says to the socket in its first, as the user in
/// its third, says how many it has, and keeps them.
const CROWD: &str = "
import os, resource, signal, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
path, number, user = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.setuid(user)
held = []
for n in range(number):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(1)
    try:
        s.connect(path)
    except OSError:
        break
    held.append(s)
print(len(held))
signal.pause()
";

#[test]
fn a_crowd_of_connections_locks_nobody_out() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let socket = host.path("netd.sock");
    let path = socket.to_str().context("a path")?;
    fs::set_permissions(host.path("."), fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666))?;
    // They are not permitted anyway, and are told so or not; root is served at once.
    let mut strangers = Process::python(CROWD, &[path, "700", "65534"])?;
    let held: u32 = strangers.line()?.parse()?;
    assert!(held >= 600, "{held}");
    let asked = Instant::now();
    host.ok(&["status"])?;
    assert!(asked.elapsed() < SOON / 4, "{:?}", asked.elapsed());
    drop(strangers);
    // Root's own connections without a request are given up after a while, and those that wait are served.
    let mut crowd = Process::python(CROWD, &[path, "1100", "0"])?;
    let held: u32 = crowd.line()?.parse()?;
    assert!(held > 1024, "{held}");
    host.ok(&["status"])?;
    drop(crowd);
    let agent = client(&host).get::<Value>("/v1/status")?["Pid"].as_u64().context("no pid")?;
    let descriptors = || fs::read_dir(format!("/proc/{agent}/fd")).map(Iterator::count);
    assert!(wait(SOON, || descriptors().is_ok_and(|count| count < 300)), "{:?}", descriptors());
    Ok(())
}
