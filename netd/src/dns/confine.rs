//! netd-dns locks itself in: it reads what strangers write, and needs next to nothing.

use super::resolv;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};
use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
    },
    unistd::{Gid, Uid, User, geteuid, setgid, setgroups, setsid, setuid},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Who it is to be: a name, or `UID:GID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    uid: Uid,
    gid: Gid,
}

impl Identity {
    /// Reads what `--user` says.
    ///
    /// # Errors
    /// Where there is no such user, or it is root.
    pub fn parse(text: &str) -> Result<Self, String> {
        let numbers = text.split_once(':').and_then(|(uid, gid)| {
            Some(Self {
                uid: Uid::from_raw(uid.parse().ok()?),
                gid: Gid::from_raw(gid.parse().ok()?),
            })
        });
        let found = numbers.or_else(|| Self::named(text));
        found.filter(|identity| !identity.uid.is_root()).ok_or_else(|| {
            format!("user {text:?} is none that netd-dns could be; name another one")
        })
    }

    /// The user made for netd-dns, or else the one that owns nothing.
    #[must_use]
    pub fn usual() -> Self {
        let nobody = Self { uid: Uid::from_raw(NOBODY), gid: Gid::from_raw(NOBODY) };
        Self::named("netd-dns").or_else(|| Self::named("nobody")).unwrap_or(nobody)
    }

    fn named(name: &str) -> Option<Self> {
        let user = User::from_name(name).ok()??;
        Some(Self { uid: user.uid, gid: user.gid })
    }
}

/// Gives up all that the process does not need, for good; before it has threads. What this kernel
/// can't do is left out, and logged.
///
/// # Errors
/// Where root can't become `identity`: as root nobody may go on.
pub fn confine(identity: Identity, resolv_conf: &Path) -> io::Result<()> {
    // EPERM: it leads its group already, and so has no terminal to lose.
    let _ = setsid();
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
    if geteuid().is_root() {
        become_user(identity)?;
    }
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)?;
    if let Err(error) = lock_in(resolv_conf) {
        tracing::warn!("netd-dns runs without landlock: {error}");
    }
    Ok(())
}

/// With the last of root's users its capabilities go, too (capabilities(7)).
fn become_user(identity: Identity) -> io::Result<()> {
    setgroups(&[])?;
    setgid(identity.gid)?;
    setuid(identity.uid)?;
    match setuid(Uid::from_raw(0)) {
        Err(Errno::EPERM) => Ok(()),
        _ => Err(io::Error::other("root's rights could be had back")),
    }
}

/// No file but those around resolv.conf, no port but that of resolvers, no signal to others.
fn lock_in(resolv_conf: &Path) -> Result<(), RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?
        .add_rule(NetPort::new(resolv::PORT, AccessNet::ConnectTcp))?;
    for folder in folders(resolv_conf) {
        if let Ok(opened) = PathFd::new(&folder) {
            rules = rules.add_rule(PathBeneath::new(opened, read))?;
        }
    }
    let status = rules.restrict_self()?;
    tracing::debug!("landlock: {:?}", status.ruleset);
    Ok(())
}

/// Where resolv.conf is, where it leads to, and where those who manage it have it: it may become a
/// link to one of those.
fn folders(resolv_conf: &Path) -> Vec<PathBuf> {
    let target = resolv_conf.canonicalize().ok();
    let around = [Some(resolv_conf), target.as_deref()].into_iter().flatten();
    let around = around.filter_map(|path| path.parent().map(Path::to_owned));
    around.chain(MANAGERS.map(PathBuf::from)).collect()
}

const MANAGERS: [&str; 4] =
    ["/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf", "/run/connman"];
/// The kernel's own number for a user that owns nothing.
const NOBODY: u32 = 65_534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_a_name_or_two_numbers_and_never_root() {
        let identity = Identity { uid: Uid::from_raw(7), gid: Gid::from_raw(8) };
        assert_eq!(Identity::parse("7:8"), Ok(identity));
        for wrong in ["root", "0:0", "0:7", "no such user", "", "7:", ":"] {
            assert!(Identity::parse(wrong).is_err(), "{wrong}");
        }
    }
}
