//! Mends the type information (BTF) of a compiled object. LLVM describes a Rust enum with data as a
//! C union whose members lie at offsets; the kernel knows unions at offset 0 only and would refuse
//! all of it, and with it the line numbers in the verifier's log.

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};

/// Moves every union member to offset 0, in place. Nothing reads these types but people.
pub(crate) fn mend(object: &mut [u8]) -> Result<()> {
    let range = object::File::parse(&*object)
        .context("the BPF object is no ELF file")?
        .section_by_name(".BTF")
        .and_then(|section| section.file_range())
        .context("the BPF object has no BTF")?;
    let start = usize::try_from(range.0)?;
    let end = start + usize::try_from(range.1)?;
    let section = object.get_mut(start..end).context("the BTF lies outside the BPF object")?;
    mend_types(section).context("the BPF object's BTF is cut short")?
}

/// Walks the types; `None` where the section ends too early.
fn mend_types(btf: &mut [u8]) -> Option<Result<()>> {
    let header = word(btf, HEADER_LENGTH)?;
    let mut at = header + word(btf, TYPES_OFFSET)?;
    let end = at + word(btf, TYPES_LENGTH)?;
    while at < end {
        let info = word(btf, at + INFO)?;
        let (kind, count) = ((info >> 24) & 0x1f, info & 0xffff);
        at += TYPE;
        if kind == UNION {
            for member in 0..count {
                let offset = at + member * MEMBER + MEMBER_OFFSET;
                btf.get_mut(offset..offset + 4)?.fill(0);
            }
        }
        at += match kind {
            POINTER | FORWARD | TYPEDEF | VOLATILE | CONST | RESTRICT | FUNCTION | FLOAT
            | TYPE_TAG => 0,
            INTEGER | VARIABLE | DECLARATION_TAG => 4,
            ARRAY => 12,
            ENUM | PROTOTYPE => 8 * count,
            STRUCT | UNION | DATA_SECTION | ENUM64 => MEMBER * count,
            other => return Some(unknown(other)),
        };
    }
    Some(Ok(()))
}

fn unknown(kind: usize) -> Result<()> {
    bail!("the BPF object's BTF has types of the unknown kind {kind}")
}

/// The 32-bit number at `at`.
fn word(btf: &[u8], at: usize) -> Option<usize> {
    let bytes = btf.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(bytes)).ok()
}

// Offsets in `struct btf_header`, `struct btf_type` and `struct btf_member` of linux/btf.h.
const HEADER_LENGTH: usize = 4;
const TYPES_OFFSET: usize = 8;
const TYPES_LENGTH: usize = 12;
const INFO: usize = 4;
const TYPE: usize = 12;
const MEMBER: usize = 12;
const MEMBER_OFFSET: usize = 8;

// BTF_KIND_*
const INTEGER: usize = 1;
const POINTER: usize = 2;
const ARRAY: usize = 3;
const STRUCT: usize = 4;
const UNION: usize = 5;
const ENUM: usize = 6;
const FORWARD: usize = 7;
const TYPEDEF: usize = 8;
const VOLATILE: usize = 9;
const CONST: usize = 10;
const RESTRICT: usize = 11;
const FUNCTION: usize = 12;
const PROTOTYPE: usize = 13;
const VARIABLE: usize = 14;
const DATA_SECTION: usize = 15;
const FLOAT: usize = 16;
const DECLARATION_TAG: usize = 17;
const TYPE_TAG: usize = 18;
const ENUM64: usize = 19;
