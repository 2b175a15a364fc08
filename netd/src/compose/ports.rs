//! Ports of a service: both forms become the publish specs that `-p` takes.

use super::reader::{At, Reader};
use super::words::{LongPort, Port, Scalar};
use crate::spec::port::PortMapping;

/// What one entry publishes; none where it makes no sense, which is reported then.
pub(super) fn mapping(port: &At<Port>, reader: &mut Reader<'_>) -> Option<PortMapping> {
    let parse = |text: &str| text.parse::<PortMapping>().map_err(|error| rule(&error.message));
    match &port.value {
        Port::Short(text) => {
            let text = At { place: port.place, value: text.clone() };
            reader.parse("port", &text, parse)
        }
        Port::Long(long) => {
            let text = At { place: port.place, value: spec(long, port, reader)? };
            reader.parse("port", &text, parse)
        }
    }
}

/// The long form in the words of the short one.
fn spec(long: &LongPort, port: &At<Port>, reader: &mut Reader<'_>) -> Option<String> {
    let Some(At { value: Scalar(target), .. }) = &long.target else {
        reader.fault(port.place, "port has no target; write the container's port there");
        return None;
    };
    if let Some(mode) = &long.mode
        && !matches!(mode.value.as_str(), "host" | "ingress" | "")
    {
        let why = format!("mode {:?} is neither host nor ingress; leave it out", mode.value);
        reader.fault(mode.place, why);
    }
    let published = long.published.as_ref().map_or("", |published| published.value.0.as_str());
    let address = long.host_ip.as_ref().map_or("", |address| address.value.as_str());
    let address = match address {
        "" => String::new(),
        v6 if v6.contains(':') && !v6.starts_with('[') => format!("[{v6}]:"),
        v4 => format!("{v4}:"),
    };
    let protocol = long.protocol.as_ref().map_or("tcp", |protocol| protocol.value.as_str());
    let mut spec = format!("{address}{published}:{target}/{protocol}");
    if address.is_empty() && published.is_empty() {
        spec = format!("{target}/{protocol}");
    }
    let from: Vec<&str> = long.extra.from.iter().map(|from| from.value.as_str()).collect();
    if !from.is_empty() {
        spec += &format!(",from={}", from.join(","));
    }
    Some(spec)
}

/// The rule that was broken, without the spec that the place shows.
fn rule(message: &str) -> String {
    let why = message.split_once("\": ").map_or(message, |(_, why)| why);
    if why.contains("write ") { why.to_owned() } else { format!("{why}; write {EXAMPLE}") }
}

const EXAMPLE: &str = "[IP:][HOST:]CONTAINER[/PROTOCOL], such as \"8080:80\"";
