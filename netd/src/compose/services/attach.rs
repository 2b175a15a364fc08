//! The networks of a service.

use super::Declaring;
use crate::api::protocol::NetworkAttach;
use crate::compose::networks::DEFAULT;
use crate::compose::reader::{At, Reader};
use crate::compose::words::Attachment;
use crate::compose::{Scope, name};
use crate::spec::container::Link;
use crate::spec::declaration::{Declaration, Place};
use crate::spec::declared::WantedNetwork;
use crate::spec::host_name;
use crate::spec::name::{InterfaceName, Mac, Name};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

impl Declaring<'_> {
    /// In the order in which devices are made: by priority, then by the network's key, as Compose
    /// has it.
    pub(super) fn networks(
        &self,
        scope: &Scope,
        known: &Declaration,
        reader: &mut Reader<'_>,
    ) -> (Vec<WantedNetwork>, Vec<Place>) {
        let mut all = self.service.networks.as_ref().map_or_else(Vec::new, |n| n.value.0.clone());
        if all.is_empty() {
            all.push((At { place: self.key.place, value: DEFAULT.into() }, None));
        }
        let priority = |attachment: &Option<Attachment>| {
            attachment.as_ref().and_then(|a| a.priority).map_or(0, |priority| priority.0)
        };
        all.sort_by_key(|(key, a)| (std::cmp::Reverse(priority(a)), key.value.clone()));
        let links = self.links(scope, reader);
        let (mut wanted, mut places) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (key, attachment) in all {
            let Some(network) = scope.networks.get(&key.value) else {
                let why = format!(
                    "network {:?} is not among this file's networks; add it there, with external: true if it exists already",
                    key.value
                );
                reader.fault(key.place, why);
                continue;
            };
            if !seen.insert(network) {
                let why = format!("network {network} is there twice; keep one of them");
                reader.fault(key.place, why);
                continue;
            }
            let mut one = self.attachment(&attachment.unwrap_or_default(), reader);
            one.attach.network = network.to_string();
            one.links = links.clone();
            self.check_inside(&one, key.place, known, reader);
            wanted.push(one);
            places.push(key.place);
        }
        if let (Some(first), Some(mac)) = (wanted.first_mut(), &self.service.mac_address) {
            let parsed = reader.parse("mac_address", mac, mac_address);
            first.mac = first.mac.or(parsed);
        }
        (wanted, places)
    }

    fn attachment(&self, words: &Attachment, reader: &mut Reader<'_>) -> WantedNetwork {
        let mut aliases: Vec<String> = Vec::new();
        // What Compose's own services are called, wherever their containers' names differ.
        if self.name.as_str() != self.key.value && self.key.value.parse::<Name>().is_ok() {
            aliases.push(self.key.value.clone());
        }
        for alias in &words.aliases {
            let alias = reader.parse("alias", alias, alias_name).map(|alias| alias.to_string());
            aliases.extend(alias.filter(|alias| !aliases.contains(alias)));
        }
        if let Some(unsupported) = &words.gw_priority
            && unsupported.value.0 != 0
        {
            reader.fault(unsupported.place, "gw_priority is not supported; leave it out");
        }
        if let Some(address) = words.link_local_ips.first() {
            reader.fault(address.place, "link_local_ips are not supported; leave them out");
        }
        if let Some((key, _)) = words.driver_opts.0.first() {
            let why = "driver_opts of a service are not supported; leave them out";
            reader.fault(key.place, why);
        }
        let v4 = |text: &str| {
            text.parse::<Ipv4Addr>()
                .map_err(|_| "it is no IPv4 address; write one such as 172.28.0.5")
        };
        let v6 = |text: &str| {
            text.parse::<Ipv6Addr>()
                .map_err(|_| "it is no IPv6 address; write one such as fd00:28::5")
        };
        let ip = words.ipv4_address.as_ref().and_then(|ip| reader.parse("ipv4_address", ip, v4));
        let ip6 = words.ipv6_address.as_ref().and_then(|ip| reader.parse("ipv6_address", ip, v6));
        let interface = words.interface_name.as_ref().and_then(|interface| {
            let parse = |text: &str| {
                text.parse::<InterfaceName>()
                    .map_err(|_| "use 1 to 15 printable characters without '/', ':' or '%'")
            };
            reader.parse("interface_name", interface, parse)
        });
        let mac = words.mac_address.as_ref();
        WantedNetwork {
            attach: NetworkAttach {
                aliases,
                ip: ip.map(|ip| ip.to_string()),
                ip6: ip6.map(|ip| ip.to_string()),
                ..Default::default()
            },
            mac: mac.and_then(|mac| reader.parse("mac_address", mac, mac_address)),
            interface,
            links: Vec::new(),
        }
    }

    /// A fixed address lies in the subnet that the files give the network, if they give one.
    fn check_inside(
        &self,
        wanted: &WantedNetwork,
        place: Place,
        known: &Declaration,
        reader: &mut Reader<'_>,
    ) {
        let network = known.networks.iter().find(|n| n.name.as_str() == wanted.attach.network);
        let Some(network) = network else { return };
        let fixed = [("ipv4_address", &wanted.attach.ip), ("ipv6_address", &wanted.attach.ip6)];
        for (key, address) in fixed {
            let address = address.as_ref().and_then(|text| text.parse::<IpAddr>().ok());
            let Some(address) = address else { continue };
            let subnets = network.request.subnets.iter().filter_map(|s| s.parse().ok());
            let mut subnets =
                subnets.filter(|s: &ipnet::IpNet| s.addr().is_ipv4() == address.is_ipv4());
            if let Some(subnet) = subnets.next()
                && !subnet.contains(&address)
            {
                let why = format!(
                    "{key} {address} is outside subnet {subnet} of network {}; choose one inside",
                    network.name
                );
                reader.fault(self.place_of(key, wanted).unwrap_or(place), why);
            }
        }
    }

    /// Where a fixed address is written.
    fn place_of(&self, key: &str, wanted: &WantedNetwork) -> Option<Place> {
        let networks = &self.service.networks.as_ref()?.value.0;
        let mut all = networks.iter().filter_map(|(_, attachment)| attachment.as_ref());
        all.find_map(|attachment| {
            let (text, fixed) = match key {
                "ipv4_address" => (attachment.ipv4_address.as_ref()?, &wanted.attach.ip),
                _ => (attachment.ipv6_address.as_ref()?, &wanted.attach.ip6),
            };
            let same = text.value.parse::<IpAddr>().ok()?.to_string() == *fixed.as_ref()?;
            same.then_some(text.place)
        })
    }

    /// `SERVICE[:ALIAS]` of this file, `CONTAINER[:ALIAS]` of others.
    pub(super) fn links(&self, scope: &Scope, reader: &mut Reader<'_>) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        for text in &self.service.links {
            let (target, alias) = text.value.split_once(':').unwrap_or((&text.value, &text.value));
            let Some(container) = scope.services.get(target) else {
                let why = format!(
                    "link {:?}: this file has no service {target:?}; write SERVICE or SERVICE:ALIAS",
                    text.value
                );
                reader.fault(text.place, why);
                continue;
            };
            links.extend(link(container.as_str(), alias, text, reader));
        }
        for text in &self.service.external_links {
            let (target, alias) = text.value.split_once(':').unwrap_or((&text.value, &text.value));
            let target = At { place: text.place, value: target.to_owned() };
            if let Some(container) = reader.parse("external_links", &target, name) {
                links.extend(link(container.as_str(), alias, text, reader));
            }
        }
        links
    }
}

fn link(container: &str, alias: &str, text: &At<String>, reader: &mut Reader<'_>) -> Option<Link> {
    let alias = At { place: text.place, value: alias.to_owned() };
    let alias = reader.parse("link alias", &alias, alias_name)?;
    Some(Link { container: container.to_owned(), alias })
}

/// A name that somebody can look up.
fn alias_name(text: &str) -> Result<Name, String> {
    match host_name::is_address(text) {
        true => Err("it reads as an IP address; write a name".into()),
        false => name(text),
    }
}

fn mac_address(text: &str) -> Result<Mac, &'static str> {
    let wrong = "it is no unicast Ethernet address; write one such as 02:42:ac:11:00:02";
    text.replace('-', ":").parse().map_err(|_| wrong)
}
