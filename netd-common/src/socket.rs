//! A host process's sockets: dialling a published port at a loopback or host address means dialling
//! the container.

use crate::abi::{
    PORT_ADDRESS, PORT_ANY, PORT_INNER, PORT_RANGE_ADDRESS, PORT_RANGE_ANY, Published, SocketPeer,
};
use crate::address::Address;
use crate::flow::{End, published_port, published_range};
use crate::nat::publication;
use crate::tables::Tables;

/// Where a socket that dials `to` is led; none where nothing is published there. Dialling an
/// unspecified address means the host itself, as the kernel has it.
///
/// `mapped` says that the socket can carry IPv4 in mapped form: it is an IPv6 socket.
#[inline(always)]
pub fn dial<'a, T: Tables>(
    tables: &'a T,
    to: &End,
    protocol: u8,
    mapped: bool,
) -> Option<&'a Published> {
    let to = if to.address.is_unspecified() { loopback(to) } else { *to };
    let published = publication(tables, &to, protocol)?;
    (mapped || published.address.is_v4()).then_some(published)
}

/// A bind to this address and port would take a published port away: the port is published on the
/// address, on all addresses of its family, or, where the bind is to all of them, on any.
#[inline(always)]
pub fn is_taken<T: Tables>(tables: &T, to: &End, protocol: u8) -> bool {
    let kinds = |v4| tables.port_kinds(v4, protocol, to.port) & !PORT_INNER;
    let own = kinds(to.address.is_v4());
    if to.address.is_unspecified() {
        // A socket bound to `::` takes IPv4 as well, unless it says otherwise later.
        return own != 0 || (to.address == Address::UNSPECIFIED && kinds(true) != 0);
    }
    own & (PORT_ANY | PORT_RANGE_ANY) != 0
        || (own & PORT_ADDRESS != 0 && tables.published(&published_port(*to, protocol)).is_some())
        || (own & PORT_RANGE_ADDRESS != 0
            && tables.range(&published_range(*to, protocol)).is_some())
}

/// What the process is told that its peer is.
#[inline(always)]
#[must_use]
pub const fn remember(asked: &End) -> SocketPeer {
    SocketPeer { address: asked.address, port: asked.port, pad: [0; 2] }
}

#[inline(always)]
const fn loopback(to: &End) -> End {
    let address = if to.address.is_v4() {
        Address::v4([127, 0, 0, 1])
    } else {
        Address::v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    };
    End { address, port: to.port }
}
