//! The plain words of a service: names, hosts, resolvers, exposed ports.

use crate::compose::reader::{At, Reader};
use crate::compose::words::{Pair, Scalar, Service};
use crate::spec::{host_name, name::Name, port};
use std::net::IpAddr;

pub(super) fn hostname(service: &Service, reader: &mut Reader<'_>) -> Option<String> {
    let parse = |text: &str| text.parse::<Name>().map_err(|_| crate::compose::NAME);
    let host = reader.parse("hostname", service.hostname.as_ref()?, parse);
    host.map(|host| host.to_string())
}

pub(super) fn domainname(service: &Service, reader: &mut Reader<'_>) -> Option<String> {
    let parse = |text: &str| host_name::fault(text).map_or_else(|| Ok(text.to_owned()), Err);
    reader.parse("domainname", service.domainname.as_ref()?, parse)
}

pub(super) fn exposed(service: &Service, reader: &mut Reader<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for At { place, value: Scalar(text) } in &service.expose {
        let text = At { place: *place, value: text.clone() };
        let wrong = "it is no port; write one such as 80, 53/udp or 8000-8010";
        let parse = |text: &str| port::parse_exposed(text).map_err(|_| wrong);
        if reader.parse("expose", &text, parse).is_some() {
            all.push(text.value);
        }
    }
    all
}

/// As `--add-host` takes them: `NAME:ADDRESS`.
pub(super) fn hosts(service: &Service, reader: &mut Reader<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for pair in &service.extra_hosts.0 {
        match pair {
            Pair::Item(text) => {
                let Some((name, address)) = text.value.split_once(['=', ':']) else {
                    let why = format!("extra_hosts {:?}: write NAME:ADDRESS", text.value);
                    reader.fault(text.place, why);
                    continue;
                };
                let at = |part: &str| At { place: text.place, value: part.to_owned() };
                all.extend(host(&at(name), &at(address), reader));
            }
            Pair::Entry(name, addresses) => {
                all.extend(addresses.iter().filter_map(|address| host(name, address, reader)));
            }
        }
    }
    all
}

fn host(name: &At<String>, address: &At<String>, reader: &mut Reader<'_>) -> Option<String> {
    if let Some(fault) = host_name::fault(&name.value) {
        let why = format!("extra_hosts {:?}: the name is wrong: {fault}", name.value);
        reader.fault(name.place, why);
        return None;
    }
    let text = address.value.as_str();
    let bare = text.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(text);
    if bare != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        let why = format!(
            "extra_hosts {:?}: {text:?} is no IP address; write one, or host-gateway",
            name.value
        );
        reader.fault(address.place, why);
        return None;
    }
    Some(format!("{}:{bare}", name.value))
}

pub(super) fn dns(service: &Service, reader: &mut Reader<'_>) -> Vec<String> {
    let wrong = "it is no IP address; write one such as 9.9.9.9";
    let parse = |text: &str| text.parse::<IpAddr>().map_err(|_| wrong);
    let all = service.dns.0.iter().filter_map(|text| reader.parse("dns", text, parse));
    all.map(|address| address.to_string()).collect()
}

/// Words of a line of resolv.conf.
pub(super) fn words(key: &str, texts: &[At<String>], reader: &mut Reader<'_>) -> Vec<String> {
    let parse = |text: &str| {
        let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
        if plain { Ok(text.to_owned()) } else { Err("write one word without blanks") }
    };
    texts.iter().filter_map(|text| reader.parse(key, text, parse)).collect()
}
