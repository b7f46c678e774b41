//! What a step is allowed beyond computing.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Where a step's clock or randomness comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The same for every run: a clock that starts at the run's declared time, a stream seeded by the unit and its input.
    #[default]
    Virtual,
    /// The machine's own. A step with this is no longer a pure function of its input.
    Real,
}

/// The capabilities of one step. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Grants {
    /// The environment that a command sees; nothing is inherited from the host.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
    /// The arguments of a command, after its own name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// The clock.
    pub clock: Source,
    /// The source of randomness.
    pub random: Source,
}

impl Grants {
    /// Whether a step with these grants is a pure function of its input.
    pub fn is_pure(&self) -> bool {
        self.clock == Source::Virtual && self.random == Source::Virtual
    }
}
