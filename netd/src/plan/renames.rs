//! Devices of netd's that somebody renamed: they get their names back, and what hangs on them stays.

use super::Step;
use crate::spec::name::InterfaceName;
use crate::state::State;
use std::{borrow::Cow, collections::BTreeMap};

/// The steps that give devices their names back, and what the kernel holds after them.
pub(super) fn renamed<'a>(desired: &State, actual: &'a State) -> (Vec<Step>, Cow<'a, State>) {
    let mut steps = Vec::new();
    let mut after = Cow::Borrowed(actual);
    for (from, to) in bridges(desired, actual).into_iter().chain(veths(desired, actual)) {
        rename(after.to_mut(), &from, &to);
        steps.push(Step::Rename(from, to));
    }
    (steps, after)
}

/// Gives a device another name wherever it is named.
pub(super) fn rename(state: &mut State, from: &InterfaceName, to: &InterfaceName) {
    move_key(&mut state.bridges, from, to);
    move_key(&mut state.veths, from, to);
    move_key(&mut state.devices, from, to);
    if state.polled.remove(from) {
        state.polled.insert(to.clone());
    }
    let masters = state.veths.values_mut().map(|veth| &mut veth.bridge);
    let known = state.networks.values_mut().map(|network| &mut network.bridge);
    masters.chain(known).filter(|name| *name == from).for_each(|name| name.clone_from(to));
}

fn move_key<V>(map: &mut BTreeMap<InterfaceName, V>, from: &InterfaceName, to: &InterfaceName) {
    if let Some(value) = map.remove(from) {
        map.insert(to.clone(), value);
    }
}

type Names = Vec<(InterfaceName, InterfaceName)>;

fn bridges(desired: &State, actual: &State) -> Names {
    let strays = actual.bridges.iter().filter(|(name, _)| !desired.bridges.contains_key(*name));
    let home = |(name, old): (&InterfaceName, &crate::state::Bridge)| {
        let mut free = desired.bridges.iter().filter(|(to, _)| !actual.bridges.contains_key(*to));
        let (to, _) = free.find(|(_, new)| new.network == old.network)?;
        Some((name.clone(), to.clone()))
    };
    strays.filter_map(home).collect()
}

fn veths(desired: &State, actual: &State) -> Names {
    let strays = actual.veths.iter().filter(|(name, _)| !desired.veths.contains_key(*name));
    let home = |(name, old): (&InterfaceName, &crate::state::Veth)| {
        let mut free = desired.veths.iter().filter(|(to, _)| !actual.veths.contains_key(*to));
        let (to, _) = free.find(|(_, new)| new.endpoint == old.endpoint)?;
        Some((name.clone(), to.clone()))
    };
    strays.filter_map(home).collect()
}

#[cfg(test)]
mod tests {
    use crate::desired::{
        UplinkChoice, desired,
        samples::{attach, container, host, network, spec},
    };
    use crate::plan::{Plan, Step, model::Model, plan};

    #[test]
    fn what_was_renamed_gets_its_name_back_and_nothing_else_happens() {
        let network = network("web", 1, true);
        let mut container = container(1);
        attach(&mut container, &network);
        let wanted = desired(&spec([network], [container]), &host(), &UplinkChoice::Auto);
        let mut actual = wanted.clone();
        let bridge = wanted.bridges.keys().next().unwrap();
        let veth = wanted.veths.keys().next().unwrap();
        let (other, stolen) = ("other0".parse().unwrap(), "stolen0".parse().unwrap());
        super::rename(&mut actual, bridge, &other);
        super::rename(&mut actual, veth, &stolen);
        let steps = plan(&wanted, &actual);
        let expected =
            vec![Step::Rename(other, bridge.clone()), Step::Rename(stolen, veth.clone())];
        assert_eq!(steps, Plan(expected));
        assert_eq!(plan(&wanted, &Model(actual).run(&steps).0), Plan::default());
    }
}
