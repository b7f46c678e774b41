//! What whoever runs says about where units may come from.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{MAX_UNIT_SIZE, UnitCache};

/// What is told how far a unit was fetched.
pub type Watcher = dyn Fn(Progress<'_>) + Send + Sync;

/// How units are fetched from URLs, and where they are kept. Units in files and in text need none of it.
///
/// `Sources::default()` keeps nothing and fetches only units whose digest is declared.
pub struct Sources {
    /// Where fetched units are kept by their digests; none: every load fetches.
    pub units: Option<UnitCache>,
    /// Whether a unit is fetched whose digest is not declared. It is fetched at every load, and never kept.
    pub allow_unpinned: bool,
    /// The most bytes of a fetched unit; [`MAX_UNIT_SIZE`] where this is larger.
    pub max_size: u64,
    /// The most time to find a host, and the most to connect to it with TLS: 10 s.
    pub connect_timeout: Duration,
    /// The most time for one unit, with all its redirects: 60 s.
    pub timeout: Duration,
    /// A file of certificates (PEM). Where it is given, only servers are trusted that one of them vouches for; without it, those that
    /// Mozilla's list does.
    pub certificates: Option<PathBuf>,
    /// Whether the first of `ALL_PROXY`, `HTTPS_PROXY` and `HTTP_PROXY` that is set is the proxy, but for hosts of `NO_PROXY`.
    pub environment_proxy: bool,
    /// Is told as a unit is fetched, from the thread that loads it.
    pub progress: Option<Box<Watcher>>,
}

impl Default for Sources {
    fn default() -> Self {
        Sources {
            units: None,
            allow_unpinned: false,
            max_size: MAX_UNIT_SIZE,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            certificates: None,
            environment_proxy: true,
            progress: None,
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sources")
            .field("units", &self.units)
            .field("allow_unpinned", &self.allow_unpinned)
            .field("max_size", &self.max_size)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("certificates", &self.certificates)
            .field("environment_proxy", &self.environment_proxy)
            .finish_non_exhaustive()
    }
}

/// How far a unit was fetched: told when its server answered, and at least every 64 KiB after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The URL that was asked for, without a query's values.
    pub url: &'a str,
    /// Bytes so far.
    pub received: u64,
    /// Bytes in all, as the server says; none where it does not.
    pub total: Option<u64>,
}
