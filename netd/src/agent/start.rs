//! The start: lock, adopt what is there, drop what did not outlive the agent, provide the rest.

use super::{
    Agent, Inner, Problems,
    background::{self, Events},
    flows::Flows,
    lifecycle,
    names::Resolver,
    pace, reload,
    repairs::{Repairs, Seen},
    seconds,
    snapshot::Readers,
};
use crate::config::Config;
use crate::desired::{UplinkChoice, desired};
use crate::error::{Error, ErrorCode, Result};
use crate::kernel::{
    Kernel,
    dataplane::{Capacity, Settings},
    live::Live,
    lock::Lock,
    mounts, netns,
    netns::Namespace,
    process::raise_file_limit,
    resolver::Home,
    sysctl,
};
use crate::spec::{
    container::{Container, Mode, Source, Status},
    name::Id,
    network::NetworkContext,
};
use crate::state::Netns;
use crate::store::{self, Remembered, Store};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Instant,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Mutex, mpsc, watch},
};

impl Agent {
    /// Starts the agent in the network namespace of the calling thread. What could not be
    /// provided does not stop the start; it is tried again and shown as a problem.
    ///
    /// # Errors
    /// No root, another agent on the same directories, or a kernel that refuses the programs.
    pub async fn start(config: &Config) -> Result<Arc<Self>> {
        require_root()?;
        let locks = lock(config)?;
        raise_file_limit()?;
        let (store, remembered, damage) = Store::open(&config.state_dir)?;
        let mut live = open_live(config)?;
        let flows = Flows::new(live.flows()?);
        let home = Home::new(&config.socket, &config.resolv_conf)?.of(config.names_by);
        let resolver = Resolver::new(home, config.host_names)?;
        let readers = Readers::new(config, &live, &resolver)?;
        let departures = live.departures();
        // Before anything is read, so that no change falls in between.
        let events = Live::events()?;
        let inside = live.inside_events().ok_or_else(|| Error::internal("nobody listens"))?;
        let (changed, changes) = watch::channel(());
        let (deaths, dead) = mpsc::unbounded_channel();
        let mut inner = Inner {
            spec: Arc::new(remembered.spec.clone()),
            store,
            flows: flows.clone(),
            latest: readers.latest.clone(),
            looks: readers.looks.clone(),
            problems: Problems {
                lasting: damage.into_iter().chain(live.notes()?.iter().cloned()).collect(),
                ..Problems::default()
            },
            live,
            resolver,
            uplinks: choice(config),
            seed: remembered.seed.unwrap_or_else(rand::random),
            cursor: None,
            resolv_conf: config.resolv_conf.clone(),
            seen: Seen::default(),
            repairs: Repairs::default(),
            watches: BTreeMap::new(),
            changed,
            deaths,
        };
        inner.adopt(&remembered).await?;
        inner.problems.lasting.iter().for_each(|problem| tracing::error!("{problem}"));
        // Before anybody is told that the agent is there: a signal ends who does not expect it.
        let hangups = signal(SignalKind::hangup())
            .map_err(|e| Error::kernel(format!("cannot watch for SIGHUP: {e}")))?;
        let agent = Arc::new(Self {
            inner: Mutex::new(inner),
            flows,
            readers,
            departures,
            changed: changes,
            over: watch::Sender::new(false),
            started: Instant::now(),
            spec_dir: config.spec_dir.clone(),
            _locks: locks,
        });
        agent.reload().await;
        tokio::spawn(background::run(agent.clone(), Events { host: events, inside, dead }));
        tokio::spawn(reload::follow(agent.clone(), hangups));
        agent.look_now_and_then();
        Ok(agent)
    }

    fn look_now_and_then(self: &Arc<Self>) {
        tokio::spawn(reload::await_namespaces(self.clone()));
        tokio::spawn(pace::keep(self.clone()));
    }
}

impl Inner {
    /// Takes over what was remembered, without what has ended since.
    async fn adopt(&mut self, remembered: &Remembered) -> Result<()> {
        let boot = sysctl::read("kernel/random/boot_id")?;
        let rebooted = remembered.boot.as_ref() != Some(&boot);
        let mut ended: Vec<(Id, i32)> = Vec::new();
        let mut unborn: Vec<Id> = Vec::new();
        let mut closed: BTreeSet<Netns> = BTreeSet::new();
        for container in remembered.spec.containers.values() {
            match container.status {
                Status::Created => unborn.push(container.id.clone()),
                Status::Running { netns, .. } => match self.lost(container, rebooted).await {
                    Ok(lost) => ended.extend(lost),
                    Err(error) => {
                        self.problems.lasting.push(left_alone(error)?);
                        closed.insert(Netns(netns));
                    }
                },
                Status::Exited { .. } => {}
            }
        }
        self.store.save_host(self.seed, None)?;
        let (_, host) = self.live.observe().await?;
        self.live.trust(closed, &desired(&self.spec, &host, &self.uplinks))?;
        let context = NetworkContext { host: &host, seed: self.seed, now: seconds() };
        let mut missing = None;
        self.record(|spec| {
            ended.iter().try_for_each(|(id, code)| lifecycle::ended(spec, id, *code))?;
            // Who made them could not start them without an agent, and has given up.
            unborn.iter().try_for_each(|id| spec.remove_container(id.as_str(), true).map(drop))?;
            missing = spec.ensure_predefined(&context).err();
            Ok(())
        })
        .await?;
        // Only now: whoever starts after a kill must still see that the last boot is over.
        self.store.save_host(self.seed, Some(&boot))?;
        self.problems.lasting.extend(missing.map(|error| error.to_string()));
        Ok(())
    }

    /// The exit code of a container that ran when the last agent ended and runs no more; opens
    /// the namespace of one that does.
    ///
    /// # Errors
    /// The kernel refuses to tell or to let the agent in: nobody knows, so nothing has ended.
    async fn lost(&mut self, container: &Container, rebooted: bool) -> Result<Option<(Id, i32)>> {
        let adopted = match rebooted {
            true => Err(Error::not_found("the host was restarted")),
            false => self.join(container).await,
        };
        let error = match adopted {
            Ok(()) => return Ok(None),
            Err(error) if !tells_an_end(&error) => {
                return Err(error.context(format!("cannot adopt container {}", container.name)));
            }
            Err(error) => error,
        };
        tracing::info!("container {} has ended: {error}", container.name);
        let code = self.store.exit_code(&container.id).unwrap_or(background::UNSEEN);
        Ok(Some((container.id.clone(), code)))
    }

    /// Opens the namespace of a container that runs.
    ///
    /// # Errors
    /// It has ended, or its namespace is another one by now.
    async fn join(&mut self, container: &Container) -> Result<()> {
        match reopen(container)? {
            Some(namespace) => self.live.join(namespace).await,
            None => Ok(()),
        }
    }
}

/// The sentence on a container that can't be adopted and stays as it is.
///
/// # Errors
/// The agent itself is short of descriptors or memory: it could do nothing for any container.
fn left_alone(error: Error) -> Result<String> {
    match error.code {
        ErrorCode::Internal => Err(error),
        _ => Ok(format!("{error}; it stays as it is until netd is started again")),
    }
}

/// Whether a container that runs by the spec still does.
pub(super) fn lives(container: &Container) -> bool {
    reopen(container).map_or_else(|error| !tells_an_end(&error), |_| true)
}

/// A refusal of the kernel's, such as for want of descriptors, tells of no end.
fn tells_an_end(error: &Error) -> bool {
    !matches!(error.code, ErrorCode::Kernel | ErrorCode::Internal)
}

/// The namespace of a container that runs; none where it is the host's.
fn reopen(container: &Container) -> Result<Option<Namespace>> {
    let Status::Running { pid, start_time, netns: inode, .. } = container.status else {
        return Err(Error::not_found("it does not run"));
    };
    let namespace = if let Source::Path(path) = &container.source {
        Namespace::of_path(path)?
    } else {
        if netns::start_time(pid.unsigned_abs())? != start_time {
            return Err(Error::not_found(format!("process {pid} is another one by now")));
        }
        if container.mode == Mode::Host {
            return Ok(None);
        }
        Namespace::of_pid(pid.unsigned_abs())?
    };
    if namespace.id().0 != inode {
        return Err(Error::not_found("its network namespace is another one by now"));
    }
    Ok(Some(namespace))
}

fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::kernel("netd needs root: start it with sudo, or as a system service"))
}

/// Locks the network namespace and both directories, which are made, against another agent.
fn lock(config: &Config) -> Result<[Lock; 3]> {
    let namespace = Lock::namespace()?;
    store::make_directory(&config.state_dir)?;
    let state = Lock::file(&config.state_dir.join(store::LOCK))?;
    mounts::put_bpffs(&config.bpf_dir)?;
    store::make_directory(&config.bpf_dir)?;
    Ok([namespace, state, Lock::directory(&config.bpf_dir)?])
}

/// The kernel, with the dataplane loaded or adopted.
fn open_live(config: &Config) -> Result<Live> {
    let runtime = config.socket.parent().unwrap_or(Path::new("/run/netd"));
    let cgroup = mounts::cgroup_root(&runtime.join("cgroup"))?;
    let capacity = Capacity::here(config.max_flows)?;
    let settings = Settings { capacity, timeouts: config.timeouts };
    let mut live = Live::open(&config.bpf_dir, &cgroup, &settings)?;
    live.choose_xdp(config.uplink_xdp.clone());
    Ok(live)
}

fn choice(config: &Config) -> UplinkChoice {
    match config.uplinks.is_empty() {
        true => UplinkChoice::Auto,
        false => UplinkChoice::Named(config.uplinks.iter().cloned().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn only_what_the_agent_lacks_itself_ends_its_start() {
        let refused = |errno: Errno| Error::refused(Some(errno as i32), "cannot open netns:/x");
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EINTR] {
            assert!(!tells_an_end(&refused(errno)) && left_alone(refused(errno)).is_err());
        }
        for errno in [Errno::ESTALE, Errno::ENOTCONN, Errno::EIO, Errno::EACCES] {
            assert!(!tells_an_end(&refused(errno)));
            let problem = left_alone(refused(errno)).unwrap();
            assert!(problem.starts_with("cannot open netns:/x; it stays as it is"), "{problem}");
        }
        assert!(tells_an_end(&Error::not_found("netns:/x does not exist")));
    }
}
