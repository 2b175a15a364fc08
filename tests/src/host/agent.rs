//! The agent of a test's host: started, ended, waited for.

use super::{TestHost, binary, wait};
use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

impl TestHost {
    /// Starts the agent, on the settings in `netd.toml` if there is one, and waits until it answers.
    ///
    /// # Errors
    /// Where it ends instead: with its log.
    pub fn start_agent(&self) -> Result<()> {
        self.start_agent_as(&[], &binary("netd")?)
    }

    /// As [`TestHost::start_agent`], by the words of another command, which becomes the agent or
    /// passes its end on, and from another executable.
    ///
    /// # Errors
    /// Where it ends instead: with its log.
    pub fn start_agent_as(&self, wrapper: &[&str], netd: &Path) -> Result<()> {
        let log = fs::File::create(self.path("netd.log"))?;
        let mut words = wrapper.iter().map(OsStr::new).chain([netd.as_os_str()]);
        let mut command = Command::new(words.next().context("no command")?);
        command.args(words);
        command.args(["--socket".as_ref(), self.path("netd.sock").as_os_str()]);
        command.args(["--state-dir".as_ref(), self.path("state").as_os_str()]);
        command.arg("--bpf-dir").arg(&self.bpf).arg("--spec-dir").arg(self.path("spec"));
        if self.path("netd.toml").exists() {
            command.args(["--config".as_ref(), self.path("netd.toml").as_os_str()]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut agent = self.host.namespace().run(|| command.spawn())??;
        let answers = wait(Duration::from_secs(30), || {
            let over = agent.try_wait().is_ok_and(|status| status.is_some());
            over || self.netctl(&["status"]).is_ok_and(|output| output.status.success())
        });
        let ended = agent.try_wait()?;
        *self.agent.lock().unwrap() = Some(agent);
        let log = fs::read_to_string(self.path("netd.log"))?;
        if ended.is_some() {
            *self.agent.lock().unwrap() = None;
        }
        ensure!(answers && ended.is_none(), "netd does not come up ({ended:?}): {log}");
        Ok(())
    }

    /// A new directory of this host's for another build of the agent: where its netd goes, and
    /// where that looks for its netd-dns.
    ///
    /// # Errors
    /// Where there is one of that name.
    pub fn room_for_build(&self, name: &str) -> Result<(PathBuf, PathBuf)> {
        let directory = self.path(name);
        fs::create_dir(&directory)?;
        let place = |name| -> Result<PathBuf> {
            Ok(directory.join(binary(name)?.file_name().context("no name")?))
        };
        Ok((place("netd")?, place("netd-dns")?))
    }

    /// The agent's process; none where none was started, or its end was waited for.
    #[must_use]
    pub fn agent_pid(&self) -> Option<u32> {
        self.agent.lock().unwrap().as_ref().map(Child::id)
    }

    /// Whether the agent has ended by itself, or ends before `limit` is over; it can be started
    /// again then.
    pub fn agent_ends(&self, limit: Duration) -> bool {
        let mut agent = self.agent.lock().unwrap();
        let over = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
        let ended = agent.as_mut().is_none_or(|child| wait(limit, || over(child)));
        if ended {
            *agent = None;
        }
        ended
    }

    /// Ends the agent by a signal and waits until it has ended; what it set up stays.
    ///
    /// # Errors
    /// Where none runs.
    pub fn end_agent(&self, signal: Signal) -> Result<()> {
        let mut agent = self.agent.lock().unwrap().take().context("no agent runs")?;
        kill(Pid::from_raw(i32::try_from(agent.id())?), signal)?;
        agent.wait()?;
        Ok(())
    }

    /// Tells the agent to read its files again, by a SIGHUP.
    ///
    /// # Errors
    /// Where none runs.
    pub fn reload(&self) -> Result<()> {
        let pid = self.agent_pid().context("no agent runs")?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), Signal::SIGHUP)?)
    }

    /// What is amiss, as the agent tells it: one sentence each.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn problems(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_str(&self.ok(&["status", "--format", "{{json .Problems}}"])?)?)
    }
}
