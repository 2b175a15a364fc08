//! Runs a case in both worlds and compares what came of it.

use crate::{
    shared::{Pair, Shared},
    site::{Family, Site, V4, V6},
};
use anyhow::Result;
use netd_tests::ns::is_root;

/// What a case tells of a world: lines that are equal where the worlds behave alike.
pub(crate) type Outcome = Result<String>;

/// The case has the same outcome in both worlds, for both families.
pub(crate) fn same(case: impl Fn(&Site, Family) -> Outcome) {
    same_for(&[V4, V6], case);
}

/// As [`same`], for some families only.
pub(crate) fn same_for(families: &[Family], case: impl Fn(&Site, Family) -> Outcome) {
    each(families, |pair, family| {
        let expected = in_kernel(pair, family, &case)?;
        let got = tell(case(&pair.netd, family));
        let equal = got == expected;
        equal
            .then_some(())
            .ok_or(format!("{family}\n  the kernel's NAT: {expected}\n  netd:             {got}"))
    });
}

/// netd differs on purpose, which `docs/nat.md` says: what comes of the case in the kernel's NAT,
/// and in netd.
pub(crate) fn differs(
    families: &[Family],
    case: impl Fn(&Site, Family) -> Outcome,
    expected: impl Fn(Family) -> (String, String),
) {
    each(families, |pair, family| {
        let (kernel, netd) = expected(family);
        let got = [in_kernel(pair, family, &case)?, tell(case(&pair.netd, family))];
        for (who, got, expected) in [("the kernel's NAT", &got[0], kernel), ("netd", &got[1], netd)]
        {
            if *got != expected {
                return Err(format!("{family}, {who}\n  expected: {expected}\n  got:      {got}"));
            }
        }
        Ok(())
    });
}

/// The case of netd alone; it says itself what is wrong.
pub(crate) fn with_netd(families: &[Family], case: impl Fn(&Site, Family) -> Result<()>) {
    each(families, |pair, family| {
        case(&pair.netd, family).map_err(|error| format!("{family}: {error:#}"))
    });
}

fn each(families: &[Family], one: impl Fn(&Pair, Family) -> Result<(), String>) {
    if !is_root() {
        return;
    }
    let shared = Shared::get();
    let faults: Vec<String> = {
        let pair = shared.turn();
        families.iter().filter_map(|family| one(&pair, *family).err()).collect()
    };
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn in_kernel(
    pair: &Pair,
    family: Family,
    case: &impl Fn(&Site, Family) -> Outcome,
) -> Result<String, String> {
    case(&pair.kernel, family)
        .map_err(|error| format!("{family}: the kernel's NAT does not do it either: {error:#}"))
}

fn tell(outcome: Outcome) -> String {
    outcome.unwrap_or_else(|error| format!("failed: {error:#}"))
}
