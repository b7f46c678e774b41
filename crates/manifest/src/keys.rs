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
        "units",
        "steps",
        "outputs",
    ],
    later: &[
        ("budget", "set `limits` on the steps, or `defaults: { limits: … }`"),
        ("toolchains", "compile the unit beforehand, and name it with `path: unit.wasm`"),
        ("tests", "leave it out; a later version runs them"),
        ("cache", "leave it out; every step runs"),
        ("retry", "leave it out; a failed step ends the run"),
        ("concurrency", "use `schedule: { max_concurrency: … }`"),
        ("timeout", "use `defaults: { limits: { timeout: … } }`"),
    ],
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
    now: &["limits"],
    later: &[
        ("retry", "leave it out; a failed step ends the run"),
        ("engine", "name the engine on each step, or use `--engine`"),
        ("grants", "grant to each step what it needs"),
        ("cache", "leave it out; every step runs"),
    ],
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
    now: &["path", "base64", "wat", "sha256"],
    later: &[
        ("url", "download the unit, and name it with `path`"),
        ("language", "compile the unit beforehand, and name it with `path: unit.wasm`"),
        ("source", "compile the unit beforehand, and name it with `path: unit.wasm`"),
        ("code", "compile the unit beforehand, and name it with `path: unit.wasm`"),
        ("trusted", "compile the unit beforehand, and name it with `path: unit.wasm`"),
        ("pipeline", "put the steps of the other pipeline into this one"),
    ],
};

pub(crate) const STEP: Keys = Keys {
    what: "a step",
    example: "{ unit: stats, with: { text: \"${{ inputs.text }}\" } }",
    now: &["unit", "function", "with", "after", "as", "limits", "grants", "engine", "description"],
    later: &[
        ("retry", "leave it out; a failed step ends the run"),
        ("when", "leave it out; every step runs"),
        ("foreach", "give the whole list to the unit"),
        ("max_parallel", "use `schedule: { max_concurrency: … }`"),
        ("fallback", "leave it out; a failed step ends the run"),
        ("budget", "set `limits`"),
        ("cache", "leave it out; every step runs"),
        ("concurrency", "use `schedule: { max_concurrency: … }`"),
        ("pipeline", "put the steps of the other pipeline into this one"),
        ("language", "compile the unit beforehand, and name it with `unit: { path: unit.wasm }`"),
        ("source", "compile the unit beforehand, and name it with `unit: { path: unit.wasm }`"),
        ("code", "compile the unit beforehand, and name it with `unit: { path: unit.wasm }`"),
        ("url", "download the unit, and name it with `unit: { path: … }`"),
        ("timeout", "write `limits: { timeout: … }`"),
        ("on_failure", "leave it out; a failed step ends the run"),
    ],
};

pub(crate) const GRANTS: Keys = Keys {
    what: "`grants`",
    example: "{ env: { LANG: en }, clock: real }",
    now: &["env", "args", "clock", "random"],
    later: &[
        ("net", "give the step what it would fetch as an input"),
        ("dirs", "give the step the files' content as an input: `--input name=@file`"),
        ("secrets", "leave it out; there is nothing yet that hands secrets to a unit"),
        ("host", "leave it out; there are no host functions yet"),
    ],
};

/// Strategies of later versions.
pub(crate) const LATER_STRATEGIES: [&str; 2] = ["level", "reactive"];

/// What a failed step may do to the run, in later versions.
pub(crate) const LATER_ON_FAILURE: [&str; 2] = ["continue", "best-effort"];
