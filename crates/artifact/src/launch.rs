//! Somebody else's program, kept in: what it may read and write, its resources, and no network.
//!
//! A [`Worker`](crate::Worker) starts this very program with the arguments that [`Launch::args`] makes; its `main` calls [`launch`], which gives up
//! everything else for good and becomes the wanted program. So nothing has to be done between `fork` and `exec`, and what holds for the
//! program holds for all that it starts.
//!
//! Files are kept from it by Landlock (Linux 5.13), TCP by Landlock (6.7), and every network by a network namespace of its own where the
//! system lets one be made. Where a system knows none of these, resources are still limited.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A program, and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Bytes of memory that is its own and writable, for each process.
    pub memory: u64,
    /// Seconds of computing, for each process.
    pub cpu_seconds: u64,
    /// The most bytes of a file that it writes.
    pub file_size: u64,
    /// Files and folders that it may read and start programs from, besides the system's own. Those that are not there are left out.
    pub readable: Vec<PathBuf>,
    /// Folders that it may read and write.
    pub writable: Vec<PathBuf>,
    /// Whether it may use the network.
    pub network: bool,
    /// Whether it may read every file that this user may read: for what is trusted.
    pub all_files: bool,
}

/// What every program needs to start at all. Nothing of the user's is here.
#[cfg(target_os = "linux")]
const SYSTEM: [&str; 25] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix/store",
    "/gnu/store",
    "/opt/wasi-sdk",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/ssl/openssl.cnf",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/self",
    "/sys/devices/system/cpu",
    "/sys/kernel/mm/transparent_hugepage",
];

/// Files that may be open.
#[cfg(unix)]
const FILES: u64 = 4096;

/// What a program cannot be started for, as the launcher's exit code.
const NOT_STARTED: u8 = 126;

const MEMORY: &str = "memory";
const CPU: &str = "cpu";
const FILE_SIZE: &str = "file-size";
const READ: &str = "read";
const WRITE: &str = "write";
const NETWORK: &str = "network";
const ALL_FILES: &str = "all-files";
const PROGRAM: &str = "program";

impl Launch {
    /// The arguments that [`launch`] reads.
    pub fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut say = |key: &str, value: &OsStr| args.extend([key.into(), value.into()]);
        for (key, number) in [(MEMORY, self.memory), (CPU, self.cpu_seconds), (FILE_SIZE, self.file_size)] {
            say(key, number.to_string().as_ref());
        }
        for path in &self.readable {
            say(READ, path.as_os_str());
        }
        for path in &self.writable {
            say(WRITE, path.as_os_str());
        }
        if self.network {
            say(NETWORK, OsStr::new("yes"));
        }
        if self.all_files {
            say(ALL_FILES, OsStr::new("yes"));
        }
        say(PROGRAM, self.program.as_os_str());
        args.extend(self.args.iter().cloned());
        args
    }

    fn from_args(args: impl IntoIterator<Item = OsString>) -> Option<Self> {
        let mut args = args.into_iter();
        let mut launch = Launch {
            program: PathBuf::new(),
            args: Vec::new(),
            memory: 0,
            cpu_seconds: 0,
            file_size: 0,
            readable: Vec::new(),
            writable: Vec::new(),
            network: false,
            all_files: false,
        };
        loop {
            let (key, value) = (args.next()?, args.next()?);
            let number = || value.to_str()?.parse::<u64>().ok();
            match key.to_str()? {
                MEMORY => launch.memory = number()?,
                CPU => launch.cpu_seconds = number()?,
                FILE_SIZE => launch.file_size = number()?,
                READ => launch.readable.push(value.into()),
                WRITE => launch.writable.push(value.into()),
                NETWORK => launch.network = true,
                ALL_FILES => launch.all_files = true,
                PROGRAM => {
                    launch.program = value.into();
                    launch.args = args.collect();
                    return Some(launch);
                }
                _ => return None,
            }
        }
    }

    /// Limits this process for good.
    ///
    /// # Errors
    /// The system refuses a limit that it knows.
    #[cfg(target_os = "linux")]
    pub fn confine(&self) -> io::Result<()> {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        if !self.network {
            // Without the right to it, TCP is kept away below.
            crate::mapped::unshare_network();
        }
        self.keep_from_files()?;
        self.limit_resources()
    }

    /// … as far as this system knows how.
    ///
    /// # Errors
    /// As there.
    #[cfg(not(target_os = "linux"))]
    pub fn confine(&self) -> io::Result<()> {
        #[cfg(unix)]
        self.limit_resources()?;
        Ok(())
    }

    #[cfg(unix)]
    fn limit_resources(&self) -> io::Result<()> {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limits = [
            (Resource::Core, 0),
            (Resource::Fsize, self.file_size),
            (Resource::Nofile, FILES),
            (Resource::Cpu, self.cpu_seconds.max(1)),
            // Not the address space: runtimes with their own memory managers reserve hundreds of gigabytes.
            (Resource::Data, self.memory),
        ];
        for (resource, most) in limits {
            // What is lower already stays.
            let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
            setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn keep_from_files(&self) -> io::Result<()> {
        use landlock::{
            ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules,
        };

        let newest = ABI::V5;
        let no_rules = |error: landlock::RulesetError| io::Error::other(error.to_string());
        let mut rules = Ruleset::default();
        if !self.all_files {
            rules = rules.handle_access(AccessFs::from_all(newest)).map_err(no_rules)?;
        }
        if !self.network {
            rules = rules.handle_access(AccessNet::from_all(newest)).map_err(no_rules)?;
        }
        if self.all_files && self.network {
            return Ok(());
        }
        let mut rules = rules.scope(Scope::from_all(ABI::V6)).and_then(Ruleset::create).map_err(no_rules)?;
        if !self.all_files {
            let writing = AccessFs::from_all(newest) & !AccessFs::IoctlDev;
            let device = AccessFs::ReadFile | AccessFs::WriteFile;
            rules = rules
                .add_rules(path_beneath_rules(SYSTEM, AccessFs::from_read(newest)))
                .and_then(|rules| rules.add_rules(path_beneath_rules(["/dev/null"], device)))
                .and_then(|rules| rules.add_rules(path_beneath_rules(&self.readable, AccessFs::from_read(newest))))
                .and_then(|rules| rules.add_rules(path_beneath_rules([&self.program], AccessFs::from_read(newest))))
                .and_then(|rules| rules.add_rules(path_beneath_rules(&self.writable, writing)))
                .map_err(no_rules)?;
        }
        rules.restrict_self().map_err(no_rules).map(drop)
    }
}

/// The program's own side: reads what [`Launch::args`] made, confines this process, and becomes the wanted program.
///
/// To be called first thing in `main`, by a process with one thread. It only returns where there is nothing to become.
pub fn launch(args: impl IntoIterator<Item = OsString>) -> (ExitCode, String) {
    let failed = |message: String| (ExitCode::from(NOT_STARTED), message);
    let Some(launch) = Launch::from_args(args) else {
        return failed("this verb is for Wasmill itself".to_owned());
    };
    if let Err(error) = launch.confine() {
        return failed(format!("it could not be confined: {error}"));
    }
    failed(become_program(&launch.program, &launch.args))
}

#[cfg(unix)]
fn become_program(program: &Path, args: &[OsString]) -> String {
    let error = std::os::unix::process::CommandExt::exec(std::process::Command::new(program).args(args));
    format!("`{}` cannot be started: {error}", program.display())
}

#[cfg(not(unix))]
fn become_program(program: &Path, args: &[OsString]) -> String {
    match std::process::Command::new(program).args(args).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => format!("`{}` cannot be started: {error}", program.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_survives_the_command_line() {
        let launch = Launch {
            program: "/usr/bin/some program".into(),
            args: vec!["program".into(), "--read".into(), String::new().into()],
            memory: 1 << 40,
            cpu_seconds: 3,
            file_size: 0,
            readable: vec!["program".into(), "/a b".into()],
            writable: vec!["write".into()],
            network: true,
            all_files: false,
        };
        assert_eq!(Launch::from_args(launch.args()), Some(launch));
        assert_eq!(Launch::from_args(["memory".into(), "x".into()]), None);
        assert_eq!(Launch::from_args(["memory".into()]), None);
    }
}
