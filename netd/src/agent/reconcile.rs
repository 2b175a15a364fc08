//! The one way in which the kernel is changed: observe it, plan, apply step by step, observe
//! again, until nothing is left to do. Start, timer, event and request all come here.

use super::repairs::Seen;
use crate::desired::{UplinkChoice, desired};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::plan::{Plan, Step, plan};
use crate::spec::Spec;

/// Provides `spec` as far as the kernel lets it, and says what could not be done. What was due for
/// `before` already is noted in `seen` as put back.
pub(super) async fn settle<K: Kernel>(
    kernel: &mut K,
    seen: &mut Seen,
    before: &Spec,
    spec: &Spec,
    uplinks: &UplinkChoice,
) -> Vec<Error> {
    let mut rest = Plan::default();
    for _ in 0..PASSES {
        let (actual, host) = match kernel.observe().await {
            Ok(observed) => observed,
            Err(error) => return vec![error],
        };
        rest = plan(&desired(spec, &host, uplinks), &actual);
        let due = seen.due(&rest, before, &actual, uplinks);
        seen.keep(host.clone());
        if rest.0.is_empty() {
            kernel.memorize((actual, host));
            return Vec::new();
        }
        let mut errors = Vec::new();
        for step in &rest.0 {
            tracing::debug!("{step}");
            match kernel.apply(step).await {
                Ok(()) if due.contains(step) => seen.note(step, &actual),
                result => errors.extend(result.err()),
            }
        }
        if !errors.is_empty() {
            return errors;
        }
    }
    unsettled(&rest).into_iter().collect()
}

/// Goes from providing `before` to providing `after`, and stops at the first step that fails,
/// unless it was already due before: an old trouble does not stand in the way of a new request.
///
/// # Errors
/// The first refusal of the kernel's; what was done until then is still there.
pub(super) async fn advance<K: Kernel>(
    kernel: &mut K,
    seen: &mut Seen,
    before: &Spec,
    after: &Spec,
    uplinks: &UplinkChoice,
) -> Result<()> {
    let tried = match by_memory(kernel, after, uplinks).await {
        Memory::Served => return Ok(()),
        Memory::Tried => true,
        Memory::Unfit => false,
    };
    let mut rest = Plan::default();
    for _ in 0..PASSES {
        let (actual, host) = kernel.observe().await?;
        // Nothing was due when it was tried, and what is now that try has left.
        let due =
            if tried { Vec::new() } else { plan(&desired(before, &host, uplinks), &actual).0 };
        rest = plan(&desired(after, &host, uplinks), &actual);
        if rest.0.is_empty() {
            seen.keep(host.clone());
            kernel.memorize((actual, host));
            return Ok(());
        }
        if rest.0.iter().all(|step| due.contains(step)) {
            return Ok(());
        }
        let mut old = seen.due(&rest, before, &actual, uplinks);
        old.retain(|_| !tried);
        seen.keep(host);
        for step in &rest.0 {
            tracing::debug!("{step}");
            match kernel.apply(step).await {
                Ok(()) if old.contains(step) => seen.note(step, &actual),
                // It is among the problems already.
                Err(error) if due.contains(step) => tracing::debug!("{error}"),
                result => result?,
            }
        }
    }
    unsettled(&rest).map_or(Ok(()), Err)
}

/// As [`advance`] where containers come, go or change, and nothing else does: by what was last seen
/// of the kernel, in one pass. Nothing is looked at, which takes longer than the change; a change
/// makes events, and they bring a look.
pub(super) async fn by_memory<K: Kernel>(
    kernel: &mut K,
    after: &Spec,
    uplinks: &UplinkChoice,
) -> Memory {
    let Some((actual, host)) = kernel.recall() else { return Memory::Unfit };
    let Plan(steps) = plan(&desired(after, host, uplinks), actual);
    if !steps.iter().all(is_of_a_container) {
        return Memory::Unfit;
    }
    for step in &steps {
        tracing::debug!("{step}");
        if let Err(error) = kernel.apply(step).await {
            tracing::debug!("{error}");
            return Memory::Tried;
        }
    }
    Memory::Served
}

/// How far memory sufficed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Memory {
    /// All is done.
    Served,
    /// Something was refused on the way: it is to be looked at.
    Tried,
    /// Nothing was done: it is to be looked at.
    Unfit,
}

/// It changes nothing but a container's own devices, addresses, routes and ports.
fn is_of_a_container(step: &Step) -> bool {
    match step {
        Step::DeletePublished(_)
        | Step::DeleteDevice(_)
        | Step::DeleteVeth(_)
        | Step::DeleteResolver(_)
        | Step::PutVeth(..)
        | Step::PutDevice(..)
        | Step::RaiseVeth(_)
        | Step::SetGateways(..)
        | Step::PutResolver(_)
        | Step::StartPolling(..)
        | Step::StopPolling(..)
        | Step::PutPublished(..) => true,
        Step::Rename(..)
        | Step::PutBridge(..)
        | Step::DeleteBridge(_)
        | Step::PutNetwork(..)
        | Step::DeleteNetwork(_)
        | Step::PutLocal(_)
        | Step::DeleteLocal(_)
        | Step::PutUplink(..)
        | Step::DetachUplink(_)
        | Step::PutExpress(..)
        | Step::DeleteExpress(_) => false,
    }
}

fn unsettled(rest: &Plan) -> Option<Error> {
    let step = rest.0.first()?;
    Some(Error::kernel(format!(
        "the kernel did not keep what it was told, or another program undoes it; still to do: {step}"
    )))
}

/// Two passes suffice where nobody interferes: the second drops the addresses of bridges that
/// the first one deleted. The others are for a host that changes meanwhile.
const PASSES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::samples::{attach, container, host, network, publish, spec};
    use crate::plan::{Step, model::Model};
    use crate::state::{Host, State};

    /// The planner's model of a kernel, which refuses some steps.
    struct Fake {
        model: Model,
        refuses: fn(&Step) -> bool,
        looks: usize,
        picture: Option<(State, Host)>,
    }

    impl Kernel for Fake {
        async fn observe(&mut self) -> Result<(State, Host)> {
            self.looks += 1;
            self.picture = None;
            Ok((self.model.0.clone(), host()))
        }

        fn memorize(&mut self, picture: (State, Host)) {
            self.picture = Some(picture);
        }

        fn recall(&self) -> Option<&(State, Host)> {
            self.picture.as_ref()
        }

        async fn apply(&mut self, step: &Step) -> Result<()> {
            if (self.refuses)(step) {
                self.picture = None;
                return Err(Error::kernel(format!("refused: {step}")));
            }
            self.model.apply(step);
            if let Some((state, _)) = &mut self.picture {
                state.follow(step);
            }
            Ok(())
        }
    }

    fn empty(refuses: fn(&Step) -> bool) -> Fake {
        Fake { model: Model(State::default()), refuses, looks: 0, picture: None }
    }

    /// A network with a container that publishes a port.
    fn web() -> Spec {
        let network = network("web", 1, true);
        let mut container = container(1);
        attach(&mut container, &network);
        publish(&mut container, "0.0.0.0", 8080);
        spec([network], [container])
    }

    fn with_another_network() -> Spec {
        let mut spec = web();
        let network = network("db", 2, false);
        spec.networks.insert(network.id.clone(), network);
        spec
    }

    const AUTO: UplinkChoice = UplinkChoice::Auto;
    const PUBLISHING: fn(&Step) -> bool = |step| matches!(step, Step::PutPublished(..));

    #[tokio::test]
    async fn a_change_ends_with_the_kernel_as_desired() {
        let mut kernel = empty(|_| false);
        advance(&mut kernel, &mut Seen::default(), &Spec::default(), &web(), &AUTO).await.unwrap();
        let wanted = desired(&web(), &host(), &AUTO);
        assert_eq!(kernel.model.0.published, wanted.published);
        assert_eq!(kernel.model.0.veths, wanted.veths);
        assert_eq!(plan(&wanted, &kernel.model.0), Plan::default());
    }

    #[tokio::test]
    async fn a_refused_change_can_be_taken_back_without_a_trace() {
        let mut kernel = empty(PUBLISHING);
        assert_eq!(
            settle(&mut kernel, &mut Seen::default(), &Spec::default(), &Spec::default(), &AUTO)
                .await,
            []
        );
        let before = kernel.model.0.clone();
        let error = advance(&mut kernel, &mut Seen::default(), &Spec::default(), &web(), &AUTO)
            .await
            .unwrap_err();
        assert!(error.message.starts_with("refused: publish"), "{error}");
        assert_eq!(
            settle(&mut kernel, &mut Seen::default(), &Spec::default(), &Spec::default(), &AUTO)
                .await,
            []
        );
        let mut after = kernel.model.0;
        // Namespaces without routes: the same as none.
        after.gateways.clear();
        assert_eq!(after, before);
    }

    #[tokio::test]
    async fn settling_goes_on_after_a_refusal_and_reports_it() {
        let mut kernel = empty(|step| matches!(step, Step::PutLocal(_)));
        let errors = settle(&mut kernel, &mut Seen::default(), &web(), &web(), &AUTO).await;
        assert!(!errors.is_empty());
        assert!(errors.iter().all(|e| e.message.starts_with("refused")));
        assert_eq!(kernel.model.0.published.len(), 1);
    }

    #[tokio::test]
    async fn an_old_trouble_does_not_stand_in_the_way_of_a_new_change() {
        let mut kernel = empty(PUBLISHING);
        assert_eq!(settle(&mut kernel, &mut Seen::default(), &web(), &web(), &AUTO).await.len(), 1);
        advance(&mut kernel, &mut Seen::default(), &web(), &with_another_network(), &AUTO)
            .await
            .unwrap();
        assert_eq!(kernel.model.0.networks.len(), 2);
    }

    /// A kernel that provides a network, and what the agent knows of it.
    async fn quiet(refuses: fn(&Step) -> bool) -> (Fake, Seen, Spec) {
        let (mut kernel, mut seen) = (empty(refuses), Seen::default());
        let before = spec([network("web", 1, true)], []);
        let errors = settle(&mut kernel, &mut seen, &before, &before, &AUTO).await;
        assert_eq!((errors, kernel.recall().is_some()), (Vec::new(), true));
        kernel.looks = 0;
        (kernel, seen, before)
    }

    #[tokio::test]
    async fn a_container_comes_and_goes_without_a_look() {
        let (mut kernel, mut seen, before) = quiet(|_| false).await;
        for (from, to) in [(&before, &web()), (&web(), &before)] {
            advance(&mut kernel, &mut seen, from, to, &AUTO).await.unwrap();
            assert_eq!(plan(&desired(to, &host(), &AUTO), &kernel.model.0), Plan::default());
            assert_eq!(kernel.recall().unwrap().0, kernel.model.0);
        }
        assert_eq!(kernel.looks, 0);
        advance(&mut kernel, &mut seen, &before, &with_another_network(), &AUTO).await.unwrap();
        assert!(kernel.looks > 0, "a network is more than containers");
    }

    #[tokio::test]
    async fn what_memory_cannot_do_is_looked_at() {
        let (mut kernel, mut seen, before) = quiet(PUBLISHING).await;
        let error = advance(&mut kernel, &mut seen, &before, &web(), &AUTO).await.unwrap_err();
        assert!(error.message.starts_with("refused: publish"), "{error}");
        assert_eq!((kernel.looks > 0, kernel.recall()), (true, None));
        // The trouble is there, so memory is not asked.
        kernel.looks = 0;
        advance(&mut kernel, &mut seen, &web(), &before, &AUTO).await.unwrap();
        assert!(kernel.looks > 0 && kernel.recall().is_some());
    }

    #[tokio::test]
    async fn a_kernel_that_forgets_is_found_out() {
        struct Forgetful(Fake);
        impl Kernel for Forgetful {
            async fn observe(&mut self) -> Result<(State, Host)> {
                self.0.observe().await
            }
            fn memorize(&mut self, _: (State, Host)) {}
            fn recall(&self) -> Option<&(State, Host)> {
                None
            }
            async fn apply(&mut self, _: &Step) -> Result<()> {
                Ok(())
            }
        }
        let mut kernel = Forgetful(empty(|_| false));
        let error = advance(&mut kernel, &mut Seen::default(), &Spec::default(), &web(), &AUTO)
            .await
            .unwrap_err();
        assert!(error.message.contains("still to do"), "{error}");
        assert_eq!(settle(&mut kernel, &mut Seen::default(), &web(), &web(), &AUTO).await.len(), 1);
    }
}
