//! Who may use a publication: `from=` lists.

use ipnet::{IpNet, Ipv6Net};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr},
};

/// Reads `from=CIDR[,CIDR...]`; the error is the rule that it breaks.
pub(super) fn parse(text: &str) -> Result<Vec<IpNet>, String> {
    let Some(list) = text.strip_prefix("from=") else {
        return Err(format!("{text:?} is not understood after the ports; write {EXAMPLE}"));
    };
    list.split(',').map(prefix).collect()
}

/// The prefixes that admit exactly those of `from`, none of which holds another; none where
/// everybody is admitted. IPv6 prefixes leave out what stands for IPv4 addresses (RFC 4291 2.5.5.2).
#[must_use]
pub fn admitted(from: &[IpNet]) -> Option<BTreeSet<IpNet>> {
    if from.is_empty() {
        return None;
    }
    let all = IpNet::aggregate(&from.to_vec());
    Some(all.into_iter().flat_map(without_mapped).collect())
}

/// A bare address is itself alone.
fn prefix(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    let net = match address.or_else(|_| text.parse::<IpNet>()) {
        Ok(net) => net,
        Err(_) => return Err(format!("{text:?} in from= is no address or CIDR; write {EXAMPLE}")),
    };
    if net != net.trunc() {
        return Err(format!("{net} in from= has host bits set; it should be {}", net.trunc()));
    }
    match net {
        IpNet::V6(v6) if mapped().contains(&v6) => {
            Err(format!("{net} in from= stands for IPv4 addresses; write it as IPv4"))
        }
        net => Ok(net),
    }
}

/// An IPv6 prefix that holds the addresses that stand for IPv4 ones becomes what is around them.
fn without_mapped(net: IpNet) -> Vec<IpNet> {
    let IpNet::V6(outer) = net else { return vec![net] };
    let hole = mapped();
    if !outer.contains(&hole) {
        return vec![net];
    }
    let bits = u128::from(hole.addr());
    let beside = |length: u8| {
        let other = Ipv6Addr::from(bits ^ (1 << (128 - u32::from(length))));
        Ipv6Net::new(other, length).ok().map(|net| IpNet::V6(net.trunc()))
    };
    (outer.prefix_len() + 1..=hole.prefix_len()).filter_map(beside).collect()
}

/// `::ffff:0.0.0.0/96`.
fn mapped() -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::from(0xffff_0000_0000_u128), 96)
}

const EXAMPLE: &str = "8080:80,from=10.0.0.0/8,2001:db8::/32";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_list_is_addresses_and_prefixes_of_both_families() {
        let list = parse("from=10.0.0.0/8,192.0.2.7,2001:db8::/32,::1").unwrap();
        assert_eq!(list, nets(&["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32", "::1/128"]));
    }

    #[test]
    fn what_is_no_list_is_refused_with_the_rule() {
        for (bad, why) in [
            ("", "is not understood"),
            ("to=10.0.0.0/8", "is not understood"),
            ("from=", "is no address or CIDR"),
            ("from=10.0.0.0/8,", "is no address or CIDR"),
            ("from=10.0.0.0/33", "is no address or CIDR"),
            ("from=example.org", "is no address or CIDR"),
            ("from=10.1.0.0/8", "it should be 10.0.0.0/8"),
            ("from=::ffff:10.0.0.1", "write it as IPv4"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn equal_lists_have_one_form() {
        let once = admitted(&nets(&["10.0.0.0/8", "192.0.2.0/24"]));
        assert_eq!(
            admitted(&nets(&["192.0.2.0/25", "10.1.0.0/16", "192.0.2.128/25", "10.0.0.0/8"])),
            once
        );
        assert_eq!(admitted(&[]), None);
    }

    #[test]
    fn all_of_ipv6_is_not_all_of_ipv4() {
        let all = admitted(&nets(&["::/0"])).unwrap();
        let is_in = |a: &str| all.iter().any(|net| net.contains(&a.parse::<IpAddr>().unwrap()));
        assert!(is_in("2001:db8::1") && is_in("::1") && is_in("::ffff") && is_in("ffff::"));
        assert!(!is_in("::ffff:10.0.0.1") && !is_in("::ffff:255.255.255.255"));
        assert_eq!(all.len(), 96);
    }

    proptest! {
        #[test]
        fn exactly_those_of_the_list_are_admitted(
            list in prop::collection::vec((any::<u32>(), 0..=32u8), 1..8),
            wide in prop::collection::vec((any::<u128>(), 0..=128u8), 0..4),
            v4 in any::<u32>(),
            v6 in any::<u128>(),
        ) {
            let short = list.iter().map(|(a, n)| IpNet::new(IpAddr::from(a.to_be_bytes()), *n));
            let long = wide.iter().map(|(a, n)| IpNet::new(IpAddr::from(a.to_be_bytes()), *n));
            let from: Vec<IpNet> = short.chain(long).map(|net| net.unwrap().trunc()).collect();
            let all = admitted(&from).unwrap();
            let near = list[0].0 ^ (v4 & 0xff);
            for address in [IpAddr::from(v4.to_be_bytes()), IpAddr::from(near.to_be_bytes()), IpAddr::from(v6.to_be_bytes())] {
                let wanted = from.iter().any(|net| net.contains(&address));
                prop_assert_eq!(all.iter().filter(|net| net.contains(&address)).count(), usize::from(wanted));
            }
        }
    }
}
