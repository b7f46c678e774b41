//! Which WasmEdge is used, and how.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use wasmill_model::LimitOverrides;

use wasmill_artifact::{CodeCache, Launch};

/// The variable that turns the engine off: `false`, `0`, `no` or `off`.
pub const ENABLED: &str = "WASMEDGE_ENABLED";
/// The variable that names the program: a path, or a name on the PATH.
pub const PATH: &str = "WASMEDGE_PATH";
/// The variable that lowers the time of every call: milliseconds.
pub const TIMEOUT: &str = "WASMEDGE_TIMEOUT";
/// The variable that lowers the memory of every call: bytes.
pub const MEMORY_LIMIT: &str = "WASMEDGE_MEMORY_LIMIT";

/// Which WasmEdge is used, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether it is used at all.
    pub enabled: bool,
    /// The program that the user names: a path, or a name that is looked for.
    pub program: Option<PathBuf>,
    /// The folders that it is looked for in: those of the PATH, then others.
    pub folders: Vec<PathBuf>,
    /// The most time of a call, where that is less than the call's own limit.
    pub timeout: Option<Duration>,
    /// The most bytes of memory of a call, where that is less than the call's own limit.
    pub memory: Option<u64>,
    /// The program that calls [`wasmill_artifact::launch`] when it is started with these arguments first: this very one, most likely. None:
    /// WasmEdge is started without resource limits and with every file of the user's in reach, and counts as no sandbox.
    pub launcher: Option<(PathBuf, Vec<OsString>)>,
    /// Where compiled units are kept between processes: a cache of WasmEdge's own.
    pub cache: Option<Arc<CodeCache>>,
    /// How long WasmEdge's compiler may take for a unit.
    pub compile_timeout: Duration,
    /// The most processes at a time.
    pub processes: usize,
    /// How long it may take to say its version.
    pub patience: Duration,
}

impl Default for Settings {
    /// Enabled, by the name `wasmedge`, in no folder; no launcher, no cache; five minutes to compile; as many
    /// processes as there are cores; ten seconds to say its version.
    fn default() -> Self {
        Settings {
            enabled: true,
            program: None,
            folders: Vec::new(),
            timeout: None,
            memory: None,
            launcher: None,
            cache: None,
            compile_timeout: Duration::from_secs(300),
            processes: std::thread::available_parallelism().map_or(1, usize::from),
            patience: Duration::from_secs(10),
        }
    }
}

/// A variable that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is `{value}`; it is {expected}")]
pub struct SettingsError {
    /// Its name.
    pub variable: &'static str,
    /// What it is.
    pub value: String,
    /// What it should be.
    pub expected: &'static str,
}

/// The most gas that WasmEdge can be told to stop at: no call has more fuel.
const MOST_GAS: u64 = i32::MAX as u64;

impl Settings {
    /// Limits that no call on this engine goes over.
    pub fn at_most(&self) -> LimitOverrides {
        LimitOverrides { timeout: self.timeout, memory: self.memory, fuel: Some(MOST_GAS), ..LimitOverrides::default() }
    }

    /// How a program is started with no more than this: as it is, where there is no launcher.
    pub(crate) fn command(&self, launch: Launch) -> (PathBuf, Vec<OsString>) {
        match &self.launcher {
            None => (launch.program, launch.args),
            Some((launcher, first)) => (launcher.clone(), first.iter().cloned().chain(launch.args()).collect()),
        }
    }

    /// These, with what variables say: `variable` gives the value of one by its name. Empty ones count as not set.
    ///
    /// # Errors
    /// The first that cannot be understood.
    pub fn with_variables(mut self, variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let set = |name: &'static str| variable(name).filter(|value| !value.is_empty());
        let fail = |variable, value: &OsString, expected| SettingsError {
            variable,
            value: value.to_string_lossy().into_owned(),
            expected,
        };
        if let Some(value) = set(ENABLED) {
            self.enabled = match value.to_string_lossy().trim().to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => true,
                "0" | "false" | "no" | "off" => false,
                _ => return Err(fail(ENABLED, &value, "`true` or `false`")),
            };
        }
        let number = |value: &OsString| value.to_str()?.trim().parse::<u64>().ok().filter(|number| *number > 0);
        if let Some(value) = set(TIMEOUT) {
            let millis = number(&value).ok_or_else(|| fail(TIMEOUT, &value, "a number of milliseconds, at least 1"))?;
            self.timeout = Some(Duration::from_millis(millis));
        }
        if let Some(value) = set(MEMORY_LIMIT) {
            let bytes = number(&value).ok_or_else(|| fail(MEMORY_LIMIT, &value, "a number of bytes, at least 1"))?;
            self.memory = Some(bytes);
        }
        if let Some(value) = set(PATH) {
            self.program = Some(value.into());
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        Settings::default().with_variables(find)
    }

    #[test]
    fn variables_say_what_is_used() {
        let settings =
            read(&[(ENABLED, "False"), (PATH, "/opt/w"), (TIMEOUT, "1500"), (MEMORY_LIMIT, " 65536 ")]).unwrap();
        assert!(!settings.enabled);
        assert_eq!(settings.program, Some("/opt/w".into()));
        assert_eq!(settings.timeout, Some(Duration::from_millis(1500)));
        assert_eq!(settings.memory, Some(65_536));
        let silent = read(&[(ENABLED, ""), (PATH, ""), (TIMEOUT, "")]).unwrap();
        assert!(silent.enabled && silent.program.is_none() && silent.timeout.is_none() && silent.memory.is_none());
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (variable, value) in [
            (ENABLED, "maybe"),
            (TIMEOUT, "30s"),
            (TIMEOUT, "0"),
            (TIMEOUT, "-1"),
            (MEMORY_LIMIT, "128MB"),
            (MEMORY_LIMIT, "1e9"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert_eq!(error.variable, variable);
            assert!(error.to_string().contains(&format!("`{value}`")), "{error}");
        }
    }
}
