//! Networks that can't be made, named or removed.

use super::*;

const BRIDGE_NAME: &str = "com.docker.network.bridge.name";

#[test]
fn names_outside_the_grammar_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", &"n".repeat(63)])?;
    let (long, taken) = ("n".repeat(64), "n".repeat(63));
    for name in ["", "a b", ".a", "_a", "a/b", "é", "a\nb", "../a", long.as_str()] {
        let quoted = format!("invalid name {name:?}");
        refuses(&host, &[(&["network", "create", "--", name], 2, &[&quoted])])?;
    }
    refuses(
        &host,
        &[
            (&["network", "create", "-x"], 2, &["unexpected argument '-x'", "create --help"]),
            (&["network", "create", &taken], 1, &["already exists"]),
            (&["network", "create", "bridge"], 1, &["reserved"]),
            (&["network", "create", "host"], 1, &["reserved"]),
            (&["network", "create"], 2, &["<NAME>", "netctl network create --help"]),
            (&["network", "create", "a", "b"], 2, &["unexpected argument 'b'"]),
        ],
    )
}

#[test]
fn subnets_that_overlap_or_have_host_bits_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "held", "--subnet", "10.50.0.0/16"])?;
    let create = |subnet: &str, code: i32, words: &[&str]| {
        refuses(&host, &[(&["network", "create", "x", "--subnet", subnet], code, words)])
    };
    create("10.1.0.5/16", 2, &["invalid subnet 10.1.0.5/16", "should be 10.1.0.0/16"])?;
    create("10.1.0.0/31", 2, &["no room", "/30"])?;
    create("10.1.0.0/33", 2, &["ADDRESS/PREFIX"])?;
    create("10.1.0.0", 2, &["ADDRESS/PREFIX"])?;
    create("10.50.7.0/24", 1, &["overlaps network \"held\" (10.50.0.0/16)"])?;
    create("10.0.0.0/8", 1, &["overlaps network \"held\""])?;
    create("198.51.100.0/25", 1, &["overlaps 198.51.100.0/24", "eth0"])?;
    create("127.0.0.0/16", 2, &["loopback"])?;
    create("0.0.0.0/0", 2, &["covers"])?;
    create("fd00:1::/64", 2, &["add --ipv6"])?;
    let six = |subnet, code, words| {
        let args = ["network", "create", "x", "--ipv6", "--subnet", subnet];
        refuses(&host, &[(&args, code, words)])
    };
    six("2001:db8:1::/64", 1, &["overlaps 2001:db8:1::/64", "eth0"])?;
    six("fd00:1::1/64", 2, &["should be fd00:1::/64"])?;
    six("fe80::/64", 2, &["link-local"])?;
    let two = ["network", "create", "x", "--subnet", "10.1.0.0/16", "--subnet", "10.2.0.0/16"];
    refuses(&host, &[(&two, 2, &["one subnet per family"])])
}

#[test]
fn gateways_ranges_and_reserved_addresses_outside_their_subnet_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    let base = ["network", "create", "x", "--subnet", "10.1.0.0/16"];
    let with =
        |more: &[&str], words: &[&str]| refuses(&host, &[(&[&base[..], more].concat(), 2, words)]);
    with(&["--gateway", "10.2.0.1"], &["gateway 10.2.0.1 is outside subnet 10.1.0.0/16"])?;
    with(&["--gateway", "10.1.0.0"], &["network address"])?;
    with(&["--gateway", "10.1.255.255"], &["broadcast address"])?;
    with(&["--gateway", "x"], &["not an IP address"])?;
    with(&["--gateway", "10.1.0.1", "--gateway", "10.1.0.2"], &["two gateways"])?;
    with(&["--gateway", "fd00::1"], &["outside"])?;
    with(&["--ip-range", "10.2.0.0/24"], &["ip-range", "outside subnet 10.1.0.0/16"])?;
    with(&["--ip-range", "10.1.0.1/24"], &["should be 10.1.0.0/24"])?;
    with(&["--aux-address", "nas=10.2.0.1"], &["\"nas\"", "outside"])?;
    with(&["--aux-address", "10.1.0.9"], &["--aux-address", "KEY=VALUE"])?;
    with(&["--aux-address", "a=10.1.0.3", "--aux-address", "a=10.1.0.4"], &["\"a\" twice"])?;
    let same = ["--gateway", "10.1.0.1", "--aux-address", "a=10.1.0.1"];
    with(&same, &["\"a\" 10.1.0.1 is the gateway"])?;
    let alone = ["network", "create", "x", "--gateway", "10.1.0.1"];
    refuses(&host, &[(&alone, 2, &["give --subnet as well"])])
}

#[test]
fn options_that_make_no_sense_and_device_names_that_are_taken_are_refused() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "web"])?;
    let option = |option: &str, code: i32, words: &[&str]| {
        refuses(&host, &[(&["network", "create", "x", "-o", option], code, words)])
    };
    option("colour=red", 2, &["unknown key", BRIDGE_NAME])?;
    option("com.docker.network.driver.mtu=10", 2, &["68 to 65535"])?;
    option("com.docker.network.bridge.enable_icc=x", 2, &["neither true nor false"])?;
    option("netd.mss=535", 2, &["neither clamp nor a number of bytes from 536"])?;
    option("netd.nat_mapping=cone", 2, &["neither endpoint-independent nor per-flow"])?;
    option("com.docker.network.host_ipv4=::1", 2, &["not an IPv4 address"])?;
    let no_such = "this host has no such address to the outside";
    for address in ["192.0.2.9", "127.0.0.1", "172.17.0.1"] {
        option(&format!("com.docker.network.host_ipv4={address}"), 1, &[no_such])?;
    }
    option(BRIDGE_NAME, 2, &["KEY=VALUE"])?;
    option(&format!("{BRIDGE_NAME}=eth0"), 1, &["interface name eth0 is taken"])?;
    option(&format!("{BRIDGE_NAME}=nd-web"), 1, &["nd-web is taken by network \"web\""])?;
    option(&format!("{BRIDGE_NAME}=lo"), 2, &["invalid interface name \"lo\""])?;
    option(&format!("{BRIDGE_NAME}=sixteen-letters-"), 2, &["1 to 15"])?;
    refuses(&host, &[(&["network", "create", "-d", "overlay", "x"], 2, &["only \"bridge\""])])
}

#[test]
fn networks_that_are_in_use_fixed_unknown_or_ambiguous_are_not_removed() -> Result<()> {
    if !is_root() {
        return Ok(());
    }
    let host = TestHost::new()?;
    host.ok(&["network", "create", "used"])?;
    host.idle("user", "used")?;
    // More networks than there are digits: two of them begin alike.
    for number in 0..14 {
        host.ok(&["network", "create", &format!("n{number}")])?;
    }
    let ids = host.ok(&["network", "ls", "-q"])?;
    let shared = |digit: &char| ids.lines().filter(|id| id.starts_with(*digit)).count() > 1;
    let digit = "0123456789abcdef".chars().find(shared).context("all ids differ")?.to_string();
    refuses(
        &host,
        &[
            (&["network", "rm", "used"], 1, &["network used is in use by user"]),
            (&["network", "rm", "bridge"], 1, &["pre-defined"]),
            (&["network", "rm", "nowhere"], 1, &["network nowhere not found"]),
            (&["network", "rm", ""], 2, &["value is required"]),
            (&["network", "rm"], 2, &["<NAME>"]),
            (&["network", "rm", &digit], 1, &["ambiguous", "(", "use more of the id"]),
            (&["network", "prune"], 1, &["use -f"]),
            (&["network", "ls", "-f", "colour=red"], 2, &["invalid filter"]),
            (&["network", "ls", "--format", "{{.Nmae}}"], 2, &["no field \"Nmae\"", "Name"]),
            (&["network", "ls", "--format", "{{.Name"], 2, &["not closed"]),
            (&["network", "move"], 2, &["unrecognized subcommand 'move'", "network --help"]),
            (&["nonsense"], 2, &["unrecognized subcommand 'nonsense'", "netctl --help"]),
        ],
    )
}
