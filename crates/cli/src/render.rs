//! Errors for people: code, message, the place in the file, and what to do.
//!
//! One rendering for terminals and files alike (only colour differs, and `anstream` sees to that), so that what a test pins
//! is what a user sees.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use indexmap::IndexMap;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, SourceSpan};
use wasmill_model::{Diagnostic, Location};

/// Faint text: what helps, but is not the news.
pub(crate) const DIM: Style = Style::new().dimmed();
/// A heading.
pub(crate) const BOLD: Style = Style::new().bold();
/// Good news.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// Bad news.
pub(crate) const RED: Style = AnsiColor::Red.on_default();
/// Neither.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The longest line that is shown around an error: base64 in a manifest has longer ones.
const LONGEST_LINE: usize = 240;
const WIDTH: usize = 120;
/// The errors that are shown: nobody reads thousands, and each has a snippet that must be found.
const MOST: usize = 100;

/// The texts of the files that errors may point into, by the name that the user gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(IndexMap<Arc<str>, Arc<str>>);

impl Sources {
    /// The text of one file.
    pub(crate) fn one(name: &str, text: &str) -> Self {
        Sources(IndexMap::from([(name.into(), text.into())]))
    }

    /// One text more.
    pub(crate) fn add(&mut self, name: &str, text: &str) {
        self.0.insert(name.into(), text.into());
    }

    /// Those of others.
    pub(crate) fn extend(&mut self, others: &Sources) {
        self.0.extend(others.0.iter().map(|(name, text)| (name.clone(), text.clone())));
    }

    /// The text of a file.
    pub(crate) fn text(&self, name: &str) -> Option<Arc<str>> {
        self.0.get(name).cloned()
    }

    /// The text that a location points into, where a snippet of it can be shown.
    fn snippet(&self, location: &Location) -> Option<&Arc<str>> {
        let text = self.0.get(&location.file)?;
        let (before, _) = text.split_at_checked(location.offset)?;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let has_line = location.line > 0 && start < text.len();
        // Those before and after it are shown, too.
        let around = before.get(..start)?.lines().next_back().into_iter().chain(text.get(start..)?.lines().take(2));
        let is_short = around.map(str::len).all(|length| length <= LONGEST_LINE);
        (has_line && is_short).then_some(text)
    }
}

/// These, each with its snippet, and how many they are.
pub(crate) fn diagnostics(all: &[Diagnostic], sources: &Sources) -> String {
    let shown = all.iter().take(MOST);
    let mut text = shown.map(|one| diagnostic(one, sources)).collect::<Vec<_>>().join("\n");
    if all.len() > MOST {
        let _ = writeln!(
            text,
            "\n{RED}{} errors{RED:#}: the first {MOST} are shown, `--output json` gives all of them",
            all.len()
        );
    } else if all.len() > 1 {
        let _ = writeln!(text, "\n{RED}{} errors{RED:#}", all.len());
    }
    text
}

/// One of them.
pub(crate) fn diagnostic(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let report = Report::new(diagnostic, sources);
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
        .with_width(WIDTH)
        .with_links(false)
        .with_wrap_lines(false)
        .with_context_lines(1)
        .without_syntax_highlighting();
    if handler.render_report(&mut text, &report).is_err() {
        // Only a writer can fail, and a `String` does not; say it plainly all the same.
        text = format!("{diagnostic}\n");
    }
    // A final blank line of miette's, and the blanks that it leaves at the ends of lines.
    let mut clean: String = text.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    while clean.ends_with("\n\n") {
        clean.pop();
    }
    clean
}

/// Text from outside (a guest, a file) for a person's terminal: no control characters but line ends and tabs, so that it
/// can neither move the cursor, nor lie in colour, nor be read in another order than it is written.
pub(crate) fn printable(text: &str) -> String {
    let turns = |one: char| matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_meant = |one: char| !turns(one) && (!one.is_control() || matches!(one, '\n' | '\t'));
    text.chars().map(|one| if is_meant(one) { one } else { '\u{fffd}' }).collect()
}

/// What miette is shown.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: Option<NamedSource<Arc<str>>>,
    message: String,
    help: Option<String>,
}

impl<'a> Report<'a> {
    fn new(diagnostic: &'a Diagnostic, sources: &Sources) -> Self {
        let location = diagnostic.location.as_ref();
        let source =
            location.and_then(|location| Some(NamedSource::new(&*location.file, sources.snippet(location)?.clone())));
        let message = match location {
            Some(location) if source.is_none() && !location.file.is_empty() => {
                format!("{location}: {}", diagnostic.message)
            }
            _ => diagnostic.message.clone(),
        };
        let help = diagnostic.help.as_deref().map(printable);
        Report { diagnostic, source, message: printable(&message), help }
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("error {}", self.diagnostic.code)))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let source = self.source.as_ref()?;
        let location = self.diagnostic.location.as_ref()?;
        let text = source.inner();
        // What is meant is marked on its first line only: a label over several lines says less.
        let rest = text.get(location.offset..)?;
        let line_end = rest.find('\n').unwrap_or(rest.len());
        let length = location.length.min(line_end);
        let span = SourceSpan::new(location.offset.into(), length);
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(None, span))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmill_model::Code;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_snippet_marks_the_place() {
        let text = "wasmill: 1\nsteps:\n  a:\n    untis: x\n";
        let location = Location { file: "p.yaml".into(), line: 4, column: 5, offset: 27, length: 5 };
        let one = Diagnostic::new(Code::UnknownKey, "unknown key `untis`").at(&location).help("did you mean `unit`?");
        let shown = plain(&diagnostic(&one, &Sources::one("p.yaml", text)));
        assert!(shown.starts_with("error WM0102\n\n  × unknown key `untis`\n"), "{shown}");
        assert!(shown.contains("[p.yaml:4:5]"), "{shown}");
        assert!(shown.contains("help: did you mean `unit`?"), "{shown}");
    }

    #[test]
    fn a_hundred_errors_are_shown() {
        let many = |count: usize| {
            let all: Vec<Diagnostic> =
                (0..count).map(|one| Diagnostic::new(Code::UnknownStep, format!("no {one}."))).collect();
            plain(&diagnostics(&all, &Sources::default()))
        };
        assert!(many(100).ends_with("no 99.\n\n100 errors\n"), "{}", many(100));
        let shown = many(101);
        assert!(shown.contains("no 99.") && !shown.contains("no 100."), "{shown}");
        assert!(shown.contains("101 errors: the first 100 are shown"), "{shown}");
    }

    #[test]
    fn text_from_outside_cannot_drive_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\tc\n"), "a\u{fffd}[31mb\tc\n");
        let one = Diagnostic::new(Code::GuestError, "\u{1b}[2Jhello").help("\u{7}");
        assert!(!plain(&diagnostic(&one, &Sources::default())).contains(['\u{1b}', '\u{7}']));
    }

    #[test]
    fn a_file_that_is_not_at_hand_is_named() {
        let location = Location { file: "p.yaml".into(), line: 4, column: 5, offset: 25, length: 5 };
        let one = Diagnostic::new(Code::UnknownKey, "unknown key").at(&location);
        assert!(plain(&diagnostic(&one, &Sources::default())).contains("p.yaml:4:5: unknown key"));
    }
}
