//! What containers see as /etc/hosts and /etc/resolv.conf: written before they start, and changed
//! when they join or leave a network while they run.

use super::{Inner, lifecycle::is_running};
use crate::error::Result;
use crate::etc::{
    hosts::{self, Record},
    resolv::{self, Resolving},
};
use crate::kernel::{
    etc,
    netns::{Namespace, visit},
    sysctl,
};
use crate::spec::{
    Spec,
    container::{Container, Endpoint, Mode, Source, Status},
    name::Id,
};
use std::{os::fd::AsFd, path::Path};

impl Inner {
    /// Writes the files of a container that is about to start in `namespace`; none is the host's.
    ///
    /// # Errors
    /// One of them can't be written; a link leads to a container that does not run any more.
    pub(super) fn write_files(&self, id: &Id, namespace: Option<&Namespace>) -> Result<()> {
        let container = self.spec.container(id.as_str())?;
        if container.status != Status::Created {
            // The start is refused in a moment.
            return Ok(());
        }
        let directory = self.store.container_directory(id);
        let ipv6 = namespace.map_or(Ok(true), |namespace| visit(namespace.as_fd(), has_ipv6))?;
        if let Some(text) = hosts_file(&self.spec, container, ipv6)? {
            etc::put(&directory.join("hosts"), &text)?;
        }
        let resolving = resolv::resolving(&self.spec, container);
        let given = [&container.dns_search, &container.dns_options].iter().any(|l| !l.is_empty());
        if resolving != Resolving::Host || given || !container.dns.is_empty() {
            etc::put(&directory.join("resolv.conf"), &self.resolv_conf(container, resolving))?;
        }
        Ok(())
    }

    /// Follows what has changed since `before`. A file that can't be written stays behind, and
    /// undoes no change.
    pub(super) fn follow_in_files(&self, before: &Spec) {
        for old in before.containers.values() {
            let new = self.spec.containers.get(&old.id);
            let done = match (&old.source, new) {
                (Source::Path(path), new) => self.follow_in_netns(path, before, old, new),
                (_, Some(new)) => self.follow_in_container(old, new),
                (_, None) => Ok(()),
            };
            done.unwrap_or_else(|error| tracing::warn!("container {}: {error}", old.name));
        }
        for new in self.spec.containers.values() {
            if let Source::Path(path) = &new.source
                && !before.containers.contains_key(&new.id)
            {
                self.put_for_netns(path, new)
                    .unwrap_or_else(|error| tracing::warn!("container {}: {error}", new.name));
            }
        }
    }

    /// Takes back the files that are not in netd's own directories.
    ///
    /// # Errors
    /// One of them can't be removed.
    pub(super) fn remove_files(&self) -> Result<()> {
        let containers = self.spec.containers.values();
        let paths = containers.filter_map(|container| match &container.source {
            Source::Path(path) => Some(path),
            Source::Run | Source::Pid => None,
        });
        paths.map(|path| etc::remove_for_netns(path)).fold(Ok(()), Result::and)
    }

    fn put_for_netns(&self, path: &Path, container: &Container) -> Result<()> {
        match resolv::resolving(&self.spec, container) {
            Resolving::Own => {
                etc::put_for_netns(path, &self.resolv_conf(container, Resolving::Own))
            }
            _ => Ok(()),
        }
    }

    fn resolv_conf(&self, container: &Container, resolving: Resolving) -> String {
        let host = etc::host_resolv_conf(&self.resolv_conf, resolving);
        resolv::text(&host, container, resolving)
    }

    fn follow_in_container(&self, old: &Container, new: &Container) -> Result<()> {
        let running = is_running(old) && is_running(new);
        if !running || new.source != Source::Run || old.endpoints == new.endpoints {
            return Ok(());
        }
        let directory = self.store.container_directory(&new.id);
        let (gone, come) = (own_records(old, new), own_records(new, old));
        etc::edit(&directory.join("hosts"), |text| {
            Some(hosts::with(&hosts::without(text, &gone), &come))
        })?;
        let text = self.resolv_conf(new, resolv::resolving(&self.spec, new));
        etc::edit(&directory.join("resolv.conf"), |now| resolv::is_untouched(now).then_some(text))
    }

    fn follow_in_netns(
        &self,
        path: &Path,
        before: &Spec,
        old: &Container,
        new: Option<&Container>,
    ) -> Result<()> {
        let same =
            |new: &Container| old.mode == new.mode && old.endpoints.keys().eq(new.endpoints.keys());
        if new.is_some_and(same) {
            return Ok(());
        }
        let had = resolv::resolving(before, old) == Resolving::Own;
        let has = new.filter(|new| resolv::resolving(&self.spec, new) == Resolving::Own);
        match (had, has) {
            (true, None) => etc::remove_for_netns(path),
            (false, Some(new)) => self.put_for_netns(path, new),
            _ => Ok(()),
        }
    }
}

/// None where the host's own file will do.
fn hosts_file(spec: &Spec, container: &Container, ipv6: bool) -> Result<Option<String>> {
    let extra = container.hosts.iter().map(|(name, address)| (*address, name.clone()));
    let mut records: Vec<Record> = extra.collect();
    if container.mode == Mode::Host {
        return Ok((!records.is_empty()).then(|| hosts::with(&etc::host_hosts(), &records)));
    }
    for link in spec.legacy_links(container)? {
        records.extend(link.addresses.iter().map(|address| (*address, link.host_names())));
    }
    let mut endpoints: Vec<&Endpoint> = container.endpoints.values().collect();
    endpoints.sort_by_key(|endpoint| &endpoint.ifname);
    records.extend(endpoints.iter().flat_map(|endpoint| hosts::own(container, endpoint)));
    Ok(Some(hosts::new(ipv6, &records)))
}

/// The lines of a container's own addresses that it has not as `other`.
fn own_records(container: &Container, other: &Container) -> Vec<Record> {
    let is_new = |endpoint: &&Endpoint| !other.endpoints.values().any(|e| e.id == endpoint.id);
    let new = container.endpoints.values().filter(is_new);
    new.flat_map(|endpoint| hosts::own(container, endpoint)).collect()
}

/// Whether the calling thread's namespace has IPv6, on lo at least.
fn has_ipv6() -> bool {
    sysctl::read("net/ipv6/conf/lo/disable_ipv6").is_ok_and(|value| value == "0")
}
