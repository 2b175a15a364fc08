//! A network namespace for one test: made empty, gone with the last thing that uses it.

use anyhow::{Context, Result, ensure};
use netd::kernel::netns::Namespace;
use nix::sched::{CloneFlags, unshare};
use std::{
    future::Future,
    os::fd::{AsFd, BorrowedFd},
    process::Command,
    thread,
};

/// Whether this process may make namespaces; says on standard error where it may not.
#[must_use]
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

/// A network namespace of its own, held open by a file descriptor.
#[derive(Debug)]
pub struct TestNs {
    namespace: Namespace,
}

impl TestNs {
    /// A new namespace; it has only lo, which is down.
    ///
    /// # Errors
    /// Where the caller is not root.
    pub fn new() -> Result<Self> {
        // A thread of its own, for unshare moves the caller.
        let made = thread::spawn(|| -> Result<Namespace> {
            unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
            Ok(Namespace::current()?)
        });
        let namespace = made.join().map_err(|_| anyhow::anyhow!("the thread panicked"))??;
        Ok(Self { namespace })
    }

    /// The namespace itself.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Runs a command inside, words separated by blanks, and gives its standard output.
    ///
    /// # Errors
    /// Where it can't be started, or fails: with what it wrote to standard error.
    pub fn run(&self, command: &str) -> Result<String> {
        let mut words = command.split_ascii_whitespace();
        let program = words.next().context("no command")?;
        let output = self
            .namespace
            .run(|| Command::new(program).args(words).output())?
            .with_context(|| format!("cannot start {program}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`{command}`: {}", errors.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a command inside that prints JSON, such as `ip -j link`.
    ///
    /// # Errors
    /// As [`TestNs::run`], and where the output is not JSON.
    pub fn json(&self, command: &str) -> Result<serde_json::Value> {
        let output = self.run(command)?;
        // iproute2 prints nothing for an empty list.
        let text = if output.trim().is_empty() { "[]" } else { &output };
        serde_json::from_str(text).with_context(|| format!("`{command}`: {text}"))
    }

    /// Runs `work` inside, on a tokio runtime of its own, and gives what it returns.
    ///
    /// # Errors
    /// What `work` returns, and where the namespace can't be entered.
    pub fn block_on<T: Send, F: Future<Output = Result<T>>>(
        &self,
        work: impl FnOnce() -> F + Send,
    ) -> Result<T> {
        self.namespace.run(|| {
            tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work())
        })?
    }
}

impl AsFd for TestNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}
