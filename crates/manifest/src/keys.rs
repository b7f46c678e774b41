//! Every key of the native manifest: those of this version, and those that are known to come.

/// The keys of one kind of object.
pub(crate) struct Keys {
    /// What has them: `a step`.
    pub(crate) what: &'static str,
    /// One that is right.
    pub(crate) example: &'static str,
    /// Those that are read.
    pub(crate) now: &'static [&'static str],
    /// Those of later versions, with what to do instead.
    pub(crate) later: &'static [(&'static str, &'static str)],
}

pub(crate) const PIPELINE: Keys = Keys {
    what: "a pipeline",
    example: "wasmill: 1",
    now: &[
        "wasmill",
        "name",
        "description",
        "inputs",
        "defaults",
        "schedule",
        "on_failure",
        "timeout",
        "toolchains",
        "units",
        "steps",
        "outputs",
        "budget",
        "tests",
    ],
    later: &[],
};

pub(crate) const BUDGET: Keys = Keys { what: "`budget`", example: "{ fuel: 20_000_000 }", now: &["fuel"], later: &[] };

pub(crate) const TEST: Keys = Keys {
    what: "a test",
    example: "{ inputs: { celsius: 100 }, outputs: { fahrenheit: 212 } }",
    now: &["inputs", "verdict", "outputs", "steps", "budget"],
    later: &[],
};

pub(crate) const INPUT: Keys = Keys {
    what: "an input",
    example: "{ type: string, default: EUR }",
    now: &["type", "required", "default", "description", "enum", "min", "max", "pattern"],
    later: &[],
};

pub(crate) const DEFAULTS: Keys = Keys {
    what: "`defaults`",
    example: "{ limits: { memory: 64MiB } }",
    now: &["limits", "profile", "retry", "timeout", "engine", "allow_weaker", "cache"],
    later: &[("grants", "grant to each step what it needs")],
};

pub(crate) const LIMITS: Keys = Keys {
    what: "`limits`",
    example: "{ memory: 64MiB, fuel: 2_000_000_000, timeout: 10s }",
    now: &["memory", "fuel", "timeout", "output", "log", "table_elements", "instances"],
    later: &[],
};

pub(crate) const SCHEDULE: Keys = Keys {
    what: "`schedule`",
    example: "{ strategy: work-queue, max_concurrency: 4 }",
    now: &["strategy", "max_concurrency"],
    later: &[],
};

pub(crate) const UNIT: Keys = Keys {
    what: "a unit",
    example: "{ path: units/stats.wasm }",
    now: &[
        "path", "url", "base64", "wat", "builtin", "pipeline", "program", "source", "code", "language", "function",
        "trusted", "sha256",
    ],
    later: &[],
};

pub(crate) const STEP: Keys = Keys {
    what: "a step",
    example: "{ unit: stats, with: { text: \"${{ inputs.text }}\" } }",
    now: &[
        "unit",
        "pipeline",
        "source",
        "code",
        "language",
        "trusted",
        "function",
        "with",
        "after",
        "as",
        "when",
        "foreach",
        "max_parallel",
        "retry",
        "fallback",
        "timeout",
        "concurrency",
        "emits",
        "limits",
        "profile",
        "grants",
        "engine",
        "allow_weaker",
        "cache",
        "budget",
        "simulate",
        "description",
    ],
    later: &[("cache", "leave it out; every step runs"), ("url", "write `unit: { url: … }`")],
};

pub(crate) const RETRY: Keys = Keys {
    what: "`retry`",
    example: "{ attempts: 3, initial: 200ms }",
    now: &["attempts", "backoff", "initial", "max", "jitter", "on"],
    later: &[],
};

pub(crate) const FALLBACK: Keys = Keys {
    what: "a fallback",
    example: "fallback: { value: [] }",
    now: &["value", "unit", "function", "step", "on"],
    later: &[],
};

pub(crate) const CONCURRENCY: Keys =
    Keys { what: "`concurrency`", example: "{ key: billing-api, max: 2 }", now: &["key", "max"], later: &[] };

pub(crate) const SIMULATE: Keys = Keys {
    what: "`simulate`",
    example: "simulate: { takes: 50ms..2s, fails: { timed-out: 0.1 } }",
    now: &["output", "takes", "fails"],
    later: &[],
};

pub(crate) const FAILING: Keys = Keys {
    what: "a failure of `fails`",
    example: "{ chance: 0.1, takes: 5ms }",
    now: &["chance", "takes"],
    later: &[],
};

pub(crate) const GRANTS: Keys = Keys {
    what: "`grants`",
    example: "{ env: { LANG: en }, clock: real }",
    now: &["env", "args", "dirs", "net", "clock", "random", "secrets", "functions"],
    later: &[],
};

pub(crate) const DIR: Keys =
    Keys { what: "a folder of `dirs`", example: "{ at: /models, mode: ro }", now: &["at", "mode"], later: &[] };

/// The whole of a host's `wasmill.toml`.
pub(crate) const HOST: Keys =
    Keys { what: "a host's `wasmill.toml`", example: "[policy.limits.ceilings]", now: &["policy"], later: &[] };

pub(crate) const POLICY: Keys = Keys {
    what: "`[policy]`",
    example: "[policy.limits.ceilings]",
    now: &["limits", "component", "build", "engines"],
    later: &[],
};

pub(crate) const POLICY_BUILD: Keys =
    Keys { what: "`[policy.build]`", example: "trust_manifests = false", now: &["trust_manifests"], later: &[] };

pub(crate) const POLICY_ENGINES: Keys = Keys {
    what: "`[policy.engines]`",
    example: "allow = [\"wasmtime\", \"wasmi\"]",
    now: &["allow", "allow_weaker"],
    later: &[],
};

pub(crate) const POLICY_LIMITS: Keys =
    Keys { what: "`[policy.limits]`", example: "[policy.limits.ceilings]", now: &["defaults", "ceilings"], later: &[] };

pub(crate) const POLICY_COMPONENT: Keys =
    Keys { what: "`[policy.component]`", example: "memory_ceiling = \"16MiB\"", now: &["memory_ceiling"], later: &[] };

/// The whole of a `Component.toml`.
pub(crate) const COMPONENT_FILE: Keys =
    Keys { what: "a `Component.toml`", example: "[resources.memory]", now: &["component", "resources"], later: &[] };

pub(crate) const COMPONENT: Keys =
    Keys { what: "`[component]`", example: "name = \"stats\"", now: &["name", "version", "description"], later: &[] };

pub(crate) const RESOURCES: Keys =
    Keys { what: "`[resources]`", example: "[resources.memory]", now: &["memory", "cpu"], later: &[] };

pub(crate) const RESOURCES_MEMORY: Keys =
    Keys { what: "`[resources.memory]`", example: "max_bytes = \"2MiB\"", now: &["max_bytes"], later: &[] };

pub(crate) const RESOURCES_CPU: Keys = Keys {
    what: "`[resources.cpu]`",
    example: "max_fuel = 1_000_000",
    now: &["max_fuel", "timeout_seconds"],
    later: &[],
};

/// Keys that stand elsewhere: what has them not ([`Keys::what`]), the key, and where it stands.
pub(crate) const ELSEWHERE: [(&str, &str, &str); 11] = [
    ("a pipeline", "retry", "for every step write `defaults: { retry: … }`"),
    ("a pipeline", "limits", "for every step write `defaults: { limits: … }`"),
    ("a pipeline", "profile", "for every step write `defaults: { profile: … }`"),
    (
        "a pipeline",
        "concurrency",
        "write `schedule: { max_concurrency: … }`, or `concurrency` in the steps that share something",
    ),
    ("a pipeline", "max_concurrency", "write `schedule: { max_concurrency: … }`"),
    ("a pipeline", "strategy", "write `schedule: { strategy: … }`"),
    ("a step", "on_failure", "it is the pipeline's, beside `steps`; a step has `fallback`"),
    (
        "a step",
        "max_concurrency",
        "write `concurrency: { key: …, max: … }`, or `max_parallel` for the items of `foreach`",
    ),
    ("a step", "on", "write `retry: { on: … }` or `fallback: { on: … }`"),
    ("a fallback", "with", "a fallback is called with what the step is called with"),
    ("`limits`", "attempts", "write `retry: { attempts: … }` beside `limits`"),
];
