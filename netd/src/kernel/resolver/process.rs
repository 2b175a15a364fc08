//! The process netd-dns: where it listens for the agent, and how it is found, started and ended.

use crate::config::NamesBy;
use crate::error::{Error, Result};
use crate::kernel::{netns, process::kill, socket};
use command_fds::{CommandFdExt, FdMapping};
use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::User,
};
use std::{
    env,
    ffi::OsString,
    fs, io,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

/// Where netd-dns listens, and what it is.
#[derive(Clone, Debug)]
pub struct Home {
    socket: PathBuf,
    program: PathBuf,
    agent_socket: PathBuf,
    resolv_conf: PathBuf,
    by: NamesBy,
}

/// A netd-dns that runs, told apart from any process that gets its number later.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    pid: u32,
    start_time: u64,
}

impl Home {
    /// Beside the agent's own socket and executable; `resolv_conf` names the host's resolvers.
    ///
    /// # Errors
    /// The agent's executable has no name.
    pub fn new(agent_socket: &Path, resolv_conf: &Path) -> Result<Self> {
        let own = env::current_exe()
            .map_err(|e| Error::kernel(format!("cannot tell where netd's executable is: {e}")))?;
        Ok(Self {
            socket: socket_beside(agent_socket),
            program: own.with_file_name(program_name(&own)),
            agent_socket: agent_socket.to_owned(),
            resolv_conf: resolv_conf.to_owned(),
            by: NamesBy::Agent,
        })
    }

    /// The same, where `by` runs it.
    #[must_use]
    pub fn of(self, by: NamesBy) -> Self {
        Self { by, ..self }
    }

    /// A service manager listens in its place, and starts it for who connects.
    #[must_use]
    pub fn is_a_service(&self) -> bool {
        self.by == NamesBy::Service
    }

    /// A connection to the netd-dns that runs, if one does; and its process, where that is sure.
    #[must_use]
    pub fn find(&self) -> Option<(UnixStream, Option<Running>)> {
        let stream = UnixStream::connect(&self.socket).ok()?;
        let process = self.listening(&stream);
        Some((stream, process))
    }

    /// Whether it runs another build than the one that is installed now: the file that it runs was replaced.
    #[must_use]
    pub fn has_other_build(&self, process: Running) -> bool {
        let file = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
        let runs = file(Path::new(&format!("/proc/{}/exe", process.pid)));
        // Where there is none now, the one that runs is the best there is.
        file(&self.program).is_some_and(|here| runs.is_some_and(|runs| runs != here))
    }

    /// Starts one, or has the service manager start it, and connects to it. It lives on when the agent
    /// ends.
    ///
    /// # Errors
    /// The socket can't be made, the program is missing or can't be started; no service manager listens.
    pub fn start(&self) -> Result<(UnixStream, Option<Running>)> {
        if self.is_a_service() {
            let socket = self.socket.display();
            return self.find().ok_or_else(|| {
                Error::kernel(format!(
                    "nobody listens on {socket}, and names-by is \"service\": start netd-dns.socket"
                ))
            });
        }
        let failed = |e: io::Error| Error::kernel(format!("cannot start {}: {e}", self.shown()));
        let listener = self.listen().map_err(|e| {
            Error::kernel(format!("cannot listen on {}: {e}", self.socket.display()))
        })?;
        let mut command = self.command(listener.into())?;
        let child = command.spawn().map_err(failed)?;
        // The command holds the listener: while it lives, a connection can't tell that nobody is
        // there to answer.
        drop(command);
        let process = Running::of(child.id());
        attend(child);
        // Nobody else has the socket: whoever does not take it has ended.
        let stream = UnixStream::connect(&self.socket).map_err(|e| match e.kind() {
            io::ErrorKind::ConnectionRefused => ends_at_once(),
            _ => failed(e),
        })?;
        Ok((stream, process))
    }

    /// Removes the socket, unless it is a service manager's.
    pub fn remove(&self) {
        if self.is_a_service() {
            return;
        }
        // Only tidiness: the next start replaces it anyway.
        let _ = fs::remove_file(&self.socket);
    }

    /// The process that listens there, by the kernel's word: netd-dns reads what strangers write, and
    /// could name any other. None where it runs another program.
    fn listening(&self, stream: &UnixStream) -> Option<Running> {
        let pid = u32::try_from(getsockopt(stream, PeerCredentials).ok()?.pid()).ok()?;
        let process = Running::of(pid)?;
        // The one that began to listen may have ended, and its number be another's.
        let runs = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        let program = fs::canonicalize(&self.program).unwrap_or_else(|_| self.program.clone());
        (runs.with_file_name(present_name(&runs)) == program).then_some(process)
    }

    fn shown(&self) -> String {
        self.program.display().to_string()
    }

    /// The socket, open to root alone before anybody can see it.
    fn listen(&self) -> io::Result<UnixListener> {
        socket::put_directory(&self.socket)?;
        let draft = self.socket.with_added_extension("new");
        match fs::remove_file(&draft) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&draft)?;
        fs::set_permissions(&draft, fs::Permissions::from_mode(0o600))?;
        fs::rename(&draft, &self.socket)?;
        Ok(listener)
    }

    fn command(&self, listener: OwnedFd) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg("--resolv-conf").arg(&self.resolv_conf).arg("--user").arg(user());
        // NETD_SOCKET says whose it is, where several agents live on one machine.
        command.env_clear().env("LISTEN_FDS", "1").env("NETD_SOCKET", &self.agent_socket);
        command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/");
        let listener = FdMapping { parent_fd: listener, child_fd: FIRST_FD };
        command.fd_mappings(vec![listener]).map_err(|e| Error::internal(e.to_string()))?;
        Ok(command)
    }
}

impl Running {
    /// The process with this number.
    fn of(pid: u32) -> Option<Self> {
        Some(Self { pid, start_time: netns::start_time(pid).ok()? })
    }

    /// Ends it, unless it has ended.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn kill(self) -> Result<()> {
        kill(self.pid, self.start_time)
    }
}

/// Waits for its end in the background, and takes note of it.
fn attend(mut child: Child) {
    let wait = move || match child.wait() {
        Ok(status) if status.success() => tracing::debug!("netd-dns has ended"),
        Ok(status) => tracing::warn!("netd-dns has ended: {status}"),
        Err(error) => tracing::warn!("cannot wait for netd-dns: {error}"),
    };
    if let Err(error) = thread::Builder::new().name("netd-dns".to_owned()).spawn(wait) {
        tracing::warn!("cannot wait for netd-dns: {error}");
    }
}

/// A netd-dns that is gone before it has said anything.
#[must_use]
pub fn ends_at_once() -> Error {
    Error::kernel("netd-dns ends as soon as it is started; see its log")
}

/// `netd.dns.sock` beside `netd.sock`: agents whose sockets share a directory each have their own.
fn socket_beside(agent_socket: &Path) -> PathBuf {
    if agent_socket.extension().is_some_and(|extension| extension == "sock") {
        agent_socket.with_extension("dns.sock")
    } else {
        agent_socket.with_added_extension("dns")
    }
}

/// The agent's own name with `-dns`.
fn program_name(own: &Path) -> OsString {
    format!("{}-dns", present_name(own)).into()
}

/// An executable's name without the mark that one shows which was replaced while it runs.
fn present_name(executable: &Path) -> String {
    let name = executable.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(" (deleted)").unwrap_or(&name).to_owned()
}

/// Whom netd-dns runs as: `netd-dns` where the host has that user, else `nobody`.
fn user() -> String {
    let known = USERS.iter().find_map(|name| User::from_name(name).ok().flatten());
    let (uid, gid) = known.map_or((NOBODY, NOBODY), |u| (u.uid.as_raw(), u.gid.as_raw()));
    format!("{uid}:{gid}")
}

/// SD_LISTEN_FDS_START of sd_listen_fds(3).
const FIRST_FD: i32 = 3;
const USERS: [&str; 2] = ["netd-dns", "nobody"];
/// The overflow user and group of Linux.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netd_dns_lies_beside_the_agent_under_the_same_beginning() {
        for (own, name) in [
            ("/usr/sbin/netd", "netd-dns"),
            ("/usr/sbin/netd (deleted)", "netd-dns"),
            ("/build/tested-netd", "tested-netd-dns"),
        ] {
            assert_eq!(program_name(Path::new(own)), name);
        }
    }

    #[test]
    fn each_agent_has_a_netd_dns_of_its_own() {
        for (agent, netd_dns) in [
            ("/run/netd/netd.sock", "/run/netd/netd.dns.sock"),
            ("/run/netd/second.sock", "/run/netd/second.dns.sock"),
            ("/run/netd/netd.2.sock", "/run/netd/netd.2.dns.sock"),
            ("/run/netd/netd", "/run/netd/netd.dns"),
        ] {
            assert_eq!(socket_beside(Path::new(agent)), Path::new(netd_dns));
        }
    }

    #[test]
    fn nobody_is_there_until_it_is_started_and_a_missing_program_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let mut home = Home::new(&directory.path().join("netd.sock"), Path::new("/x")).unwrap();
        home.program = "/nonexistent/netd-dns".into();
        assert!(home.find().is_none());
        let error = home.start().unwrap_err();
        assert!(error.message.starts_with("cannot start /nonexistent/netd-dns: "), "{error}");
        assert!(home.find().is_none(), "a listener was left behind");
        home.remove();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn where_a_service_manager_listens_nothing_is_started_and_its_socket_stays() {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(&directory.path().join("netd.sock"), Path::new("/x")).unwrap();
        let home = home.of(NamesBy::Service);
        let error = home.start().unwrap_err();
        assert!(error.message.ends_with("start netd-dns.socket"), "{error}");
        let _listener = home.listen().unwrap();
        home.start().unwrap();
        home.remove();
        assert!(home.find().is_some());
    }

    #[test]
    fn a_process_that_was_found_is_known_only_where_the_kernel_says_it_is_netd_dns() {
        let directory = tempfile::tempdir().unwrap();
        let mut home = Home::new(&directory.path().join("netd.sock"), Path::new("/x")).unwrap();
        let _listener = home.listen().unwrap();
        let (_stream, process) = home.find().unwrap();
        assert!(process.is_none(), "this test is no netd-dns, and must not be killed");
        home.program = env::current_exe().unwrap();
        let (_stream, process) = home.find().unwrap();
        let process = process.unwrap();
        assert_eq!(process.pid, std::process::id());
        assert!(!home.has_other_build(process));
        home.program = directory.path().join("netd-dns");
        assert!(!home.has_other_build(process), "there is no other");
        fs::write(&home.program, "").unwrap();
        assert!(home.has_other_build(process));
    }
}
