//! The case table's world in the kernel: devices with the table's indexes in a namespace of their
//! own, the real object's maps filled from a [`World`], its programs run by `BPF_PROG_TEST_RUN`.

mod devices;
mod fill;
mod ports;
mod read;
mod xdp;

pub use read::Written;

use crate::{
    cases::{Case, Hook},
    ns::TestNs,
    pins::Pins,
    world::World,
};
use anyhow::{Context, Result};
use aya::{
    Ebpf, EbpfLoader, TestRunOptions,
    programs::{SchedClassifier, TestRun},
};
use devices::Sockets;
use netd_common::{
    abi::{maps, programs},
    verdict::DropReason,
};
use nix::{
    sched::{CloneFlags, setns},
    time::{ClockId, clock_gettime},
};
use std::time::Duration;

/// The programs and maps, in a namespace that has the table's devices.
pub struct Kernel {
    ns: TestNs,
    ebpf: Ebpf,
    filled: World,
    sockets: Sockets,
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
    /// The tables afterwards.
    pub written: Written,
}

impl Kernel {
    /// Makes the namespace and loads the object.
    ///
    /// # Errors
    /// Without root, or where the kernel refuses a program.
    pub fn new() -> Result<Self> {
        Self::with_room(None)
    }

    /// As [`Kernel::new`], with room for so many established flows.
    ///
    /// # Errors
    /// As [`Kernel::new`].
    pub fn with_room(flows: Option<u32>) -> Result<Self> {
        let ns = TestNs::new()?;
        devices::make(&ns)?;
        let pins = Pins::new()?;
        let mut loader = EbpfLoader::new();
        loader.default_map_pin_directory(&pins.0);
        if let Some(flows) = flows {
            loader.map_max_entries(maps::FLOWS, flows);
        }
        let mut ebpf = loader.load(netd::kernel::dataplane::OBJECT)?;
        for name in PROGRAMS {
            let program: &mut SchedClassifier =
                ebpf.program_mut(name).context("the object lacks a program")?.try_into()?;
            program.load().with_context(|| format!("{name} is refused"))?;
        }
        Ok(Self { ns, ebpf, filled: World::default(), sockets: Sockets::default() })
    }

    /// How many instructions the verifier went through for each program.
    ///
    /// # Errors
    /// Where the kernel does not say it.
    pub fn verified(&self) -> Result<Vec<(&'static str, u32)>> {
        let count = |name| {
            let program = self.ebpf.program(name).context("the object lacks a program")?;
            let count = program.info()?.verified_instruction_count();
            Ok((name, count.context("the kernel counts no verified instructions")?))
        };
        PROGRAMS.into_iter().map(count).collect()
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
            written: self.written()?,
        })
    }

    /// Puts the calling thread into the programs' namespace, for good: [`Kernel::step`] runs there.
    ///
    /// # Errors
    /// Without root.
    pub fn enter(&self) -> Result<()> {
        Ok(setns(&self.ns, CloneFlags::CLONE_NEWNET)?)
    }

    /// Runs a packet on the maps as they are, from a thread that entered the namespace; gives the
    /// action and how many bytes of `out` are the packet afterwards.
    ///
    /// # Errors
    /// As [`Kernel::run`].
    pub fn step(&self, hook: Hook, packet: &[u8], out: &mut [u8]) -> Result<(u32, usize)> {
        let context = context(hook);
        let run = TestRunOptions {
            data_in: Some(packet),
            data_out: Some(out),
            ctx_in: Some(&context),
            ..TestRunOptions::new()
        };
        let result = program(&self.ebpf, hook)?.test_run(run)?;
        Ok((result.return_value, result.data_size_out as usize))
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
}

const PROGRAMS: [&str; 5] = [
    programs::CONTAINER_OUT,
    programs::CONTAINER_IN,
    programs::UPLINK_IN,
    programs::UPLINK_OUT,
    programs::RESOLVER_LO,
];

fn program(ebpf: &Ebpf, hook: Hook) -> Result<&SchedClassifier> {
    let name = match hook {
        Hook::ContainerOut(_) => programs::CONTAINER_OUT,
        Hook::ContainerIn(..) => programs::CONTAINER_IN,
        Hook::UplinkIn => programs::UPLINK_IN,
        Hook::UplinkOut(_) => programs::UPLINK_OUT,
        Hook::ResolverLo => programs::RESOLVER_LO,
    };
    Ok(ebpf.program(name).context("the object lacks a program")?.try_into()?)
}

/// The beginning of a `struct __sk_buff` (linux/bpf.h): where the packet came in, and where it is.
fn context(hook: Hook) -> [u8; 192] {
    let mut context = [0; 192];
    context[36..40].copy_from_slice(&hook.ingress().to_ne_bytes());
    context[40..44].copy_from_slice(&hook.ifindex().to_ne_bytes());
    context
}

/// The clock that the programs read, in nanoseconds.
///
/// # Errors
/// Where there is no such clock.
pub fn clock() -> Result<u64> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE)?);
    Ok(u64::try_from(now.as_nanos())?)
}
