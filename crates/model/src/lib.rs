//! Plain data: the words that every room of the house shares.
//!
//! Values, limits, grants, pipelines, verdicts, receipts and diagnostics, with their documented JSON shapes.
//!
//! Invariants: nothing here performs I/O, reads a clock or names an engine; every shape that a user sees
//! (the run document, a receipt, a verdict) is defined here and nowhere else.
#![forbid(unsafe_code)]

mod blob;
mod diagnostic;
mod digest;
mod flow;
mod grants;
mod limits;
mod pipeline;
mod profile;
mod reading;
mod receipt;
mod run_document;
mod simulated;
mod source;
mod template;
mod testing;
mod value;
mod verdict;

pub use blob::{BLOB_THRESHOLD, Blob, BlobError, BlobKind, BlobRef, MAX_ATTACHED, attach_blobs, escaped};
pub use diagnostic::{Code, Diagnostic, Diagnostics, ErrorDocument, Location};
pub use digest::{Digest, DigestError};
pub use flow::{Backoff, Concurrency, Fallback, FallbackTo, Foreach, Jitter, OnFailure, Retry, VerdictSet};
pub use grants::{DirGrant, DirMode, Grants, NetGrant, NetGrantError, SecretTooShort, Secrets, Source};
pub use limits::{
    COMPONENT_MEMORY_CEILING, COMPONENT_MEMORY_FLOOR, LimitKind, LimitOverrides, LimitViolation, Limits, Policy,
    format_bytes, format_duration,
};
pub use pipeline::{
    Builtin, Dialect, Emits, InputSpec, InputType, OutputFormat, Pipeline, Schedule, Step, Strategy, UnitSource,
    UnitSpec, With,
};
pub use profile::Profile;
pub use receipt::{EngineName, Frame, Interface, PassedOver, Receipt, Routing, Usage};
pub use run_document::{RunDocument, RunError, RunVerdict, StepReport, SubRun};
pub use simulated::{Failing, Simulated, Takes};
pub use source::{Language, SourceText, SourceUnit};
pub use template::{Expression, Part, Reference, Template};
pub use testing::{Budget, Expected, TestCase, TestInput};
pub use value::{Input, Object, Value};
pub use verdict::{ExitCode, SkipReason, TrapKind, Verdict, VerdictKind};
