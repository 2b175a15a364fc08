//! Where host ports lead.

use crate::abi::{PORT_ADDRESS, PORT_ANY, PORT_RANGE_ADDRESS, PORT_RANGE_ANY, Published};
use crate::flow::{End, published_port, published_range};
use crate::tables::Tables;

/// Where a host address and port lead: what is published on exactly this address wins over what is
/// published on all of its family, and only the host's own addresses count (CVE-2025-67499).
#[inline(never)]
pub fn publication<'a, T: Tables>(
    tables: &'a T,
    host: &End,
    protocol: u8,
) -> Option<&'a Published> {
    look_up(tables, host, protocol, false)
}

/// As [`publication`] for what comes in by a wire, of which most belongs to a flow that knows the
/// host's address: whoever finds none asks whether it is the host's at all.
#[inline(never)]
pub(crate) fn followed<'a, T: Tables>(
    tables: &'a T,
    host: &End,
    protocol: u8,
) -> Option<&'a Published> {
    look_up(tables, host, protocol, true)
}

#[inline(always)]
fn look_up<'a, T: Tables>(
    tables: &'a T,
    host: &End,
    protocol: u8,
    anywhere: bool,
) -> Option<&'a Published> {
    let kinds = tables.port_kinds(host.address.is_v4(), protocol, host.port);
    if kinds & (PORT_ANY | PORT_ADDRESS | PORT_RANGE_ANY | PORT_RANGE_ADDRESS) == 0 {
        return None;
    }
    if kinds & PORT_ADDRESS != 0
        && let Some(exact) = tables.published(&published_port(*host, protocol))
    {
        return Some(exact);
    }
    if kinds & PORT_RANGE_ADDRESS != 0
        && let Some(exact) = tables.range(&published_range(*host, protocol))
    {
        return Some(exact);
    }
    if kinds & (PORT_ANY | PORT_RANGE_ANY) == 0
        || !(anywhere || tables.is_local(&host.address) || host.address.is_loopback())
    {
        return None;
    }
    let any = End { address: host.address.wildcard(), port: host.port };
    if kinds & PORT_ANY != 0
        && let Some(published) = tables.published(&published_port(any, protocol))
    {
        return Some(published);
    }
    if kinds & PORT_RANGE_ANY != 0 {
        return tables.range(&published_range(any, protocol));
    }
    None
}
