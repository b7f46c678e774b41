//! How large a unit may be, in every direction that costs a compiler time or memory.
//!
//! Counted in one cheap pass, before a byte is validated or compiled, over all modules of the unit together. The largest programs that
//! we know (language runtimes of 30 MB and more, components with hundreds of modules) stay below a quarter of each. What is within
//! these and still too much for the compiler ends in its own process, by that process's limits.

use wasmparser::{CompositeInnerType, Parser, Payload};

use crate::InspectError;

/// One direction in which a unit may be too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cap {
    /// Bytes of the binary.
    Size,
    /// Function bodies.
    Functions,
    /// Bytes of one function's body.
    FunctionSize,
    /// Locals that one function declares.
    FunctionLocals,
    /// Locals that all functions declare.
    Locals,
    /// Types, of functions and of components.
    Types,
    /// Parameters of one type of functions, or of blocks.
    Parameters,
    /// Results of one type of functions, or of blocks.
    Results,
    /// Imports.
    Imports,
    /// Exports.
    Exports,
    /// Globals.
    Globals,
    /// Tables.
    Tables,
    /// Linear memories.
    Memories,
    /// Segments of tables' elements.
    ElementSegments,
    /// Segments of memories' data.
    DataSegments,
    /// Core modules in a component.
    Modules,
    /// Components in a component, at any depth.
    Components,
    /// Instances that a component makes.
    Instances,
    /// Components within each other.
    Depth,
    /// Aliases and adapted functions of components.
    Adapters,
}

impl Cap {
    /// Every one.
    pub const ALL: [Cap; 20] = [
        Cap::Size,
        Cap::Functions,
        Cap::FunctionSize,
        Cap::FunctionLocals,
        Cap::Locals,
        Cap::Types,
        Cap::Parameters,
        Cap::Results,
        Cap::Imports,
        Cap::Exports,
        Cap::Globals,
        Cap::Tables,
        Cap::Memories,
        Cap::ElementSegments,
        Cap::DataSegments,
        Cap::Modules,
        Cap::Components,
        Cap::Instances,
        Cap::Depth,
        Cap::Adapters,
    ];

    /// The most that a unit may have.
    pub const fn limit(self) -> u64 {
        match self {
            // CPython with its libraries has 30 to 50 MB.
            Cap::Size => 256 << 20,
            // The largest that we know have 60,000.
            Cap::Functions => 250_000,
            // Interpreters' main loops have 200 KB. The compiler's memory grows with the body, and more than linearly.
            Cap::FunctionSize => 4 << 20,
            // Unoptimised interpreters have some thousands.
            Cap::FunctionLocals => 20_000,
            Cap::Locals => 5_000_000,
            Cap::Types => 250_000,
            // Each target of a `br_table` is held against all that its block takes or gives, and a target has one byte.
            Cap::Parameters => 255,
            Cap::Results => 64,
            Cap::Imports | Cap::Exports | Cap::Globals => 250_000,
            // A pooled instance has room for 8; a component that links shared libraries has one for each.
            Cap::Tables | Cap::Memories => 1_000,
            Cap::ElementSegments | Cap::DataSegments => 100_000,
            // componentize-py links some hundred libraries into one component.
            Cap::Modules => 1_000,
            Cap::Components => 1_000,
            Cap::Instances => 10_000,
            Cap::Depth => 16,
            Cap::Adapters => 500_000,
        }
    }

    /// What is counted, for people: `functions`.
    pub const fn what(self) -> &'static str {
        match self {
            Cap::Size => "bytes",
            Cap::Functions => "functions",
            Cap::FunctionSize => "bytes of code in one function",
            Cap::FunctionLocals => "local variables in one function",
            Cap::Locals => "local variables in all functions together",
            Cap::Types => "types",
            Cap::Parameters => "parameters of one function or block",
            Cap::Results => "results of one function or block",
            Cap::Imports => "imports",
            Cap::Exports => "exports",
            Cap::Globals => "global variables",
            Cap::Tables => "tables",
            Cap::Memories => "memories",
            Cap::ElementSegments => "element segments",
            Cap::DataSegments => "data segments",
            Cap::Modules => "core modules",
            Cap::Components => "components in it",
            Cap::Instances => "instances that it makes",
            Cap::Depth => "components within each other",
            Cap::Adapters => "aliases and adapted functions",
        }
    }

    /// What to do.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Cap::Size | Cap::DataSegments | Cap::ElementSegments => {
                "strip debug information (`wasm-tools strip`), and give data as input instead of building it in"
            }
            Cap::Parameters | Cap::Results => "pass what belongs together in memory, by a pointer",
            Cap::FunctionSize | Cap::FunctionLocals | Cap::Locals => {
                "build it with optimisation (`-O2`, `wasm-opt -O2`), or split generated functions"
            }
            Cap::Exports => "build it with fewer exports (do not export every function)",
            Cap::Functions | Cap::Types | Cap::Imports | Cap::Globals | Cap::Tables | Cap::Memories => {
                "build it with dead code removed (`-O2`, `wasm-opt -O2`), or split it into several units"
            }
            Cap::Modules | Cap::Components | Cap::Instances | Cap::Depth | Cap::Adapters => {
                "link what belongs together before it is made a component, or split it into several units"
            }
        }
    }
}

/// Counts, and refuses what is too much. What cannot be read is not judged here: the validator says it better.
pub(crate) fn check(bytes: &[u8]) -> Result<(), InspectError> {
    let mut counts = Counts::default();
    counts.add(Cap::Size, bytes.len() as u64)?;
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return Ok(()) };
        match payload {
            Payload::TypeSection(section) => {
                counts.section(Cap::Types, section.count(), section.range())?;
                for group in section {
                    let Ok(group) = group else { return Ok(()) };
                    for kind in group.types() {
                        if let CompositeInnerType::Func(kind) = &kind.composite_type.inner {
                            counts.one(Cap::Parameters, kind.params().len() as u64)?;
                            counts.one(Cap::Results, kind.results().len() as u64)?;
                        }
                    }
                }
            }
            Payload::CoreTypeSection(section) => counts.section(Cap::Types, section.count(), section.range())?,
            Payload::ComponentTypeSection(section) => counts.section(Cap::Types, section.count(), section.range())?,
            Payload::ImportSection(section) => counts.section(Cap::Imports, section.count(), section.range())?,
            Payload::ComponentImportSection(section) => {
                counts.section(Cap::Imports, section.count(), section.range())?
            }
            Payload::FunctionSection(section) => counts.section(Cap::Functions, section.count(), section.range())?,
            Payload::TableSection(section) => counts.section(Cap::Tables, section.count(), section.range())?,
            Payload::MemorySection(section) => counts.section(Cap::Memories, section.count(), section.range())?,
            Payload::GlobalSection(section) => counts.section(Cap::Globals, section.count(), section.range())?,
            Payload::ExportSection(section) => counts.section(Cap::Exports, section.count(), section.range())?,
            Payload::ComponentExportSection(section) => {
                counts.section(Cap::Exports, section.count(), section.range())?
            }
            Payload::ElementSection(section) => {
                counts.section(Cap::ElementSegments, section.count(), section.range())?
            }
            Payload::DataSection(section) => counts.section(Cap::DataSegments, section.count(), section.range())?,
            Payload::InstanceSection(section) => counts.section(Cap::Instances, section.count(), section.range())?,
            Payload::ComponentInstanceSection(section) => {
                counts.section(Cap::Instances, section.count(), section.range())?;
            }
            Payload::ComponentAliasSection(section) => {
                counts.section(Cap::Adapters, section.count(), section.range())?
            }
            Payload::ComponentCanonicalSection(section) => {
                counts.section(Cap::Adapters, section.count(), section.range())?;
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                counts.one(Cap::FunctionSize, (range.end - range.start) as u64)?;
                let Ok(groups) = body.get_locals_reader() else { return Ok(()) };
                let mut locals = 0_u64;
                for group in groups {
                    let Ok((count, _)) = group else { return Ok(()) };
                    locals += u64::from(count);
                }
                counts.one(Cap::FunctionLocals, locals)?;
                counts.add(Cap::Locals, locals)?;
            }
            Payload::ModuleSection { .. } => {
                counts.add(Cap::Modules, 1)?;
                depth += 1;
            }
            Payload::ComponentSection { .. } => {
                counts.add(Cap::Components, 1)?;
                depth += 1;
                counts.one(Cap::Depth, depth)?;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// What was counted so far.
#[derive(Default)]
struct Counts([u64; Cap::ALL.len()]);

impl Counts {
    fn add(&mut self, cap: Cap, count: u64) -> Result<(), InspectError> {
        let Some(total) = self.0.get_mut(cap as usize) else { return Ok(()) };
        *total = total.saturating_add(count);
        let total = *total;
        self.one(cap, total)
    }

    /// A number that is not summed.
    fn one(&self, cap: Cap, count: u64) -> Result<(), InspectError> {
        if count > cap.limit() { Err(InspectError::TooLarge { cap, count }) } else { Ok(()) }
    }

    /// What a section says that it has: believed where there are enough bytes for it, else it is simply broken.
    fn section(&mut self, cap: Cap, count: u32, range: std::ops::Range<usize>) -> Result<(), InspectError> {
        if u64::from(count) > (range.end - range.start) as u64 { Ok(()) } else { self.add(cap, count.into()) }
    }
}
