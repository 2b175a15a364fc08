//! Questions all the time, while something happens to those who answer.

use netd_tests::host::TestHost;
use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
};

/// A thousand questions a second from a container.
pub(super) struct Load(Child);

/// What became of them.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Questions that were never answered.
    pub(super) lost: u64,
    /// The longest time without an answer, milliseconds.
    pub(super) gap: u64,
}

impl Load {
    /// Begins; questions are being asked when this returns. The agent may be gone by and by.
    pub(super) fn start(host: &TestHost, container: &str, name: &str) -> Self {
        let pid = host.ok(&["inspect", container, "--format", "{{.State.Pid}}"]).unwrap();
        let mut command = Command::new("nsenter");
        command.args(["-t", &pid, "-n", "python3", "-c", ASKER, name]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut load = Self(command.spawn().unwrap());
        load.more(100);
        load
    }

    /// Waits until so many more have been asked, which is as many milliseconds at least.
    pub(super) fn more(&mut self, questions: u32) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{questions}").unwrap();
        let mut line = [0; 6];
        self.0.stdout.as_mut().unwrap().read_exact(&mut line).unwrap();
        assert_eq!(&line, b"asked\n");
    }

    /// Ends.
    pub(super) fn finish(mut self) -> Outcome {
        drop(self.0.stdin.take());
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let numbers: Vec<u64> = line.split_whitespace().map(|n| n.parse().unwrap()).collect();
        let [lost, gap] = numbers[..] else { panic!("the asker failed: {line:?}") };
        Outcome { lost, gap }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Asks for the address of the name in its argument a thousand times a second until its standard
/// input ends, each question by a datagram with a number of its own; says when as many more have been
/// asked as a line there says. Says then how many were not answered, and the milliseconds of the
/// longest pause between two answers.
const ASKER: &str = "
import select, socket, struct, sys, time
name = b''.join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split('.')) + b'\\0\\0\\1\\0\\1'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.connect(('127.0.0.11', 53))
s.setblocking(False)
open_, asked, gap, due = set(), 0, 0, 0
def take():
    global last, gap
    while True:
        try:
            d = s.recv(2000)
        except BlockingIOError:
            return
        except ConnectionRefusedError:
            continue
        if d[3] & 15 == 0 and struct.unpack('>H', d[6:8])[0] == 1:
            open_.discard(struct.unpack('>H', d[:2])[0])
            gap, last = max(gap, time.monotonic() - last), time.monotonic()
begin = last = time.monotonic()
over = False
while not over or (open_ and time.monotonic() < end):
    now = time.monotonic()
    while not over and asked < (now - begin) * 1000:
        n = asked & 0xffff
        open_.add(n)
        try:
            s.send(struct.pack('>HHHHHH', n, 0x100, 1, 0, 0, 0) + name)
        except ConnectionRefusedError:
            pass
        asked += 1
        if asked == due:
            print('asked', flush=True)
    select.select([s], [], [], 0.001)
    take()
    if not over and select.select([sys.stdin], [], [], 0)[0]:
        more = sys.stdin.readline()
        if more:
            due = asked + int(more)
        else:
            over, end = True, time.monotonic() + 2
print(len(open_), int(gap * 1000), flush=True)
";
