//! Which host ports are found, and which are refused.

use super::*;

use proptest::prelude::*;

/// From 40000 to 40009.
fn ephemeral() -> PortRange {
    PortRange::new(40_000, 40_009).unwrap()
}

/// A host with both families where `busy` ports belong to host processes.
fn allocate_on(
    addresses: &[&str],
    busy: &[u16],
    taken: &TakenPorts<'_>,
    cursor: &mut u16,
    request: &PortRequest<'_>,
) -> Result<Vec<Published>> {
    let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
    let mut probe = |_: IpAddr, ports: PortRange, _: Protocol| {
        let port = ports.ports().find(|port| busy.contains(port))?;
        Some((port, "address already in use".to_owned()))
    };
    let mut host = PortHost {
        addresses: &addresses,
        ephemeral: ephemeral(),
        reserved: &[PortRange::single(40_003)],
        cursor,
        probe: &mut probe,
    };
    let publications = allocate_ports(request, taken, &mut host)?;
    assert!(publications.iter().map(|p| &p.mapping).eq(request.mappings));
    let mut published: Vec<Published> =
        publications.into_iter().flat_map(|p| p.published).collect();
    published.sort();
    Ok(published)
}

fn allocate(specs: &[&str], busy: &[u16], taken: &TakenPorts<'_>) -> Result<Vec<Published>> {
    let mappings: Vec<PortMapping> = specs.iter().map(|s| s.parse().unwrap()).collect();
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    allocate_on(&["10.0.0.1", "fe80::1"], busy, taken, &mut 40_000, &request)
}

fn text(published: &[Published]) -> Vec<String> {
    let text = |p: &Published| {
        let at = SocketAddr::new(p.address, p.host.first());
        let more = if p.host.is_single() { String::new() } else { format!("-{}", p.host.last()) };
        format!("{at}{more}->{}/{}", p.container, p.protocol)
    };
    published.iter().map(text).collect()
}

fn held(published: &[Published]) -> TakenPorts<'static> {
    let mut taken = TakenPorts::default();
    published.iter().for_each(|p| taken.insert(p, "web"));
    taken
}

#[test]
fn without_an_address_both_families_get_the_same_port() {
    let published = allocate(&["80:8080", "53"], &[40_000], &TakenPorts::default()).unwrap();
    assert_eq!(
        text(&published),
        [
            "0.0.0.0:80->8080/tcp",
            "0.0.0.0:40001->53/tcp",
            "[::]:80->8080/tcp",
            "[::]:40001->53/tcp"
        ]
    );
}

#[test]
fn a_host_without_ipv6_publishes_on_ipv4_only() {
    let mappings = ["80:80".parse().unwrap()];
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    let taken = TakenPorts::default();
    let published = allocate_on(&["10.0.0.1"], &[], &taken, &mut 0, &request).unwrap();
    assert_eq!(text(&published), ["0.0.0.0:80->80/tcp"]);
    let mappings = ["[::]:80:80".parse().unwrap()];
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    assert!(allocate_on(&["10.0.0.1"], &[], &taken, &mut 0, &request).is_err());
}

#[test]
fn a_port_of_another_container_is_refused_in_dockers_words() {
    let taken = held(&allocate(&["80:80"], &[], &TakenPorts::default()).unwrap());
    for spec in ["80:1", "79-81:79-81", "127.0.0.1:80:80", "10.0.0.1:80:80"] {
        let error = allocate(&[spec], &[], &taken).unwrap_err();
        assert!(error.message.contains("80 failed: port is already allocated to container web"));
    }
    let error = allocate(&["80:80"], &[], &taken).unwrap_err();
    assert!(error.message.starts_with("Bind for 0.0.0.0:80 failed: port is already allocated"));
    assert!(allocate(&["80:80/udp"], &[], &taken).is_ok());
}

#[test]
fn distinct_addresses_share_a_port_and_a_wildcard_does_not() {
    let taken = held(&allocate(&["127.0.0.1:80:80"], &[], &TakenPorts::default()).unwrap());
    assert!(allocate(&["10.0.0.1:80:80"], &[], &taken).is_ok());
    assert!(allocate(&["[::]:80:80"], &[], &taken).is_ok());
    assert!(allocate(&["0.0.0.0:80:80"], &[], &taken).is_err());
    assert!(allocate(&["80:80"], &[], &taken).is_err());
}

#[test]
fn the_same_host_port_twice_in_one_request_is_refused() {
    let error = allocate(&["80:80", "80:81"], &[], &TakenPorts::default()).unwrap_err();
    assert!(error.message.contains("Bind for 0.0.0.0:80 failed: port is already allocated"));
}

#[test]
fn a_port_of_a_host_process_is_refused_with_the_kernels_reason() {
    let error = allocate(&["80:80"], &[80], &TakenPorts::default()).unwrap_err();
    assert_eq!(error.message, "failed to bind host port 0.0.0.0:80/tcp: address already in use");
}

#[test]
fn only_addresses_of_the_host_can_be_published_on() {
    let none = TakenPorts::default();
    for good in ["127.0.0.1:80:80", "127.9.9.9:80:80", "[::1]:80:80", "10.0.0.1:80:80"] {
        assert!(allocate(&[good], &[], &none).is_ok(), "{good}");
    }
    let error = allocate(&["192.0.2.1:80:80"], &[], &none).unwrap_err();
    assert!(error.message.contains("192.0.2.1 is not an address of this host"));
}

#[test]
fn a_range_is_one_publication_per_address() {
    let none = TakenPorts::default();
    let published = allocate(&["20000-29999:30000-39999/sctp"], &[], &none).unwrap();
    assert_eq!(
        text(&published),
        ["0.0.0.0:20000-29999->30000/sctp", "[::]:20000-29999->30000/sctp"]
    );
}

#[test]
fn of_two_ranges_that_overlap_the_first_common_port_is_told() {
    let taken = held(&allocate(&["8000-8009:80-89"], &[], &TakenPorts::default()).unwrap());
    for (spec, port) in [("8009-8012:1-4", 8009), ("7990-8020:1-31", 8000), ("8003-8004:1-2", 8003)]
    {
        let error = allocate(&[spec], &[], &taken).unwrap_err();
        let words = format!("Bind for 0.0.0.0:{port} failed: port is already allocated to");
        assert!(error.message.starts_with(&words), "{error}");
    }
    assert!(allocate(&["7990-7999:1-10", "8010:1"], &[], &taken).is_ok());
    let error = allocate(&["7990-7999:1-10"], &[7994, 7996], &taken).unwrap_err();
    assert!(error.message.starts_with("failed to bind host port 0.0.0.0:7994/tcp: "), "{error}");
}

#[test]
fn what_is_kept_of_the_same_container_excludes_as_others_do() {
    let mapping: PortMapping = "80:80".parse().unwrap();
    let published = allocate(&["80:80"], &[], &TakenPorts::default()).unwrap();
    let kept = [Publication { mapping: mapping.clone(), published }];
    let request = PortRequest { mappings: &[mapping], kept: &kept, host_binding: None };
    let none = TakenPorts::default();
    let error = allocate_on(&["10.0.0.1"], &[], &none, &mut 0, &request).unwrap_err();
    assert!(error.message.contains("another publish spec of the same container"), "{error}");
}

#[test]
fn a_host_range_before_a_single_port_is_a_choice() {
    let published = allocate(&["90-92:80", "90:1"], &[91], &TakenPorts::default()).unwrap();
    assert_eq!(text(&published[..2]), ["0.0.0.0:90->1/tcp", "0.0.0.0:92->80/tcp"]);
    let error = allocate(&["90-91:80"], &[90, 91], &TakenPorts::default()).unwrap_err();
    assert!(error.message.contains("all host ports from 90 to 91 are allocated"));
}

#[test]
fn picked_ports_go_on_after_the_last_and_leave_fixed_ones_alone() {
    let mappings: Vec<PortMapping> =
        ["1", "2", "40008:3"].iter().map(|s| s.parse().unwrap()).collect();
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    let mut cursor = 40_008;
    let none = TakenPorts::default();
    let published = allocate_on(&["10.0.0.1"], &[], &none, &mut cursor, &request).unwrap();
    assert_eq!(
        text(&published),
        ["0.0.0.0:40000->2/tcp", "0.0.0.0:40008->3/tcp", "0.0.0.0:40009->1/tcp"]
    );
    assert_eq!(cursor, 40_001);
}

#[test]
fn picked_neighbours_are_one_publication_and_reserved_ports_are_left_out() {
    let mappings: Vec<PortMapping> = vec!["1-6".parse().unwrap()];
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    let none = TakenPorts::default();
    let published = allocate_on(&["10.0.0.1"], &[40_006], &none, &mut 0, &request).unwrap();
    assert_eq!(
        text(&published),
        ["0.0.0.0:40000-40002->1/tcp", "0.0.0.0:40004-40005->4/tcp", "0.0.0.0:40007->6/tcp"]
    );
    assert!(allocate(&["40003:1"], &[], &none).is_ok(), "asked for, it is given");
}

#[test]
fn a_failed_allocation_leaves_the_cursor_where_it_was() {
    let mappings: Vec<PortMapping> = ["1-11".parse().unwrap()].to_vec();
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    let mut cursor = 40_005;
    let none = TakenPorts::default();
    assert!(allocate_on(&["10.0.0.1"], &[], &none, &mut cursor, &request).is_err());
    assert_eq!(cursor, 40_005);
}

#[test]
fn publish_all_leaves_out_what_a_spec_names() {
    let mut mappings = vec!["8080:80".parse().unwrap()];
    let exposed = [(80, Protocol::Tcp), (80, Protocol::Udp), (443, Protocol::Tcp)];
    mappings.extend(for_exposed(&mappings, &exposed));
    let binding = Some("127.0.0.1".parse().unwrap());
    let request = PortRequest { mappings: &mappings, host_binding: binding, kept: &[] };
    let taken = TakenPorts::default();
    let published = allocate_on(&[], &[], &taken, &mut 0, &request).unwrap();
    assert_eq!(
        text(&published),
        ["127.0.0.1:8080->80/tcp", "127.0.0.1:40000->80/udp", "127.0.0.1:40001->443/tcp"]
    );
}

fn specs() -> impl Strategy<Value = Vec<String>> {
    let address = prop_oneof![
        Just(""),
        Just("0.0.0.0:"),
        Just("[::]:"),
        Just("127.0.0.1:"),
        Just("10.0.0.1:"),
        Just("[::1]:"),
    ];
    let ports = (0..3u8, 40_000..40_006u16, 0..3u16).prop_map(|(kind, port, n)| match kind {
        0 => format!(":{port}-{}", port + n),
        1 => format!("{port}-{}:80", port + n),
        _ => format!("{port}-{}:{port}-{}", port + n, port + n),
    });
    let protocol = prop_oneof![Just("tcp"), Just("udp")];
    let spec = (address, ports, protocol).prop_map(|(a, p, t)| match a {
        "" => format!("{}/{t}", p.trim_start_matches(':')),
        _ => format!("{a}{p}/{t}"),
    });
    prop::collection::vec(spec, 1..4)
}

proptest! {
    #[test]
    fn no_two_publications_ever_conflict(
        requests in prop::collection::vec(specs(), 1..6),
        busy in prop::collection::vec(40_000..40_009u16, 0..3),
    ) {
        let mut all: Vec<Published> = Vec::new();
        for specs in &requests {
            let specs: Vec<&str> = specs.iter().map(String::as_str).collect();
            all.extend(allocate(&specs, &busy, &held(&all)).unwrap_or_default());
        }
        let exclude = |a: IpAddr, b: IpAddr| {
            let wild = a.is_unspecified() || b.is_unspecified();
            a.is_ipv4() == b.is_ipv4() && (a == b || wild)
        };
        for (i, a) in all.iter().enumerate() {
            prop_assert!(!busy.iter().any(|port| a.host.contains(*port)));
            for b in &all[i + 1..] {
                let same = a.host.common(b.host).is_some() && a.protocol == b.protocol;
                prop_assert!(!(same && exclude(a.address, b.address)), "{a:?} {b:?}");
            }
        }
    }
}
