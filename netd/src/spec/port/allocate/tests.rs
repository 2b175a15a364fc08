//! Which host ports are found, and which are refused.

use super::*;
use proptest::prelude::*;

const EPHEMERAL: (u16, u16) = (40_000, 40_009);

/// A host with both families where `busy` ports belong to host processes.
fn allocate_on(
    addresses: &[&str],
    busy: &[u16],
    taken: &TakenPorts<'_>,
    cursor: &mut u16,
    request: &PortRequest<'_>,
) -> Result<Vec<Published>> {
    let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
    let mut probe = |_: IpAddr, port: u16, _: Protocol| {
        if busy.contains(&port) { Err("address already in use".to_owned()) } else { Ok(()) }
    };
    let mut host =
        PortHost { addresses: &addresses, ephemeral: EPHEMERAL, cursor, probe: &mut probe };
    allocate_ports(request, taken, &mut host)
}

fn allocate(specs: &[&str], busy: &[u16], taken: &TakenPorts<'_>) -> Result<Vec<Published>> {
    let mappings: Vec<PortMapping> = specs.iter().map(|s| s.parse().unwrap()).collect();
    let request = PortRequest { mappings: &mappings, ..Default::default() };
    allocate_on(&["10.0.0.1", "fe80::1"], busy, taken, &mut 40_000, &request)
}

fn text(published: &[Published]) -> Vec<String> {
    let at = |p: &Published| SocketAddr::new(p.address, p.host);
    published.iter().map(|p| format!("{}->{}/{}", at(p), p.container, p.protocol)).collect()
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
fn sctp_is_refused() {
    let error = allocate(&["80:80/sctp"], &[], &TakenPorts::default()).unwrap_err();
    assert!(error.message.contains("sctp ports can't be published by this version"));
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
    let mappings = ["8080:80".parse().unwrap()];
    let exposed = [(80, Protocol::Tcp), (80, Protocol::Udp), (443, Protocol::Tcp)];
    let binding = Some("127.0.0.1".parse().unwrap());
    let request = PortRequest { mappings: &mappings, exposed: &exposed, host_binding: binding };
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
        for (i, a) in all.iter().enumerate() {
            prop_assert!(!busy.contains(&a.host));
            for b in &all[i + 1..] {
                let same = a.host == b.host && a.protocol == b.protocol;
                prop_assert!(!(same && exclude(a.address, b.address)), "{a:?} {b:?}");
            }
        }
    }
}
