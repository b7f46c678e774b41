//! The names of attributes, as docs/traces.md lists them: those of OpenTelemetry's semantic conventions where there are such, and `wasmill.*`.

/// Semantic conventions: the kind of an error; here the verdict's.
pub(super) const ERROR_TYPE: &str = "error.type";
/// Semantic conventions: the function that is called.
pub(super) const FUNCTION: &str = "code.function.name";

pub(super) const RUN: &str = "wasmill.run.id";
pub(super) const NESTED: &str = "wasmill.run.nested";
pub(super) const DISCARDED: &str = "wasmill.run.discarded";
pub(super) const PIPELINE: &str = "wasmill.pipeline.name";
pub(super) const STEPS: &str = "wasmill.pipeline.steps";
pub(super) const ROW: &str = "wasmill.row";
pub(super) const STEP: &str = "wasmill.step.id";
pub(super) const ITEM: &str = "wasmill.step.item";
pub(super) const SKIPPED: &str = "wasmill.step.skipped";
pub(super) const FALLBACK: &str = "wasmill.step.fallback";
pub(super) const ATTEMPT: &str = "wasmill.attempt";
pub(super) const VERDICT: &str = "wasmill.verdict";
pub(super) const UNIT: &str = "wasmill.unit.digest";
pub(super) const INTERFACE: &str = "wasmill.unit.interface";
pub(super) const ENGINE: &str = "wasmill.engine.name";
pub(super) const ENGINE_VERSION: &str = "wasmill.engine.version";
pub(super) const PROFILE: &str = "wasmill.profile";
pub(super) const KEPT_FROM: &str = "wasmill.kept_from";
pub(super) const FUEL: &str = "wasmill.fuel";
pub(super) const PEAK_MEMORY: &str = "wasmill.memory.peak";
pub(super) const WALL: &str = "wasmill.wall";
pub(super) const INPUT_SIZE: &str = "wasmill.input.size";
pub(super) const OUTPUT_SIZE: &str = "wasmill.output.size";
pub(super) const LOG_SIZE: &str = "wasmill.log.size";
