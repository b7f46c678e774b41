//! What the system gives: cores, threads, and the address space that the pool of instances reserves.

use std::fs;
use std::thread::available_parallelism;

use wasmill_model::format_bytes;

use super::{Check, Status};
use crate::env_vars::WASMILL_WORKERS;
use crate::settings;

const TOPIC: &str = "machine";

/// Mappings that a process should be allowed; 256 slots, their stacks and some hundred modules stay below half of that.
const MAPPINGS: u64 = 65_530;

pub(super) fn look() -> Vec<Check> {
    let mut checks = vec![workers()];
    checks.extend(address_space());
    checks.extend(number("/proc/sys/vm/overcommit_memory").map(overcommit));
    checks.extend(number("/proc/sys/vm/max_map_count").map(mappings));
    checks
}

fn workers() -> Check {
    let cores = available_parallelism().map_or(1, usize::from);
    let named = std::env::var(WASMILL_WORKERS).unwrap_or_default();
    match settings::workers() {
        Ok(workers) => {
            let why = if named.is_empty() { "one a core" } else { "as WASMILL_WORKERS says" };
            Check::ok(TOPIC, "threads", format!("{cores} cores; {workers} threads run guests, {why}"))
        }
        Err(_) => Check::ok(TOPIC, "threads", format!("`{WASMILL_WORKERS}={named}` is no number of threads"))
            .but(Status::Error, format!("`unset {WASMILL_WORKERS}`, or give a whole number from 1")),
    }
}

#[cfg(unix)]
fn address_space() -> Option<Check> {
    use rustix::process::{Resource, getrlimit};

    Some(match getrlimit(Resource::As).current {
        None => Check::ok(TOPIC, "address space", "unlimited"),
        // A terabyte holds the pool: 256 slots of four memories of 4 GiB are what it reserves, and only reserves.
        Some(bytes) => Check::ok(TOPIC, "address space", format!("limited to {}", format_bytes(bytes))).but(
            Status::Warning,
            "`ulimit -v unlimited`: the pool of instances only reserves addresses, it does not use them",
        ),
    })
}

#[cfg(not(unix))]
fn address_space() -> Option<Check> {
    None
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn overcommit(mode: u64) -> Check {
    match mode {
        2 => {
            Check::ok(TOPIC, "overcommit", "vm.overcommit_memory is 2: the system counts memory that is only reserved")
                .but(Status::Warning, "`sysctl -w vm.overcommit_memory=0`, if the pool of instances cannot be made")
        }
        mode => Check::ok(TOPIC, "overcommit", format!("vm.overcommit_memory is {mode}")),
    }
}

fn mappings(most: u64) -> Check {
    let check = Check::ok(TOPIC, "mappings", format!("vm.max_map_count is {most}"));
    if most < MAPPINGS {
        check.but(Status::Warning, format!("`sysctl -w vm.max_map_count={MAPPINGS}`: many instances at once need them"))
    } else {
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_is_seen() {
        assert_eq!(overcommit(0).status, Status::Ok);
        assert_eq!(overcommit(2).status, Status::Warning);
        assert_eq!(mappings(1_048_576).status, Status::Ok);
        assert_eq!(mappings(1_000).status, Status::Warning);
        assert!(mappings(1_000).remedy.is_some_and(|remedy| remedy.contains("sysctl")));
    }
}
