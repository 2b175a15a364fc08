//! `netctl inspect` and `netctl network inspect`: Docker's JSON, or a template over it.

use super::{
    args::InspectArgs,
    containers, output,
    ports::{self, Binding},
    template::Template,
};
use crate::api::client::{Client, segment};
use crate::api::protocol::{ContainerInspect, EndpointInspect, NetworkInspect};
use crate::error::{Error, ErrorCode, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `netctl inspect`: containers first, then networks. Returns the exit code.
///
/// # Errors
/// A template that does not fit.
pub(super) fn any(client: &Client, args: &InspectArgs) -> Result<u8> {
    let object = |name: &str| match containers::get(client, name) {
        Ok(container) => Ok(Object::Container(container.into())),
        Err(error) if error.code == ErrorCode::NotFound => match network(client, name) {
            Err(error) if error.code == ErrorCode::NotFound => Err(Error::not_found(format!(
                "no such container or network: {name}; `netctl ps -a` and `netctl network ls` list them"
            ))),
            found => found,
        },
        Err(error) => Err(error),
    };
    show(args, object)
}

/// `netctl network inspect`. Returns the exit code.
///
/// # Errors
/// A template that does not fit.
pub(super) fn networks(client: &Client, args: &InspectArgs) -> Result<u8> {
    show(args, |name| network(client, name))
}

/// `value` by a `--format`: `json`, or a template.
///
/// # Errors
/// A template that does not fit.
pub(super) fn format(value: &impl Serialize, format: &str) -> Result<String> {
    let value = serde_json::to_value(value)
        .map_err(|e| Error::internal(format!("cannot write JSON: {e}")))?;
    match format {
        "json" => Ok(format!("{value}\n")),
        template => Ok(Template::parse(template)?.render(&value)? + "\n"),
    }
}

fn network(client: &Client, name: &str) -> Result<Object> {
    client
        .get(&format!("/v1/networks/{}", segment(name)))
        .map(|network| Object::Network(Box::new(network)))
}

/// Shows what is there; what is not there makes an error line and exit code 1.
fn show(args: &InspectArgs, object: impl Fn(&str) -> Result<Object>) -> Result<u8> {
    let (mut found, mut code) = (Vec::new(), 0);
    for name in &args.names {
        match object(name) {
            Ok(object) => found.push(object),
            Err(error) => {
                output::complain(&error);
                code = 1;
            }
        }
    }
    let text = match args.format.as_deref() {
        None => output::pretty(&found)?,
        Some(template) => {
            found.iter().map(|object| format(object, template)).collect::<Result<_>>()?
        }
    };
    output::print(&text)?;
    Ok(code)
}

#[derive(Serialize)]
#[serde(untagged)]
enum Object {
    Container(Box<Container>),
    Network(Box<NetworkInspect>),
}

/// A container in Docker's shape.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    created: String,
    path: String,
    args: Vec<String>,
    state: Value,
    resolv_conf_path: String,
    hostname_path: String,
    hosts_path: String,
    log_path: String,
    name: String,
    host_config: Value,
    config: Value,
    network_settings: NetworkSettings,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    sandbox_key: String,
    /// Null for ports that are exposed only.
    ports: BTreeMap<String, Option<Vec<Value>>>,
    networks: BTreeMap<String, Value>,
}

impl From<ContainerInspect> for Box<Container> {
    fn from(c: ContainerInspect) -> Self {
        let file = |name: &str| c.directory.join(name).to_string_lossy().into_owned();
        Box::new(Container {
            path: c.command.first().cloned().unwrap_or_default(),
            args: c.command.iter().skip(1).cloned().collect(),
            state: json!({
                "Status": c.status,
                "Running": c.status == "running",
                "Pid": c.pid,
                "ExitCode": c.exit_code,
                "Started": c.started,
            }),
            resolv_conf_path: file("resolv.conf"),
            hostname_path: file("hostname"),
            hosts_path: file("hosts"),
            log_path: file("log"),
            host_config: json!({
                "NetworkMode": c.mode,
                "AutoRemove": c.auto_remove,
                "Dns": c.dns,
                "DnsOptions": c.dns_options,
                "DnsSearch": c.dns_search,
                "Links": links(&c),
                "ExtraHosts": c.hosts.iter().map(|(n, a)| format!("{n}:{a}")).collect::<Vec<_>>(),
            }),
            config: json!({
                "Hostname": c.hostname,
                "Domainname": c.domainname,
                "Env": c.environment,
                "Cmd": c.command,
            }),
            network_settings: NetworkSettings {
                sandbox_key: if c.pid > 0 {
                    format!("/proc/{}/ns/net", c.pid)
                } else {
                    String::new()
                },
                ports: ports::by_port(&c.ports)
                    .into_iter()
                    .map(|((port, protocol), to)| (format!("{port}/{protocol}"), bindings(&to)))
                    .collect(),
                networks: c.networks.iter().map(|(name, e)| (name.clone(), endpoint(e))).collect(),
            },
            id: c.id,
            created: c.created,
            name: c.name,
        })
    }
}

/// Links on the default network as Docker writes them: `/redis:/web/db`.
fn links(container: &ContainerInspect) -> Vec<String> {
    let link =
        |(target, alias): &(String, String)| format!("/{target}:/{}/{alias}", container.name);
    container.links.iter().map(link).collect()
}

/// In Docker's words, with who may use it where that is not everybody.
fn bindings(bindings: &[Binding<'_>]) -> Option<Vec<Value>> {
    let binding = |b: &Binding<'_>| {
        let (ip, port) = (b.at.ip(), b.at.port().to_string());
        match b.from {
            [] => json!({ "HostIp": ip, "HostPort": port }),
            from => json!({ "HostIp": ip, "HostPort": port, "From": from }),
        }
    };
    (!bindings.is_empty()).then(|| bindings.iter().map(binding).collect())
}

/// An endpoint with empty text in place of addresses that it does not have, as Docker prints it.
fn endpoint(endpoint: &EndpointInspect) -> Value {
    let mut value = json!(endpoint);
    if let Value::Object(fields) = &mut value {
        for field in fields.values_mut().filter(|field| field.is_null()) {
            *field = Value::String(String::new());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn web(template: &str) -> String {
        let container: Box<Container> = containers::tests::web().into();
        format(&Object::Container(container), template).unwrap()
    }

    #[test]
    fn dockers_templates_find_addresses_and_ports() {
        for (template, text) in [
            ("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "172.18.0.2\n"),
            ("{{.NetworkSettings.Networks.frontend.GlobalIPv6Address}}", "\n"),
            ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}", "8080\n"),
            ("{{json (index .NetworkSettings.Ports \"5000/tcp\")}}", "null\n"),
            ("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).From}}", "[10.0.0.0/8]\n"),
            ("{{.Name}} {{.State.Pid}} {{.Config.Hostname}}", "web 42 web\n"),
            ("{{.HostConfig.DnsSearch}} {{.HostConfig.DnsOptions}}", "[lan] [ndots:1]\n"),
            ("{{.HostConfig.Links}} {{.Config.Env}}", "[/redis:/web/db] [A=b]\n"),
            ("{{.HostConfig.ExtraHosts}} {{.Config.Domainname}}", "[nas:10.0.0.9] lan\n"),
            ("{{json .NetworkSettings.Networks.frontend.DNSNames}}", "[\"web\",\"www\"]\n"),
            ("{{.NetworkSettings.Networks.frontend.Links}}", "[redis:db]\n"),
            ("{{.Path}} {{join .Args \" \"}}", "python3 -m http.server\n"),
        ] {
            assert_eq!(web(template), text, "{template}");
        }
    }
}
