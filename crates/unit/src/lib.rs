//! What a WebAssembly binary is: its interface, exports, imports and the grants that it would need, read from the bytes.
//!
//! Nothing is compiled or run here, and nothing in the bytes is trusted: a hostile binary gives an error, never a panic.
//!
//! Invariant: every room that asks what a unit is asks here; no other crate parses WebAssembly to classify it.
#![forbid(unsafe_code)]

mod budget;
mod built;
mod caps;
mod component;
mod core_module;
mod error;
mod features;
mod function;
mod hashed;
mod import;
mod info;
mod inspect;
mod signature;
mod start;
mod wit;

pub use built::{BUILT_SECTION, BuiltFunction};
pub use caps::Cap;
pub use error::{InspectError, LooksLike};
pub use features::features;
pub use function::{FunctionError, FunctionInfo, Parameter};
pub use hashed::HashedBytes;
pub use import::{PREVIEW1, PREVIEW1_MODULE, missing_import_help};
pub use info::{ImportInfo, ImportKind, Interpreter, Preview, Producer, Unit, UnitInfo};
pub use signature::{ComponentFunction, TypeDefinition, TypeReference};
pub use start::DeferredStart;
