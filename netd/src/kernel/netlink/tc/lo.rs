//! The program on a container's lo: on its way out, where what a container sends to itself passes.

use super::{
    FILTER_HANDLE, FILTER_PRIORITY, IN, Netlink, OUT, Reply, clsact, identify, make, program_id,
    put_filter, refused, side,
};
use crate::error::Result;
use nix::errno::Errno;
use rtnetlink::packet_route::{
    RouteNetlinkMessage,
    tc::{TcHandle, TcMessage},
};
use std::{
    collections::BTreeSet,
    os::fd::{AsRawFd, BorrowedFd},
};

impl Netlink {
    /// Puts `program` on lo's way out, or in the place of the one that netd had there: no packet
    /// passes without one meanwhile. `name` is what `tc filter show` prints.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses the program.
    pub async fn put_lo_program(&self, program: BorrowedFd<'_>, name: &str) -> Result<()> {
        let failed = || refused(format!("put program {name} on a container's lo"));
        let fd = u32::try_from(program.as_raw_fd()).map_err(|_| failed()(Errno::EBADF))?;
        let requests = vec![make(clsact(LO)), put_filter(way_out(), fd, name)];
        let mut replies = self.try_all(requests).await.into_iter();
        let mut next = || replies.next().unwrap_or(Err(Errno::EPIPE));
        match next() {
            // Or an ingress discipline of the container's own: the kernel puts the program there,
            // where the same packets pass.
            Ok(()) | Err(Errno::EEXIST) => next().map_err(failed()),
            Err(e) => Err(failed()(e)),
        }
    }

    /// Takes netd's program off lo, and what it needed there if nobody else uses that. One that is
    /// not there is as good as gone.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses.
    pub async fn delete_lo_program(&self) -> Result<()> {
        let failed = || refused("take a program off a container's lo");
        let mut message = way_out();
        identify(&mut message);
        let delete = RouteNetlinkMessage::DelTrafficFilter(message).into();
        match self.change(vec![delete]).await {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOENT) => return Ok(()),
            Err(e) => return Err(failed()(e)),
        }
        for side in [way_in(), way_out()] {
            let request = RouteNetlinkMessage::GetTrafficFilter(side);
            if !self.dump(request, Some).await.map_err(failed())?.is_empty() {
                return Ok(());
            }
        }
        let bare = RouteNetlinkMessage::DelQueueDiscipline(clsact(LO)).into();
        match self.change(vec![bare]).await {
            // Of another kind: the container's own.
            Err(Errno::EINVAL) => Ok(()),
            result => result.map_err(failed()),
        }
    }

    /// The identities of the programs in netd's place on lo's way out.
    pub(in crate::kernel::netlink) async fn lo_programs(&self) -> Reply<BTreeSet<u32>> {
        let ours = |filter| if is_ours(&filter) { program_id(&filter) } else { None };
        match self.dump(RouteNetlinkMessage::GetTrafficFilter(way_out()), ours).await {
            Ok(programs) => Ok(programs.into_iter().collect()),
            Err(Errno::EINVAL | Errno::ENOENT) => Ok(BTreeSet::new()),
            Err(e) => Err(e),
        }
    }
}

fn is_ours(answer: &RouteNetlinkMessage) -> bool {
    let RouteNetlinkMessage::NewTrafficFilter(filter) = answer else { return false };
    let header = &filter.header;
    header.info >> 16 == FILTER_PRIORITY && header.handle == TcHandle::from(FILTER_HANDLE)
}

fn way_out() -> TcMessage {
    side(LO, OUT)
}

fn way_in() -> TcMessage {
    side(LO, IN)
}

/// Lo's interface index, in every namespace.
const LO: u32 = 1;
