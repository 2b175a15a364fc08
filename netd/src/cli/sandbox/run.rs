//! `netctl run`.

use super::{
    Failure, Plan, Report, SHIM, channel, need_root, shim,
    signals::{self, Signals},
};
use crate::api::client::{Client, segment};
use crate::api::protocol::{ContainerCreate, ContainerInspect, Removed};
use crate::cli::{args::run::RunArgs, output};
use crate::error::{Error, ErrorCode, Result};
use std::{
    io::BufReader,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

/// Runs a command in a container of its own. Returns the command's exit code, or 0 once a detached
/// one runs.
///
/// # Errors
/// What failed, in one line; then there is no container.
pub(in crate::cli) fn run(client: &Client, args: RunArgs) -> Result<u8> {
    need_root("run")?;
    let detached = args.detach;
    // Caught before anything exists, so that an interrupt can't leave half a container.
    let mut signals = Signals::catch(signals::in_foreground())?;
    let hostname = args.hostname.clone();
    let request = request(args)?;
    let container: ContainerInspect = client.post("/v1/containers", &request)?;
    let plan = plan(client, container, hostname, &request.environment, detached);
    let outcome = if detached {
        start_detached(&plan)
    } else {
        shim::start(client, &plan)
            .and_then(|mut child| Ok(shim::attend(client, &plan, &mut signals, &mut child)?))
    };
    outcome.or_else(|failure| undo(client, &plan, failure))
}

fn request(mut args: RunArgs) -> Result<ContainerCreate> {
    let networks = args.networks()?;
    Ok(ContainerCreate {
        name: args.name,
        hostname: args.hostname,
        domainname: args.domainname,
        networks,
        publish: args.publish,
        publish_all: args.publish_all,
        expose: args.expose,
        add_hosts: args.add_host,
        dns: args.dns,
        dns_search: args.dns_search,
        dns_options: args.dns_option,
        environment: args.env.into_iter().filter_map(with_value).collect(),
        command: args.command,
        auto_remove: args.rm,
    })
}

/// `-e KEY` takes the value from the caller, where it has one.
fn with_value(variable: String) -> Option<String> {
    if variable.contains('=') {
        return Some(variable);
    }
    std::env::var(&variable).ok().map(|value| format!("{variable}={value}"))
}

fn plan(
    client: &Client,
    container: ContainerInspect,
    hostname: Option<String>,
    environment: &[String],
    detached: bool,
) -> Plan {
    let own = (container.mode != "host").then(|| container.hostname.clone());
    let hostname = hostname.or(own);
    let name = hostname.iter().map(|name| ("HOSTNAME".to_owned(), name.clone()));
    // What was given wins over what links say, as with Docker.
    let given = container.link_environment.iter().chain(environment);
    let given = given.filter_map(|variable| variable.split_once('='));
    let given = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Plan {
        socket: client.socket().to_owned(),
        environment: name.chain(given).collect(),
        hostname,
        detached,
        container,
    }
}

/// Starts a shim that outlives this process and prints the container's ID once its command runs.
fn start_detached(plan: &Plan) -> Result<u8, Failure> {
    let mut shim = Command::new("/proc/self/exe")
        .arg0("netctl")
        .args([SHIM, &plan.container.name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| Error::kernel(format!("cannot start the container's shim: {e}")))?;
    let (Some(mut to_shim), Some(from_shim)) = (shim.stdin.take(), shim.stdout.take()) else {
        return Err(Error::internal("the container's shim has no pipes").into());
    };
    channel::send(&mut to_shim, plan)?;
    match channel::receive(&mut BufReader::new(from_shim))? {
        Report::Failed(failure) => Err(failure),
        Report::Waiting | Report::Started => {
            output::print(format!("{}\n", plan.container.id))?;
            Ok(0)
        }
    }
}

/// Removes the container that did not start, so that nothing is half done.
fn undo(client: &Client, plan: &Plan, failure: Failure) -> Result<u8> {
    let Failure { exit, error } = failure;
    let path = format!("/v1/containers/{}?force=true", segment(&plan.container.id));
    let mut error = error.context(format!("cannot start container {}", plan.container.name));
    if let Err(second) = client.delete::<Removed>(&path)
        && second.code != ErrorCode::NotFound
    {
        error.message = format!("{error}; it could not be removed either: {second}");
    }
    output::complain(&error);
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::containers::tests::web;
    use std::path::Path;

    #[test]
    fn the_hosts_own_name_is_kept_on_its_network_unless_another_is_given() {
        let client = Client::new(Path::new("/run/x"));
        let on = |mode: &str, hostname: Option<&str>| {
            let container = ContainerInspect { mode: mode.to_owned(), ..web() };
            plan(&client, container, hostname.map(str::to_owned), &["A=b=c".to_owned()], true)
        };
        assert_eq!(on("bridge", None).hostname.as_deref(), Some("web"));
        assert_eq!(on("host", None).hostname, None);
        assert_eq!(on("host", Some("x")).hostname.as_deref(), Some("x"));
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let links = [pair("DB_NAME", "/web/db"), pair("DB_PORT", "x")];
        let [name, port] = links;
        let all = [pair("HOSTNAME", "web"), name, port, pair("A", "b=c")];
        assert_eq!(on("none", None).environment, all);
    }

    #[test]
    fn a_variable_without_a_value_takes_the_callers() {
        assert_eq!(with_value("A=".to_owned()).as_deref(), Some("A="));
        assert!(with_value("PATH".to_owned()).unwrap().starts_with("PATH=/"));
        assert_eq!(with_value("NO_SUCH_VARIABLE_HERE".to_owned()), None);
    }
}
