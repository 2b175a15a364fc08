//! The case table's world in the kernel: devices with the table's indexes in a namespace of their
//! own, the real object's maps filled from a [`World`], its programs run by `BPF_PROG_TEST_RUN`.

use crate::{
    cases::{Case, Hook},
    ns::TestNs,
    pins::Pins,
    world::{ALL, HOST4, HOST6, ROUTERS, UNREACHABLE, UPLINK, UPLINK_MAC, World, bridge},
};
use anyhow::{Context, Result, bail};
use aya::{
    Ebpf, EbpfLoader, Pod, TestRunOptions,
    maps::{Array, HashMap, LpmTrie, MapData, PerCpuHashMap, lpm_trie::Key},
    programs::{SchedClassifier, TestRun},
};
use netd::spec::name::Mac;
use netd_common::{
    abi::{DropKey, EndpointKey, Flow, FlowKey, OwnedKey, maps, programs},
    address::Address,
    verdict::DropReason,
};
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The programs and maps, in a namespace that has the table's devices.
pub struct Kernel {
    ns: TestNs,
    ebpf: Ebpf,
    slots: Vec<u32>,
}

/// What the kernel made of a packet.
#[derive(Debug)]
pub struct Outcome {
    /// `TC_ACT_*`.
    pub action: u32,
    /// The packet afterwards.
    pub out: Vec<u8>,
    /// Why it was dropped, where it was.
    pub reason: Option<DropReason>,
    /// Flows with and without a reply afterwards, with a time of 0.
    pub flows: (Flows, Flows),
}

/// A flow table's contents, in order.
pub type Flows = Vec<(FlowKey, Flow)>;

impl Kernel {
    /// Makes the namespace and loads the object.
    ///
    /// # Errors
    /// Without root, or where the kernel refuses a program.
    pub fn new() -> Result<Self> {
        let ns = TestNs::new()?;
        make_devices(&ns)?;
        let pins = Pins::new()?;
        let mut ebpf = EbpfLoader::new()
            .default_map_pin_directory(&pins.0)
            .load(netd::kernel::dataplane::OBJECT)?;
        for name in PROGRAMS {
            let program: &mut SchedClassifier =
                ebpf.program_mut(name).context("the object lacks a program")?.try_into()?;
            program.load().with_context(|| format!("{name} is refused"))?;
        }
        Ok(Self { ns, ebpf, slots: Vec::new() })
    }

    /// Fills the maps as the case wants them, runs its packet once, and says what came of it.
    ///
    /// # Errors
    /// Where the kernel can't run it: a shape that `BPF_PROG_TEST_RUN` does not take.
    pub fn run(&mut self, case: &Case) -> Result<Outcome> {
        self.fill(&case.world)?;
        let mut out = vec![0; case.packet.len() + 64];
        let context = context(case.hook);
        let run = TestRunOptions {
            data_in: Some(&case.packet),
            data_out: Some(&mut out),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        };
        let program = program(&self.ebpf, case.hook)?;
        let result = self.ns.namespace().run(|| program.test_run(run))??;
        out.truncate(result.data_size_out as usize);
        Ok(Outcome {
            action: result.return_value,
            out,
            reason: self.reason(case.hook.ifindex())?,
            flows: (self.flows(maps::FLOWS)?, self.flows(maps::UNREPLIED)?),
        })
    }

    /// Nanoseconds of one run of the case's packet, the mean of `repeat`.
    ///
    /// # Errors
    /// As [`Kernel::run`].
    pub fn time(&mut self, case: &Case, repeat: u32) -> Result<Duration> {
        self.fill(&case.world)?;
        let program = program(&self.ebpf, case.hook)?;
        self.time_program(program, case, repeat)
    }

    /// As [`Kernel::time`], for a program of another object on the same packet.
    ///
    /// # Errors
    /// As [`Kernel::run`].
    pub fn time_program(
        &self,
        program: &SchedClassifier,
        case: &Case,
        repeat: u32,
    ) -> Result<Duration> {
        let context = context(case.hook);
        let run = TestRunOptions {
            data_in: Some(&case.packet),
            ctx_in: Some(&context),
            repeat,
            ..TestRunOptions::new()
        };
        Ok(self.ns.namespace().run(|| program.test_run(run))??.duration)
    }

    /// The loaded programs, by name.
    ///
    /// # Errors
    /// Where the object lacks one.
    pub fn programs(&self) -> Result<Vec<(&'static str, &SchedClassifier)>> {
        let named = |name: &'static str| {
            let program = self.ebpf.program(name).context("the object lacks a program")?;
            Ok((name, program.try_into()?))
        };
        PROGRAMS.into_iter().map(named).collect()
    }

    fn fill(&mut self, world: &World) -> Result<()> {
        let devices = world.devices.iter().map(|(k, v)| (*k, *v));
        replace(&mut self.ebpf, maps::DEVICES, devices)?;
        let endpoints = world.endpoints.iter().map(|((network, address), v)| {
            (EndpointKey { address: *address, network: *network, pad: 0 }, *v)
        });
        replace(&mut self.ebpf, maps::ENDPOINTS, endpoints)?;
        let owned = world.owned.iter().map(|(container, address)| {
            (OwnedKey { address: *address, container: *container, pad: 0 }, 1_u32)
        });
        replace(&mut self.ebpf, maps::OWNED, owned)?;
        replace(&mut self.ebpf, maps::NETWORKS, world.networks.iter().map(|(k, v)| (*k, *v)))?;
        replace(&mut self.ebpf, maps::LOCALS, world.locals.iter().map(|a| (*a, 1_u32)))?;
        replace(&mut self.ebpf, maps::UPLINKS, world.uplinks.iter().map(|(k, v)| (*k, *v)))?;
        replace(&mut self.ebpf, maps::PUBLISHED, world.published.iter().map(|(k, v)| (*k, *v)))?;
        let shift = now()?.wrapping_sub(world.now);
        let aged = |(key, flow): (&FlowKey, &Flow)| {
            (*key, Flow { last_seen: flow.last_seen.wrapping_add(shift), ..*flow })
        };
        replace(&mut self.ebpf, maps::FLOWS, world.flows.iter().map(aged))?;
        replace(&mut self.ebpf, maps::UNREPLIED, world.unreplied.iter().map(aged))?;
        self.fill_subnets(world)?;
        self.fill_generations(world)?;
        let mut drops: PerCpuHashMap<_, DropKey, u64> = self.map(maps::DROPS)?.try_into()?;
        let keys: Vec<_> = drops.keys().collect::<Result<_, _>>()?;
        keys.iter().try_for_each(|key| drops.remove(key))?;
        Ok(())
    }

    fn fill_subnets(&mut self, world: &World) -> Result<()> {
        let mut trie: LpmTrie<_, Address, u32> = self.map(maps::SUBNETS)?.try_into()?;
        let keys: Vec<_> = trie.keys().collect::<Result<_, _>>()?;
        keys.iter().try_for_each(|key| trie.remove(key))?;
        for ((length, prefix), number) in &world.subnets {
            trie.insert(&Key::new(*length, *prefix), number, 0)?;
        }
        Ok(())
    }

    fn fill_generations(&mut self, world: &World) -> Result<()> {
        let before = std::mem::take(&mut self.slots);
        let mut array: Array<_, u32> = self.map(maps::GENERATIONS)?.try_into()?;
        for slot in before {
            array.set(slot, 0, 0)?;
        }
        for (slot, generation) in &world.generations {
            array.set(*slot, generation, 0)?;
        }
        self.slots = world.generations.keys().copied().collect();
        Ok(())
    }

    fn reason(&mut self, ifindex: u32) -> Result<Option<DropReason>> {
        let drops: PerCpuHashMap<_, DropKey, u64> = self.map(maps::DROPS)?.try_into()?;
        let mut reason = None;
        for entry in drops.iter() {
            let (key, counts) = entry?;
            let number = u8::try_from(key.reason)?;
            if reason.is_some() || counts.iter().sum::<u64>() != 1 || key.ifindex != ifindex {
                bail!("drops are counted more than once, or elsewhere: {key:?}");
            }
            reason = Some(DropReason::from_number(number).context("an unknown drop reason")?);
        }
        Ok(reason)
    }

    fn flows(&mut self, name: &str) -> Result<Flows> {
        let map: HashMap<_, FlowKey, Flow> = self.map(name)?.try_into()?;
        let mut flows = Vec::new();
        for entry in map.iter() {
            let (key, flow) = entry?;
            flows.push((key, Flow { last_seen: 0, ..flow }));
        }
        flows.sort_by_key(|(key, _)| *key);
        Ok(flows)
    }

    fn map(&mut self, name: &str) -> Result<&mut aya::maps::Map> {
        self.ebpf.map_mut(name).with_context(|| format!("the object lacks the map {name}"))
    }
}

const PROGRAMS: [&str; 4] =
    [programs::CONTAINER_OUT, programs::CONTAINER_IN, programs::UPLINK_IN, programs::UPLINK_OUT];

fn program(ebpf: &Ebpf, hook: Hook) -> Result<&SchedClassifier> {
    let name = match hook {
        Hook::ContainerOut(_) => programs::CONTAINER_OUT,
        Hook::ContainerIn(..) => programs::CONTAINER_IN,
        Hook::UplinkIn => programs::UPLINK_IN,
        Hook::UplinkOut(_) => programs::UPLINK_OUT,
    };
    Ok(ebpf.program(name).context("the object lacks a program")?.try_into()?)
}

/// The beginning of a `struct __sk_buff` (linux/bpf.h): where the packet came in, and where it is.
fn context(hook: Hook) -> Vec<u8> {
    let mut context = vec![0; 192];
    context[36..40].copy_from_slice(&hook.ingress().to_ne_bytes());
    context[40..44].copy_from_slice(&hook.ifindex().to_ne_bytes());
    context
}

fn replace<K, V>(ebpf: &mut Ebpf, name: &str, entries: impl Iterator<Item = (K, V)>) -> Result<()>
where
    K: Pod,
    V: Pod,
{
    let map = ebpf.map_mut(name).with_context(|| format!("the object lacks the map {name}"))?;
    let mut map: HashMap<&mut MapData, K, V> = map.try_into()?;
    let keys: Vec<K> = map.keys().collect::<Result<_, _>>()?;
    keys.iter().try_for_each(|key| map.remove(key))?;
    for (key, value) in entries {
        map.insert(key, value, 0)?;
    }
    Ok(())
}

/// The clock that the programs read.
fn now() -> Result<u64> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE)?);
    Ok(u64::try_from(now.as_nanos())?)
}

/// Bridges, veths and an uplink with the indexes of the world, and the routes it answers with.
fn make_devices(ns: &TestNs) -> Result<()> {
    for number in 1..=5 {
        let index = bridge(number);
        ns.run(&format!("ip link add br{number} index {index} type bridge"))?;
        ns.run(&format!("ip link set br{number} up"))?;
        ns.run(&format!("sysctl -qw net.ipv4.conf.br{number}.forwarding=1"))?;
        ns.run(&format!("sysctl -qw net.ipv6.conf.br{number}.forwarding=1"))?;
    }
    for container in ALL {
        let (name, index) = (format!("c{}", container.number), container.ifindex());
        ns.run(&format!("ip link add {name} index {index} type veth peer name p{name}"))?;
    }
    ns.run(&format!(
        "ip link add uplink index {UPLINK} address {} type veth peer name wire",
        Mac(UPLINK_MAC)
    ))?;
    ns.run("ip link set uplink up")?;
    ns.run("ip link set wire up")?;
    ns.run(&format!("ip address add {HOST4}/24 dev uplink"))?;
    ns.run(&format!("ip address add {HOST6}/64 dev uplink nodad"))?;
    ns.run(&format!("ip route add default via {} dev uplink", ROUTERS.0))?;
    ns.run(&format!("ip -6 route add default via {} dev uplink", ROUTERS.1))?;
    ns.run(&format!("ip route add unreachable {}", UNREACHABLE.0))?;
    ns.run(&format!("ip -6 route add unreachable {}", UNREACHABLE.1))?;
    Ok(())
}
