//! The smallest programs that a filter takes, made without a compiler.

use crate::ns::TestNs;
use anyhow::{Context, Result};
use aya::{
    Ebpf,
    programs::{SchedClassifier, Xdp, XdpMode},
};
use object::{
    Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
    write::{Object, Symbol, SymbolSection},
};
use std::os::fd::{AsFd, BorrowedFd};

/// `TC_ACT_UNSPEC`: go on.
pub const PASS: i32 = -1;
/// `TC_ACT_SHOT`.
pub const DROP: i32 = 2;

/// A loaded program; it goes with this value.
pub struct Program(Ebpf);

impl Program {
    /// The program itself.
    #[must_use]
    pub fn classifier(&self) -> &SchedClassifier {
        self.0.program("verdict").unwrap().try_into().unwrap()
    }

    /// Its file descriptor.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.classifier().fd().unwrap().as_fd()
    }

    /// Its number in the kernel.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.classifier().info().unwrap().id()
    }
}

/// Loads a program that answers `verdict` to every packet.
///
/// # Errors
/// Where the kernel refuses it.
pub fn load(verdict: i32) -> Result<Program> {
    let mut ebpf = Ebpf::load(&compile("classifier", verdict)?)?;
    let program: &mut SchedClassifier =
        ebpf.program_mut("verdict").context("no program")?.try_into()?;
    program.load()?;
    Ok(Program(ebpf))
}

/// An XDP program that passes everything, on a device; it goes with this value.
pub struct XdpProgram(Ebpf);

impl XdpProgram {
    /// Puts one on a device of a namespace.
    ///
    /// # Errors
    /// Where the kernel refuses it.
    pub fn attach(ns: &TestNs, device: &str) -> Result<Self> {
        let mut ebpf = load_xdp(XDP_PASS)?;
        let program: &mut Xdp = ebpf.program_mut("verdict").context("no program")?.try_into()?;
        ns.namespace().run(|| program.attach(device, XdpMode::Driver))??;
        Ok(Self(ebpf))
    }

    /// The program itself.
    #[must_use]
    pub fn program(&self) -> &Xdp {
        self.0.program("verdict").unwrap().try_into().unwrap()
    }
}

/// Loads an XDP program called `verdict` that answers that to every frame.
///
/// # Errors
/// Where the kernel refuses it.
pub fn load_xdp(verdict: i32) -> Result<Ebpf> {
    let mut ebpf = Ebpf::load(&compile("xdp", verdict)?)?;
    let program: &mut Xdp = ebpf.program_mut("verdict").context("no program")?.try_into()?;
    program.load()?;
    Ok(ebpf)
}

const XDP_PASS: i32 = 2;

fn compile(section: &str, verdict: i32) -> Result<Vec<u8>> {
    let mut code = vec![0xb7, 0, 0, 0]; // r0 = verdict
    code.extend(verdict.to_le_bytes());
    code.extend([0x95, 0, 0, 0, 0, 0, 0, 0]); // exit
    let mut file = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let license = file.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    file.append_section_data(license, b"GPL\0", 1);
    let section = file.add_section(Vec::new(), section.as_bytes().to_vec(), SectionKind::Text);
    file.append_section_data(section, &code, 8);
    file.add_symbol(Symbol {
        name: b"verdict".to_vec(),
        value: 0,
        size: code.len() as u64,
        kind: SymbolKind::Text,
        scope: SymbolScope::Dynamic,
        weak: false,
        section: SymbolSection::Section(section),
        flags: SymbolFlags::None,
    });
    Ok(file.write()?)
}
