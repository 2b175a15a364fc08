//! Requests about files that declare what should exist.

use super::{Agent, Inner, resolve::Found, seconds};
use crate::api::protocol::{Applied, Apply};
use crate::compose::{self, Reading};
use crate::desired::desired;
use crate::error::{Error, ErrorCode, Result};
use crate::kernel::{Kernel, netns::Namespace};
use crate::plan::plan;
use crate::spec::{
    Spec,
    change::{Circumstances, Foreign},
    declaration::{Declaration, Fault, ServiceDeclaration},
    declared::Origin,
    name::Name,
    network::NetworkContext,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Files, read.
pub(super) struct Declaring<'a> {
    pub(super) declaration: &'a Declaration,
    /// What errors call the files.
    pub(super) files: &'a [String],
    pub(super) origin: &'a Origin,
    pub(super) prune: bool,
    pub(super) dry_run: bool,
    /// What the namespaces that it names lead to, looked for before.
    pub(super) found: &'a BTreeMap<String, Found>,
}

/// Namespaces that exist, by the name of the declared container.
type Present = BTreeMap<Name, (Foreign, Arc<Namespace>)>;

impl Agent {
    /// Makes everything as files say, all of it or nothing.
    ///
    /// # Errors
    /// Every fault of the files and everything that stands in their way, one line each; a refusal
    /// of the kernel's. Nothing is changed then.
    pub async fn apply(&self, request: &Apply) -> Result<Applied> {
        let texts: Vec<&str> = request.files.iter().map(|file| file.text.as_str()).collect();
        if texts.iter().map(|text| text.len()).sum::<usize>() > MOST_BYTES {
            return Err(Error::invalid(format!(
                "the files are larger than {MOST_BYTES} bytes together; apply them one by one"
            )));
        }
        let files: Vec<String> = request.files.iter().map(|file| file.name.clone()).collect();
        let Reading { declaration, faults, .. } =
            compose::read(&texts, &|name| request.variables.get(name).cloned());
        if !faults.is_empty() {
            return Err(refusal(ErrorCode::Invalid, &faults, &files));
        }
        let declaring = Declaring {
            declaration: &declaration,
            files: &files,
            origin: &Origin::Request,
            prune: request.prune,
            dry_run: request.dry_run,
            found: &self.look_for([&declaration]).await,
        };
        let applied = self.inner.lock().await.apply(&declaring).await?;
        self.departures.now().await;
        Ok(applied)
    }

    /// What the namespaces of declared containers lead to, where no container of the name has one
    /// yet. Nobody waits for this but who declares them.
    pub(super) async fn look_for(
        &self,
        declarations: impl IntoIterator<Item = &Declaration>,
    ) -> BTreeMap<String, Found> {
        let spec = self.readers.latest.get().spec.clone();
        let services = declarations.into_iter().flat_map(|declaration| &declaration.services);
        let references = missing(services, &spec).map(|(_, reference)| reference.clone());
        self.readers.looks.resolve_all(references.collect()).await
    }

    /// What exists, as a file that declares it.
    ///
    /// # Errors
    /// None so far.
    pub async fn export(&self) -> Result<serde_json::Value> {
        Ok(compose::export(&self.readers.latest.get().spec))
    }
}

impl Inner {
    /// Applies a declaration; what comes of a file of the agent's own is kept even where the
    /// kernel refuses it, which is tried again then.
    ///
    /// # Errors
    /// As [`Agent::apply`].
    pub(super) async fn apply(&mut self, declaring: &Declaring<'_>) -> Result<Applied> {
        let (actual, host) = self.live.observe().await?;
        let mut view = self.port_view(true).await?;
        let present = self.present(declaring)?;
        let foreign = present.iter().map(|(name, (f, _))| (name.clone(), f.clone())).collect();
        let circumstances = Circumstances {
            network: NetworkContext { host: &host, seed: self.seed, now: seconds() },
            origin: declaring.origin,
            prune: declaring.prune,
            foreign: &foreign,
        };
        let mut next = Spec::clone(&self.spec);
        let applied = view.lend(|ports| next.apply(declaring.declaration, &circumstances, ports));
        let changes =
            applied.map_err(|faults| refusal(ErrorCode::Conflict, &faults, declaring.files))?;
        let now = |spec: &Spec| plan(&desired(spec, &host, &self.uplinks), &actual).0;
        let due = now(&self.spec);
        let steps = now(&next).into_iter().filter(|step| !due.contains(step));
        let applied = Applied { changes, steps: steps.map(|step| step.to_string()).collect() };
        if declaring.dry_run || next == *self.spec {
            return Ok(applied);
        }
        let joined = self.join_new(present, &next).await;
        let done = match (joined, declaring.origin) {
            (Err(error), _) => Err(error),
            (Ok(()), Origin::Request) => self.change(|spec| replace(spec, next)).await,
            (Ok(()), Origin::File(_)) => self.record(|spec| replace(spec, next)).await,
        };
        // Namespaces that were opened for nothing.
        self.release();
        done?;
        self.cursor = Some(view.cursor);
        Ok(applied)
    }

    /// The namespaces of declared containers that exist and that no container of the name has.
    fn present(&self, declaring: &Declaring<'_>) -> Result<Present> {
        let mut present = Present::new();
        let mut faults = Vec::new();
        for (service, reference) in missing(&declaring.declaration.services, &self.spec) {
            // A container of the name has ended since: whoever waits for namespaces finds it.
            let Some(outcome) = declaring.found.get(reference) else { continue };
            match outcome {
                Ok(found) => {
                    present.extend(found.clone().map(|found| (service.name.clone(), found)));
                }
                // It is waited for; a process's number means another process by then.
                Err(error) if is_awaited(reference, error) => {}
                Err(error) => faults.push(Fault::new(service.namespace, error.message.clone())),
            }
        }
        if faults.is_empty() {
            return Ok(present);
        }
        Err(refusal(ErrorCode::Conflict, &faults, declaring.files))
    }

    /// Opens the namespaces of containers that `next` has and the spec has not.
    async fn join_new(&mut self, present: Present, next: &Spec) -> Result<()> {
        for (name, (_, namespace)) in present {
            if next.live().any(|container| container.name == name.as_str()) {
                self.live
                    .join(namespace)
                    .map_err(|error| error.context(format!("cannot attach container {name}")))?;
            }
        }
        Ok(())
    }
}

/// The services without a container of their name that name a namespace, and which.
fn missing<'a>(
    services: impl IntoIterator<Item = &'a ServiceDeclaration>,
    spec: &Spec,
) -> impl Iterator<Item = (&'a ServiceDeclaration, &'a String)> {
    let there: BTreeSet<&str> = spec.live().map(|container| container.name.as_str()).collect();
    let missing = move |service: &&ServiceDeclaration| !there.contains(service.name.as_str());
    let named =
        |service: &'a ServiceDeclaration| Some((service, service.wanted.namespace.as_ref()?));
    services.into_iter().filter(missing).filter_map(named)
}

fn replace(spec: &mut Spec, next: Spec) -> Result<()> {
    *spec = next;
    Ok(())
}

/// A namespace's file that is not there yet, or no namespace yet: it is made in two steps.
pub(super) fn is_awaited(reference: &str, error: &Error) -> bool {
    reference.starts_with("netns:") && error.code == ErrorCode::NotFound
}

/// Every fault in one error, a line each.
pub(super) fn refusal(code: ErrorCode, faults: &[Fault], files: &[String]) -> Error {
    let mut lines: Vec<String> =
        faults.iter().take(MOST_FAULTS).map(|fault| fault.line(files)).collect();
    if faults.len() > MOST_FAULTS {
        lines.push(format!("and {} more", faults.len() - MOST_FAULTS));
    }
    Error::new(code, lines.join("\n"))
}

/// Largest sum of files in bytes.
const MOST_BYTES: usize = 1 << 20;
/// How many faults are told at a time.
const MOST_FAULTS: usize = 100;
