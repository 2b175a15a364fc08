//! The unix socket that the agent listens on: made complete, with owner and mode, before anybody
//! can see it, and asked who is at the other end.

use crate::error::{Error, Result};
use nix::{
    sys::stat::Mode,
    unistd::{Gid, Group, Uid, User, chown, getgrouplist},
};
use std::{
    ffi::CString,
    fs, io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};
use tokio::net::{UnixListener, UnixStream, unix::UCred};

/// A listening socket.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    group: Option<Gid>,
}

impl Socket {
    /// Listens on `path`, in place of what an agent that is gone left there; its directory is
    /// made where it is missing. Both are open to root, and to the group `netd` where the host
    /// has it. Call it only with the agent's locks held.
    ///
    /// # Errors
    /// A path that can't be made or is too long.
    pub fn listen(path: &Path) -> Result<Self> {
        let group = own_group();
        let refused =
            |e: io::Error| Error::kernel(format!("cannot listen on {}: {e}", path.display()));
        let listener = make(path, group).map_err(refused)?;
        Ok(Self { listener, path: path.to_owned(), group })
    }

    /// The next connection and who made it.
    ///
    /// # Errors
    /// A refusal of the kernel's, mostly for want of file descriptors.
    pub async fn accept(&self) -> io::Result<(UnixStream, UCred)> {
        let (stream, _) = self.listener.accept().await?;
        let peer = stream.peer_cred()?;
        Ok((stream, peer))
    }

    /// Whether the peer may give orders: root, or a member of the socket's group. The socket's
    /// mode says the same, unless somebody changed it.
    #[must_use]
    pub fn admits(&self, peer: &UCred) -> bool {
        let uid = Uid::from_raw(peer.uid());
        let member = |group: Gid| group == Gid::from_raw(peer.gid()) || belongs(uid, group);
        uid.is_root() || self.group.is_some_and(member)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Only tidiness: the next agent replaces it anyway.
        let _ = fs::remove_file(&self.path);
    }
}

fn make(path: &Path, group: Option<Gid>) -> io::Result<UnixListener> {
    put_directory(path)?;
    let draft = path.with_added_extension("new");
    match fs::remove_file(&draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(&draft)?;
    chown(&draft, None, group)?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(MODE.bits()))?;
    fs::rename(&draft, path)?;
    Ok(listener)
}

/// Makes the directory of a socket where it is missing, open to root and to the group `netd`.
///
/// # Errors
/// It can't be made.
pub(super) fn put_directory(socket: &Path) -> io::Result<()> {
    if let Some(directory) = socket.parent().filter(|d| !d.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o750).create(directory)?;
        chown(directory, None, own_group())?;
    }
    Ok(())
}

pub(super) fn own_group() -> Option<Gid> {
    Group::from_name(GROUP).ok().flatten().map(|group| group.gid)
}

fn belongs(uid: Uid, group: Gid) -> bool {
    let Ok(Some(user)) = User::from_uid(uid) else { return false };
    let Ok(name) = CString::new(user.name) else { return false };
    getgrouplist(&name, user.gid).is_ok_and(|groups| groups.contains(&group))
}

const GROUP: &str = "netd";
const MODE: Mode = Mode::from_bits_truncate(0o660);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_socket_is_replaced_by_one_with_the_right_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/netd.sock");
        fs::create_dir(path.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = Socket::listen(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        let (client, accepted) = tokio::join!(UnixStream::connect(&path), socket.accept());
        client.unwrap();
        let (_, peer) = accepted.unwrap();
        assert_eq!(peer.uid(), nix::unistd::getuid().as_raw());
        assert_eq!(socket.admits(&peer), nix::unistd::getuid().is_root());
        drop(socket);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_is_one_clear_line() {
        let path = Path::new("/tmp").join("x".repeat(120)).join("netd.sock");
        let error = Socket::listen(&path).unwrap_err();
        let _ = fs::remove_dir(path.parent().unwrap());
        assert!(error.message.starts_with("cannot listen on /tmp/xxx"), "{error}");
        assert!(!error.message.contains('\n'));
    }
}
