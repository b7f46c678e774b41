//! A command, what became of it, and how that is pinned in a snapshot.

use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use regex_lite::Regex;

/// A command to be run.
#[derive(Debug)]
pub struct Command {
    command: std::process::Command,
    stdin: Vec<u8>,
    /// What the temporary folder is called in snapshots.
    folder: PathBuf,
}

impl Command {
    pub(crate) fn new(command: std::process::Command, folder: PathBuf) -> Self {
        Command { command, stdin: Vec::new(), folder }
    }

    /// What it is given on stdin.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// An environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Another folder to run in.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.command.current_dir(folder.into());
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Output {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.command));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes = std::mem::take(&mut self.stdin);
        // A command that does not read its stdin closes it: that is its right.
        let writer = std::thread::spawn(move || stdin.write_all(&bytes));
        let output = child.wait_with_output().expect("a child can be waited for");
        let _ = writer.join();
        Output {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            folder: self.folder.display().to_string(),
        }
    }

    /// Starts it, with stdin closed, to be watched and signalled.
    pub fn start(self) -> Running {
        self.start_with(Stdio::null())
    }

    /// The same with an open stdin, to be [written to](Running::write).
    pub fn start_open(self) -> Running {
        self.start_with(Stdio::piped())
    }

    fn start_with(mut self, stdin: Stdio) -> Running {
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            self.command.spawn().unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.command));
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let stdout = child.stdout.take().map(BufReader::new);
        Running { child, stdout, stderr, seen: String::new(), folder: self.folder.display().to_string() }
    }
}

/// A command that is running. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Option<BufReader<std::process::ChildStdout>>,
    stderr: BufReader<std::process::ChildStderr>,
    seen: String,
    folder: String,
}

impl Running {
    /// Waits for a line on stderr that contains `text`.
    pub fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        loop {
            line.clear();
            let read = self.stderr.read_line(&mut line).expect("stderr can be read");
            assert!(read > 0, "the command ended before it said `{text}`; it said:\n{}", self.seen);
            self.seen.push_str(&line);
            if line.contains(text) {
                return;
            }
        }
    }

    /// Waits for a line on stdout, and gives it.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().expect("stdout is open");
        if stdout.read_line(&mut line).expect("stdout is text") == 0 {
            self.stderr.read_to_string(&mut self.seen).expect("stderr is text");
            panic!("the command ended before it printed a line; it said:\n{}", self.seen);
        }
        line
    }

    /// Sends a signal by its name, `INT` or `TERM`.
    pub fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill")
            .args([format!("-{name}"), self.child.id().to_string()])
            .status()
            .expect("this test needs `kill` (package procps)");
        assert!(status.success(), "the signal could not be sent");
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Closes the reading end of its stdout.
    pub fn close_stdout(&mut self) {
        drop(self.stdout.take());
    }

    /// Writes to its stdin.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let stdin = self.child.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes.as_ref()).and_then(|()| stdin.flush()).expect("the command reads its stdin");
    }

    /// Takes its stdin, to be written to from elsewhere.
    pub fn take_stdin(&mut self) -> impl Write + Send + use<> {
        self.child.stdin.take().expect("stdin is open")
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Output {
        let mut stdout = Vec::new();
        drop(self.child.stdin.take());
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).expect("stdout can be read");
        }
        let mut stderr = std::mem::take(&mut self.seen);
        self.stderr.read_to_string(&mut stderr).expect("stderr is text");
        let status = self.child.wait().expect("a child can be waited for");
        Output { code: status.code(), stdout, stderr, folder: std::mem::take(&mut self.folder) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of a command. Shown, it is its snapshot: exit code, stdout and stderr, with what differs from run to run
/// (times, run ids, temporary paths) replaced. Fuel and digests stay: they never differ.
#[derive(Debug)]
pub struct Output {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: Vec<u8>,
    /// What it wrote to stderr.
    pub stderr: String,
    folder: String,
}

impl Output {
    /// Stdout as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("stdout is text")
    }

    /// The same, after a look at the exit code.
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }
}

impl fmt::Display for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let stdout = String::from_utf8_lossy(&self.stdout);
        write!(
            formatter,
            "exit code: {code}\n----- stdout -----\n{}\n----- stderr -----\n{}",
            stable(&stdout, &self.folder).trim_end(),
            stable(&self.stderr, &self.folder).trim_end()
        )
    }
}

/// A run document without what may differ from run to run: the run's id, and times.
pub fn without_times(document: &str) -> String {
    let is_time = |line: &&str| !["\"run\": ", "\"wall_us\": "].iter().any(|key| line.trim_start().starts_with(key));
    document.lines().filter(is_time).collect::<Vec<_>>().join("\n")
}

/// What differs from run to run, replaced by what it is.
fn stable(text: &str, folder: &str) -> String {
    let filters = [
        // `1.20 ms`, with the blanks that align it in a table.
        (r" *\b\d+(\.\d+)? (ns|µs|ms|s)\b", " [TIME]"),
        (r#""wall_us": \d+"#, r#""wall_us": "[TIME]""#),
        (r#""elapsed_ms": [0-9.]+"#, r#""elapsed_ms": "[TIME]""#),
        (r#""run": "[^"]+""#, r#""run": "[RUN]""#),
        (r"[\d,]+ rows/s", "[RATE]"),
        // The header of that column follows its width.
        (r" +wall time", " wall time"),
    ];
    // A command that runs in no folder of its own has none to be hidden.
    let mut text = if folder.is_empty() { text.to_owned() } else { text.replace(folder, "[FOLDER]") };
    for (pattern, replacement) in filters {
        text = Regex::new(pattern)
            .expect("the filter is a regular expression")
            .replace_all(&text, replacement)
            .into_owned();
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_differs_is_replaced() {
        let text = "a  ok     1.20 ms  12  /tmp/x/y\n\"wall_us\": 12,\n\"run\": \"abc\"";
        let stable = super::stable(text, "/tmp/x");
        assert_eq!(stable, "a  ok [TIME]  12  [FOLDER]/y\n\"wall_us\": \"[TIME]\",\n\"run\": \"[RUN]\"");
    }
}
