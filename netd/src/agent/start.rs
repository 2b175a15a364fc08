//! The start: lock, adopt what is there, drop what did not outlive the agent, provide the rest.

use super::{
    Agent, Inner, Problems,
    background::{self, Events},
    flows::Flows,
    lifecycle::{self, is_running, runs_in},
    names::Resolver,
    namespaces::{Reopened, reopen_all, tells_an_end},
    pace, reload,
    repairs::{Repairs, Seen},
    resolve::Looks,
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
    mounts,
    process::raise_file_limit,
    resolver::Home,
    sysctl,
};
use crate::spec::{
    container::{Container, Status},
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
    runtime::Handle,
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
            problems: Problems::new(damage.into_iter().chain(live.notes()?.iter().cloned())),
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
        inner.adopt(&remembered, &readers.looks).await?;
        inner.problems.all().iter().for_each(|problem| tracing::error!("{problem}"));
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
            runtime: Handle::current(),
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
    async fn adopt(&mut self, remembered: &Remembered, looks: &Looks) -> Result<()> {
        let boot = sysctl::read("kernel/random/boot_id")?;
        let rebooted = remembered.boot.as_ref() != Some(&boot);
        let mut ended: Vec<(Id, i32)> = Vec::new();
        let mut unborn: Vec<Id> = Vec::new();
        let running: Vec<&Container> =
            remembered.spec.containers.values().filter(|c| is_running(c)).collect();
        for container in remembered.spec.containers.values() {
            if container.status == Status::Created {
                unborn.push(container.id.clone());
            }
        }
        let found = if rebooted {
            let over = |_| Err(Error::not_found("the host was restarted"));
            running.iter().map(over).collect()
        } else {
            reopen_all(looks, running.iter().copied(), |_| false).await
        };
        for (container, found) in running.into_iter().zip(found) {
            match self.lost(container, found).await {
                Ok(lost) => ended.extend(lost),
                Err(error) => self.problems.closed.extend(left_alone(container, error)?),
            }
        }
        let closed: BTreeSet<Netns> = self.problems.closed.keys().copied().collect();
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

    /// The exit code of a container that ran when the last agent ended and runs no more; joins
    /// the namespace of one that does, which is what was `found` of it.
    ///
    /// # Errors
    /// The kernel refuses to tell or to let the agent in: nobody knows, so nothing has ended.
    async fn lost(&mut self, container: &Container, found: Reopened) -> Result<Option<(Id, i32)>> {
        let adopted = match found {
            Ok(Some(namespace)) => self.live.join(namespace),
            found => found.map(drop),
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
}

/// The sentence on a container that can't be adopted and stays as it is, by its namespace.
///
/// # Errors
/// The agent itself is short of descriptors or memory: it could do nothing for any container.
fn left_alone(container: &Container, error: Error) -> Result<Option<(Netns, String)>> {
    let Some(netns) = runs_in(container) else { return Ok(None) };
    match error.code {
        ErrorCode::Internal => Err(error),
        _ => {
            let left = format!("{error}; it stays as it is until its namespace can be opened");
            Ok(Some((netns, left)))
        }
    }
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
    use crate::desired::samples::container;
    use nix::errno::Errno;

    #[test]
    fn only_what_the_agent_lacks_itself_ends_its_start() {
        let refused = |errno: Errno| Error::refused(Some(errno as i32), "cannot open netns:/x");
        let container = container(1);
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::EINTR] {
            assert!(!tells_an_end(&refused(errno)));
            assert!(left_alone(&container, refused(errno)).is_err());
        }
        for errno in [Errno::ESTALE, Errno::ENOTCONN, Errno::EIO, Errno::EACCES] {
            assert!(!tells_an_end(&refused(errno)));
            let (netns, problem) = left_alone(&container, refused(errno)).unwrap().unwrap();
            assert_eq!(netns, Netns(1001));
            assert!(problem.starts_with("cannot open netns:/x; it stays as it is"), "{problem}");
        }
        assert!(tells_an_end(&Error::not_found("netns:/x does not exist")));
    }
}
