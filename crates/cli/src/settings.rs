//! What the arguments mean, together with the environment: typed values that the verbs work with.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcetera::BaseStrategy as _;
use wasmill_artifact::BuildCache;
use wasmill_engine_wasmtime::Compiler;
use wasmill_model::{Grants, Language, LimitOverrides, OutputFormat, Policy, Profile, Secrets, Strategy};
use wasmill_runtime::{Inject, Overrides};
use wasmill_toolchain::{Confinement, Mode};

use crate::args::{
    BuildArgs, BuildModeArgs, CacheMode, CallArgs, CheckArgs, DevArgs, EachArgs, EnginesArgs, ExecArgs, ExportArgs,
    HostArgs, LimitArgs, PlanArgs, ReplayArgs, RequestArgs, RunArgs, SimArgs, SourceArgs, TestArgs, is_stdin,
};
use crate::each::{EachSettings, RowSource};
use crate::failure::Failure;
use crate::toolchain::ToolchainSettings;
use crate::{env_vars, grants, policy_file, secrets};

/// What `run` works with.
#[derive(Debug)]
pub(crate) struct RunSettings {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// The `--input`s as written: what they mean depends on the pipeline.
    pub(crate) inputs: Vec<String>,
    /// The rows that it is run for; none where it is run once.
    pub(crate) each: Option<EachSettings>,
    /// Whether references to large values in inputs stand for the values.
    pub(crate) allow_blobs: bool,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
    /// Where and how guests run.
    pub(crate) host: HostSettings,
    /// What answers of former runs are taken for calls.
    pub(crate) reuse: ReuseSettings,
    /// Whether it runs again when a file changes.
    pub(crate) watch: Watch,
    /// Where stdin says what is run: how.
    pub(crate) request: Option<RequestSettings>,
}

/// A run request on stdin.
#[derive(Debug)]
pub(crate) struct RequestSettings {
    /// The folder that paths are relative to; none: the working directory.
    pub(crate) units: Option<PathBuf>,
    /// The folder of large values, where the caller named one.
    pub(crate) blobs: Option<PathBuf>,
}

/// What answers of former runs are taken for calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReuseSettings {
    /// The folder that they are kept in; none where the user has no home.
    pub(crate) folder: Option<PathBuf>,
    /// Whether pure calls are made twice, and their answers compared.
    pub(crate) verify: bool,
}

/// Whether a pipeline runs again when a file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// It runs once.
    No,
    /// One run below the other.
    InLines,
    /// The last run only, where stderr is a terminal.
    InPlace,
}

/// What `check` works with.
#[derive(Debug)]
pub(crate) struct CheckSettings {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Where stdin has it: how.
    pub(crate) request: Option<RequestSettings>,
    /// The host's word on limits.
    pub(crate) policy: Policy,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
}

/// How units are fetched from URLs.
#[derive(Debug, Clone)]
pub(crate) struct SourceSettings {
    /// The folder that they are kept in; none where the user has no home.
    pub(crate) folder: Option<PathBuf>,
    /// Whether a unit is fetched whose digest is not declared.
    pub(crate) allow_unpinned: bool,
    /// How units are built from source.
    pub(crate) toolchain: ToolchainSettings,
}

/// What `plan` works with.
#[derive(Debug)]
pub(crate) struct PlanSettings {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// Where stdin has it: how.
    pub(crate) request: Option<RequestSettings>,
    /// The host's word on limits.
    pub(crate) policy: Policy,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
    /// What the flags say.
    pub(crate) overrides: Overrides,
    /// Whether the units are accepted as they are.
    pub(crate) accept: bool,
}

/// What `test` works with.
#[derive(Debug)]
pub(crate) struct TestSettings {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// The cases that are asked for; none: all.
    pub(crate) names: Vec<String>,
    /// Whether what is found is written into the manifest.
    pub(crate) update: bool,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
    /// Where and how guests run.
    pub(crate) host: HostSettings,
}

/// What `export` works with.
#[derive(Debug)]
pub(crate) struct ExportSettings {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// The `--input`s as written.
    pub(crate) inputs: Vec<String>,
    /// A run that was made; else it is made now.
    pub(crate) run: Option<PathBuf>,
    /// The bundle's file; none: stdout.
    pub(crate) out: Option<PathBuf>,
    /// Whether references to large values in inputs stand for the values.
    pub(crate) allow_blobs: bool,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
    /// Where and how guests run.
    pub(crate) host: HostSettings,
}

/// What `replay` works with.
#[derive(Debug)]
pub(crate) struct ReplaySettings {
    /// The bundle.
    pub(crate) file: PathBuf,
    /// Whether all of it has to be computed.
    pub(crate) verify: bool,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
    /// Where and how guests run.
    pub(crate) host: HostSettings,
}

/// What `sim` works with.
#[derive(Debug)]
pub(crate) struct SimulationSettings {
    /// The manifest.
    pub(crate) file: PathBuf,
    /// The `--input`s as written.
    pub(crate) inputs: Vec<String>,
    /// How many seeds.
    pub(crate) seeds: u64,
    /// The only one.
    pub(crate) seed: Option<u64>,
    /// Under which strategy that is, where it is not the pipeline's.
    pub(crate) strategy: Option<Strategy>,
    /// Failures that calls are made to have.
    pub(crate) inject: Vec<Inject>,
    /// Whether hosts die.
    pub(crate) crash_anywhere: bool,
    /// The run document that outcomes are taken from.
    pub(crate) from: Option<PathBuf>,
    /// How units are fetched.
    pub(crate) sources: SourceSettings,
    /// Where and how guests run.
    pub(crate) host: HostSettings,
    /// What to run to see one of its runs again, without the seed.
    pub(crate) command: String,
}

/// What `call` works with.
#[derive(Debug)]
pub(crate) struct CallSettings {
    /// The unit's file, or `-`.
    pub(crate) unit: String,
    /// Function and arguments as written: what they mean depends on the unit.
    pub(crate) args: Vec<String>,
    /// The `--input`s as written.
    pub(crate) inputs: Vec<String>,
    /// How an output without a type is read.
    pub(crate) output: OutputFormat,
    /// What the unit may do.
    pub(crate) grants: Grants,
    /// Where and how guests run.
    pub(crate) host: HostSettings,
}

/// What `exec` works with.
#[derive(Debug)]
pub(crate) struct ExecSettings {
    /// The source itself; else the first argument names its file.
    pub(crate) code: Option<String>,
    /// Its language, where one was named.
    pub(crate) lang: Option<Language>,
    /// The function that is asked for.
    pub(crate) function: Option<String>,
    /// How its unit is called.
    pub(crate) call: CallSettings,
    /// How it is built.
    pub(crate) toolchain: ToolchainSettings,
}

/// What `build` works with.
#[derive(Debug)]
pub(crate) struct BuildSettings {
    /// The pipeline, or a source.
    pub(crate) file: PathBuf,
    /// The language of a source, where one was named.
    pub(crate) lang: Option<Language>,
    /// The function of a source.
    pub(crate) function: Option<String>,
    /// Where units are written to.
    pub(crate) out: Option<PathBuf>,
    /// Whether everything is built twice.
    pub(crate) check: bool,
    /// The `--input`s of a run request, where one is asked for.
    pub(crate) request: Option<Vec<String>>,
    /// The host's word on trust.
    pub(crate) policy: Policy,
    /// How it is built.
    pub(crate) toolchain: ToolchainSettings,
}

/// Where and how guests run.
#[derive(Debug)]
pub(crate) struct HostSettings {
    /// The host's word on limits.
    pub(crate) policy: Policy,
    /// What this run wants otherwise than the manifest says, for every step.
    pub(crate) overrides: Overrides,
    /// The values of secrets, for steps that are granted them.
    pub(crate) secrets: Secrets,
    /// The folder that core dumps are written into; it is there.
    pub(crate) coredump: Option<PathBuf>,
    /// The folder that profiles of guests are written into; it is there.
    pub(crate) guest_profiles: Option<PathBuf>,
    /// The folder of compiled code; none where the user has no home.
    pub(crate) cache: Option<PathBuf>,
    /// The folder of large values; none where the user has no home.
    pub(crate) blobs: Option<PathBuf>,
    /// How many threads run guests.
    pub(crate) workers: NonZeroUsize,
    /// Which process compiles.
    pub(crate) compiler: CompilerChoice,
}

/// `engines`
#[derive(Debug)]
pub(crate) struct EnginesSettings {
    /// The host's word on which engines steps may use.
    pub(crate) policy: Policy,
    /// Which process compiles.
    pub(crate) compiler: CompilerChoice,
}

/// Which process compiles units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompilerChoice {
    /// A child.
    Child {
        /// The most bytes of its memory.
        memory: u64,
        /// The most time for one unit.
        timeout: Duration,
    },
    /// This one.
    InProcess,
}

/// Settings of `run`.
///
/// # Errors
/// A policy or a secret that cannot be read, or an environment variable that makes no sense.
pub(crate) fn run(args: RunArgs) -> Result<RunSettings, Failure> {
    let sources = sources(&args.sources)?;
    let watch = if args.watch { Watch::InLines } else { Watch::No };
    let (file, allow_blobs) = (args.file(), args.allow_blobs);
    let request = request(&file, args.request, args.host.blobs.clone())?;
    if request.is_some() && (args.watch || args.each.each.is_some()) {
        return Err(Failure::usage(
            "`-` is a run request on stdin, which is run once",
            "`--watch` and `--each` take the file of a pipeline",
        ));
    }
    let EachArgs { each, fail_fast, jobs } = args.each;
    let each = each.map(|rows| {
        let rows = if rows.as_os_str() == "-" { RowSource::Stdin } else { RowSource::File(rows) };
        EachSettings { rows, jobs, fail_fast }
    });
    let mut host = host(args.limits, args.host)?;
    host.overrides.cache = args.cache.map(|mode| mode == CacheMode::Auto);
    let reuse = ReuseSettings { folder: results_folder(), verify: args.verify };
    Ok(RunSettings { file, inputs: args.input, each, allow_blobs, sources, host, reuse, watch, request })
}

fn request(file: &Path, args: RequestArgs, blobs: Option<PathBuf>) -> Result<Option<RequestSettings>, Failure> {
    match (is_stdin(file), args.units) {
        (true, units) => Ok(Some(RequestSettings { units, blobs })),
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Failure::usage(
            "`--units` is for a run request on stdin: `wasmill run - --units DIR`",
            "the paths of a file are relative to its own folder",
        )),
    }
}

/// Settings of `dev`: `run --watch`, shown in one place.
///
/// # Errors
/// As [`run`].
pub(crate) fn dev(args: DevArgs) -> Result<RunSettings, Failure> {
    let sources = sources(&args.sources)?;
    let host = host(args.limits, args.host)?;
    let watch = Watch::InPlace;
    let reuse = ReuseSettings { folder: results_folder(), verify: false };
    let (file, inputs) = (args.file, args.input);
    let (each, request) = (None, None);
    Ok(RunSettings { file, inputs, each, allow_blobs: false, sources, host, reuse, watch, request })
}

/// Settings of `test`.
///
/// # Errors
/// As [`run`].
pub(crate) fn test(args: TestArgs) -> Result<TestSettings, Failure> {
    let TestArgs { file, names, update, sources, limits, host } = args;
    Ok(TestSettings { file, names, update, sources: self::sources(&sources)?, host: self::host(limits, host)? })
}

/// Settings of `export`.
///
/// # Errors
/// As [`run`].
pub(crate) fn export(args: ExportArgs) -> Result<ExportSettings, Failure> {
    let ExportArgs { file, input, run, out, allow_blobs, sources, limits, host } = args;
    let out = out.filter(|out| out.as_os_str() != "-");
    let (sources, host) = (self::sources(&sources)?, self::host(limits, host)?);
    Ok(ExportSettings { file, inputs: input, run, out, allow_blobs, sources, host })
}

/// Settings of `replay`.
///
/// # Errors
/// As [`run`].
pub(crate) fn replay(args: ReplayArgs) -> Result<ReplaySettings, Failure> {
    let ReplayArgs { file, verify, limits, host } = args;
    let none = SourceArgs { allow_unpinned: false, trust: false };
    Ok(ReplaySettings { file, verify, sources: sources(&none)?, host: self::host(limits, host)? })
}

/// Settings of `exec`.
///
/// # Errors
/// As [`call`].
pub(crate) fn exec(args: ExecArgs) -> Result<ExecSettings, Failure> {
    let toolchain = ToolchainSettings { reading: overrides(args.limits.clone()).limits, ..built_as(&args.build)? };
    let unit = String::new();
    let ExecArgs { words, code, lang, function, input, output_format, grants, limits, host, .. } = args;
    let call = call(CallArgs { unit, args: words, input, output_format, grants, limits, host })?;
    Ok(ExecSettings { code, lang, function, call, toolchain })
}

/// Settings of `build`.
///
/// # Errors
/// An environment variable that makes no sense.
pub(crate) fn build(args: BuildArgs) -> Result<BuildSettings, Failure> {
    let toolchain = built_as(&args.mode)?;
    let BuildArgs { file, lang, function, out, check, request, input, policy, .. } = args;
    let policy = policy_file::find(policy.policy.as_deref())?;
    let request = request.then_some(input);
    Ok(BuildSettings { file, lang, function, out, check, request, policy, toolchain })
}

fn built_as(args: &BuildModeArgs) -> Result<ToolchainSettings, Failure> {
    let mode = if args.debug { Mode::Debug } else { Mode::Release };
    let BuildModeArgs { optimize, rebuild, trust, .. } = *args;
    Ok(ToolchainSettings { mode, optimize, again: rebuild, trust, ..toolchain()? })
}

/// Settings of `check`.
///
/// # Errors
/// A policy that cannot be read.
pub(crate) fn check(args: CheckArgs) -> Result<CheckSettings, Failure> {
    let sources = sources(&args.sources)?;
    let request = request(&args.file, args.request, None)?;
    Ok(CheckSettings { file: args.file, request, policy: policy_file::find(args.policy.policy.as_deref())?, sources })
}

fn sources(args: &SourceArgs) -> Result<SourceSettings, Failure> {
    let toolchain = ToolchainSettings { trust: args.trust, ..toolchain()? };
    Ok(SourceSettings { folder: units_folder(), allow_unpinned: args.allow_unpinned, toolchain })
}

/// How units are built from source, as the environment says it.
///
/// # Errors
/// An environment variable that makes no sense.
pub(crate) fn toolchain() -> Result<ToolchainSettings, Failure> {
    let usual = Confinement::default();
    Ok(ToolchainSettings {
        tools: tools_folder(),
        builds: if keeps_builds()? { builds_folder() } else { None },
        capacity: limit(env_vars::WASMILL_BUILDS_SIZE, BuildCache::CAPACITY, wasmill_manifest::parse_size)?,
        time_to_live: builds_time_to_live()?,
        caches: folder(env_vars::WASMILL_TOOL_CACHES, "toolchain"),
        memory: limit(env_vars::WASMILL_BUILD_MEMORY, usual.memory, wasmill_manifest::parse_size)?,
        timeout: limit(env_vars::WASMILL_BUILD_TIMEOUT, usual.timeout, wasmill_manifest::parse_duration)?,
        mode: Mode::Release,
        optimize: false,
        trust: false,
        again: false,
        reading: LimitOverrides::default(),
        code: cache_folder(),
        compiler: compiler()?,
        made: Arc::default(),
    })
}

/// The folder that `cargo xtask setup` fills; none where the user has no home.
pub(crate) fn tools_folder() -> Option<PathBuf> {
    folder(env_vars::WASMILL_TOOLS, "tools")
}

fn keeps_builds() -> Result<bool, Failure> {
    for name in [env_vars::WASMILL_BUILDS, env_vars::WASM_CACHE_ENABLED] {
        match std::env::var(name).unwrap_or_default().to_ascii_lowercase().as_str() {
            "" => {}
            "0" | "false" | "no" | "off" => return Ok(false),
            "1" | "true" | "yes" | "on" => return Ok(true),
            other => {
                let message = format!("`{name}={other}` says neither yes nor no");
                return Err(Failure::usage(message, "write `1` or `0`, or leave it out"));
            }
        }
    }
    Ok(true)
}

fn builds_time_to_live() -> Result<Option<Duration>, Failure> {
    let own = limit(env_vars::WASMILL_BUILDS_TTL, Duration::MAX, wasmill_manifest::parse_duration)?;
    if own != Duration::MAX {
        return Ok(Some(own));
    }
    let seconds = |text: &str| text.parse().map(Duration::from_secs).map_err(|_| "give a number of seconds".to_owned());
    let of_seed = limit(env_vars::WASM_CACHE_TTL, Duration::MAX, seconds)?;
    Ok((of_seed != Duration::MAX).then_some(of_seed))
}

/// Settings of `engines`.
///
/// # Errors
/// A policy that cannot be read.
pub(crate) fn engines(args: &EnginesArgs) -> Result<EnginesSettings, Failure> {
    Ok(EnginesSettings { policy: policy_file::find(args.policy.policy.as_deref())?, compiler: compiler()? })
}

/// Settings of `sim`.
///
/// # Errors
/// As [`run`].
pub(crate) fn sim(args: SimArgs) -> Result<SimulationSettings, Failure> {
    let sources = sources(&args.sources)?;
    let SimArgs { file, seeds, seed, strategy, inject, crash_anywhere, from, input, limits, host, .. } = args;
    let command = sim_command(&file, &inject, crash_anywhere, from.as_deref(), &input);
    let (inputs, strategy) = (input, strategy.map(Into::into));
    let host = self::host(limits, host)?;
    Ok(SimulationSettings { file, inputs, seeds, seed, strategy, inject, crash_anywhere, from, sources, host, command })
}

/// What to run to see a simulated run again, without its seed. Flags that change no simulated run are left out.
fn sim_command(file: &Path, inject: &[Inject], crash_anywhere: bool, from: Option<&Path>, inputs: &[String]) -> String {
    let quoted = |text: &str| {
        let is_plain = |one: char| one.is_alphanumeric() || "-_./=:@,+".contains(one);
        if !text.is_empty() && text.chars().all(is_plain) {
            text.to_owned()
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    let mut command = format!("wasmill sim {}", quoted(&file.display().to_string()));
    for input in inputs {
        command += &format!(" --input {}", quoted(input));
    }
    for Inject { step, verdict, count } in inject {
        command += &format!(" --inject {}", quoted(&format!("{step}={verdict}:{count}")));
    }
    if let Some(from) = from {
        command += &format!(" --from {}", quoted(&from.display().to_string()));
    }
    if crash_anywhere {
        command += " --crash-anywhere";
    }
    command
}

/// Settings of `plan`.
///
/// # Errors
/// A policy that cannot be read.
pub(crate) fn plan(args: PlanArgs) -> Result<PlanSettings, Failure> {
    let overrides = overrides(args.limits);
    let policy = policy_file::find(args.policy.policy.as_deref())?;
    let request = request(&args.file, args.request, None)?;
    let (file, sources, accept) = (args.file, sources(&args.sources)?, args.accept);
    if accept && request.is_some() {
        return Err(Failure::usage(
            "a run request on stdin has no lock",
            "name the pipeline's file to accept its units",
        ));
    }
    Ok(PlanSettings { file, request, policy, sources, overrides, accept })
}

fn overrides(LimitArgs { memory, fuel, timeout, profile, engine, allow_weaker }: LimitArgs) -> Overrides {
    Overrides {
        limits: LimitOverrides { memory, fuel, timeout, ..LimitOverrides::default() },
        profile: profile.map(Profile::from),
        engines: engine,
        allow_weaker,
        cache: None,
    }
}

/// Settings of `call`.
///
/// # Errors
/// A grant that is none, a policy or a secret that cannot be read, or an environment variable that makes no sense.
pub(crate) fn call(args: CallArgs) -> Result<CallSettings, Failure> {
    let host = host(args.limits, args.host)?;
    let mut grants = grants::read(args.grants)?;
    // Here nobody but the caller could grant a secret, and nobody gives one that the unit is not to have.
    grants.secrets = host.secrets.names().map(str::to_owned).collect();
    if let Some(name) = grants.secrets.iter().find(|name| grants.env.contains_key(*name)) {
        let message = format!("`{name}` is given by `--secret` and by `--env`, and the unit can see only one of them");
        return Err(Failure::usage(message, "leave one of them out"));
    }
    Ok(CallSettings {
        unit: args.unit,
        args: args.args,
        inputs: args.input,
        output: args.output_format.into(),
        grants,
        host,
    })
}

fn host(args: LimitArgs, host: HostArgs) -> Result<HostSettings, Failure> {
    Ok(HostSettings {
        policy: policy_file::find(host.policy.policy.as_deref())?,
        overrides: overrides(args),
        secrets: secrets::read(&host.secret)?,
        coredump: host.coredump.map(|folder| made("core dumps", folder)).transpose()?,
        guest_profiles: host.guest_profile.map(|folder| made("profiles", folder)).transpose()?,
        cache: cache_folder(),
        blobs: host.blobs.or_else(blobs_folder),
        workers: workers()?,
        compiler: compiler()?,
    })
}

/// Sees to it that the folder is there: a file that cannot be written is noticed too late.
fn made(what: &str, folder: PathBuf) -> Result<PathBuf, Failure> {
    match std::fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(error) => {
            let message = format!("{what} cannot be written into `{}`: {error}", folder.display());
            Err(Failure::usage(message, "name a folder, or a place where one can be made"))
        }
    }
}

/// The folder of compiled code; none where the user has no home.
pub(crate) fn cache_folder() -> Option<PathBuf> {
    folder(env_vars::WASMILL_CACHE_DIR, "code")
}

/// The folder of fetched units; none where the user has no home.
pub(crate) fn units_folder() -> Option<PathBuf> {
    folder(env_vars::WASMILL_UNITS_DIR, "units")
}

/// The folder of units that were built from source; none where the user has no home.
pub(crate) fn builds_folder() -> Option<PathBuf> {
    let of_seed = std::env::var_os(env_vars::WASM_CACHE_DIR).filter(|folder| !folder.is_empty());
    if std::env::var_os(env_vars::WASMILL_BUILDS_DIR).is_none_or(|folder| folder.is_empty())
        && let Some(folder) = of_seed
    {
        return Some(folder.into());
    }
    folder(env_vars::WASMILL_BUILDS_DIR, "builds")
}

/// The folder of answers of pure calls; none where the user has no home.
pub(crate) fn results_folder() -> Option<PathBuf> {
    folder(env_vars::WASMILL_RESULTS_DIR, "results")
}

/// The folder of large values; none where the user has no home.
pub(crate) fn blobs_folder() -> Option<PathBuf> {
    folder(env_vars::WASMILL_BLOBS_DIR, "blobs")
}

fn folder(variable: &str, name: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(variable).filter(|folder| !folder.is_empty()) {
        return Some(folder.into());
    }
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("wasmill").join(name))
}

/// How many threads run guests.
///
/// # Errors
/// The environment variable is no such number.
pub(crate) fn workers() -> Result<NonZeroUsize, Failure> {
    match std::env::var(env_vars::WASMILL_WORKERS) {
        Ok(text) if !text.is_empty() => text.parse().map_err(|_| {
            Failure::usage(
                format!("`{}={text}` is no number of threads", env_vars::WASMILL_WORKERS),
                "give a whole number from 1, or leave it out for one thread a core",
            )
        }),
        _ => Ok(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
    }
}

/// What an environment variable says, or else the usual.
fn limit<T>(name: &str, usual: T, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, Failure>
where
    T: Default + PartialEq,
{
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => {
            let found = parse(&text).and_then(|limit| {
                if limit == T::default() {
                    Err("give more than zero, or `unset` it for the default".to_owned())
                } else {
                    Ok(limit)
                }
            });
            found.map_err(|help| Failure::usage(format!("`{name}={text}` is no such limit"), help))
        }
        _ => Ok(usual),
    }
}

/// A child, unless the environment says otherwise.
///
/// # Errors
/// An environment variable that makes no sense.
pub(crate) fn compiler() -> Result<CompilerChoice, Failure> {
    match std::env::var(env_vars::WASMILL_COMPILER).unwrap_or_default().as_str() {
        "" | "child" => Ok(CompilerChoice::Child {
            memory: limit(env_vars::WASMILL_COMPILE_MEMORY, Compiler::MEMORY, wasmill_manifest::parse_size)?,
            timeout: limit(env_vars::WASMILL_COMPILE_TIMEOUT, Compiler::TIMEOUT, wasmill_manifest::parse_duration)?,
        }),
        "in-process" => Ok(CompilerChoice::InProcess),
        other => Err(Failure::usage(
            format!("`{}={other}` names no way to compile", env_vars::WASMILL_COMPILER),
            "write `child` (the default) or `in-process`",
        )),
    }
}
