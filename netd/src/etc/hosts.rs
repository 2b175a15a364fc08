//! A container's /etc/hosts, as Docker writes it.

use crate::spec::container::{Container, Endpoint};
use std::net::IpAddr;

/// One address and the names that stand for it, with blanks between them.
pub type Record = (IpAddr, String);

/// A file for a container on networks: localhost, then `records`. Without `ipv6` there is none of
/// it in the container, and no line either.
#[must_use]
pub fn new(ipv6: bool, records: &[Record]) -> String {
    let head = if ipv6 { [LOCALHOST, LOCALHOST_IPV6].concat() } else { LOCALHOST.to_owned() };
    let records = records.iter().filter(|(address, _)| ipv6 || address.is_ipv4());
    head + &records.map(line).collect::<String>()
}

/// `text` with `records` behind it.
#[must_use]
pub fn with(text: &str, records: &[Record]) -> String {
    let text = text.trim_end();
    let end = if text.is_empty() { "" } else { "\n" };
    [text, end, &records.iter().map(line).collect::<String>()].concat()
}

/// `text` without the lines of `records`; whatever else was written there stays.
#[must_use]
pub fn without(text: &str, records: &[Record]) -> String {
    let gone: Vec<String> = records.iter().map(line).collect();
    text.split_inclusive('\n').filter(|line| !gone.iter().any(|gone| gone == line)).collect()
}

/// What a container is called at the addresses of an endpoint of its own: its full name, then the
/// first part of it.
#[must_use]
pub fn own(container: &Container, endpoint: &Endpoint) -> Vec<Record> {
    let mut names = container.hostname.clone();
    if !container.domainname.is_empty() {
        names = format!("{names}.{}", container.domainname);
    }
    if let Some((short, _)) = names.split_once('.') {
        names = format!("{names} {short}");
    }
    let addresses = endpoint.ipv4.map(IpAddr::V4).into_iter().chain(endpoint.ipv6.map(IpAddr::V6));
    addresses.map(|address| (address, names.clone())).collect()
}

fn line((address, names): &Record) -> String {
    format!("{address}\t{names}\n")
}

const LOCALHOST: &str = "127.0.0.1\tlocalhost\n";
const LOCALHOST_IPV6: &str = "\
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::samples::{attach, container, network};

    fn record(address: &str, names: &str) -> Record {
        (address.parse().unwrap(), names.to_owned())
    }

    #[test]
    fn a_new_file_is_dockers() {
        let records =
            [record("10.0.0.9", "nas"), record("fd00::9", "nas"), record("172.18.0.2", "web")];
        assert_eq!(
            new(true, &records),
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\n\
             ff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n\
             10.0.0.9\tnas\nfd00::9\tnas\n172.18.0.2\tweb\n"
        );
        assert_eq!(new(false, &records), "127.0.0.1\tlocalhost\n10.0.0.9\tnas\n172.18.0.2\tweb\n");
    }

    #[test]
    fn lines_come_and_go_and_leave_what_others_wrote() {
        let mine = [record("10.0.0.2", "a.b a"), record("fd00::2", "a.b a")];
        let before = "127.0.0.1\tlocalhost\n# mine\n10.0.0.2\ta.b\n";
        let after = with(before, &mine);
        assert_eq!(after, format!("{before}10.0.0.2\ta.b a\nfd00::2\ta.b a\n"));
        assert_eq!(without(&after, &mine), before);
        assert_eq!(with("127.0.0.1 x", &mine[..1]), "127.0.0.1 x\n10.0.0.2\ta.b a\n");
        assert_eq!(with("", &mine[..1]), "10.0.0.2\ta.b a\n");
        assert_eq!(without(before, &mine), before);
    }

    #[test]
    fn a_container_has_its_full_name_and_the_first_part_of_it() {
        let mut web = container(1);
        attach(&mut web, &network("back", 1, true));
        let named = |host: &str, domain: &str| {
            let named =
                Container { hostname: host.into(), domainname: domain.into(), ..web.clone() };
            let endpoint = named.endpoints.values().next().unwrap();
            own(&named, endpoint).into_iter().map(|(_, names)| names).collect::<Vec<_>>()
        };
        assert_eq!(named("web", ""), ["web", "web"]);
        assert_eq!(named("web", "example.org"), ["web.example.org web", "web.example.org web"]);
        assert_eq!(named("web.lan", "")[0], "web.lan web");
    }
}
