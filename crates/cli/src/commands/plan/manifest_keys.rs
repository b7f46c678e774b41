//! Which limits a manifest names, and where: a step is given to the plan with the `defaults` laid under its own.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use wasmill_manifest::Format;
use wasmill_model::LimitKind;

use super::From;

/// The keys below `limits` of the steps and of `defaults`.
#[derive(Debug, Default)]
pub(super) struct Written {
    defaults: BTreeSet<String>,
    tree: Value,
}

/// Reads the file again, as plain data. One that cannot be read so (it was read before) names nothing.
pub(super) fn read(path: &Path, text: &str) -> Written {
    let tree: Option<Value> = match Format::of(path) {
        Format::Yaml | Format::Json => serde_saphyr::from_str(text).ok(),
        Format::Toml => toml::from_str(text).ok(),
    };
    let tree = tree.unwrap_or_default();
    Written { defaults: keys(tree.pointer("/defaults/limits")), tree }
}

fn keys(limits: Option<&Value>) -> BTreeSet<String> {
    limits.and_then(Value::as_object).into_iter().flat_map(|limits| limits.keys().cloned()).collect()
}

impl Written {
    /// Whose word it is that this limit of the step is what it is.
    pub(super) fn who(&self, step: &str, limit: LimitKind) -> From {
        let key = limit.to_string();
        let own = self.tree.get("steps").and_then(|steps| steps.get(step)).and_then(|step| step.get("limits"));
        if own.is_some_and(|limits| limits.get(&key).is_some()) {
            From::Step
        } else if self.defaults.contains(&key) {
            From::Defaults
        } else {
            From::Manifest
        }
    }
}
