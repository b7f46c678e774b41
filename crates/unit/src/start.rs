//! A core module without its start section, for engines whose instantiation cannot be interrupted.

use std::collections::HashSet;

use wasmparser::{BinaryReader, Parser, Payload};

/// What the start function is exported as, unless the module has an export of that name.
const NAME: &str = "wasmill:start";

/// Ids of sections, as <https://webassembly.github.io/spec/core/binary/modules.html#sections> numbers them.
const EXPORT_SECTION: u8 = 7;
const START_SECTION: u8 = 8;
/// The kind of an export that is a function.
const FUNCTION: u8 = 0;

/// A module whose start function is left to its host: whoever instantiates it calls the function next, and only then anything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeferredStart {
    /// The module without its start section.
    pub bytes: Vec<u8>,
    /// The export under which it has its start function: a name that the module does not export itself.
    pub export: String,
}

impl DeferredStart {
    /// Takes the start section out of a valid core module; none where it has none (or is a component).
    ///
    /// All else stays as it is, byte for byte, but for one more export.
    pub fn of(bytes: &[u8]) -> Option<DeferredStart> {
        let (start, names) = look(bytes)?;
        let mut export = NAME.to_owned();
        while names.contains(export.as_str()) {
            export.push('_');
        }
        let mut entry = Vec::new();
        write_number(&mut entry, u32::try_from(export.len()).ok()?);
        entry.extend_from_slice(export.as_bytes());
        entry.push(FUNCTION);
        write_number(&mut entry, start);

        let mut module = bytes.get(..8)?.to_vec();
        let mut exported = false;
        for payload in Parser::new(0).parse_all(bytes) {
            let Some((id, range)) = payload.ok()?.as_section() else { continue };
            let content = bytes.get(range)?;
            match id {
                EXPORT_SECTION => {
                    write_section(&mut module, EXPORT_SECTION, &one_more(content, &entry)?)?;
                    exported = true;
                }
                // The export section stands before this one, and after all that stands before this one.
                START_SECTION if !exported => write_section(&mut module, EXPORT_SECTION, &one_more(&[0], &entry)?)?,
                START_SECTION => {}
                id => write_section(&mut module, id, content)?,
            }
        }
        Some(DeferredStart { bytes: module, export })
    }
}

/// The start function's index, where there is one, and the names of all exports.
fn look(bytes: &[u8]) -> Option<(u32, HashSet<&str>)> {
    let (mut start, mut names) = (None, HashSet::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::StartSection { func, .. } => start = Some(func),
            Payload::ExportSection(section) => {
                names = section.into_iter().map(|export| Some(export.ok()?.name)).collect::<Option<_>>()?;
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => return None,
            _ => {}
        }
    }
    Some((start?, names))
}

/// The content of a section that is a list, with one entry more.
fn one_more(content: &[u8], entry: &[u8]) -> Option<Vec<u8>> {
    let mut reader = BinaryReader::new(content, 0);
    let count = reader.read_var_u32().ok()?;
    let entries = content.get(reader.current_position()..)?;
    let mut longer = Vec::with_capacity(content.len() + entry.len() + 5);
    write_number(&mut longer, count.checked_add(1)?);
    longer.extend_from_slice(entries);
    longer.extend_from_slice(entry);
    Some(longer)
}

fn write_section(module: &mut Vec<u8>, id: u8, content: &[u8]) -> Option<()> {
    module.push(id);
    write_number(module, u32::try_from(content.len()).ok()?);
    module.extend_from_slice(content);
    Some(())
}

/// Unsigned LEB128.
fn write_number(into: &mut Vec<u8>, mut number: u32) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::Validator;

    use super::*;
    use crate::UnitInfo;

    fn exports(bytes: &[u8]) -> Vec<(String, u32)> {
        Validator::new().validate_all(bytes).unwrap();
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.unwrap() {
                Payload::ExportSection(section) => {
                    found.extend(section.into_iter().map(|export| {
                        let export = export.unwrap();
                        (export.name.to_owned(), export.index)
                    }));
                }
                Payload::StartSection { .. } => panic!("it has a start function"),
                _ => {}
            }
        }
        found
    }

    fn deferred(text: &str) -> Option<DeferredStart> {
        DeferredStart::of(&wat::parse_str(text).unwrap())
    }

    #[test]
    fn a_start_function_becomes_an_export() {
        let taken = deferred(
            r#"(module (memory 1) (table 1 funcref) (elem (i32.const 0) $go) (func $other) (func $go) (func (export "run"))
                (data (i32.const 0) "data") (start $go))"#,
        )
        .unwrap();
        assert_eq!(exports(&taken.bytes), [("run".to_owned(), 2), ("wasmill:start".to_owned(), 1)]);
        assert_eq!(taken.export, "wasmill:start");
    }

    #[test]
    fn a_module_that_exports_nothing_gets_an_export_section() {
        let taken = deferred(
            "(module (global i32 (i32.const 1)) (func $go) (start $go) (memory 1) (data (i32.const 0) \"x\"))",
        );
        assert_eq!(exports(&taken.unwrap().bytes), [("wasmill:start".to_owned(), 0)]);
    }

    #[test]
    fn the_name_is_nobody_elses() {
        let taken =
            deferred(r#"(module (func $go (export "wasmill:start") (export "wasmill:start_")) (start $go))"#).unwrap();
        assert_eq!(taken.export, "wasmill:start__");
        assert_eq!(exports(&taken.bytes).len(), 3);
    }

    #[test]
    fn what_has_no_start_function_stays_as_it_is() {
        assert_eq!(deferred(r#"(module (func (export "run")))"#), None);
        assert_eq!(deferred("(component (core module (func $go) (start $go)))"), None);
        assert_eq!(DeferredStart::of(b""), None);
        assert_eq!(DeferredStart::of(b"\0asm\x01\0\0\0\x08\x01"), None);
    }

    #[test]
    fn many_functions_and_exports_have_longer_numbers() {
        let many: String = (0..300).map(|number| format!("(func (export \"f{number}\"))")).collect();
        let taken = deferred(&format!("(module {many} (func $go) (start $go))")).unwrap();
        let exports = exports(&taken.bytes);
        assert_eq!((exports.len(), exports.last().unwrap().1), (301, 300));
        assert_eq!(UnitInfo::inspect(&taken.bytes).unwrap().functions.len(), 301);
    }
}
