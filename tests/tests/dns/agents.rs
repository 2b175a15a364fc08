//! Agents come, go and are replaced; names stay. And what netd-dns may do.

use super::site::{Handed, RESOLVER, Site, WEB, texts, until};
use hickory_proto::op::ResponseCode;
use netd::dns::{
    channel::Channel,
    protocol::{Answer, ClientId, Message, VERSION},
};
use netd_tests::ns::is_root;
use nix::sys::{
    signal::{Signal, kill},
    socket::{getsockopt, sockopt::PeerCredentials},
};
use std::{
    fs,
    io::Write as _,
    net::UdpSocket,
    os::{fd::AsFd, unix::net::UnixStream},
    process::Command,
};

#[test]
fn a_lost_agent_changes_nothing_and_the_next_finds_all() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    let pid = site.pid().as_raw() as u32;
    let mut next = Channel::connect(&site.path("dns.sock")).unwrap();
    let welcome = next.greet().unwrap();
    assert_eq!((welcome.version, welcome.pid, welcome.clients), (VERSION, pid, vec![WEB]));
    let peer = UnixStream::connect(site.path("dns.sock")).unwrap();
    let peer = getsockopt(&peer, PeerCredentials).unwrap();
    assert_eq!(peer.pid(), site.pid().as_raw(), "the kernel knows who listens");
    let late = site.channel.ask(&Message::Release { client: WEB }, &[]);
    assert!(late.is_err(), "the newest agent alone has a say");
    assert_eq!(texts(&site.client().ask("db.")), ["172.18.0.3"]);
    drop(next);
    assert_eq!(texts(&site.client().ask("db.")), ["172.18.0.3"]);
    site.channel = Channel::connect(&site.path("dns.sock")).unwrap();
    site.know();
    // What half an agent said is nothing.
    let mut half = UnixStream::connect(site.path("dns.sock")).unwrap();
    half.write_all(b"\0\0\x10\0{\"Names\":").unwrap();
    site.channel = Channel::connect(&site.path("dns.sock")).unwrap();
    site.know();
    assert_eq!(texts(&site.client().ask("db.")), ["172.18.0.3"]);
}

#[test]
fn a_client_is_released_served_again_and_asked_for_by_its_newest_sockets() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    let release =
        |site: &mut Site| site.channel.ask(&Message::Release { client: WEB }, &[]).unwrap();
    assert_eq!(release(&mut site), Answer::Done);
    assert_eq!(release(&mut site), Answer::Done);
    // Its sockets are closed when its address is free again.
    let free = || site.container.namespace().run(|| UdpSocket::bind(RESOLVER)).unwrap().is_ok();
    until("the sockets are closed", free);
    let sockets = Handed::make(&site.container, RESOLVER, 0, 0);
    assert_eq!(site.serve(WEB, sockets), Answer::Done);
    assert_eq!(texts(&site.client().ask("db.")), ["172.18.0.3"]);
    let elsewhere = Handed::make(&site.container, "127.0.0.12:53", 0, 0);
    assert_eq!(site.serve(WEB, elsewhere), Answer::Done);
    until("the old sockets are closed", || {
        site.container.namespace().run(|| UdpSocket::bind(RESOLVER)).unwrap().is_ok()
    });
    let nobody = Handed::make(&site.container, RESOLVER, 0, 0);
    assert_eq!(site.serve(ClientId(77), nobody), Answer::Done);
    assert_eq!(site.client().ask("db.").metadata.response_code, ResponseCode::Refused);
}

#[test]
fn wrong_descriptors_are_refused_in_words() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    let sockets = Handed::make(&site.container, "127.0.0.13:53", 1, 1);
    let file = fs::File::open("/dev/null").unwrap();
    let fds: Vec<_> = sockets.sockets.iter().map(AsFd::as_fd).collect();
    let serve = Message::Serve { client: ClientId(5), datagrams: 1, streams: 1 };
    for (wrong, why) in [
        (vec![fds[0], fds[1], fds[2]], "fewer descriptors"),
        (vec![fds[1], fds[0], fds[2], fds[3]], "not the UDP socket"),
        (vec![fds[0], fds[3], fds[2], fds[3]], "does not listen"),
        (vec![fds[0], fds[1], fds[2], file.as_fd()], "no socket"),
    ] {
        // The wrong number of descriptors ends a connection.
        site.channel = Channel::connect(&site.path("dns.sock")).unwrap();
        match site.channel.ask(&serve, &wrong).unwrap() {
            Answer::Refused(said) => assert!(said.contains(why), "{said}"),
            other => panic!("{other:?}"),
        }
    }
    site.channel = Channel::connect(&site.path("dns.sock")).unwrap();
    assert_eq!(site.channel.greet().unwrap().clients, [WEB]);
}

#[test]
fn it_runs_with_no_rights_and_no_strangers_command_it() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    // It answers, so it is confined.
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().skip(1).map(String::from).collect::<Vec<_>>()
    };
    assert!(field("Uid:").iter().all(|uid| *uid == "65534"), "{status}");
    assert!(field("Gid:").iter().all(|gid| *gid == "65534"), "{status}");
    assert!(field("Groups:").is_empty(), "{status}");
    for set in ["CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(field(set), ["0000000000000000"], "{set}");
    }
    assert_eq!(field("NoNewPrivs:"), ["1"]);
    assert_eq!(field("NSsid:"), [site.pid().to_string()]);
    let socket = site.path("dns.sock");
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(&socket, everybody).unwrap();
    let ask = "import socket,sys;s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1]);\
        s.sendall(b'\\0\\0\\0\\6\"Quit\"');print(s.recv(99))";
    for user in ["nobody", "daemon"] {
        let mut stranger = Command::new("setpriv");
        stranger.args(["--reuid", user, "--clear-groups", "python3", "-c", ask]).arg(&socket);
        let said = stranger.output().unwrap();
        assert!(!String::from_utf8_lossy(&said.stdout).contains("Done"), "{said:?}");
    }
    assert!(!site.ended());
    // The agent is still the one.
    site.channel.greet().unwrap();
}

#[test]
fn it_ends_when_told_to_and_not_before() {
    if !is_root() {
        return;
    }
    let mut site = Site::new(&[]);
    kill(site.pid(), Signal::SIGHUP).unwrap();
    assert_eq!(site.channel.ask(&Message::Quit, &[]).unwrap(), Answer::Done);
    until("it ends", || site.ended());
    let mut site = Site::new(&[]);
    kill(site.pid(), Signal::SIGTERM).unwrap();
    until("it ends", || site.ended());
}

#[test]
fn without_its_socket_it_says_who_starts_it() {
    let output = Command::new(netd_tests::host::binary("netd-dns").unwrap())
        .env_remove("LISTEN_FDS")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("LISTEN_FDS") && said.contains("systemd") && !output.status.success());
    assert_eq!(said.lines().count(), 1, "{said}");
}
