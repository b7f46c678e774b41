//! The description of a unit.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use wasmill_model::{Digest, Interface};

use crate::{BuiltFunction, FunctionError, FunctionInfo, HashedBytes, InspectError};

/// A WebAssembly binary and what it is. A clone costs some reference counts.
#[derive(Clone, Debug)]
pub struct Unit {
    bytes: Bytes,
    /// What follows after `bytes`: the section with a script.
    tail: Bytes,
    info: Arc<UnitInfo>,
    /// Of a unit that was built from source: what an engine runs.
    plain: Option<Arc<Unit>>,
}

impl Unit {
    /// Validates and classifies a binary.
    ///
    /// # Errors
    /// What is wrong with the bytes, with the offset where it is known.
    pub fn from_binary(bytes: impl Into<Bytes>) -> Result<Self, InspectError> {
        Self::from_hashed(&HashedBytes::new(bytes))
    }

    /// … that was hashed.
    ///
    /// # Errors
    /// As [`Unit::from_binary`].
    pub fn from_hashed(hashed: &HashedBytes) -> Result<Self, InspectError> {
        let bytes = hashed.bytes().clone();
        let info = UnitInfo::inspect_digested(&bytes, hashed.digest())?;
        let Some((built, start)) = BuiltFunction::of(&bytes)? else { return Ok(Self::of(bytes, info)) };
        if built.script.is_none() {
            let plain = Self::of(bytes, info);
            return Ok(plain.with_function(built));
        }
        let interpreter = bytes.slice(..start);
        let plain_info = UnitInfo { digest: Digest::of(&interpreter), size: interpreter.len() as u64, ..info.clone() };
        let plain = Self::of(interpreter, plain_info);
        Ok(Unit { tail: bytes.slice(start..), ..plain.described(built, info.digest, info.size) })
    }

    /// A native program: no WebAssembly. Only its digest is kept of its bytes; it is run where it stands.
    pub fn native(program: &Path, bytes: &[u8]) -> Self {
        let info = UnitInfo {
            interface: Interface::Native,
            preview: None,
            is_component: false,
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            functions: Vec::new(),
            other_exports: Vec::new(),
            imports: Vec::new(),
            wants: Vec::new(),
            producers: Vec::new(),
            built: None,
            program: Some(program.into()),
            types: Vec::new(),
        };
        Self::of(Bytes::new(), info)
    }

    fn of(bytes: Bytes, info: UnitInfo) -> Self {
        Unit { bytes, tail: Bytes::new(), info: Arc::new(info), plain: None }
    }

    /// The same binary, spoken to as this says; it has the section already.
    fn with_function(self, built: BuiltFunction) -> Self {
        let (digest, size) = (self.info.digest, self.info.size);
        self.described(built, digest, size)
    }

    fn described(self, built: BuiltFunction, digest: Digest, size: u64) -> Self {
        let functions = built.info().into_iter().collect();
        let info = UnitInfo { functions, digest, size, built: Some(Arc::new(built)), ..UnitInfo::clone(&self.info) };
        Unit { bytes: self.bytes.clone(), tail: Bytes::new(), info: Arc::new(info), plain: Some(Arc::new(self)) }
    }

    /// The binary. (Of a script, this puts interpreter and script together.)
    pub fn bytes(&self) -> Bytes {
        if self.tail.is_empty() { self.bytes.clone() } else { [&*self.bytes, &*self.tail].concat().into() }
    }

    /// The binary in two: what other scripts share with it (its interpreter), and what is its own. Of what is no script, all and nothing.
    pub fn parts(&self) -> (&Bytes, &Bytes) {
        (&self.bytes, &self.tail)
    }

    /// What an engine runs: the unit itself, but for a script its interpreter, and for one that was built from source the functions that
    /// are really exported.
    pub fn plain(&self) -> &Unit {
        self.plain.as_deref().unwrap_or(self)
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
    /// The function that it was built for, where Wasmill built it from source.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "without_script")]
    pub built: Option<Arc<BuiltFunction>>,
    /// The file of a native program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Arc<Path>>,
    /// The named types that a component's functions take and give, as WIT defines them: `record point { x: s32, y: s32 }`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

/// The script is long, and is the user's own.
#[allow(clippy::ref_option, reason = "serde asks for this shape")]
fn without_script<S: serde::Serializer>(built: &Option<Arc<BuiltFunction>>, serializer: S) -> Result<S::Ok, S::Error> {
    built.as_deref().map(|built| BuiltFunction { script: None, ..built.clone() }).serialize(serializer)
}

/// An interpreter, which many scripts are put to: it is validated and hashed once.
#[derive(Clone, Debug)]
pub struct Interpreter {
    unit: Unit,
    hashed: HashedBytes,
}

impl Interpreter {
    /// Validates and classifies its binary.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn from_hashed(hashed: HashedBytes) -> Result<Self, InspectError> {
        let info = UnitInfo::inspect_digested(hashed.bytes(), hashed.digest())?;
        Ok(Interpreter { unit: Unit::of(hashed.bytes().clone(), info), hashed })
    }

    /// The interpreter itself.
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// The unit of a script: it is what a binary would be that has the script in its last section.
    pub fn with(&self, script: BuiltFunction) -> Unit {
        let tail: Bytes = script.to_section().into();
        let digest = self.hashed.digest_with(&tail);
        let size = self.unit.info.size + tail.len() as u64;
        Unit { tail, ..self.unit.clone().described(script, digest, size) }
    }
}

impl UnitInfo {
    /// Whether it is given parameters, by name or position: a numeric function, a component's, one that was built from source. Other
    /// units take one piece of data.
    pub fn takes_parameters(&self) -> bool {
        match &self.built {
            Some(built) => built.name.is_some(),
            None => matches!(self.interface, Interface::Core | Interface::Component),
        }
    }

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
