//! What every plan must keep to (a model of the kernel checks each step), and examples.

use super::model::Model;
use super::*;
use crate::desired::{
    UplinkChoice, desired,
    samples::{host, interface, ip},
};
use proptest::prelude::*;

mod damage;
mod examples;
mod random;

use random::{any_actual, any_desired};

/// Equal but for the namespaces that `desired` doesn't name, and for entries without routes.
fn reached(model: &Model, desired: &State) -> Result<(), TestCaseError> {
    let mut actual = model.0.clone();
    let mut desired = desired.clone();
    let wanted = |netns: &Netns| desired.veths.values().any(|v| v.netns == *netns);
    actual.gateways.retain(|netns, gateways| {
        let named = desired.gateways.contains_key(netns) || wanted(netns);
        named && *gateways != Gateways::default()
    });
    desired.gateways.retain(|_, gateways| *gateways != Gateways::default());
    prop_assert_eq!(actual, desired);
    Ok(())
}

fn run(actual: &State, plan: &Plan) -> Model {
    Model(actual.clone()).run(plan)
}

proptest! {
    #[test]
    fn nothing_is_to_be_done_where_all_is_as_desired(state in any_desired()) {
        prop_assert_eq!(plan(&state, &state), Plan::default());
    }

    #[test]
    fn every_plan_reaches_what_is_desired(d in any_desired(), a in any_actual()) {
        let model = run(&a, &plan(&d, &a));
        reached(&model, &d)?;
        prop_assert_eq!(plan(&d, &model.0), Plan::default());
    }

    #[test]
    fn a_plan_that_broke_off_is_completed_by_the_next(
        d in any_desired(), a in any_actual(), cut in any::<prop::sample::Index>(),
    ) {
        let mut steps = plan(&d, &a).0;
        steps.truncate(cut.index(steps.len() + 1));
        let broken = run(&a, &Plan(steps));
        reached(&run(&broken.0, &plan(&d, &broken.0)), &d)?;
    }

    #[test]
    fn a_plan_that_broke_off_can_be_taken_back(
        d in any_desired(), before in any_desired(), cut in any::<prop::sample::Index>(),
    ) {
        let mut steps = plan(&d, &before).0;
        steps.truncate(cut.index(steps.len() + 1));
        let broken = run(&before, &Plan(steps));
        reached(&run(&broken.0, &plan(&before, &broken.0)), &before)?;
    }

    #[test]
    fn the_same_input_gives_the_same_plan(d in any_desired(), a in any_actual()) {
        prop_assert_eq!(plan(&d, &a), plan(&d.clone(), &a.clone()));
    }

    #[test]
    fn a_change_elsewhere_leaves_a_container_alone(a in any_desired(), d in any_desired()) {
        let same = |name: &InterfaceName| {
            let (Some(new), Some(old)) = (d.devices.get(name), a.devices.get(name)) else {
                return false;
            };
            new == old
                && d.veths[name] == a.veths[name]
                && d.networks[&new.network].bridge == a.networks[&old.network].bridge
        };
        for step in &plan(&d, &a).0 {
            let touched = match step {
                Step::DeleteDevice(name) | Step::DeleteVeth(name) | Step::RaiseVeth(name) => name,
                Step::PutVeth(name, _) | Step::PutDevice(name, _) => name,
                _ => continue,
            };
            prop_assert!(!same(touched), "{}", step);
        }
    }
}
