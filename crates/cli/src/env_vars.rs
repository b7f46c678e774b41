//! Every environment variable that `wasmill` reads, each one constant.
//!
//! The table in `docs/cli.md` is written from [`ALL`].

/// The folder that compiled code is kept in. The default is `wasmill/code` in the user's cache folder (`$XDG_CACHE_HOME`, or
/// `~/.cache`; `%LOCALAPPDATA%` on Windows).
pub(crate) const WASMILL_CACHE_DIR: &str = "WASMILL_CACHE_DIR";

/// The folder that units fetched from URLs are kept in, by their digests. The default is `wasmill/units` in the user's cache folder.
pub(crate) const WASMILL_UNITS_DIR: &str = "WASMILL_UNITS_DIR";

/// The folder that large values are kept in, by their digests. The default is `wasmill/blobs` in the user's cache folder.
pub(crate) const WASMILL_BLOBS_DIR: &str = "WASMILL_BLOBS_DIR";

/// The folder that units built from source are kept in. The default is `wasmill/builds` in the user's cache folder.
pub(crate) const WASMILL_BUILDS_DIR: &str = "WASMILL_BUILDS_DIR";

/// The folder that answers of pure calls are kept in (`cache: auto`). The default is `wasmill/results` in the user's cache folder.
pub(crate) const WASMILL_RESULTS_DIR: &str = "WASMILL_RESULTS_DIR";

/// Whether built units are kept: `0` for not. The default is yes.
pub(crate) const WASMILL_BUILDS: &str = "WASMILL_BUILDS";

/// How long a built unit is used: `1h`. The default is for ever: it is kept by all that went into it.
pub(crate) const WASMILL_BUILDS_TTL: &str = "WASMILL_BUILDS_TTL";

/// The most bytes of all built units: `4GiB`. The default is 1 GiB; what was not used for longest goes first.
pub(crate) const WASMILL_BUILDS_SIZE: &str = "WASMILL_BUILDS_SIZE";

/// The seed's name for [`WASMILL_BUILDS`]: `true` or `false`.
pub(crate) const WASM_CACHE_ENABLED: &str = "WASM_CACHE_ENABLED";

/// The seed's name for [`WASMILL_BUILDS_TTL`]: seconds.
pub(crate) const WASM_CACHE_TTL: &str = "WASM_CACHE_TTL";

/// The seed's name for [`WASMILL_BUILDS_DIR`].
pub(crate) const WASM_CACHE_DIR: &str = "WASM_CACHE_DIR";

/// The folder that compilers keep their own caches in. The default is `wasmill/toolchain` in the user's cache folder.
pub(crate) const WASMILL_TOOL_CACHES: &str = "WASMILL_TOOL_CACHES";

/// The most memory of each process of a compiler that builds a unit from source: `8GiB`. The default is 4 GiB.
pub(crate) const WASMILL_BUILD_MEMORY: &str = "WASMILL_BUILD_MEMORY";

/// The most time for building one unit from source: `5m`. The default is 2 min.
pub(crate) const WASMILL_BUILD_TIMEOUT: &str = "WASMILL_BUILD_TIMEOUT";

/// How many threads run guests. The default is the number of cores.
pub(crate) const WASMILL_WORKERS: &str = "WASMILL_WORKERS";

/// The host's policy, where no `--policy` names one. The default is `wasmill/wasmill.toml` in the user's configuration folder
/// (`$XDG_CONFIG_HOME`, or `~/.config`), and then `/etc/wasmill/wasmill.toml`.
pub(crate) const WASMILL_POLICY: &str = "WASMILL_POLICY";

/// Which process compiles units: `child` (the default) or `in-process`, without its limits of memory and time, for debugging.
pub(crate) const WASMILL_COMPILER: &str = "WASMILL_COMPILER";

/// The most memory for compiling one unit: `4GiB`. The default is 2 GiB.
pub(crate) const WASMILL_COMPILE_MEMORY: &str = "WASMILL_COMPILE_MEMORY";

/// The most time for compiling one unit: `5m`. The default is 60 s.
pub(crate) const WASMILL_COMPILE_TIMEOUT: &str = "WASMILL_COMPILE_TIMEOUT";

/// The folder that `cargo xtask setup` installs tools in; `wasmill doctor` looks there too. The default is `wasmill/tools` in the
/// user's cache folder.
pub(crate) const WASMILL_TOOLS: &str = "WASMILL_TOOLS";

/// Whether the engine `wasmedge` may be used: `false` for not. The default is yes, where WasmEdge is found.
pub(crate) const WASMEDGE_ENABLED: &str = wasmill_engine_wasmedge::ENABLED;

/// The WasmEdge program. The default is `wasmedge` in the `PATH`, and then in [`WASMILL_TOOLS`].
pub(crate) const WASMEDGE_PATH: &str = wasmill_engine_wasmedge::PATH;

/// The most milliseconds of a call on `wasmedge`, where a step's own timeout is longer.
pub(crate) const WASMEDGE_TIMEOUT: &str = wasmill_engine_wasmedge::TIMEOUT;

/// The most bytes of memory of a call on `wasmedge`, where a step's own limit is higher.
pub(crate) const WASMEDGE_MEMORY_LIMIT: &str = wasmill_engine_wasmedge::MEMORY_LIMIT;

/// `true`: no telemetry, whatever else is said of it.
pub(crate) const OTEL_SDK_DISABLED: &str = "OTEL_SDK_DISABLED";

/// How many spans wait to be sent; what is more is dropped, and counted.
pub(crate) const OTEL_BSP_MAX_QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";

/// The span that this process is part of (W3C trace context).
pub(crate) const TRACEPARENT: &str = "TRACEPARENT";

/// What belongs to [`TRACEPARENT`].
pub(crate) const TRACESTATE: &str = "TRACESTATE";

/// Anything but empty: no colour, on a terminal either (`--color` is stronger).
pub(crate) const NO_COLOR: &str = "NO_COLOR";

/// Anything but `0`: colour also where the output is not a terminal (`--color` is stronger).
pub(crate) const CLICOLOR_FORCE: &str = "CLICOLOR_FORCE";

/// Name and meaning of each, for the documentation.
pub(crate) const ALL: &[(&str, &str)] = &[
    (
        WASMILL_CACHE_DIR,
        "The folder that compiled code is kept in. The default is `wasmill/code` in the user's cache folder (`$XDG_CACHE_HOME`, \
         or `~/.cache`; `%LOCALAPPDATA%` on Windows).",
    ),
    (
        WASMILL_UNITS_DIR,
        "The folder that units fetched from URLs are kept in, by their digests. The default is `wasmill/units` in the user's cache \
         folder.",
    ),
    (
        WASMILL_BLOBS_DIR,
        "The folder that values over 256 KiB are kept in, by their digests, where no `--blobs` names one. The default is \
         `wasmill/blobs` in the user's cache folder.",
    ),
    (
        WASMILL_BUILDS_DIR,
        "The folder that units built from source are kept in. The default is `$WASM_CACHE_DIR`, or `wasmill/builds` in the user's \
         cache folder.",
    ),
    (
        WASMILL_RESULTS_DIR,
        "The folder that answers of pure calls are kept in (`cache: auto`). The default is `wasmill/results` in the user's cache folder.",
    ),
    (
        WASMILL_BUILDS,
        "Whether built units are kept: `0` for not. The default is what `WASM_CACHE_ENABLED` says, or yes.",
    ),
    (
        WASMILL_BUILDS_TTL,
        "How long a built unit is used: `1h`. The default is what `WASM_CACHE_TTL` says, or for ever: it is kept by the digest of all \
         that went into it.",
    ),
    (
        WASMILL_BUILDS_SIZE,
        "The most bytes of all built units: `4GiB`. The default is 1 GiB; what was not used for longest goes first.",
    ),
    (WASM_CACHE_ENABLED, "Another name for `WASMILL_BUILDS`: `true` or `false`."),
    (WASM_CACHE_TTL, "Another name for `WASMILL_BUILDS_TTL`, in seconds."),
    (WASM_CACHE_DIR, "Another name for `WASMILL_BUILDS_DIR`; a relative one is in the current folder."),
    (
        WASMILL_TOOL_CACHES,
        "The folder that compilers keep their own caches in. The default is `wasmill/toolchain` in the user's cache folder.",
    ),
    (
        WASMILL_BUILD_MEMORY,
        "The most memory of each process of a compiler that builds a unit from source: `8GiB`. The default is 4 GiB.",
    ),
    (WASMILL_BUILD_TIMEOUT, "The most time for building one unit from source: `5m`. The default is 2 min."),
    (WASMILL_WORKERS, "How many threads run guests. The default is the number of cores."),
    (
        WASMILL_POLICY,
        "The host's policy (a `wasmill.toml`), where no `--policy` names one. The default is `wasmill/wasmill.toml` in the user's \
         configuration folder (`$XDG_CONFIG_HOME`, or `~/.config`), and then `/etc/wasmill/wasmill.toml`.",
    ),
    (
        WASMILL_COMPILER,
        "Which process compiles units: `child` (the default) or `in-process`, without its limits of memory and time, for \
         debugging.",
    ),
    (WASMILL_COMPILE_MEMORY, "The most memory for compiling one unit: `4GiB`. The default is 2 GiB."),
    (WASMILL_COMPILE_TIMEOUT, "The most time for compiling one unit: `5m`. The default is 60 s."),
    (
        WASMILL_TOOLS,
        "The folder that `cargo xtask setup` installs tools in; `wasmill doctor` looks there too. The default is `wasmill/tools` \
         in the user's cache folder.",
    ),
    (
        WASMEDGE_ENABLED,
        "Whether the engine `wasmedge` may be used: `false` for not. The default is yes, where WasmEdge is found.",
    ),
    (WASMEDGE_PATH, "The WasmEdge program. The default is `wasmedge` in the `PATH`, and then in `WASMILL_TOOLS`."),
    (WASMEDGE_TIMEOUT, "The most milliseconds of a call on `wasmedge`, where a step's own timeout is longer."),
    (WASMEDGE_MEMORY_LIMIT, "The most bytes of memory of a call on `wasmedge`, where a step's own limit is higher."),
    // Those that start with `OTEL_` are OpenTelemetry's own names; its library reads most of them.
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Where traces, metrics and logs are sent to over OTLP: `http://localhost:4318` ([traces.md](traces.md)). Without it, nothing is.          For one of them: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, `…_METRICS_ENDPOINT`, `…_LOGS_ENDPOINT`, and so with the next four.",
    ),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "`http/protobuf` (the default) or `http/json`."),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Headers of these requests: `api-key=secret,other=value`."),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "The most milliseconds of one such request. The default is 10000."),
    (
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "A file of certificates (PEM) that the collector's is held against, instead of the usual ones.",
    ),
    (
        "OTEL_TRACES_EXPORTER",
        "`none`: no traces; `otlp`: traces also without an endpoint, to `http://localhost:4318`. So with `OTEL_METRICS_EXPORTER` and          `OTEL_LOGS_EXPORTER`.",
    ),
    (OTEL_SDK_DISABLED, "`true`: nothing of this, whatever the others say."),
    ("OTEL_SERVICE_NAME", "What the service is called in traces, metrics and logs. The default is `wasmill`."),
    ("OTEL_RESOURCE_ATTRIBUTES", "What else is said of the service: `deployment.environment.name=staging,…`."),
    (
        "OTEL_TRACES_SAMPLER",
        "Which runs are traced: `always_on`, `always_off`, `traceidratio`, or with `parentbased_` in front (the default is `parentbased_always_on`).",
    ),
    ("OTEL_TRACES_SAMPLER_ARG", "Of `traceidratio`: the share of runs that are traced, from 0 to 1."),
    (
        OTEL_BSP_MAX_QUEUE_SIZE,
        "How many spans wait to be sent; what is more is dropped, and counted. The default is 16384.",
    ),
    (TRACEPARENT, "The span that runs are within (W3C trace context), as whoever starts `wasmill` hands it on."),
    (TRACESTATE, "What belongs to `TRACEPARENT`."),
    (NO_COLOR, "Anything but empty: no colour, on a terminal either (`--color` is stronger)."),
    (CLICOLOR_FORCE, "Anything but `0`: colour also where the output is not a terminal (`--color` is stronger)."),
];
