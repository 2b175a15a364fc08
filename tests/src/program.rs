//! The smallest programs that a filter takes, made without a compiler.

use crate::ns::TestNs;
use anyhow::{Context, Result, ensure};
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
    let mut ebpf = Ebpf::load(&compile("classifier", &answer(verdict))?)?;
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
        let mut ebpf = load_xdp(&answer(XDP_PASS))?;
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

/// Loads an XDP program called `verdict` that makes every frame this one, whose length is a multiple
/// of four, and sends it back out: in a live run the kernel gives it frames again that others have
/// edited.
///
/// # Errors
/// Where the kernel refuses it.
pub fn sender(frame: &[u8]) -> Result<Ebpf> {
    let length = i32::try_from(frame.len())?;
    let words = frame.chunks_exact(4);
    ensure!(words.remainder().is_empty(), "{length} bytes are no whole words");
    let past = i16::try_from(words.len())?;
    let mut code = Vec::new();
    code.extend(instruction(0x61, 2, 1, 4, 0)); // r2 = data_end
    code.extend(instruction(0x61, 1, 1, 0, 0)); // r1 = data
    code.extend(instruction(0xbf, 3, 1, 0, 0)); // r3 = r1
    code.extend(instruction(0x07, 3, 0, 0, length)); // r3 += length
    code.extend(instruction(0x2d, 3, 2, past, 0)); // if r3 > r2, past the words
    for (offset, word) in (0..).step_by(4).zip(words) {
        let word = i32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        code.extend(instruction(0x62, 1, 0, offset, word)); // *(u32 *)(r1 + offset) = word
    }
    code.extend(answer(XDP_TX));
    load_xdp(&code)
}

fn load_xdp(code: &[u8]) -> Result<Ebpf> {
    let mut ebpf = Ebpf::load(&compile("xdp", code)?)?;
    let program: &mut Xdp = ebpf.program_mut("verdict").context("no program")?.try_into()?;
    program.load()?;
    Ok(ebpf)
}

/// One instruction: opcode, destination and source register, offset, constant (RFC 9669 3.1).
fn instruction(opcode: u8, to: u8, from: u8, offset: i16, constant: i32) -> [u8; 8] {
    let mut bytes = [opcode, from << 4 | to, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&offset.to_le_bytes());
    bytes[4..].copy_from_slice(&constant.to_le_bytes());
    bytes
}

/// The end of a program that answers `verdict`.
fn answer(verdict: i32) -> Vec<u8> {
    [instruction(0xb7, 0, 0, 0, verdict), instruction(0x95, 0, 0, 0, 0)].concat()
}

const XDP_PASS: i32 = 2;
const XDP_TX: i32 = 3;

fn compile(section: &str, code: &[u8]) -> Result<Vec<u8>> {
    let mut file = Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little);
    let license = file.add_section(Vec::new(), b"license".to_vec(), SectionKind::Data);
    file.append_section_data(license, b"GPL\0", 1);
    let section = file.add_section(Vec::new(), section.as_bytes().to_vec(), SectionKind::Text);
    file.append_section_data(section, code, 8);
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
