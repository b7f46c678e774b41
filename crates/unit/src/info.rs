//! The description of a unit.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use wasmill_model::{Digest, Interface};

use crate::{FunctionError, FunctionInfo, InspectError};

/// A WebAssembly binary and what it is. A clone costs two reference counts.
#[derive(Clone, Debug)]
pub struct Unit {
    bytes: Bytes,
    info: Arc<UnitInfo>,
}

impl Unit {
    /// Validates and classifies a binary.
    ///
    /// # Errors
    /// What is wrong with the bytes, with the offset where it is known.
    pub fn from_binary(bytes: impl Into<Bytes>) -> Result<Self, InspectError> {
        let bytes = bytes.into();
        let info = Arc::new(UnitInfo::inspect(&bytes)?);
        Ok(Unit { bytes, info })
    }

    /// The binary.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it is.
    pub fn info(&self) -> &Arc<UnitInfo> {
        &self.info
    }

    /// Its SHA-256.
    pub fn digest(&self) -> Digest {
        self.info.digest
    }

    /// How it is spoken to.
    pub fn interface(&self) -> Interface {
        self.info.interface
    }
}

/// The generation of WASI that a command was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preview {
    /// A core module with `_start` and `wasi_snapshot_preview1`.
    Preview1,
    /// A component that exports `wasi:cli/run@0.2.x`.
    Preview2,
}

/// What kind of thing is imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "WebAssembly's own words")]
pub enum ImportKind {
    Function,
    Memory,
    Table,
    Global,
    Tag,
    /// An interface of a component (`wasi:clocks/wall-clock@0.2.6`).
    Interface,
    Module,
    Component,
    Type,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImportInfo {
    /// The module, or the interface's full name in a component.
    pub module: Arc<str>,
    /// The name in the module; empty for an interface.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub name: Arc<str>,
    /// What it is.
    pub kind: ImportKind,
    /// The grant that makes it real: `clock`, `random`, `env`, `dirs`, `net`. Without the grant it is linked, but virtual or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<&'static str>,
    /// Whether the unit cannot be linked without that grant.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub needs_grant: bool,
    /// Whether Wasmill provides it: WASI, or a host function of its own. What nobody provides cannot be linked.
    pub provided: bool,
}

/// One entry of the producers section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    /// `Rust`, `clang`, …
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
}

/// What a unit is, read from its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitInfo {
    /// How it is spoken to.
    pub interface: Interface,
    /// For a command, what it was made for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// Whether the binary is a component (some commands are).
    pub is_component: bool,
    /// The SHA-256 of the binary.
    pub digest: Digest,
    /// Bytes of the binary.
    pub size: u64,
    /// Functions that a step can call; none for a command.
    pub functions: Vec<FunctionInfo>,
    /// Other exports that a person wants to see (memories, `_initialize`, …), by name.
    pub other_exports: Vec<Arc<str>>,
    /// What it imports.
    pub imports: Vec<ImportInfo>,
    /// Grants that its imports would make use of, sorted, each once.
    pub wants: Vec<&'static str>,
    /// What made it.
    pub producers: Vec<Producer>,
    /// The named types that a component's functions take and give, as WIT defines them: `record point { x: s32, y: s32 }`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

impl UnitInfo {
    /// The function that a step means: the named one (full name, or bare name where that is unique), or the only one.
    /// `Ok(None)` for a command.
    ///
    /// A `bytes` unit has one function, `process`, that need not be named.
    ///
    /// # Errors
    /// Which functions there are.
    pub fn resolve(&self, name: Option<&str>) -> Result<Option<&FunctionInfo>, FunctionError> {
        crate::function::resolve(self, name)
    }
}
