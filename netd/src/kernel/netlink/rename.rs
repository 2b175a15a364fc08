//! Devices whose names others have changed.

use super::{
    Netlink, Request,
    link::{modify, numbered, raise},
    ownership, refused,
};
use crate::{error::Result, spec::name::InterfaceName};
use nix::errno::Errno;
use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkFlags},
};

impl Netlink {
    /// Gives device `from`, which must be netd's, the name `to`.
    ///
    /// # Errors
    /// `Conflict` where it is not netd's, `Kernel` where the kernel refuses.
    pub async fn rename_link(&self, from: &InterfaceName, to: &InterfaceName) -> Result<()> {
        let link = self.existing(from).await?;
        if link.owner.is_none() {
            return Err(ownership::taken(&link));
        }
        let name = vec![LinkAttribute::IfName(to.to_string())];
        let request = || modify(numbered(link.index), name.clone());
        let renamed = match self.change(vec![request()]).await {
            // Older kernels rename only what is down.
            Err(Errno::EBUSY) => {
                let requests = vec![lower(link.index), request(), raise(link.index)];
                self.change(requests).await
            }
            result => result,
        };
        renamed.map_err(refused(format!("rename device {from} to {to}")))
    }
}

fn lower(index: u32) -> Request {
    let mut message = numbered(index);
    message.header.change_mask = LinkFlags::Up;
    RouteNetlinkMessage::SetLink(message).into()
}
