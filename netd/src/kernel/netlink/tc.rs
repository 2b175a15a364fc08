//! Traffic control: the two blocks that all host-side veths share, and the program in each.

mod lo;

use super::{Netlink, Reply, Request, refused};
use crate::error::Result;
use nix::errno::Errno;
use rtnetlink::{
    packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, Nla},
    packet_route::{
        RouteNetlinkMessage,
        tc::{
            TcAttribute, TcBpfFlags, TcFilterBpf, TcFilterBpfOption, TcHandle, TcHeader, TcMessage,
            TcOption,
        },
    },
};
use std::{
    collections::BTreeSet,
    os::fd::{AsRawFd, BorrowedFd},
};

/// The block of what containers send: TC ingress of the host-side veths.
pub const INGRESS_BLOCK: u32 = 0x6e64_0001;
/// The block of what is delivered to containers: TC egress of the host-side veths.
pub const EGRESS_BLOCK: u32 = 0x6e64_0002;

impl Netlink {
    /// Binds the device with this index to the two shared blocks. Whatever else is bound there
    /// gives way. A block lives for as long as a device is bound to it, and its filter with it.
    ///
    /// # Errors
    /// `Kernel` where there is no such device or the kernel refuses.
    pub async fn bind_blocks(&self, index: u32) -> Result<()> {
        let failed = || refused(format!("bind device {index} to the shared blocks"));
        match self.change(vec![bind(index)]).await {
            Err(Errno::EEXIST) => {}
            result => return result.map_err(failed()),
        }
        if self.bound().await.map_err(failed())?.contains(&index) {
            return Ok(());
        }
        let unbind = RouteNetlinkMessage::DelQueueDiscipline(hook(index)).into();
        self.change(vec![unbind, bind(index)]).await.map_err(failed())
    }

    /// Puts `program` into `block`, or in the place of the one that is there: no packet passes
    /// without one meanwhile. `name` is what `tc filter show` prints.
    ///
    /// # Errors
    /// `Kernel` where no device is bound to the block or the kernel refuses the program.
    pub async fn put_block_filter(
        &self,
        block: u32,
        program: BorrowedFd<'_>,
        name: &str,
    ) -> Result<()> {
        let failed = refused(format!("put program {name} into block {block:#x}"));
        let fd = u32::try_from(program.as_raw_fd()).map_err(|_| Errno::EBADF);
        let result = match fd {
            Ok(fd) => self.change(vec![put_filter(of_block(block), fd, name)]).await,
            Err(e) => Err(e),
        };
        result.map_err(failed)
    }

    /// The identity of the program in `block`; none where there is no program or no block.
    ///
    /// # Errors
    /// `Kernel` where the kernel refuses to tell.
    pub async fn block_filter(&self, block: u32) -> Result<Option<u32>> {
        let request = RouteNetlinkMessage::GetTrafficFilter(of_block(block));
        let failed = refused(format!("read the program in block {block:#x}"));
        match self.dump(request, |filter| program_id(&filter)).await {
            Ok(programs) => Ok(programs.first().copied()),
            // There is no such block.
            Err(Errno::EINVAL | Errno::ENOENT) => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }

    /// The identities of the programs that the packets of a device meet: on their way in, and out.
    pub(super) async fn met(&self, index: u32) -> Reply<[Option<u32>; 2]> {
        let mut met = [None; 2];
        for (minor, program) in [IN, OUT].into_iter().zip(&mut met) {
            let request = RouteNetlinkMessage::GetTrafficFilter(side(index, minor));
            *program = match self.dump(request, |filter| program_id(&filter)).await {
                Ok(programs) => programs.first().copied(),
                // There is no clsact.
                Err(Errno::EINVAL | Errno::ENOENT) => None,
                Err(e) => return Err(e),
            };
        }
        Ok(met)
    }

    /// The indexes of the devices that are bound to both blocks.
    pub(super) async fn bound(&self) -> Reply<BTreeSet<u32>> {
        let request = RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default());
        let bound = |answer| match answer {
            RouteNetlinkMessage::NewQueueDiscipline(qdisc) if has_blocks(&qdisc) => {
                u32::try_from(qdisc.header.index).ok()
            }
            _ => None,
        };
        Ok(self.dump(request, bound).await?.into_iter().collect())
    }
}

/// A request to bind a device to the two shared blocks.
pub(super) fn bind(index: u32) -> Request {
    let mut message = clsact(index);
    let number =
        |kind, block: u32| TcAttribute::Other(DefaultNla::new(kind, block.to_ne_bytes().to_vec()));
    message.attributes.push(number(TCA_INGRESS_BLOCK, INGRESS_BLOCK));
    message.attributes.push(number(TCA_EGRESS_BLOCK, EGRESS_BLOCK));
    make(message)
}

/// Makes a queueing discipline where there is none.
fn make(message: TcMessage) -> Request {
    let mut request = Request::from(RouteNetlinkMessage::NewQueueDiscipline(message));
    request.header.flags = NLM_F_CREATE | NLM_F_EXCL;
    request
}

fn clsact(index: u32) -> TcMessage {
    let mut message = hook(index);
    message.attributes.push(TcAttribute::Kind("clsact".to_owned()));
    message
}

/// The place of a device's clsact, which is also that of its rival, ingress.
fn hook(index: u32) -> TcMessage {
    let mut message = TcMessage::default();
    // Indexes come from the kernel, which counts them in an i32.
    message.header.index = index.cast_signed();
    message.header.parent = TcHandle::CLSACT;
    message.header.handle = TcHandle { major: u16::MAX, minor: 0 };
    message
}

/// One direction of a device's clsact.
fn side(index: u32, minor: u16) -> TcMessage {
    let mut message = TcMessage::default();
    message.header.index = index.cast_signed();
    message.header.parent = TcHandle { major: u16::MAX, minor };
    message
}

fn of_block(block: u32) -> TcMessage {
    let mut message = TcMessage::default();
    message.header.index = TcHeader::TCM_IFINDEX_MAGIC_BLOCK.cast_signed();
    message.header.parent = block.into();
    message
}

/// Puts a program into a place, or in that of the one that netd had there.
fn put_filter(mut message: TcMessage, program: u32, name: &str) -> Request {
    identify(&mut message);
    message.attributes.push(TcAttribute::Options(vec![
        TcOption::Bpf(TcFilterBpfOption::ProgFd(program)),
        TcOption::Bpf(TcFilterBpfOption::ProgName(name.to_owned())),
        TcOption::Bpf(TcFilterBpfOption::Flags(TcBpfFlags::DirectAction)),
    ]));
    let mut request = Request::from(RouteNetlinkMessage::NewTrafficFilter(message));
    request.header.flags = NLM_F_CREATE;
    request
}

/// Says which filter of a place is netd's.
fn identify(message: &mut TcMessage) {
    message.header.handle = FILTER_HANDLE.into();
    message.header.info = FILTER_PRIORITY << 16 | u32::from(ETH_P_ALL.to_be());
    message.attributes.push(TcAttribute::Kind(TcFilterBpf::KIND.to_owned()));
}

fn program_id(answer: &RouteNetlinkMessage) -> Option<u32> {
    let RouteNetlinkMessage::NewTrafficFilter(filter) = answer else { return None };
    let options = filter.attributes.iter().filter_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    });
    options.flatten().find_map(|option| match option {
        TcOption::Bpf(TcFilterBpfOption::ProgId(id)) => Some(*id),
        _ => None,
    })
}

fn has_blocks(qdisc: &TcMessage) -> bool {
    let has = |kind, block: u32| {
        qdisc.attributes.iter().any(|attribute| match attribute {
            TcAttribute::Other(nla) if nla.kind() == kind => {
                let mut value = vec![0; nla.value_len()];
                nla.emit_value(&mut value);
                value == block.to_ne_bytes()
            }
            _ => false,
        })
    };
    has(TCA_INGRESS_BLOCK, INGRESS_BLOCK) && has(TCA_EGRESS_BLOCK, EGRESS_BLOCK)
}

// Of linux/rtnetlink.h and linux/if_ether.h; the crate has no names for them.
const TCA_INGRESS_BLOCK: u16 = 13;
const TCA_EGRESS_BLOCK: u16 = 14;
const ETH_P_ALL: u16 = 3;
/// One fixed place per block, so that a second put replaces the first.
const FILTER_PRIORITY: u32 = 1;
const FILTER_HANDLE: u32 = 1;
// TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of linux/pkt_sched.h.
const IN: u16 = 0xfff2;
const OUT: u16 = 0xfff3;
