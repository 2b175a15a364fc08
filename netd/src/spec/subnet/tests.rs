//! Which subnets, gateways, ranges and reservations are refused.

use super::*;

fn request(subnets: &[&str], gateways: &[&str], ranges: &[&str]) -> NetworkCreate {
    let own = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    NetworkCreate {
        subnets: own(subnets),
        gateways: own(gateways),
        ip_ranges: own(ranges),
        ..Default::default()
    }
}

fn refusal(request: &NetworkCreate) -> String {
    parse_pools(request).unwrap_err().message
}

#[test]
fn host_bits_are_refused_and_corrected() {
    assert_eq!(
        parse_subnet("10.0.1.7/24").unwrap_err().message,
        "invalid subnet 10.0.1.7/24: it should be 10.0.1.0/24"
    );
    assert!(parse_subnet("fd00::1/64").unwrap_err().message.ends_with("should be fd00::/64"));
}

#[test]
fn subnets_that_no_network_can_have_are_refused() {
    for bad in [
        "",
        "10.0.0.0",
        "10.0.0.0/33",
        "10.0.0/8",
        "x/8",
        "0.0.0.0/0",
        "127.0.0.0/8",
        "127.1.0.0/16",
        "169.254.0.0/16",
        "224.0.0.0/8",
        "255.255.255.0/24",
        "10.0.0.0/31",
        "10.0.0.0/32",
        "::/0",
        "::1/128",
        "::ffff:10.0.0.0/104",
        "fe80::/64",
        "ff02::/16",
        "fd00::/127",
        "128.0.0.0/1",
    ] {
        assert!(parse_subnet(bad).is_err(), "{bad}");
    }
    for good in ["10.0.0.0/8", "192.168.1.252/30", "fd00::/126", "2001:db8::/64"] {
        assert_eq!(parse_subnet(good).unwrap().to_string(), good);
    }
}

#[test]
fn gateway_range_and_reservations_are_matched_to_their_subnet() {
    let mut wanted =
        request(&["fd00:9::/64", "10.9.0.0/16"], &["10.9.0.254", "fd00:9::9"], &["10.9.5.0/24"]);
    wanted.auxiliary_addresses.insert("router".into(), "10.9.5.1".into());
    let pools = parse_pools(&wanted).unwrap();
    assert_eq!(pools[0].subnet.to_string(), "10.9.0.0/16");
    assert_eq!(pools[0].gateway.to_string(), "10.9.0.254");
    assert_eq!(pools[0].range.unwrap().to_string(), "10.9.5.0/24");
    assert_eq!(pools[0].auxiliary["router"].to_string(), "10.9.5.1");
    assert_eq!(pools[1].gateway.to_string(), "fd00:9::9");
    assert_eq!(pools[1].range, None);
}

#[test]
fn the_gateway_is_the_first_address_that_is_not_reserved() {
    let mut wanted = request(&["10.9.0.0/24"], &[], &[]);
    assert_eq!(parse_pools(&wanted).unwrap()[0].gateway.to_string(), "10.9.0.1");
    wanted.auxiliary_addresses.insert("a".into(), "10.9.0.1".into());
    assert_eq!(parse_pools(&wanted).unwrap()[0].gateway.to_string(), "10.9.0.2");
    let v6 = Pool::of_subnet("fd00::/64".parse().unwrap()).unwrap();
    assert_eq!(v6.gateway.to_string(), "fd00::1");
}

#[test]
fn what_lies_outside_the_subnet_is_refused() {
    assert_eq!(
        refusal(&request(&["10.9.0.0/24"], &["10.9.1.1"], &[])),
        "gateway 10.9.1.1 is outside subnet 10.9.0.0/24"
    );
    assert!(refusal(&request(&[], &["10.9.1.1"], &[])).ends_with("give --subnet as well"));
    assert!(refusal(&request(&["10.9.0.0/24"], &[], &["10.8.0.0/25"])).contains("outside"));
    assert!(refusal(&request(&["10.9.0.0/24"], &[], &["10.9.0.0/16"])).contains("larger"));
    let mut wanted = request(&["10.9.0.0/24"], &[], &[]);
    wanted.auxiliary_addresses.insert("a".into(), "10.8.0.1".into());
    assert!(refusal(&wanted).contains("auxiliary address \"a\" 10.8.0.1 is outside"));
}

#[test]
fn gateways_and_reservations_are_addresses_that_a_machine_can_have() {
    for bad in ["10.9.0.0", "10.9.0.255", "x"] {
        assert!(parse_pools(&request(&["10.9.0.0/24"], &[bad], &[])).is_err(), "{bad}");
        let mut wanted = request(&["10.9.0.0/24"], &[], &[]);
        wanted.auxiliary_addresses.insert("a".into(), bad.into());
        assert!(parse_pools(&wanted).is_err(), "{bad}");
    }
    let mut wanted = request(&["10.9.0.0/24"], &["10.9.0.7"], &[]);
    wanted.auxiliary_addresses.insert("a".into(), "10.9.0.7".into());
    assert!(refusal(&wanted).contains("is the gateway"));
}

#[test]
fn a_family_has_one_subnet_with_one_gateway_and_one_range() {
    assert!(refusal(&request(&["10.9.0.0/24", "10.8.0.0/24"], &[], &[])).contains("one too"));
    assert!(refusal(&request(&["10.9.0.0/24", "10.9.0.0/16"], &[], &[])).contains("one too"));
    let two = ["10.9.0.1", "10.9.0.2"];
    assert!(refusal(&request(&["10.9.0.0/24"], &two, &[])).contains("two gateways"));
    let two = ["10.9.0.0/25", "10.9.0.128/25"];
    assert!(refusal(&request(&["10.9.0.0/24"], &[], &two)).contains("two ip-ranges"));
}
