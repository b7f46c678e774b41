//! How a step is metered.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DirMode, Grants, Source};

/// How a step is metered, and what that costs. Memory, time, output and log are limited in every profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Fuel and time. The default.
    #[default]
    Metered,
    /// Time only: the unit computes faster, and its receipt tells no fuel. A step that limits its fuel cannot have it.
    Fast,
    /// As `metered`, with one bit pattern for every NaN and a clock that stands still; real clocks, randomness and the network
    /// cannot be granted. Every machine gives the same bytes.
    Deterministic,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 3] = [Profile::Metered, Profile::Fast, Profile::Deterministic];

    /// The name in manifests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Profile::Metered => "metered",
            Profile::Fast => "fast",
            Profile::Deterministic => "deterministic",
        }
    }

    /// The grants that a step of this profile cannot have: the key in `grants:`, and what is granted there.
    pub fn refused(self, grants: &Grants) -> Vec<(&'static str, &'static str)> {
        if self != Profile::Deterministic {
            return Vec::new();
        }
        let writes = grants.dirs.values().any(|dir| dir.mode == DirMode::Rw);
        let all = [
            (grants.clock == Source::Real, "clock", "the real clock"),
            (grants.random == Source::Real, "random", "real randomness"),
            (!grants.net.is_empty(), "net", "the network"),
            (writes, "dirs", "folders to write to"),
        ];
        all.into_iter().filter(|(granted, _, _)| *granted).map(|(_, key, what)| (key, what)).collect()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
