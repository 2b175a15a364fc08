//! The agent's own directory of files: read at the start and on SIGHUP; and containers that were
//! declared before their namespaces were there.

use super::{
    Agent, Inner,
    apply::{Declaring, is_awaited, refusal},
    resolve::Found,
    seconds,
    snapshot::Snapshot,
};
use crate::compose;
use crate::config::files;
use crate::error::{Error, ErrorCode, Result};
use crate::spec::{declaration::Declaration, declared::Origin, name::Name};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{signal::unix::Signal, time};

/// Reads the directory again at each SIGHUP.
pub(super) async fn follow(agent: Arc<Agent>, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        tracing::info!("told to reload; reading {}", agent.spec_dir.display());
        agent.reload().await;
    }
}

/// Attaches declared containers as their namespaces appear. A namespace's file is made first and
/// becomes one later, of which no watch tells; looking is cheap.
pub(super) async fn await_namespaces(agent: Arc<Agent>) {
    let mut timer = time::interval(PERIOD);
    let mut refused: BTreeMap<Name, Error> = BTreeMap::new();
    loop {
        timer.tick().await;
        if *agent.over.borrow() {
            return;
        }
        let attach = async |(name, reference): (Name, String)| {
            let outcome = agent.attach(&name, &reference).await;
            (name, reference, outcome)
        };
        for (name, reference, outcome) in
            join_all(agent.readers.latest.get().awaited().into_iter().map(attach)).await
        {
            match outcome {
                Ok(()) => {
                    refused.remove(&name);
                }
                Err(error) if is_awaited(&reference, &error) => {}
                Err(error) => {
                    if refused.insert(name.clone(), error.clone()).as_ref() != Some(&error) {
                        tracing::warn!("cannot attach container {name}: {error}");
                    }
                }
            }
        }
    }
}

impl Agent {
    /// Makes everything as the files of the directory say, each file wholly or not at all. What is
    /// wrong is logged, and shown as a problem until the next reload.
    pub async fn reload(&self) {
        let (directory, what) = (self.spec_dir.clone(), self.spec_dir.display().to_string());
        let look = move || files::in_directory(&directory);
        let read = self.readers.looks.apart(&what, look).await.map(|found| found.map(read));
        let read_well = read.iter().flatten().flat_map(|files| &files.read);
        let found = self.look_for(read_well.map(|file| &file.declaration)).await;
        let mut inner = self.inner.lock().await;
        if *self.over.borrow() {
            return;
        }
        let problems = match read {
            Ok(Some(files)) => inner.reload(files, &found).await,
            // Away for a moment, perhaps: nothing goes for that.
            Ok(None) => away(&self.spec_dir, &inner.spec.declared.origins()).into_iter().collect(),
            Err(error) => vec![error.to_string()],
        };
        for problem in &problems {
            tracing::error!("{problem}");
        }
        inner.problems.declared = problems;
        inner.show();
    }
}

/// A file of the directory that could be read.
struct Read {
    origin: Origin,
    names: [String; 1],
    declaration: Declaration,
}

/// The files of the directory.
#[derive(Default)]
struct Files {
    read: Vec<Read>,
    /// The paths of all of them.
    there: BTreeSet<String>,
    /// Why the others could not be read.
    problems: Vec<String>,
}

fn read(found: Vec<files::SpecFile>) -> Files {
    let mut files = Files::default();
    for file in found {
        files.there.insert(file.path.clone());
        match file.text.and_then(|text| declaration(&file.path, &text)) {
            Ok(declaration) => files.read.push(Read {
                origin: Origin::File(file.path.clone()),
                names: [file.path],
                declaration,
            }),
            Err(error) => files.problems.extend(lines(&error)),
        }
    }
    files
}

impl Inner {
    async fn reload(&mut self, files: Files, found: &BTreeMap<String, Found>) -> Vec<String> {
        let Files { read, there, mut problems } = files;
        if let Err(error) = self.follow_moves(&read).await {
            problems.extend(lines(&error));
        }
        for origin in self.spec.declared.origins() {
            let Origin::File(file) = &origin else { continue };
            if !there.contains(file) {
                let (declaration, names) = (Declaration::default(), [file.clone()]);
                let gone = Read { origin, names, declaration };
                let result = self.apply_file(&gone, found).await;
                problems.extend(result.err().iter().flat_map(lines));
            }
        }
        // Twice: a file may need a network of one behind it.
        let mut again = Vec::new();
        for file in &read {
            if self.apply_file(file, found).await.is_err() {
                again.push(file);
            }
        }
        for file in again {
            problems.extend(self.apply_file(file, found).await.err().iter().flat_map(lines));
        }
        problems
    }

    async fn apply_file(&mut self, file: &Read, found: &BTreeMap<String, Found>) -> Result<()> {
        let declaring = Declaring {
            declaration: &file.declaration,
            files: &file.names,
            origin: &file.origin,
            prune: true,
            dry_run: false,
            found,
        };
        let applied = self.apply(&declaring).await?;
        for change in &applied.changes {
            tracing::info!("{}: {change}", file.names[0]);
        }
        Ok(())
    }

    /// What stands in another file than before keeps what it has.
    async fn follow_moves(&mut self, files: &[Read]) -> Result<()> {
        let mut services: BTreeMap<&Name, Vec<&Origin>> = BTreeMap::new();
        let mut networks: BTreeMap<&Name, Vec<&Origin>> = BTreeMap::new();
        for file in files {
            for service in &file.declaration.services {
                services.entry(&service.name).or_default().push(&file.origin);
            }
            for network in file.declaration.networks.iter().filter(|n| !n.external) {
                networks.entry(&network.name).or_default().push(&file.origin);
            }
        }
        let mut declared = self.spec.declared.clone();
        for (name, service) in &mut declared.services {
            moved(&mut service.origin, services.get(name));
        }
        for (name, origin) in &mut declared.networks {
            moved(origin, networks.get(name));
        }
        if declared == self.spec.declared {
            return Ok(());
        }
        self.record(|spec| {
            spec.declared = declared;
            Ok(())
        })
        .await
    }
}

impl Snapshot {
    /// Declared containers in namespaces with a path that are not attached.
    fn awaited(&self) -> Vec<(Name, String)> {
        let services = self.spec.declared.services.iter();
        let awaited = services.filter_map(|(name, service)| {
            let namespace =
                service.wanted.namespace.as_ref().filter(|n| n.starts_with("netns:"))?;
            let there = self.spec.containers.values().any(|c| c.name == name.as_str());
            (!there).then(|| (name.clone(), namespace.clone()))
        });
        awaited.collect()
    }
}

impl Agent {
    async fn attach(&self, name: &Name, reference: &str) -> Result<()> {
        let Some((foreign, namespace)) = self.readers.looks.resolve(reference).await? else {
            return Ok(());
        };
        let mut inner = self.inner.lock().await;
        if *self.over.borrow() {
            return Ok(());
        }
        inner.live.join(namespace)?;
        let attached = inner.change(|spec| spec.attach_declared(name, &foreign, seconds())).await;
        // A namespace that was opened for nothing.
        inner.release();
        attached?;
        tracing::info!("container {name} is attached in {}", foreign.name());
        Ok(())
    }
}

/// Something that the file of its origin does not declare any more belongs to the one that does.
fn moved(origin: &mut Origin, declaring: Option<&Vec<&Origin>>) {
    let Some(declaring) = declaring.filter(|_| matches!(origin, Origin::File(_))) else { return };
    if let (false, Some(first)) = (declaring.contains(&&*origin), declaring.first()) {
        *origin = (*first).clone();
    }
}

/// What is wrong where the directory does not exist: nothing, unless files have declared something.
fn away(directory: &Path, origins: &BTreeSet<Origin>) -> Option<String> {
    let file = |origin: &Origin| match origin {
        Origin::File(file) => Some(file.clone()),
        Origin::Request => None,
    };
    let files: Vec<String> = origins.iter().filter_map(file).collect();
    (!files.is_empty()).then(|| {
        format!(
            "the spec directory {} does not exist; what {} declared stays as it is: bring it back, or make it empty, and reload netd",
            directory.display(),
            files.join(", ")
        )
    })
}

/// Variables have no value here: nobody's environment is the right one.
fn declaration(path: &str, text: &str) -> Result<Declaration> {
    let reading = compose::read(&[text], &|_| None);
    if !reading.unset.is_empty() {
        let unset: Vec<_> = reading.unset.iter().map(String::as_str).collect();
        tracing::warn!("{path}: {} without a value count as empty", unset.join(", "));
    }
    match reading.faults.is_empty() {
        true => Ok(reading.declaration),
        false => Err(refusal(ErrorCode::Invalid, &reading.faults, &[path.to_owned()])),
    }
}

fn lines(error: &Error) -> impl Iterator<Item = String> {
    let lines: Vec<String> = error.message.lines().map(str::to_owned).collect();
    lines.into_iter()
}

/// How soon a namespace that appears is noticed.
const PERIOD: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_away_is_a_problem_where_its_files_declared_something() {
        let file = Origin::File("/etc/netd/web.yaml".into());
        let directory = Path::new("/etc/netd");
        assert_eq!(away(directory, &BTreeSet::new()), None);
        assert_eq!(away(directory, &[Origin::Request].into()), None);
        let problem = away(directory, &[Origin::Request, file].into()).unwrap();
        assert!(problem.starts_with("the spec directory /etc/netd does not exist"));
        assert!(problem.contains("what /etc/netd/web.yaml declared stays"));
    }
}
