//! The plain words of a service: names, hosts, resolvers, exposed ports.

use crate::compose::reader::{At, Reader};
use crate::compose::words::{Pair, Scalar, Service};
use crate::spec::name::Name;
use crate::spec::port;
use std::net::IpAddr;

/// `hostname`, with `domainname` behind it.
pub(super) fn hostname(service: &Service, reader: &mut Reader<'_>) -> Option<String> {
    let host = service.hostname.as_ref();
    let parse = |text: &str| text.parse::<Name>().map_err(|_| super::super::NAME);
    let parsed = host.and_then(|host| reader.parse("hostname", host, parse));
    let domain = service.domainname.as_ref();
    let domain =
        domain.and_then(|domain| Some((domain.place, reader.parse("domainname", domain, parse)?)));
    match (parsed, domain) {
        (Some(host), Some((place, domain))) => {
            let value = format!("{host}.{domain}");
            reader.parse("hostname", &At { place, value }, parse).map(|name| name.to_string())
        }
        (Some(host), None) => Some(host.to_string()),
        (None, Some((place, _))) if host.is_none() => {
            reader.fault(place, "domainname has no hostname to stand behind; write hostname too");
            None
        }
        (None, _) => None,
    }
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
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !(1..=253).contains(&name.value.len()) || !name.value.chars().all(inner) {
        let why = format!(
            "extra_hosts {:?}: write the name in letters, digits, '-', '_' and '.'",
            name.value
        );
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
