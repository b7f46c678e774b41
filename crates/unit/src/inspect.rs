//! Validates a binary and reads what it is.

use indexmap::IndexSet;
use wasmill_model::{Digest, Interface};
use wasmparser::{KnownCustom, Parser, Payload, Validator, WasmFeatures};

use crate::budget::Budget;
use crate::error::LooksLike;
use crate::{InspectError, Preview, Producer, UnitInfo, caps, component, core_module, features};

/// Entries of the producers sections that are kept; a real unit has a handful.
const MAX_PRODUCERS: usize = 64;
/// Longest text of one part of them.
const MAX_PRODUCER_TEXT: usize = 256;

impl UnitInfo {
    /// Validates and classifies a binary.
    ///
    /// # Errors
    /// What is wrong with the bytes, with the offset where it is known.
    pub fn inspect(bytes: &[u8]) -> Result<Self, InspectError> {
        Self::inspect_digested(bytes, Digest::of(bytes))
    }

    /// … whose digest is known.
    pub(crate) fn inspect_digested(bytes: &[u8], digest: Digest) -> Result<Self, InspectError> {
        let is_component = check_header(bytes)?;
        caps::check(bytes)?;
        let types = Validator::new_with_features(features::features())
            .validate_all(bytes)
            .map_err(|error| explain(bytes, &error))?;

        let mut budget = Budget::new();
        let mut info = UnitInfo {
            interface: Interface::Component,
            preview: None,
            is_component,
            digest,
            size: bytes.len() as u64,
            functions: Vec::new(),
            other_exports: Vec::new(),
            imports: Vec::new(),
            wants: Vec::new(),
            producers: producers(bytes),
            types: Vec::new(),
            built: None,
            program: None,
        };
        if is_component {
            let outside = component::read(bytes, types.as_ref(), &mut budget)?;
            if outside.is_command {
                info.interface = Interface::Command;
                info.preview = Some(Preview::Preview2);
            }
            info.functions = outside.functions;
            info.other_exports = outside.other_exports;
            info.imports = outside.imports;
            info.types = outside.types;
        } else {
            let outside = core_module::read(bytes, types.as_ref(), &mut budget)?;
            info.interface = match outside.shape {
                core_module::Shape::Command => Interface::Command,
                core_module::Shape::Bytes => Interface::Bytes,
                core_module::Shape::Core => Interface::Core,
            };
            info.preview = (info.interface == Interface::Command).then_some(Preview::Preview1);
            info.functions = outside.functions;
            info.other_exports = outside.other_exports;
            info.imports = outside.imports;
        }
        info.wants = info.imports.iter().filter_map(|import| import.grant).collect();
        info.wants.sort_unstable();
        info.wants.dedup();
        Ok(info)
    }
}

impl InspectError {
    /// What the validator lets through and a reader does not; there should be no such thing.
    pub(crate) fn corrupt(error: wasmparser::Error) -> Self {
        InspectError::Corrupt { offset: error.offset(), message: first_line(error.message()) }
    }
}

/// Whether the binary is a component; an error if it is neither that nor a module.
fn check_header(bytes: &[u8]) -> Result<bool, InspectError> {
    if !bytes.starts_with(b"\0asm") {
        // A file that was cut off after two bytes is cut off, not of another kind.
        if !bytes.is_empty() && b"\0asm".starts_with(bytes) {
            return Err(InspectError::Truncated { offset: 0, size: bytes.len(), needed: 8 });
        }
        return Err(InspectError::NotWasm { looks_like: LooksLike::recognise(bytes) });
    }
    let (Some(version), Some(layer)) = (pair(bytes, 4), pair(bytes, 6)) else {
        return Err(InspectError::Truncated { offset: 0, size: bytes.len(), needed: 8 });
    };
    match (layer, version) {
        (0, 1) => Ok(false),
        (1, 0x0d) => Ok(true),
        (1, draft) => {
            Err(InspectError::UnsupportedWasmVersion { what: format!("a component of draft encoding {draft}") })
        }
        (0, version) => Err(InspectError::UnsupportedWasmVersion { what: format!("WebAssembly version {version}") }),
        (layer, _) => Err(InspectError::UnsupportedWasmVersion {
            what: format!("WebAssembly of an unknown kind (layer {layer})"),
        }),
    }
}

fn pair(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

/// Tells apart what is cut off, what is broken, and what needs a proposal that is off.
#[cold]
fn explain(bytes: &[u8], error: &wasmparser::Error) -> InspectError {
    if let Some((offset, needed)) = cut_off(bytes) {
        return InspectError::Truncated { offset, size: bytes.len(), needed };
    }
    let valid_with = |with: WasmFeatures| Validator::new_with_features(with).validate_all(bytes).err();
    let missing = error.missing_wasm_feature();
    if let Some(error) = valid_with(WasmFeatures::all()) {
        // Flags that exclude each other make nothing valid; the one that is named gets a try of its own.
        let valid_with_missing = missing.is_some_and(|missing| valid_with(features::features() | missing).is_none());
        if !valid_with_missing {
            return InspectError::corrupt(error);
        }
    }
    // The validator does not name the proposal for every rule: then the one that makes the binary valid is looked for.
    let missing = missing.unwrap_or_else(|| {
        (WasmFeatures::all() - features::features())
            .iter()
            .find(|feature| valid_with(features::features() | *feature).is_none())
            .unwrap_or(WasmFeatures::empty())
    });
    InspectError::UnsupportedFeature {
        feature: features::describe(missing),
        offset: error.offset(),
        message: first_line(error.message()),
        remedy: features::remedy(missing),
    }
}

/// The section that the file ends in the middle of: where it begins, and where it should end.
fn cut_off(bytes: &[u8]) -> Option<(usize, u64)> {
    let mut at = 8;
    while at < bytes.len() {
        // An id byte, then the size as unsigned LEB128 of at most five bytes.
        let mut size = 0_u64;
        let mut next = at + 1;
        loop {
            let Some(byte) = bytes.get(next) else { return Some((at, next as u64 + 1)) };
            let shift = 7 * (next - at - 1);
            if shift > 28 {
                return None;
            }
            size |= u64::from(byte & 0x7f) << shift;
            next += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let end = next as u64 + size;
        if end > bytes.len() as u64 {
            return Some((at, end));
        }
        at = usize::try_from(end).ok()?;
    }
    None
}

/// Entries of all producers sections, those of nested modules too, each once, in the order of the file.
fn producers(bytes: &[u8]) -> Vec<Producer> {
    let mut found = IndexSet::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        let Payload::CustomSection(section) = payload else { continue };
        let KnownCustom::Producers(fields) = section.as_known() else { continue };
        // A courtesy of the compiler: what is wrong in it is left out.
        for field in fields.into_iter().map_while(Result::ok) {
            for value in field.values.into_iter().map_while(Result::ok) {
                if found.len() >= MAX_PRODUCERS {
                    return collect(found);
                }
                found.insert([field.name, value.name, value.version].map(cut));
            }
        }
    }
    collect(found)
}

fn collect(found: IndexSet<[&str; 3]>) -> Vec<Producer> {
    found
        .into_iter()
        .map(|[field, name, version]| Producer {
            field: field.to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
        })
        .collect()
}

fn cut(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_PRODUCER_TEXT)).unwrap_or_default()
}

/// The validator puts the context of a mismatch on further lines, which may be many.
fn first_line(message: &str) -> String {
    let line: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).take(4).collect();
    let mut text = line.join(": ");
    text.truncate(text.floor_char_boundary(1000));
    text
}
