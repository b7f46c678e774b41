//! The dependency law: which crate may name which.
//!
//! Crates stand in tiers, and use lower tiers only. Some names are reserved for some crates, and some crates may not have some
//! names. Dependencies of tests are free. A pattern ends in `*` or is a whole name.

use cargo_metadata::{DependencyKind, Package};

use crate::tidy::Violation;

/// From the bottom to the top.
const TIERS: [&[&str]; 8] = [
    &["wasmill-model"],
    &["wasmill-unit", "wasmill-expression"],
    &[
        "wasmill-manifest",
        "wasmill-plan",
        "wasmill-engine",
        "wasmill-artifact",
        "wasmill-instrument",
        "wasmill-witjson",
    ],
    &["wasmill-preview1"],
    &["wasmill-engine-*", "wasmill-toolchain", "wasmill-runtime"],
    &["wasmill-store-*", "wasmill-bus-*", "wasmill-request"],
    &["wasmill-server"],
    &["wasmill-cli", "wasmill-wasi", "wasmill-web"],
];

/// Crates outside the tiers, which may use every crate of the house.
const OUTSIDE: [&str; 3] = ["wasmill-benches", "wasmill-fuzzing", "wasmill-testkit"];

/// What only some may name: dependency, crates, why.
const RESERVED: [(&str, &[&str], &str); 9] = [
    ("wasm-bindgen*", &["wasmill-engine-web", "wasmill-web", "xtask"], "only they know JavaScript"),
    ("js-sys", &["wasmill-engine-web", "wasmill-web"], "only they know JavaScript"),
    (
        "wasmtime*",
        &["wasmill-engine-wasmtime", "wasmill-witjson", "wasmill-artifact", "wasmill-benches", "wasmill-fuzzing"],
        "the engine is behind the traits of wasmill-engine",
    ),
    ("clap*", &["wasmill-cli", "wasmill-server", "xtask"], "only binaries have a command line"),
    ("miette", &["wasmill-cli", "wasmill-server"], "libraries return errors; the binary shows them"),
    ("indicatif", &["wasmill-cli"], "only the binary shows progress"),
    ("opentelemetry*", &["wasmill-cli", "wasmill-server"], "libraries tell observers; only binaries export"),
    ("axum*", &["wasmill-cli", "wasmill-server"], "only they know HTTP shapes"),
    ("wasmill-testkit", &[], "it is for tests: `[dev-dependencies]`"),
];

/// What some may not name: crate, dependencies, why.
const FORBIDDEN: [(&str, &[&str], &str); 4] = [
    ("wasmill-runtime", &["wasmill-engine-*"], "the runtime is given its engines"),
    (
        "wasmill-runtime",
        &["rusqlite*", "sqlx*", "libsqlite3-sys", "async-nats", "nats*"],
        "the runtime names no database and no broker; it has ports",
    ),
    ("wasmill-plan", &["tokio*", "futures*", "async-*", "smol*"], "the plan is a state machine and performs no I/O"),
    ("xtask", &["wasmill-*", "wasmtime*"], "xtask is built in seconds, and works while the rest does not compile"),
];

/// One crate names another, not for tests alone.
#[derive(Debug)]
pub(super) struct Edge {
    from: String,
    to: String,
    /// The manifest that says so.
    place: String,
}

/// What `cargo metadata` says, dependencies of tests left out.
pub(super) fn edges(packages: &[&Package]) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in packages {
        let place = match package.manifest_path.parent().map(|folder| folder.file_name().unwrap_or_default()) {
            Some(folder) if package.name.starts_with("wasmill-") && folder != "benches" => {
                format!("crates/{folder}/Cargo.toml")
            }
            Some(folder) => format!("{folder}/Cargo.toml"),
            None => package.manifest_path.to_string(),
        };
        // Every crate is judged, one without dependencies too.
        edges.push(Edge { from: package.name.to_string(), to: String::new(), place: place.clone() });
        for dependency in &package.dependencies {
            if dependency.kind != DependencyKind::Development {
                edges.push(Edge { from: package.name.to_string(), to: dependency.name.clone(), place: place.clone() });
            }
        }
    }
    edges
}

pub(super) fn check(edges: &[Edge]) -> Vec<Violation> {
    edges.iter().flat_map(judge).collect()
}

fn judge(edge: &Edge) -> Vec<Violation> {
    let Edge { from, to, place } = edge;
    let mut violations = Vec::new();
    let mut broken = |what: String, remedy: String| violations.push(Violation::new(place, what, remedy));
    if to.is_empty() {
        if from.starts_with("wasmill-") && tier(from).is_none() && !OUTSIDE.contains(&from.as_str()) {
            broken(
                format!("`{from}` stands in no tier"),
                "give it a place in TIERS of xtask/src/tidy/law.rs".to_owned(),
            );
        }
        return violations;
    }
    if let (Some(own), Some(other)) = (tier(from), tier(to))
        && other >= own
    {
        let relation = if other == own { "its own tier" } else { "a higher tier" };
        broken(
            format!("`{from}` uses `{to}`, which stands in {relation}"),
            "move what both need to a lower crate, or turn it into a trait there".to_owned(),
        );
    }
    for (pattern, allowed, why) in RESERVED {
        if matches(pattern, to) && !allowed.contains(&from.as_str()) {
            let allowed = if allowed.is_empty() { "tests alone".to_owned() } else { allowed.join(", ") };
            broken(format!("`{from}` names `{to}`, which is for {allowed}"), why.to_owned());
        }
    }
    for (owner, patterns, why) in FORBIDDEN {
        if from == owner && patterns.iter().any(|pattern| matches(pattern, to)) {
            broken(format!("`{from}` may not name `{to}`"), why.to_owned());
        }
    }
    violations
}

fn tier(name: &str) -> Option<usize> {
    TIERS.iter().position(|tier| tier.iter().any(|pattern| matches(pattern, name)))
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::{Edge, check, tier};

    /// What is said about one edge.
    fn said(from: &str, to: &str) -> Vec<String> {
        let edge = Edge { from: from.to_owned(), to: to.to_owned(), place: "crates/x/Cargo.toml".to_owned() };
        check(&[edge]).into_iter().map(|violation| violation.what).collect()
    }

    #[test]
    fn downwards_is_lawful() {
        for (from, to) in [
            ("wasmill-manifest", "wasmill-expression"),
            ("wasmill-engine-wasmtime", "wasmill-witjson"),
            ("wasmill-engine-wasmtime", "wasmtime-wasi"),
            ("wasmill-engine-wasmi", "wasmill-preview1"),
            ("wasmill-store-sqlite", "wasmill-runtime"),
            ("wasmill-cli", "wasmill-engine-wasmtime"),
            ("wasmill-cli", "clap"),
            ("wasmill-benches", "wasmtime"),
            ("wasmill-plan", "petgraph"),
            ("xtask", "clap"),
        ] {
            assert!(said(from, to).is_empty(), "{from} -> {to}: {:?}", said(from, to));
        }
    }

    #[test]
    fn upwards_and_sideways_are_not() {
        assert!(said("wasmill-preview1", "wasmill-engine-wasmi")[0].contains("a higher tier"));
        assert!(said("wasmill-model", "wasmill-plan")[0].contains("a higher tier"));
        assert!(said("wasmill-plan", "wasmill-manifest")[0].contains("its own tier"));
        assert!(said("wasmill-engine-wasmi", "wasmill-engine-wasmtime")[0].contains("its own tier"));
        assert!(said("wasmill-server", "wasmill-cli")[0].contains("a higher tier"));
    }

    #[test]
    fn every_reserved_name_is_refused_to_others() {
        for (from, to) in [
            ("wasmill-runtime", "wasmtime"),
            ("wasmill-cli", "wasmtime-wasi"),
            ("wasmill-manifest", "clap"),
            ("wasmill-artifact", "miette"),
            ("wasmill-runtime", "indicatif"),
            ("wasmill-runtime", "axum-extra"),
            ("wasmill-runtime", "opentelemetry_sdk"),
            ("wasmill-cli", "wasmill-testkit"),
        ] {
            assert!(said(from, to).iter().any(|what| what.contains("which is for")), "{from} -> {to}");
        }
    }

    #[test]
    fn every_forbidden_name_is_refused() {
        for (from, to) in [
            ("wasmill-runtime", "wasmill-engine-wasmtime"),
            ("wasmill-runtime", "rusqlite"),
            ("wasmill-runtime", "async-nats"),
            ("wasmill-plan", "tokio"),
            ("wasmill-plan", "futures-util"),
            ("wasmill-plan", "async-trait"),
            ("xtask", "wasmill-model"),
            ("xtask", "wasmtime"),
        ] {
            assert!(said(from, to).iter().any(|what| what.contains("may not name")), "{from} -> {to}");
        }
    }

    #[test]
    fn a_crate_without_a_tier_is_found() {
        assert!(said("wasmill-utils", "")[0].contains("no tier"));
        assert!(said("wasmill-model", "").is_empty());
        assert!(said("wasmill-testkit", "").is_empty());
        assert!(said("xtask", "").is_empty());
    }

    #[test]
    fn an_engine_is_not_the_seam() {
        assert!(tier("wasmill-engine") < tier("wasmill-engine-wasmi"));
    }
}
