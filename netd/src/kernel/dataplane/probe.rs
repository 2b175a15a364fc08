//! What the running kernel has of what the programs need, found by trying.

use super::netns_cookie;
use crate::doctor::Feature;
use aya::{
    maps::MapType,
    programs::{ProgramError, ProgramType, SchedClassifier, TcAttachType},
    sys::{BpfHelper, SyscallError, is_helper_supported, is_map_supported, is_program_supported},
};
use std::{io, path::Path};

/// Program types, map types, helpers and hooks. Loads only empty programs and maps, which are gone
/// again.
pub(crate) fn features() -> Vec<Feature> {
    let mut features: Vec<Feature> = PROGRAMS.iter().map(program).collect();
    features.extend(MAPS.iter().map(map));
    features.extend(HELPERS.iter().map(helper));
    features.push(Feature {
        name: "TCX links".into(),
        since: "6.6",
        without: None,
        there: there(SchedClassifier::query_tcx("lo", TcAttachType::Ingress).map(|_| true)),
    });
    features.push(Feature {
        name: "network namespace cookies".into(),
        since: "5.14",
        without: None,
        there: Ok(netns_cookie().is_ok()),
    });
    features.push(Feature {
        name: "BTF of its own".into(),
        since: "5.4",
        without: Some("tools show netd's maps and programs without names and types"),
        there: Ok(Path::new("/sys/kernel/btf/vmlinux").exists()),
    });
    features
}

fn program((kind, name, since, without): &Wanted<ProgramType>) -> Feature {
    Feature {
        name: format!("{name} programs"),
        since,
        without: *without,
        there: there(is_program_supported(*kind)),
    }
}

fn map((kind, name, since, without): &Wanted<MapType>) -> Feature {
    let supported = is_map_supported(*kind).map_err(ProgramError::from);
    Feature { name: format!("{name} maps"), since, without: *without, there: there(supported) }
}

fn helper((kind, name, since, without): &Wanted<(ProgramType, BpfHelper)>) -> Feature {
    let (kind, helper) = *kind;
    Feature {
        name: (*name).to_owned(),
        since,
        without: *without,
        there: there(is_helper_supported(kind, helper)),
    }
}

fn there(supported: Result<bool, ProgramError>) -> Result<bool, String> {
    match supported {
        Ok(supported) => Ok(supported),
        Err(error) => match cause(&error).map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => Err("permission denied".to_owned()),
            // A command or attach type that the kernel does not know.
            Some(io::ErrorKind::InvalidInput) => Ok(false),
            _ => Err(error.to_string()),
        },
    }
}

fn cause(error: &ProgramError) -> Option<&io::Error> {
    match error {
        ProgramError::SyscallError(SyscallError { io_error, .. }) => Some(io_error),
        _ => None,
    }
}

/// What it is, its name, the Linux version that has it, and what goes without it.
type Wanted<T> = (T, &'static str, &'static str, Option<&'static str>);

const NO_XDP: Option<&str> = Some("uplinks go by TCX alone, without XDP");
const NO_HOST: Option<&str> = Some(
    "processes of the host do not reach published ports at 127.0.0.1 and the host's addresses",
);
const TC: ProgramType = ProgramType::SchedClassifier;
const XDP: ProgramType = ProgramType::Xdp;
const SOCKET: ProgramType = ProgramType::CgroupSockAddr;

const PROGRAMS: [Wanted<ProgramType>; 3] = [
    (TC, "sched_cls", "4.1", None),
    (XDP, "xdp", "4.8", NO_XDP),
    (SOCKET, "cgroup sock_addr", "4.17", None),
];
const MAPS: [Wanted<MapType>; 6] = [
    (MapType::Array, "array", "3.19", None),
    (MapType::Hash, "hash", "3.19", None),
    (MapType::LruHash, "lru_hash", "4.10", None),
    (MapType::LruPerCpuHash, "lru_percpu_hash", "4.10", None),
    (MapType::PerCpuArray, "percpu_array", "4.6", None),
    (MapType::LpmTrie, "lpm_trie", "4.11", None),
];
const HELPERS: [Wanted<(ProgramType, BpfHelper)>; 12] = [
    ((TC, BpfHelper::BPF_FUNC_redirect_peer), "bpf_redirect_peer", "5.10", None),
    ((TC, BpfHelper::BPF_FUNC_redirect_neigh), "bpf_redirect_neigh", "5.10", None),
    ((TC, BpfHelper::BPF_FUNC_fib_lookup), "bpf_fib_lookup", "4.18", None),
    ((TC, BpfHelper::BPF_FUNC_for_each_map_elem), "bpf_for_each_map_elem", "5.13", None),
    ((TC, BpfHelper::BPF_FUNC_ktime_get_coarse_ns), "bpf_ktime_get_coarse_ns", "5.11", None),
    ((TC, BpfHelper::BPF_FUNC_sk_lookup_tcp), "bpf_sk_lookup_tcp", "4.20", None),
    ((TC, BpfHelper::BPF_FUNC_skb_change_type), "bpf_skb_change_type", "4.8", None),
    ((XDP, BpfHelper::BPF_FUNC_xdp_load_bytes), "bpf_xdp_load_bytes", "5.18", NO_XDP),
    ((XDP, BpfHelper::BPF_FUNC_xdp_get_buff_len), "bpf_xdp_get_buff_len", "5.18", NO_XDP),
    ((SOCKET, BpfHelper::BPF_FUNC_get_netns_cookie), "bpf_get_netns_cookie", "5.7", NO_HOST),
    ((SOCKET, BpfHelper::BPF_FUNC_get_socket_cookie), "bpf_get_socket_cookie", "4.17", NO_HOST),
    ((SOCKET, BpfHelper::BPF_FUNC_set_retval), "bpf_set_retval", "5.18", NO_HOST),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i32) -> Result<bool, String> {
        let io_error = io::Error::from_raw_os_error(code);
        there(Err(ProgramError::SyscallError(SyscallError { call: "bpf", io_error })))
    }

    #[test]
    fn a_command_that_the_kernel_does_not_know_is_a_feature_that_it_lacks() {
        assert_eq!(refused(nix::libc::EINVAL), Ok(false));
        assert_eq!(refused(nix::libc::EPERM), Err("permission denied".to_owned()));
        assert!(refused(nix::libc::ENOMEM).is_err());
        assert_eq!(there(Ok(true)), Ok(true));
    }
}
