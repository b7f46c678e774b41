//! The names that a unit exports: what must stay the same when another toolchain builds it.

use std::collections::BTreeSet;

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::failure::{During, Outcome};

/// The names of the outermost module or component, which is checked as a whole.
pub(crate) fn exports(bytes: &[u8]) -> Outcome<BTreeSet<String>> {
    Validator::new_with_features(WasmFeatures::all()).validate_all(bytes).during("validation")?;
    let mut names = BTreeSet::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.during("parsing")? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ExportSection(section) if depth == 0 => {
                for export in section {
                    names.insert(export.during("an export")?.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    names.insert(export.during("an export")?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::exports;

    #[test]
    fn the_names_are_read() {
        let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01a\0\0\x0a\x04\x01\x02\0\x0b";
        assert_eq!(exports(module).unwrap().into_iter().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn bytes_that_are_no_unit_are_refused() {
        assert!(exports(b"\0asm\x01\0\0\0\x07\x05\x01\x01a\0\0").is_err());
        assert!(exports(b"").is_err());
    }
}
