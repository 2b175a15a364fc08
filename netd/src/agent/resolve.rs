//! Looks at files that may not answer, such as those of namespaces, beside everything else: a file
//! system that hangs holds up who waits for what is on it, and that not for long; nobody else.

use crate::error::{Error, Result};
use crate::kernel::{netns, netns::Namespace};
use crate::spec::{change::Foreign, lookup::ContainerRef};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};

/// What is being looked for, so that one path that hangs takes one thread, however often somebody
/// asks for it.
#[derive(Clone)]
pub(super) struct Looks {
    going: Arc<Going>,
    /// How long a file may take to open.
    patience: Duration,
}

impl Default for Looks {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(MOST));
        let going = Going { what: Mutex::default(), ended: Notify::new(), places };
        Self { going: Arc::new(going), patience: PATIENCE }
    }
}

struct Going {
    what: Mutex<BTreeSet<String>>,
    ended: Notify,
    places: Arc<Semaphore>,
}

/// What a reference leads to; none for one of netd's own containers.
pub(super) type Found = Result<Option<(Foreign, Arc<Namespace>)>>;

impl Looks {
    /// The namespace that a foreign container's reference means; none for one of netd's own.
    ///
    /// # Errors
    /// It makes no sense or leads to no namespace; or its file system does not answer in time.
    pub(super) async fn resolve(&self, reference: &str) -> Result<Option<(Foreign, Namespace)>> {
        if matches!(ContainerRef::parse(reference)?, ContainerRef::Known(_)) {
            return Ok(None);
        }
        let owned = reference.to_owned();
        self.apart(reference, move || resolve(&owned)).await
    }

    /// As [`Looks::resolve`] for many references, by the reference.
    pub(super) async fn resolve_all(
        &self,
        references: BTreeSet<String>,
    ) -> BTreeMap<String, Found> {
        let all = references.iter().map(|reference| (reference.clone(), reference.clone()));
        let shared = |(foreign, namespace)| (foreign, Arc::new(namespace));
        let work = move |reference: &String| Ok(resolve(reference)?.map(shared));
        let found = self.each("the namespaces of declared containers", all.collect(), work).await;
        references.into_iter().zip(found).collect()
    }

    /// Does `work` on each of `all`, which have names: one after the other on a thread that `whole`
    /// names, as long as that is quick; where it is not, the rest side by side, as
    /// [`Looks::apart`] does. The results have the order of `all`.
    pub(super) async fn each<T: Clone + Send + 'static, R: Send + 'static>(
        &self,
        whole: &str,
        all: Vec<(String, T)>,
        work: impl Fn(&T) -> Result<R> + Copy + Send + 'static,
    ) -> Vec<Result<R>> {
        if all.is_empty() {
            return Vec::new();
        }
        let (sender, mut done) = mpsc::unbounded_channel();
        let copy = all.clone();
        let one_by_one = move || {
            let results = copy.iter().map(|(_, item)| work(item));
            // Nobody waits any more where sending fails.
            Ok(results.enumerate().all(|result| sender.send(result).is_ok()))
        };
        let quick = Self { patience: QUICK.min(self.patience), ..self.clone() };
        if let Err(error) = quick.apart(whole, one_by_one).await {
            tracing::debug!("{error}");
        }
        let mut results = BTreeMap::new();
        while let Ok((place, result)) = done.try_recv() {
            results.insert(place, result);
        }
        drop(done);
        let rest = all.into_iter().enumerate().map(|(place, (name, item))| {
            let result = results.remove(&place);
            async move {
                match result {
                    Some(result) => result,
                    None => self.apart(&name, move || work(&item)).await,
                }
            }
        });
        join_all(rest).await
    }

    /// Does `work`, which looks at files, on a thread where that may take its time.
    ///
    /// # Errors
    /// `work`'s own; it takes too long, or still does from the last time.
    pub(super) async fn apart<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let silent = || {
            Error::kernel(format!(
                "{what} did not answer within {:?}; see to the file system that it is on",
                self.patience
            ))
        };
        let done = async {
            let look = self.begin(what).await?;
            let done = spawn_blocking(move || {
                let done = work();
                drop(look);
                done
            });
            done.await.unwrap_or_else(|e| Err(Error::internal(format!("{what}: {e}"))))
        };
        timeout(self.patience, done).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Waits until nobody else looks there, and not too many do elsewhere.
    async fn begin(&self, what: &str) -> Result<Look> {
        let mut look = loop {
            let ended = self.going.ended.notified();
            if let Some(look) = self.try_begin(what) {
                break look;
            }
            ended.await;
        };
        let place = self.going.places.clone().acquire_owned().await;
        look.place = Some(place.map_err(|e| Error::internal(e.to_string()))?);
        Ok(look)
    }

    fn try_begin(&self, what: &str) -> Option<Look> {
        let mut all = self.going.what.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = all.insert(what.to_owned());
        begins.then(|| Look { what: what.to_owned(), going: self.going.clone(), place: None })
    }
}

/// A look that has not ended.
struct Look {
    what: String,
    going: Arc<Going>,
    place: Option<OwnedSemaphorePermit>,
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut all = self.going.what.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.what);
        self.going.ended.notify_waiters();
    }
}

fn resolve(reference: &str) -> Result<Option<(Foreign, Namespace)>> {
    let (path, pid) = match ContainerRef::parse(reference)? {
        ContainerRef::Known(_) => return Ok(None),
        ContainerRef::Pid(pid) => (None, pid),
        ContainerRef::Path(path) => (Some(path.to_owned()), 0),
    };
    let (namespace, start_time) = match &path {
        Some(path) => (Namespace::of_path(path)?, 0),
        None => {
            let pid = pid.unsigned_abs();
            // The start time first: if the pid changes hands now, the watch will tell.
            let start_time = netns::start_time(pid)?;
            (Namespace::of_pid(pid)?, start_time)
        }
    };
    let foreign = Foreign { path, pid, start_time, netns: namespace.id().0 };
    Ok(Some((foreign, namespace)))
}

/// How long a file may take to open.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to look at many files one after the other, before each gets a thread.
const QUICK: Duration = Duration::from_secs(1);
/// How many may take their time at once.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn what_hangs_is_given_up_and_holds_up_nothing_else() {
        let looks = Looks { patience: Duration::from_millis(100), ..Looks::default() };
        let (release, held) = mpsc::channel::<()>();
        let hung =
            || looks.apart("netns:/hung", move || held.recv().map_err(|_| Error::kernel("over")));
        let error = hung().await.unwrap_err();
        assert!(error.message.starts_with("netns:/hung did not answer within 100ms"), "{error}");
        // Another thread for the same would be one too many.
        let again = looks.apart("netns:/hung", || Ok(())).await.unwrap_err();
        assert_eq!(again, error);
        assert_eq!(looks.apart("netns:/other", || Ok(1)).await, Ok(1));
        drop(release);
        assert_eq!(looks.apart("netns:/hung", || Ok(2)).await, Ok(2));
    }

    #[tokio::test]
    async fn of_many_only_what_hangs_is_given_up_and_the_order_stays() {
        let looks = Looks { patience: Duration::from_millis(100), ..Looks::default() };
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let all = (0..200).map(|number| (number.to_string(), (number, held.clone()))).collect();
        let work = |(number, held): &(usize, Arc<Mutex<mpsc::Receiver<()>>>)| {
            if *number == 50 {
                let _ = held.lock().unwrap().recv();
            }
            Ok(2 * number)
        };
        let results = looks.each("all of them", all, work).await;
        drop(release);
        for (number, result) in results.into_iter().enumerate() {
            match number {
                50 => assert!(result.unwrap_err().message.starts_with("50 did not answer")),
                _ => assert_eq!(result, Ok(2 * number)),
            }
        }
    }
}
