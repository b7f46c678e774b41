//! What the benches ran on, and how busy other programs kept it meanwhile.

use std::fs;
use std::process::Command;
use std::thread;

use crate::failure::{During, Outcome};
use crate::paths::Paths;
use crate::process;

/// A machine and what is installed on it. What cannot be found out is `unknown`.
pub(crate) struct Machine {
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory: String,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) wasmtime: String,
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn find(paths: &Paths) -> Outcome<Self> {
        let said = |command: &mut Command| {
            process::capture(command).map_or_else(|_| "unknown".to_owned(), |said| said.trim().to_owned())
        };
        let git = |arguments: &[&str]| said(Command::new("git").arg("-C").arg(&paths.root).args(arguments));
        let changed =
            if git(&["status", "--porcelain", "--", "benches", "crates"]).is_empty() { "" } else { ", changed" };
        let lock = paths.root.join("Cargo.lock");
        let lock: toml::Table = fs::read_to_string(&lock).during(lock.display())?.parse().during(lock.display())?;
        Ok(Machine {
            date: said(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"])),
            processor: field("/proc/cpuinfo", "model name"),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory: memory(&field("/proc/meminfo", "MemTotal")),
            kernel: format!("{} {}", said(Command::new("uname").arg("-s")), said(Command::new("uname").arg("-r"))),
            rustc: said(Command::new("rustc").arg("--version")),
            wasmtime: locked(&lock, "wasmtime").unwrap_or_else(|| "unknown".to_owned()),
            commit: format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"])),
        })
    }
}

/// The first `name : value` of a file.
fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// `24000000 kB` in GiB.
fn memory(kilobytes: &str) -> String {
    let number = kilobytes.split_whitespace().next().and_then(|number| number.parse::<u64>().ok());
    number.map_or_else(|| "unknown".to_owned(), |number| format!("{} GiB", (number + (1 << 19)) >> 20))
}

fn locked(lock: &toml::Table, name: &str) -> Option<String> {
    let package = lock
        .get("package")?
        .as_array()?
        .iter()
        .find(|package| package.get("name").and_then(toml::Value::as_str) == Some(name))?;
    Some(package.get("version")?.as_str()?.to_owned())
}

/// The processor time that was spent since a moment, on the whole machine and by the programs that this one started.
pub(crate) struct Load {
    whole: Option<Whole>,
    own: Option<u64>,
}

/// Clock ticks, summed over all cores.
#[derive(Clone, Copy)]
struct Whole {
    busy: u64,
    all: u64,
}

impl Load {
    pub(crate) fn start() -> Self {
        Load { whole: whole(), own: own() }
    }

    /// How many cores other programs kept busy since then, on average; none where the system does not tell.
    pub(crate) fn others(&self) -> Option<f64> {
        let (before, after) = (self.whole?, whole()?);
        let own = own()?.saturating_sub(self.own?);
        let busy = after.busy.saturating_sub(before.busy).saturating_sub(own);
        let all = after.all.saturating_sub(before.all).max(1);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Some(busy as f64 / all as f64 * cores as f64)
    }
}

/// The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)).
fn whole() -> Option<Whole> {
    parse_whole(&fs::read_to_string("/proc/stat").ok()?)
}

fn parse_whole(text: &str) -> Option<Whole> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|ticks| ticks.parse().ok()).collect();
    let all = ticks.iter().sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Some(Whole { busy: all - idle, all })
}

/// What this process and the children that it waited for have used.
fn own() -> Option<u64> {
    parse_own(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Behind the name, which is in parentheses: field 3 and on; 14 to 17 are utime, stime, cutime and cstime (proc(5)).
fn parse_own(text: &str) -> Option<u64> {
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(4).map_while(|ticks| ticks.parse().ok()).collect();
    (ticks.len() == 4).then(|| ticks.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::{locked, memory, parse_own, parse_whole};

    #[test]
    fn ticks_are_found_where_the_system_writes_them() {
        let whole = parse_whole("cpu  10 1 5 100 7 2 3 4 0 0\ncpu0 1 1 1 1\n").unwrap();
        assert_eq!((whole.busy, whole.all), (25, 132));
        assert!(parse_whole("intr 1").is_none());
        assert_eq!(parse_own("1 (a) b) S 2 3 4 5 6 7 8 9 10 11 100 20 3 4 20 0"), Some(127));
        assert!(parse_own("1 (a) S").is_none());
    }

    #[test]
    fn versions_and_sizes_are_read() {
        let lock = "[[package]]\nname = \"other\"\nversion = \"1.0.0\"\n[[package]]\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(locked(&lock.parse().unwrap(), "wasmtime").as_deref(), Some("48.0.8"));
        assert_eq!(memory("24105432 kB"), "23 GiB");
        assert_eq!(memory("much"), "unknown");
    }
}
