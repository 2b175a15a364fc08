//! What others had taken away or changed, and the agent put back: told from what it does because
//! something else is wanted, logged and counted.

use crate::desired::{UplinkChoice, desired};
use crate::kernel::Repair;
use crate::plan::{Plan, Step, plan};
use crate::spec::Spec;
use crate::state::{Host, State};
use std::collections::BTreeMap;

/// How the host was when the kernel was last brought in order, and what was put back since.
#[derive(Debug, Default)]
pub(super) struct Seen {
    host: Option<Host>,
    pub(super) repairs: Vec<Repair>,
}

impl Seen {
    /// The steps of `rest` that would have been due for what was wanted before as well, on the host
    /// as it was then: they put something back. None at the start, which finds what it finds.
    pub(super) fn due(
        &self,
        rest: &Plan,
        before: &Spec,
        actual: &State,
        uplinks: &UplinkChoice,
    ) -> Vec<Step> {
        match &self.host {
            Some(host) if !rest.0.is_empty() => {
                let mut due = plan(&desired(before, host, uplinks), actual).0;
                due.retain(|step| rest.0.contains(step) && !is_about_the_gone(step));
                due
            }
            _ => Vec::new(),
        }
    }

    /// Remembers a step that put something back.
    pub(super) fn note(&mut self, step: &Step, actual: &State) {
        let what = format!("{}; {step}", found(step, actual));
        self.repairs.push(Repair { kind: kind(step), count: 1, what });
    }

    /// Remembers how the host is.
    pub(super) fn keep(&mut self, host: Host) {
        self.host = Some(host);
    }
}

/// It forgets a device that is not there any more: that follows, and puts nothing back.
fn is_about_the_gone(step: &Step) -> bool {
    match step {
        Step::DetachUplink(name) | Step::DeleteDevice(name) | Step::DeleteExpress(name) => {
            name.as_str().starts_with('#')
        }
        _ => false,
    }
}

/// How much was put back since the start, by kind.
#[derive(Debug, Default)]
pub(super) struct Repairs(BTreeMap<&'static str, u64>);

impl Repairs {
    /// Logs and counts.
    pub(super) fn note(&mut self, repairs: &[Repair]) {
        for Repair { kind, count, what } in repairs {
            tracing::warn!("repaired {kind}: {what}");
            *self.0.entry(kind).or_default() += *count as u64;
        }
    }

    /// Kinds in a word, and how often each was put back.
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        self.0.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect()
    }
}

fn kind(step: &Step) -> &'static str {
    match step {
        Step::Rename(..) => "name",
        Step::PutBridge(..) | Step::DeleteBridge(..) => "bridge",
        Step::PutVeth(..) | Step::DeleteVeth(..) | Step::RaiseVeth(..) => "veth",
        Step::SetGateways(..) => "route",
        Step::PutResolver(..) | Step::DeleteResolver(..) => "resolver",
        Step::PutUplink(..) | Step::DetachUplink(..) => "uplink",
        Step::PutExpress(..)
        | Step::DeleteExpress(..)
        | Step::StartPolling(..)
        | Step::StopPolling(..) => "xdp",
        Step::PutPublished(..) | Step::DeletePublished(..) => "port",
        Step::PutNetwork(..)
        | Step::DeleteNetwork(..)
        | Step::PutDevice(..)
        | Step::DeleteDevice(..)
        | Step::PutLocal(..)
        | Step::DeleteLocal(..) => "map",
    }
}

/// What was amiss, in words.
fn found(step: &Step, actual: &State) -> &'static str {
    let there = match step {
        Step::PutBridge(name, _) => actual.bridges.contains_key(name),
        Step::PutVeth(name, _) | Step::RaiseVeth(name) => actual.veths.contains_key(name),
        Step::PutNetwork(number, _) => actual.networks.contains_key(number),
        Step::PutDevice(name, _) => actual.devices.contains_key(name),
        Step::PutUplink(name, _) => actual.uplinks.contains_key(name),
        Step::PutPublished(key, _) => actual.published.contains_key(key),
        Step::PutLocal(_) | Step::PutResolver(_) | Step::PutExpress(..) => false,
        Step::Rename(..) | Step::SetGateways(..) | Step::StartPolling(..) => true,
        _ => return "it should not be there",
    };
    if there { "it was changed" } else { "it was gone" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::samples::{attach, container, host, network, spec};

    #[test]
    fn only_what_was_wanted_before_counts() {
        let network = network("web", 1, true);
        let mut container = container(1);
        attach(&mut container, &network);
        let before = spec([network.clone()], []);
        let after = spec([network], [container]);
        let uplinks = UplinkChoice::Auto;
        // The bridge was taken away, and a container is to be attached.
        let actual = State::default();
        let rest = plan(&desired(&after, &host(), &uplinks), &actual);
        let mut seen = Seen::default();
        assert_eq!(seen.due(&rest, &before, &actual, &uplinks), []);
        seen.keep(host());
        let due = seen.due(&rest, &before, &actual, &uplinks);
        assert!(due.iter().any(|step| matches!(step, Step::PutBridge(..))));
        assert!(!due.iter().any(|step| matches!(step, Step::PutVeth(..))));
        due.iter().for_each(|step| seen.note(step, &actual));
        let mut repairs = Repairs::default();
        repairs.note(&seen.repairs);
        assert_eq!(repairs.counts()["bridge"], 1);
        assert!(seen.repairs[0].what.starts_with("it was gone; "));
    }
}
