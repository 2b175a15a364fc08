//! How large the programs are: instructions and stack of every function of the object, read from
//! its bytes, and the committed budget that they are held against.

use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::{collections::BTreeMap, path::PathBuf};

/// One program with all that it calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// 8-byte instructions, those of its functions included once each.
    pub instructions: u64,
    /// Bytes of stack along its deepest chain of calls; the kernel allows 512.
    pub stack: u64,
}

/// The committed budget.
#[must_use]
pub fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../netd-ebpf/budget.txt")
}

/// Reads lines of `program instructions stack`; `#` begins a comment.
///
/// # Errors
/// A line of another form.
pub fn parse(text: &str) -> Result<BTreeMap<String, Size>> {
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    let size = |line: &str| -> Result<(String, Size)> {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [name, instructions, stack] = words[..] else {
            anyhow::bail!("not `program instructions stack`: {line:?}");
        };
        let size = Size { instructions: instructions.parse()?, stack: stack.parse()? };
        Ok((name.to_owned(), size))
    };
    lines.map(size).collect()
}

/// The form that [`parse`] reads.
#[must_use]
pub fn format(sizes: &BTreeMap<String, Size>) -> String {
    let mut text = String::from(
        "# Instructions and stack bytes of each eBPF program, as `cargo xtask bench packet` wrote\n\
         # them. A test fails where a program outgrows its line by more than a tenth: growth is a\n\
         # reviewed change of this file.\n",
    );
    for (name, size) in sizes {
        text.push_str(&format!("{name} {} {}\n", size.instructions, size.stack));
    }
    text
}

/// The sizes of every program in an object file.
///
/// # Errors
/// An object that can't be read.
pub fn measure(object: &[u8]) -> Result<BTreeMap<String, Size>> {
    let file = object::File::parse(object)?;
    let functions = functions(&file)?;
    let programs = functions.iter().filter(|(_, f)| f.is_program);
    let mut sizes = BTreeMap::new();
    for (name, _) in programs {
        let mut seen = BTreeMap::new();
        let stack = deepest(&functions, name, &mut seen)?;
        sizes.insert(name.clone(), Size { instructions: seen.values().sum(), stack });
    }
    Ok(sizes)
}

struct Function {
    is_program: bool,
    instructions: u64,
    stack: u64,
    calls: Vec<String>,
}

fn functions(file: &object::File<'_>) -> Result<BTreeMap<String, Function>> {
    let symbols: Vec<_> = file.symbols().filter(|s| s.kind() == SymbolKind::Text).collect();
    let mut functions = BTreeMap::new();
    for symbol in &symbols {
        let section = file.section_by_index(symbol.section_index().context("no section")?)?;
        let start = usize::try_from(symbol.address())?;
        let end = start + usize::try_from(symbol.size())?;
        let code = section.data()?.get(start..end).context("a symbol beyond its section")?;
        let within = (start as u64)..(end as u64);
        let relocations: BTreeMap<u64, object::Relocation> =
            section.relocations().filter(|(offset, _)| within.contains(offset)).collect();
        let mut calls = Vec::new();
        for (nth, call) in code.chunks_exact(8).enumerate().filter(|(_, code)| is_call(code)) {
            let at = (start + nth * 8) as u64;
            let target = relocations.get(&at).map(object::Relocation::target);
            calls.push(match target {
                Some(object::RelocationTarget::Symbol(index)) => {
                    callee(file, index, call, &symbols)?
                }
                // Within the section, from here on.
                _ => {
                    let address = at.wrapping_add_signed(i64::from(immediate(call)?) * 8 + 8);
                    function_at(&symbols, symbol.section_index(), address)?
                }
            });
        }
        let function = Function {
            is_program: section.name()? != ".text",
            instructions: code.len() as u64 / 8,
            stack: stack(code),
            calls,
        };
        functions.insert(symbol.name()?.to_owned(), function);
    }
    Ok(functions)
}

/// The function that a call leads to: by its symbol, or by its place in the symbol's section.
fn callee(
    file: &object::File<'_>,
    index: object::SymbolIndex,
    call: &[u8],
    symbols: &[object::Symbol<'_, '_>],
) -> Result<String> {
    let target = file.symbol_by_index(index)?;
    if target.kind() == SymbolKind::Text {
        return Ok(target.name()?.to_owned());
    }
    let address = u64::try_from(i64::from(immediate(call)? + 1) * 8)?;
    function_at(symbols, target.section_index(), address)
}

fn function_at(
    symbols: &[object::Symbol<'_, '_>],
    section: Option<object::SectionIndex>,
    address: u64,
) -> Result<String> {
    let same = |s: &&object::Symbol<'_, '_>| s.section_index() == section && s.address() == address;
    Ok(symbols.iter().find(same).context("a call to no function")?.name()?.to_owned())
}

/// BPF_CALL with the source BPF_PSEUDO_CALL: of a function, not of a helper.
fn is_call(instruction: &[u8]) -> bool {
    instruction[0] == 0x85 && instruction[1] >> 4 == 1
}

fn immediate(instruction: &[u8]) -> Result<i32> {
    Ok(i32::from_le_bytes(instruction[4..8].try_into()?))
}

/// The lowest byte below the frame pointer (r10) that the code names: by loads and stores relative
/// to it, and by copies of it that a constant is added to.
fn stack(code: &[u8]) -> u64 {
    let mut lowest = 0_i64;
    let mut copies = [false; 16];
    for instruction in code.chunks_exact(8) {
        let (opcode, registers) = (instruction[0], instruction[1]);
        let (to, from) = (usize::from(registers & 0xf), registers >> 4);
        let offset = i64::from(i16::from_le_bytes([instruction[2], instruction[3]]));
        let immediate =
            i32::from_le_bytes([instruction[4], instruction[5], instruction[6], instruction[7]]);
        match opcode & 0x07 {
            1 if from == 10 => lowest = lowest.min(offset),
            2 | 3 if to == 10 => lowest = lowest.min(offset),
            _ => {}
        }
        match opcode {
            0x07 if copies[to] => lowest = lowest.min(immediate.into()),
            _ => {}
        }
        copies[to] = opcode == 0xbf && from == 10;
    }
    lowest.unsigned_abs().next_multiple_of(8)
}

/// Stack along the deepest chain of calls; `seen` collects the instructions of every function met.
fn deepest(
    functions: &BTreeMap<String, Function>,
    name: &str,
    seen: &mut BTreeMap<String, u64>,
) -> Result<u64> {
    let function = functions.get(name).with_context(|| format!("no function {name}"))?;
    seen.insert(name.to_owned(), function.instructions);
    let mut below = 0;
    for call in &function.calls {
        below = below.max(deepest(functions, call, seen)?);
    }
    // The kernel counts in steps of 16 bytes.
    Ok(function.stack.next_multiple_of(16) + below)
}
