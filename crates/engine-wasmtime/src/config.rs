//! Every choice that is made about wasmtime, in one place, each with its reason.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use wasmill_model::Profile;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy};

use crate::host::HostFunctions;
use crate::state::is_metered;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most calls that run at once; further calls wait for a slot, and their clocks start when they have one.
    pub slots: u32,
    /// Where compiled code is kept between processes; nowhere if none.
    pub cache: Option<std::sync::Arc<wasmill_artifact::CodeCache>>,
    /// Bytes of compiled code and source that are kept in this process.
    pub compiled_capacity: u64,
    /// What units can call besides WASI.
    pub functions: HostFunctions,
    /// The folder that WebAssembly core dumps of trapped units are written to; none are if none. A dump has the unit's memory in
    /// it, with whatever secrets stand there: the files are the user's alone.
    pub coredumps: Option<std::path::PathBuf>,
    /// The folder that profiles of guests are written to, one for each call in which a guest ran for a millisecond or more; none are if
    /// none. <https://profiler.firefox.com> opens them. Functions and times stand in them, and no data.
    pub profiles: Option<std::path::PathBuf>,
    /// Which process compiles.
    pub compiler: Compiler,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            slots: 256,
            cache: None,
            compiled_capacity: 1 << 30,
            functions: HostFunctions::new(),
            coredumps: None,
            profiles: None,
            compiler: Compiler::default(),
        }
    }
}

/// Which process compiles units that are not in the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// This one. A unit that makes the compiler run wild takes this process with it: for units that are trusted.
    #[default]
    InProcess,
    /// A child, which is started for each unit; there are at most as many at once as the machine has cores. [`Compiler::child`]
    /// gives one with the usual limits.
    Child {
        /// The program. Its output is run as native code: it must be this program itself, or one that is trusted as much.
        program: PathBuf,
        /// Arguments with which it calls [`compile_worker`](crate::compile_worker).
        args: Vec<OsString>,
        /// The most bytes of memory that it may use.
        memory: u64,
        /// The most wall-clock time that one unit may take.
        timeout: Duration,
    },
}

impl Compiler {
    /// The memory of a child: 2 GiB.
    pub const MEMORY: u64 = 2 << 30;
    /// The time of a child: 60 s.
    pub const TIMEOUT: Duration = Duration::from_secs(60);

    /// A child with the usual limits.
    pub fn child(program: impl Into<PathBuf>, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Compiler::Child {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
            memory: Self::MEMORY,
            timeout: Self::TIMEOUT,
        }
    }
}

/// How instances get their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allocator {
    /// From slots that are reserved once: a fresh instance costs microseconds.
    Pooling,
    /// From the operating system, each time, because there is no room for a pool.
    OnDemand {
        /// Why there is no pool.
        reason: String,
    },
}

/// The most linear memories of one instance in the pool; units with more are allocated on demand.
pub(crate) const MEMORIES_PER_SLOT: u32 = 4;
/// The most tables of one instance in the pool.
pub(crate) const TABLES_PER_SLOT: u32 = 8;
/// The most core instances of one component; the policy's ceiling is the same.
const MOST_INSTANCES: u32 = 1_000;
/// Elements that a pooled table can grow to; the policy's ceiling is the same.
const POOLED_TABLE_ELEMENTS: usize = 1_000_000;
/// Memory that stays with a slot between two instances, so that it need not be faulted in again.
const KEEP_RESIDENT: usize = 1 << 20;
/// Stack of a guest; beyond it is the verdict `trap (stack-overflow)`.
const GUEST_STACK: usize = 1536 << 10;
/// Stack of the fiber that a guest and the host functions under it run on.
const FIBER_STACK: usize = 3 << 20;

/// What both allocators share: everything that compiled code depends on.
pub(crate) fn base(profile: Profile) -> Config {
    let mut config = Config::new();

    // Metering: fuel bounds work, the same on every machine. Epochs bound time: what a unit of fuel takes depends on the machine
    // and on its neighbours, so fuel alone does not.
    config.consume_fuel(is_metered(profile));
    config.epoch_interruption(true);

    // Which of the many NaNs an operation gives depends on the processor; one pattern for all costs a little at each float.
    config.cranelift_nan_canonicalization(profile == Profile::Deterministic);

    // One compiler, at the level that bare figures are quoted for.
    config.strategy(Strategy::Cranelift);
    config.cranelift_opt_level(OptLevel::Speed);
    config.parallel_compilation(true);

    // Off: proposals that add host state, races or nondeterminism, and that no language needs today.
    config.wasm_threads(false);
    config.shared_memory(false);
    config.wasm_memory64(false);
    config.wasm_gc(false);
    config.gc_support(false);
    config.wasm_function_references(false);
    config.wasm_exceptions(false);
    config.wasm_stack_switching(false);
    config.wasm_relaxed_simd(false);
    config.relaxed_simd_deterministic(true);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
    config.wasm_shared_everything_threads(false);
    // Off: it would triple the price of a warm component call.
    config.concurrency_support(false);

    // On: what compilers emit by default, and SIMD, which is deterministic.
    config.wasm_simd(true);
    config.wasm_bulk_memory(true);
    config.wasm_multi_value(true);
    config.wasm_multi_memory(true);
    config.wasm_reference_types(true);
    config.wasm_extended_const(true);
    config.wasm_tail_call(true);
    config.wasm_component_model(true);

    // Stacks.
    config.max_wasm_stack(GUEST_STACK);
    config.async_stack_size(FIBER_STACK);

    // Backtraces with names; `file:line` where the unit has DWARF.
    config.wasm_backtrace_max_frames(std::num::NonZeroUsize::new(64));
    config.wasm_backtrace_details(wasmtime::WasmBacktraceDetails::Enable);
    // Nobody unwinds through guests: registering frames costs at every load.
    config.native_unwind_info(false);

    // A fresh instance maps the unit's initial memory instead of copying it.
    config.memory_init_cow(true);
    config
}

/// Instances from a pool of `slots`.
pub(crate) fn pooling(profile: Profile, slots: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_memories(slots.saturating_mul(MEMORIES_PER_SLOT));
    pool.total_tables(slots.saturating_mul(TABLES_PER_SLOT));
    pool.total_stacks(slots);
    // A counter only, so it is never what a unit within its limits runs into.
    pool.total_core_instances(slots.saturating_mul(MOST_INSTANCES));
    pool.total_component_instances(slots);
    pool.max_core_instances_per_component(MOST_INSTANCES);
    pool.max_memories_per_component(MEMORIES_PER_SLOT);
    pool.max_tables_per_component(TABLES_PER_SLOT);
    pool.max_memories_per_module(MEMORIES_PER_SLOT);
    pool.max_tables_per_module(TABLES_PER_SLOT);
    pool.max_core_instance_size(16 << 20);
    pool.max_component_instance_size(16 << 20);
    pool.max_memory_size(4 << 30);
    pool.table_elements(POOLED_TABLE_ELEMENTS);
    pool.max_unused_warm_slots(slots);
    pool.linear_memory_keep_resident(KEEP_RESIDENT);
    pool.table_keep_resident(64 << 10);
    pool.async_stack_keep_resident(64 << 10);
    // Where the kernel can tell which pages were touched, only those are cleared: a flat cost at any memory size.
    pool.pagemap_scan(Enabled::Auto);
    let mut config = base(profile);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Instances from the operating system.
pub(crate) fn on_demand(profile: Profile) -> Config {
    let mut config = base(profile);
    config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
    config
}

/// For a process that only compiles: code is the same as with a pool, which would reserve address space.
pub(crate) fn compiling(profile: Profile) -> Config {
    on_demand(profile)
}
