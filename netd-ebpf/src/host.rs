//! The cgroup programs of the host's own processes: a socket that dials a published port is
//! connected to the container, and what a socket was led away from is what its process is told.

use crate::maps::{self, Maps};
use aya_ebpf::{
    EbpfContext as _,
    helpers::{bpf_get_netns_cookie, bpf_get_socket_cookie, bpf_set_retval},
    macros::cgroup_sock_addr,
    programs::SockAddrContext,
};
use netd_common::{abi::SocketKey, address::Address, flow::End, socket};

const PROCEED: i32 = 1;
const REFUSE: i32 = 0;
const EADDRINUSE: i32 = 98;

macro_rules! host_programs {
    ($($hook:ident $name:ident $does:ident $family:ident;)*) => {$(
        #[cgroup_sock_addr($hook)]
        pub fn $name(ctx: SockAddrContext) -> i32 {
            let call = Call { ctx: &ctx, family: Family::$family };
            if call.is_host() { call.$does() } else { PROCEED }
        }
    )*};
}
host_programs! {
    connect4 host_connect4 dial V4;
    connect6 host_connect6 dial V6;
    sendmsg4 host_sendmsg4 dial V4;
    sendmsg6 host_sendmsg6 dial V6;
    recvmsg4 host_recvmsg4 restore V4;
    recvmsg6 host_recvmsg6 restore V6;
    getpeername4 host_getpeername4 restore V4;
    getpeername6 host_getpeername6 restore V6;
    bind4 host_bind4 bind V4;
    bind6 host_bind6 bind V6;
}

/// Which address field of the context counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// One call of a process on a socket with an address.
struct Call<'a> {
    ctx: &'a SockAddrContext,
    family: Family,
}

impl Call<'_> {
    /// It comes from the agent's own network namespace.
    #[inline(always)]
    fn is_host(&self) -> bool {
        // SAFETY: the helper takes the program's own context.
        unsafe { bpf_get_netns_cookie(self.ctx.as_ptr()) == maps::host_cookie() }
    }

    /// Leads a call to a published port to the container.
    #[inline(always)]
    fn dial(&self) -> i32 {
        let asked = self.end();
        let mapped = self.family == Family::V6;
        let tables = Maps::new();
        let Some(published) = socket::dial(&tables, &asked, self.protocol(), mapped) else {
            return PROCEED;
        };
        let inner = published.inner(asked.port);
        maps::remember_socket(&self.key(&inner), &socket::remember(&asked));
        self.set(&inner);
        PROCEED
    }

    /// Tells the process the address that it asked for.
    #[inline(always)]
    fn restore(&self) -> i32 {
        if let Some(peer) = maps::socket_peer(&self.key(&self.end())) {
            self.set(&End { address: peer.address, port: peer.port });
        }
        PROCEED
    }

    /// Keeps published ports from other processes.
    #[inline(always)]
    fn bind(&self) -> i32 {
        if !socket::is_taken(&Maps::new(), &self.end(), self.protocol()) {
            return PROCEED;
        }
        // SAFETY: a plain number.
        unsafe { bpf_set_retval(-EADDRINUSE) };
        REFUSE
    }

    #[inline(always)]
    fn key(&self, to: &End) -> SocketKey {
        // SAFETY: the helper takes the program's own context.
        let cookie = unsafe { bpf_get_socket_cookie(self.ctx.as_ptr()) };
        SocketKey { cookie, address: to.address, port: to.port, pad: 0, rest: 0 }
    }

    #[inline(always)]
    fn protocol(&self) -> u8 {
        // SAFETY: a valid context; volatile keeps the load as wide as the verifier wants it.
        unsafe { (&raw const (*self.ctx.sock_addr).protocol).read_volatile() as u8 }
    }

    #[inline(always)]
    fn end(&self) -> End {
        let raw = self.ctx.sock_addr;
        // SAFETY: as in `protocol`, field by field.
        let (address, port) = unsafe {
            let port = (&raw const (*raw).user_port).read_volatile() as u16;
            let address = match self.family {
                Family::V4 => {
                    let ip = (&raw const (*raw).user_ip4).read_volatile();
                    Address::v4(ip.to_ne_bytes())
                }
                Family::V6 => Address::from_words([
                    (&raw const (*raw).user_ip6[0]).read_volatile(),
                    (&raw const (*raw).user_ip6[1]).read_volatile(),
                    (&raw const (*raw).user_ip6[2]).read_volatile(),
                    (&raw const (*raw).user_ip6[3]).read_volatile(),
                ]),
            };
            (address, port)
        };
        End { address, port: port.to_ne_bytes() }
    }

    #[inline(always)]
    fn set(&self, to: &End) {
        let raw = self.ctx.sock_addr;
        let words = to.address.words();
        // SAFETY: as in `end`; these fields are writable in every one of these hooks.
        unsafe {
            match self.family {
                Family::V4 => (&raw mut (*raw).user_ip4).write_volatile(words[3]),
                Family::V6 => {
                    (&raw mut (*raw).user_ip6[0]).write_volatile(words[0]);
                    (&raw mut (*raw).user_ip6[1]).write_volatile(words[1]);
                    (&raw mut (*raw).user_ip6[2]).write_volatile(words[2]);
                    (&raw mut (*raw).user_ip6[3]).write_volatile(words[3]);
                }
            }
            let port = u32::from(u16::from_ne_bytes(to.port));
            (&raw mut (*raw).user_port).write_volatile(port);
        }
    }
}
