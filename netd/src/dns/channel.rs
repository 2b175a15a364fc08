//! The unix socket between the agent and netd-dns: messages in frames, file descriptors beside them.

use super::protocol::{Answer, LONGEST, Message, VERSION};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::Path,
    time::{Duration, Instant},
};

/// The agent's end. Its calls block, for [`ANSWER_TIME`] at most.
#[derive(Debug)]
pub struct Channel {
    socket: UnixStream,
    incoming: Incoming,
    /// After a failure nobody knows which answer comes next.
    broken: bool,
}

/// What netd-dns says of itself when an agent comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Its version of the protocol; of another one than [`VERSION`] only
    /// [`Message::Quit`] is understood for sure.
    pub version: u32,
    /// Its process id in its own pid namespace.
    pub pid: u32,
    /// Whose sockets it has.
    pub clients: Vec<super::protocol::ClientId>,
}

impl Channel {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Where nobody listens there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        Self::new(UnixStream::connect(path)?)
    }

    /// The agent's end of a connection that exists.
    ///
    /// # Errors
    /// Where the socket can't be told not to block.
    pub fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket, incoming: Incoming::default(), broken: false })
    }

    /// The first thing to do on a new channel.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and where netd-dns has no welcome.
    pub fn greet(&mut self) -> io::Result<Welcome> {
        match self.ask(&Message::Hello { version: VERSION }, &[])? {
            Answer::Welcome { version, pid, clients } => Ok(Welcome { version, pid, clients }),
            Answer::Refused(why) => Err(io::Error::other(why)),
            Answer::Done => Err(broken("answered a greeting with no welcome")),
        }
    }

    /// Sends a message with the descriptors that it names, and waits for the answer.
    ///
    /// # Errors
    /// Where netd-dns is gone, is silent for [`ANSWER_TIME`], or says what can't be read; where the
    /// message is too long or has more than [`MOST_DESCRIPTORS`]. After that the channel is of no use.
    pub fn ask(&mut self, message: &Message, descriptors: &[BorrowedFd<'_>]) -> io::Result<Answer> {
        if self.broken {
            return Err(broken("was given up after an earlier failure"));
        }
        let end = Instant::now() + ANSWER_TIME;
        let answer = self.exchange(message, descriptors, end);
        self.broken = answer.is_err();
        answer
    }

    fn exchange(
        &mut self,
        message: &Message,
        descriptors: &[BorrowedFd<'_>],
        end: Instant,
    ) -> io::Result<Answer> {
        send(&self.socket, message, descriptors, end)?;
        loop {
            if let Some(answer) = self.incoming.message()? {
                return Ok(answer);
            }
            wait(&self.socket, PollFlags::POLLIN, end)?;
            if !self.incoming.read(&self.socket)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// What has come through a socket and is not yet taken.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    descriptors: VecDeque<OwnedFd>,
}

impl Incoming {
    /// Takes what there is on the socket, without waiting; false at its end.
    ///
    /// # Errors
    /// Where the socket fails, more descriptors come than anybody sends, or this process may not
    /// have so many (`RLIMIT_NOFILE`). After that nobody knows which descriptor is whose: the
    /// connection is to end.
    pub fn read(&mut self, socket: &UnixStream) -> io::Result<bool> {
        let mut part = [0; 1 << 16];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut part)];
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let received = match recvmsg(socket, &mut parts, &mut beside, flags) {
            Ok(received) => received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        };
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            self.descriptors.clear();
            return Err(broken("sent more descriptors than this process may have open"));
        }
        if self.descriptors.len() > 2 * MOST_DESCRIPTORS {
            return Err(broken("sent descriptors that no message names"));
        }
        self.bytes.extend_from_slice(part.get(..received.bytes).unwrap_or_default());
        Ok(received.bytes > 0)
    }

    /// The next complete message.
    ///
    /// # Errors
    /// Where it is longer than [`LONGEST`], or not what it should be.
    pub fn message<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_be_bytes(*head);
        if length > LONGEST {
            return Err(broken(&format!("sent a message of {length} bytes")));
        }
        let Some(body) = rest.get(..length as usize) else { return Ok(None) };
        let message = serde_json::from_slice(body)
            .map_err(|e| broken(&format!("sent a message that can't be read: {e}")))?;
        self.bytes.drain(..HEAD + length as usize);
        if self.bytes.is_empty() {
            // A long message comes once in a while; its room is not kept for ever.
            self.bytes.shrink_to(1 << 16);
        }
        Ok(Some(message))
    }

    /// The `count` descriptors of the message that was taken just now. None where fewer came, or
    /// more and no message behind it could name them: then all are closed, and the connection is to
    /// end, so that nobody's sockets are taken for another's.
    pub fn descriptors(&mut self, count: usize) -> Option<Vec<OwnedFd>> {
        let came = self.descriptors.len();
        if came < count || (came > count && self.bytes.is_empty()) {
            self.descriptors.clear();
            return None;
        }
        Some(self.descriptors.drain(..count).collect())
    }
}

/// Sends one message before `end`; the descriptors go with its first byte.
///
/// # Errors
/// Where the other side is gone or takes nothing, or the message is too large.
pub fn send(
    socket: &UnixStream,
    message: &impl Serialize,
    descriptors: &[BorrowedFd<'_>],
    end: Instant,
) -> io::Result<()> {
    let frame = frame(message)?;
    if descriptors.len() > MOST_DESCRIPTORS {
        let error = format!("{} descriptors at once, of {MOST_DESCRIPTORS}", descriptors.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    let (mut rest, mut descriptors) = (frame.as_slice(), descriptors);
    while !rest.is_empty() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            beside.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match sendmsg(socket, &[IoSlice::new(rest)], &mut beside, flags) {
            Ok(sent) => {
                rest = rest.get(sent..).unwrap_or_default();
                descriptors = &[];
            }
            Err(rustix::io::Errno::AGAIN) => wait(socket, PollFlags::POLLOUT, end)?,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn frame(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEAD];
    serde_json::to_writer(&mut frame, message)?;
    let length = u32::try_from(frame.len() - HEAD).unwrap_or(u32::MAX);
    if length > LONGEST {
        let error = format!("a message of {length} bytes; the longest has {LONGEST}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    for (byte, value) in frame.iter_mut().zip(length.to_be_bytes()) {
        *byte = value;
    }
    Ok(frame)
}

/// Waits until the socket is ready, until `end` at most.
fn wait(socket: &UnixStream, what: PollFlags, end: Instant) -> io::Result<()> {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        // Rounded up: a wait of nothing would spin.
        let left = PollTimeout::try_from(left.as_millis() + 1).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), what)], left) {
            Ok(0) if Instant::now() >= end => return Err(io::ErrorKind::TimedOut.into()),
            Ok(0) | Err(nix::errno::Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the other side {what}"))
}

/// How long an answer may take.
pub const ANSWER_TIME: Duration = Duration::from_secs(5);

/// More descriptors than these don't go with one message: the kernel's SCM_MAX_FD.
pub const MOST_DESCRIPTORS: usize = 253;

/// Bytes before a message that tell its length.
const HEAD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::protocol::ClientId;
    use std::{io::Write as _, net::UdpSocket, thread};

    fn far_side(socket: UnixStream) -> (Vec<Message>, Vec<u16>) {
        let (mut incoming, mut messages, mut ports) = (Incoming::default(), Vec::new(), Vec::new());
        while incoming.read(&socket).unwrap() {
            while let Some(message) = incoming.message::<Message>().unwrap() {
                for descriptor in incoming.descriptors(message.descriptors()).unwrap() {
                    ports.push(UdpSocket::from(descriptor).local_addr().unwrap().port());
                }
                let end = Instant::now() + ANSWER_TIME;
                send(&socket, &Answer::Refused("no".repeat(300_000)), &[], end).unwrap();
                messages.push(message);
            }
            let _ = wait(&socket, PollFlags::POLLIN, Instant::now() + ANSWER_TIME);
        }
        (messages, ports)
    }

    #[test]
    fn messages_descriptors_and_long_answers_arrive_whole_and_in_order() {
        let (here, there) = UnixStream::pair().unwrap();
        let far = thread::spawn(|| far_side(there));
        let mut channel = Channel::new(here).unwrap();
        let sockets: Vec<_> = (0..200).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let descriptors: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let messages: Vec<_> = [0, 198, 3]
            .map(|datagrams| Message::Serve { client: ClientId(7), datagrams, streams: 0 })
            .into();
        for message in &messages {
            let answer = channel.ask(message, &descriptors[..message.descriptors()]).unwrap();
            assert_eq!(answer, Answer::Refused("no".repeat(300_000)));
        }
        drop(channel);
        let (seen, ports) = far.join().unwrap();
        let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
        let sent = [&sockets[..2], &sockets[..200], &sockets[..5]].concat_ports(port);
        assert_eq!((seen, ports), (messages, sent));
    }

    trait Ports {
        fn concat_ports(&self, port: impl Fn(&UdpSocket) -> u16) -> Vec<u16>;
    }

    impl Ports for [&[UdpSocket]] {
        fn concat_ports(&self, port: impl Fn(&UdpSocket) -> u16) -> Vec<u16> {
            self.iter().flat_map(|sockets| sockets.iter()).map(port).collect()
        }
    }

    #[test]
    fn a_side_that_hangs_up_or_talks_nonsense_is_an_error_and_ends_the_channel() {
        for nonsense in [&b""[..], b"\xff\xff\xff\xff", b"\0\0\0\x02[]", b"\0\0"] {
            let (here, mut there) = UnixStream::pair().unwrap();
            there.write_all(nonsense).unwrap();
            there.shutdown(std::net::Shutdown::Write).unwrap();
            let mut channel = Channel::new(here).unwrap();
            assert!(channel.greet().is_err(), "{nonsense:?}");
            let again = channel.ask(&Message::Quit, &[]).unwrap_err();
            assert!(again.to_string().contains("given up"), "{again}");
        }
    }

    #[test]
    fn other_descriptors_than_named_are_none_and_are_not_left_for_the_next_message() {
        let serve = |asking| Message::Serve { client: ClientId(1), datagrams: asking, streams: 0 };
        for (message, sent) in [(serve(9), 1), (serve(0), 1), (serve(0), 3), (Message::Quit, 1)] {
            let (here, there) = UnixStream::pair().unwrap();
            let end = Instant::now() + ANSWER_TIME;
            send(&here, &message, &vec![there.as_fd(); sent], end).unwrap();
            let mut incoming = Incoming::default();
            incoming.read(&there).unwrap();
            assert_eq!(incoming.message::<Message>().unwrap().as_ref(), Some(&message));
            assert!(incoming.descriptors(message.descriptors()).is_none(), "{message:?} {sent}");
            assert!(incoming.descriptors.is_empty(), "{message:?} {sent}");
        }
    }
}
