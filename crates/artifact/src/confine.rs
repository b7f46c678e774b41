//! What a worker does first, before it reads a byte that is not its parent's: it gives up what it will not need.

use std::io;

/// What a worker may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Bytes of memory that is its own and writable (code and files that are only read do not count).
    pub memory: u64,
    /// Seconds of computing, all threads together; the parent's wall clock is what usually ends it.
    pub cpu_seconds: u64,
}

/// Files that may be open: stdin, stdout, stderr, and those that the system's library looks into.
#[cfg(unix)]
const FILES: u64 = 32;

/// Address space above the memory limit: program, libraries, and what threads only reserve (an arena of glibc reserves 64 MiB).
#[cfg(unix)]
const RESERVED: u64 = 16 << 30;

impl Confinement {
    /// Limits this process, for good: memory, computing time and open files; no core dumps, no files written. Where the system
    /// knows it (Linux), the process is killed with its parent.
    ///
    /// # Errors
    /// The system refuses a limit.
    #[cfg(unix)]
    pub fn apply(&self) -> io::Result<()> {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        let limits = [
            (Resource::Core, 0),
            (Resource::Fsize, 0),
            (Resource::Nofile, FILES),
            (Resource::Cpu, self.cpu_seconds.max(1)),
            (Resource::Data, self.memory),
            (Resource::As, self.memory.saturating_add(RESERVED)),
        ];
        for (resource, most) in limits {
            // What is lower already stays.
            let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
        }
        Ok(())
    }

    /// Without resource limits only the parent's clock counts.
    ///
    /// # Errors
    /// None.
    #[cfg(not(unix))]
    pub fn apply(&self) -> io::Result<()> {
        Ok(())
    }
}
