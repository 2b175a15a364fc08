//! A host process's sockets: dialling a published port at a loopback or host address means dialling
//! the container.

use crate::abi::{Published, SocketPeer};
use crate::address::Address;
use crate::flow::{End, published_port};
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
/// address, or on all addresses of a family that the bind covers.
#[inline(always)]
pub fn is_taken<T: Tables>(tables: &T, to: &End, protocol: u8) -> bool {
    let is = |address: Address| {
        tables.published(&published_port(End { address, port: to.port }, protocol)).is_some()
    };
    // A socket bound to `::` takes IPv4 as well, unless it says otherwise later.
    let both = to.address == Address::UNSPECIFIED;
    is(to.address) || is(to.address.wildcard()) || (both && is(Address::v4([0; 4])))
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
