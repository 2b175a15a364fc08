//! Address management: subnets for networks and addresses for endpoints. Pure: what is in use
//! comes as an argument, and nothing is remembered.

use crate::error::{Error, Result};
use crate::spec::subnet::{Pool, overlaps};
use crate::state::Host;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The address space that a made-up subnet must keep away from: other networks' `subnets`, and
/// the host's routes, addresses and resolvers.
#[must_use]
pub fn occupied(subnets: impl IntoIterator<Item = IpNet>, host: &Host) -> Vec<IpNet> {
    let routes = host.routes.iter().map(|route| route.destination).filter(leads_somewhere);
    let addresses = host.addresses.iter().chain(&host.resolvers).map(|a| IpNet::from(*a));
    subnets.into_iter().chain(routes).chain(addresses).collect()
}

/// Whether a route says where certain addresses are. Default routes, and the halves or other
/// large parts of the address space that VPNs use for one, do not.
#[must_use]
pub fn leads_somewhere(destination: &IpNet) -> bool {
    destination.prefix_len() >= SHORTEST_ROUTE
}

/// The first of Docker's default pools that is free: 172.17.0.0/16 to 172.31.0.0/16, then
/// 192.168.0.0/20 to 192.168.240.0/20.
///
/// # Errors
/// `Conflict` where none is free.
pub fn choose_ipv4(occupied: &[IpNet]) -> Result<IpNet> {
    let large = (17..=31).map(|b| (Ipv4Addr::new(172, b, 0, 0), 16));
    let small = (0..16).map(|c| (Ipv4Addr::new(192, 168, c << 4, 0), 20));
    let pools = large
        .chain(small)
        .filter_map(|(address, prefix)| Ipv4Net::new(address, prefix).ok().map(IpNet::V4));
    first_free(pools, occupied).ok_or_else(|| {
        Error::conflict(
            "no free IPv4 subnet: every default address pool overlaps a network or a route of the host; choose one with --subnet or remove a network",
        )
    })
}

/// The first free /64 of the host's own unique local prefix, `fd` and the 40 random bits of
/// `seed` (RFC 4193).
///
/// # Errors
/// `Conflict` where none is free.
pub fn choose_ipv6(seed: [u8; 5], occupied: &[IpNet]) -> Result<IpNet> {
    let mut prefix = [0u8; 16];
    prefix[0] = 0xfd;
    prefix[1..6].copy_from_slice(&seed);
    let pools = (0..=u16::MAX).filter_map(|number| {
        let mut address = prefix;
        address[6..8].copy_from_slice(&number.to_be_bytes());
        Ipv6Net::new(Ipv6Addr::from(address), 64).ok().map(IpNet::V6)
    });
    first_free(pools, occupied).ok_or_else(|| {
        Error::conflict(
            "no free IPv6 subnet: the host's unique local prefix is used up or routed elsewhere; choose one with --subnet",
        )
    })
}

/// An address of the pool that is not in `used`: the wanted one, else the lowest of the range.
///
/// # Errors
/// `Invalid` where the wanted address is outside the subnet, `Conflict` where it is taken or
/// reserved, or where none is left.
pub fn allocate(pool: &Pool, used: &BTreeSet<IpAddr>, wanted: Option<IpAddr>) -> Result<IpAddr> {
    if let Some(address) = wanted {
        return check(pool, used, address).map(|()| address);
    }
    let range = pool.range.unwrap_or(pool.subnet);
    let free = |address: &IpAddr| !used.contains(address) && pool.reservation(*address).is_none();
    addresses(range).find(free).ok_or_else(|| {
        Error::conflict(format!(
            "no free address left in {range}: disconnect a container, or use a larger network"
        ))
    })
}

fn first_free(mut pools: impl Iterator<Item = IpNet>, occupied: &[IpNet]) -> Option<IpNet> {
    pools.find(|pool| !occupied.iter().any(|other| overlaps(pool, other)))
}

fn check(pool: &Pool, used: &BTreeSet<IpAddr>, address: IpAddr) -> Result<()> {
    if !pool.subnet.contains(&address) {
        return Err(Error::invalid(format!(
            "address {address} is outside subnet {}; choose one inside",
            pool.subnet
        )));
    }
    let holder = if used.contains(&address) {
        Some("another container's".into())
    } else {
        pool.reservation(address)
    };
    match holder {
        Some(holder) => Err(Error::conflict(format!(
            "Address already in use: {address} is {holder}; choose another"
        ))),
        None => Ok(()),
    }
}

/// Every address of a range in rising order, its first and last ones included.
fn addresses(range: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match range {
        IpNet::V4(net) => Box::new(
            (net.network().to_bits()..=net.broadcast().to_bits())
                .map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        ),
        IpNet::V6(net) => Box::new(
            (net.network().to_bits()..=net.broadcast().to_bits())
                .map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
        ),
    }
}

/// Shorter prefixes than this stand for "everything else".
const SHORTEST_ROUTE: u8 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::HostRoute;
    use proptest::prelude::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn host(routes: &[&str]) -> Host {
        let route = |destination: &&str| HostRoute {
            destination: net(destination),
            device: "eth0".parse().unwrap(),
            on_link: false,
            gateway: None,
            source: None,
            metric: 0,
        };
        Host { routes: routes.iter().map(route).collect(), ..Default::default() }
    }

    #[test]
    fn the_default_pools_are_dockers() {
        let mut taken = Vec::new();
        while let Ok(subnet) = choose_ipv4(&taken) {
            taken.push(subnet);
        }
        assert_eq!(taken.len(), 31);
        let text: Vec<String> = taken.iter().map(ToString::to_string).collect();
        assert_eq!(text[0], "172.17.0.0/16");
        assert_eq!(text[14..16], ["172.31.0.0/16", "192.168.0.0/20"]);
        assert_eq!(text[30], "192.168.240.0/20");
        assert!(choose_ipv4(&taken).unwrap_err().message.contains("--subnet"));
    }

    #[test]
    fn what_the_host_uses_is_left_alone() {
        let mut host = host(&["172.16.0.0/14", "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "::/0"]);
        host.addresses.insert("172.20.3.4".parse().unwrap());
        host.resolvers.push("172.21.0.53".parse().unwrap());
        let occupied = occupied([net("172.22.5.0/24")], &host);
        assert_eq!(choose_ipv4(&occupied).unwrap(), net("172.23.0.0/16"));
    }

    #[test]
    fn ipv6_subnets_are_numbered_below_the_hosts_own_prefix() {
        let seed = [1, 2, 3, 4, 5];
        let first = choose_ipv6(seed, &[net("fc00::/7")]);
        assert!(first.is_err());
        let first = choose_ipv6(seed, &occupied([], &host(&["fc00::/7"]))).unwrap();
        assert_eq!(first, net("fd01:203:405::/64"));
        assert_eq!(choose_ipv6(seed, &[first]).unwrap(), net("fd01:203:405:1::/64"));
    }

    #[test]
    fn the_first_container_gets_the_address_after_the_gateway() {
        let pool = Pool::of_subnet(net("172.18.0.0/16")).unwrap();
        let first = allocate(&pool, &BTreeSet::new(), None).unwrap();
        assert_eq!(first.to_string(), "172.18.0.2");
        let pool = Pool::of_subnet(net("fd00::/64")).unwrap();
        assert_eq!(allocate(&pool, &BTreeSet::new(), None).unwrap().to_string(), "fd00::2");
    }

    #[test]
    fn dynamic_addresses_stay_in_the_range_and_wanted_ones_need_not() {
        let mut pool = Pool::of_subnet(net("10.9.0.0/16")).unwrap();
        pool.range = Some(net("10.9.5.0/30"));
        let mut used = BTreeSet::new();
        for expected in ["10.9.5.0", "10.9.5.1", "10.9.5.2", "10.9.5.3"] {
            let address = allocate(&pool, &used, None).unwrap();
            assert_eq!(address.to_string(), expected);
            used.insert(address);
        }
        assert!(allocate(&pool, &used, None).unwrap_err().message.contains("10.9.5.0/30"));
        assert!(allocate(&pool, &used, Some("10.9.7.7".parse().unwrap())).is_ok());
    }

    #[test]
    fn a_wanted_address_must_be_inside_and_free() {
        let mut pool = Pool::of_subnet(net("10.9.0.0/24")).unwrap();
        pool.auxiliary.insert("printer".into(), "10.9.0.9".parse().unwrap());
        let used = BTreeSet::from(["10.9.0.5".parse().unwrap()]);
        let ask = |text: &str| allocate(&pool, &used, Some(text.parse().unwrap()));
        assert!(ask("10.9.0.6").is_ok());
        for taken in ["10.9.0.0", "10.9.0.1", "10.9.0.5", "10.9.0.9", "10.9.0.255"] {
            assert!(ask(taken).unwrap_err().message.starts_with("Address already in use: "));
        }
        assert!(ask("10.8.0.6").unwrap_err().message.contains("outside subnet 10.9.0.0/24"));
        assert!(ask("fd00::1").is_err());
    }

    fn pools() -> impl Strategy<Value = Pool> {
        let v4 = (24..=30u8).prop_map(|prefix| net(&format!("10.9.0.0/{prefix}")));
        let v6 = (120..=126u8).prop_map(|prefix| net(&format!("fd00::/{prefix}")));
        (prop_oneof![v4, v6], prop::collection::vec(any::<u8>(), 0..3)).prop_map(|(subnet, aux)| {
            let mut pool = Pool::of_subnet(subnet).unwrap();
            let all: Vec<IpAddr> = addresses(subnet).collect();
            for (i, n) in aux.iter().enumerate() {
                pool.auxiliary.insert(i.to_string(), all[usize::from(*n) % all.len()]);
            }
            pool
        })
    }

    proptest! {
        #[test]
        fn no_address_is_given_twice_and_all_are_given(pool in pools()) {
            let mut used = BTreeSet::new();
            while let Ok(address) = allocate(&pool, &used, None) {
                prop_assert!(pool.subnet.contains(&address) && address != pool.gateway);
                prop_assert!(address != pool.subnet.network());
                prop_assert!(address.is_ipv6() || address != pool.subnet.broadcast());
                prop_assert!(!pool.auxiliary.values().any(|aux| *aux == address));
                prop_assert!(used.insert(address), "{address} was given twice");
            }
            let reserved = addresses(pool.subnet).filter(|a| pool.reservation(*a).is_some());
            prop_assert_eq!(used.len() + reserved.count(), addresses(pool.subnet).count());
        }

        #[test]
        fn a_released_address_is_given_again(pool in pools(), pick in any::<prop::sample::Index>()) {
            let mut used = BTreeSet::new();
            while let Ok(address) = allocate(&pool, &used, None) {
                used.insert(address);
            }
            prop_assume!(!used.is_empty());
            let released = *pick.get(&used.iter().copied().collect::<Vec<_>>());
            used.remove(&released);
            prop_assert_eq!(allocate(&pool, &used, Some(released)), Ok(released));
            prop_assert_eq!(allocate(&pool, &used, None), Ok(released));
        }
    }
}
