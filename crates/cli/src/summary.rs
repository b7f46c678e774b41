//! After a run: the table of its steps, and what went wrong.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::Style;
use wasmill_model::{
    Diagnostic, Receipt, RunDocument, RunVerdict, StepReport, Usage, Verdict, VerdictKind, format_bytes,
    format_duration,
};
use wasmill_runtime::Bundle;

use crate::render::{self, BOLD, DIM, GREEN, RED, Sources, YELLOW, printable};

/// A longer table is cut to the steps that did not succeed: nobody reads ten thousand lines of `ok`.
const LONGEST_TABLE: usize = 60;
/// Lines of a failed step's log that are shown.
const LOG_TAIL: usize = 20;
/// Frames of a failed step's backtrace that are shown.
const FRAMES: usize = 20;

/// The style of a verdict.
pub(crate) fn style(kind: VerdictKind) -> Style {
    match kind {
        VerdictKind::Ok => GREEN,
        VerdictKind::Skipped | VerdictKind::Cancelled => YELLOW,
        _ => RED,
    }
}

/// The mark of a verdict.
pub(crate) fn mark(kind: VerdictKind) -> char {
    match kind {
        VerdictKind::Ok => '✔',
        VerdictKind::Skipped | VerdictKind::Cancelled => '∅',
        _ => '✘',
    }
}

/// `kept` where no call was made again, and how many were not where only some were not; none where all were made.
pub(crate) fn kept(report: &StepReport) -> Option<String> {
    if is_kept(report) {
        return Some("kept".to_owned());
    }
    let kept = report.attempts.iter().filter(|receipt| receipt.kept_from.is_some()).count();
    (kept > 0).then(|| format!("{}, {kept} of {} kept", report.verdict.kind(), report.attempts.len()))
}

/// `12,345,678`
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Verdict, wall time, fuel and peak memory of every step, and the whole in one line.
pub(crate) fn table(document: &RunDocument, took: Duration) -> String {
    let mut rows = vec![Row::header()];
    let cut = document.steps.len() > LONGEST_TABLE;
    let shown = document.steps.iter().filter(|(_, report)| !cut || !report.verdict.is_ok());
    rows.extend(shown.take(LONGEST_TABLE).map(|(id, report)| Row::of(id, report)));

    let mut text = String::new();
    if rows.len() > 1 {
        let widths: Vec<usize> = (0..5)
            .map(|column| {
                rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        for row in &rows {
            row.write(&mut text, &widths);
        }
    }
    text += &routed(document);
    let steps = document.steps.len();
    let ok = document.steps.values().filter(|report| report.verdict.is_ok()).count();
    let (style, word) = match document.verdict {
        RunVerdict::Ok => (GREEN, "ok"),
        RunVerdict::Failed => (RED, "failed"),
        RunVerdict::Cancelled => (YELLOW, "cancelled"),
    };
    let counted = if ok == steps {
        format!("{} {}", thousands(steps as u64), plural(steps))
    } else {
        format!("{ok} of {steps} {}", plural(steps))
    };
    let kept = match document.steps.values().filter(|report| is_kept(report)).count() {
        0 => String::new(),
        kept => format!(" ({kept} kept)"),
    };
    let _ = writeln!(text, "{style}{word}{style:#}  {counted}{kept} in {}", format_duration(took));
    text
}

/// Which engines were passed over and why, and in what the sandbox is weaker: each said once, with the first step that it is true of.
pub(crate) fn routed(document: &RunDocument) -> String {
    let mut said = Vec::new();
    let mut text = String::new();
    routed_in(document, "", &mut said, &mut text);
    text
}

fn routed_in(document: &RunDocument, within: &str, said: &mut Vec<String>, text: &mut String) {
    for (id, report) in &document.steps {
        // Of what was kept it was said when it was made.
        for receipt in report.attempts.iter().filter(|receipt| receipt.kept_from.is_none()) {
            let Some(routing) = &receipt.routing else { continue };
            let engine = &receipt.engine.name;
            let over = routing.passed_over.iter().map(|over| {
                let reason = printable(&over.reason);
                match over.engine == *engine {
                    true => format!("did not run: {engine}: {reason}"),
                    false => format!("ran on {engine}, as {} was passed over: {reason}", over.engine),
                }
            });
            let weaker = (!routing.weaker.is_empty()).then(|| {
                let lacks = routing.weaker.join(", no ");
                format!("ran on {engine}, whose sandbox is weaker, as it was allowed to be: no {lacks}")
            });
            let held = routing
                .held
                .is_some()
                .then(|| format!("ran on {engine}, which has lower limits of its own: `held` in the receipt"));
            for words in over.chain(weaker).chain(held) {
                if !said.contains(&words) {
                    let _ = writeln!(text, "{DIM}{within}{id} {words}{DIM:#}");
                    said.push(words);
                }
            }
        }
        for run in &report.runs {
            routed_in(&run.document, &format!("{within}{id}."), said, text);
        }
    }
}

fn is_kept(report: &StepReport) -> bool {
    report.verdict.is_ok()
        && !report.attempts.is_empty()
        && report.attempts.iter().all(|receipt| receipt.kept_from.is_some())
}

fn plural(steps: usize) -> &'static str {
    if steps == 1 { "step" } else { "steps" }
}

struct Row {
    cells: [String; 5],
    style: Style,
    verdict: Style,
}

/// What all of its attempts used: time and fuel together, and the most memory. What was kept used something then, and nothing now.
pub(crate) fn usage(report: &StepReport) -> Option<Usage> {
    let made = report.attempts.iter().filter(|receipt| receipt.kept_from.is_none()).map(|receipt| receipt.usage);
    let runs = report.runs.iter().map(|run| run.usage);
    made.chain(runs).reduce(|sum, usage| Usage {
        // Of an attempt that the clock ended nobody knows it.
        fuel: sum.fuel.zip(usage.fuel).map(|(sum, fuel)| sum.saturating_add(fuel)),
        wall: sum.wall.saturating_add(usage.wall),
        peak_memory: sum.peak_memory.max(usage.peak_memory),
        ..sum
    })
}

impl Row {
    fn header() -> Self {
        Row {
            cells: ["step", "verdict", "wall time", "fuel", "peak memory"].map(str::to_owned),
            style: DIM,
            verdict: DIM,
        }
    }

    fn of(id: &str, report: &StepReport) -> Self {
        let verdict = match &report.verdict {
            Verdict::Trap { kind, .. } => format!("trap ({kind})"),
            other => kept(report).unwrap_or_else(|| other.kind().to_string()),
        };
        let usage = usage(report);
        let cells = [
            id.to_owned(),
            verdict,
            usage.map_or_else(|| "-".to_owned(), |usage| format_duration(usage.wall)),
            usage.and_then(|usage| usage.fuel).map_or_else(|| "-".to_owned(), thousands),
            usage.map_or_else(|| "-".to_owned(), |usage| format_bytes(usage.peak_memory)),
        ];
        Row { cells, style: Style::new(), verdict: style(report.verdict.kind()) }
    }

    fn write(&self, text: &mut String, widths: &[usize]) {
        let mut line = String::new();
        for (column, (cell, width)) in self.cells.iter().zip(widths).enumerate() {
            let style = if column == 1 { self.verdict } else { self.style };
            let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
            let gap = if column == 0 { "" } else { "  " };
            // Names to the left, numbers to the right.
            let _ = match column {
                0 | 1 => write!(line, "{gap}{style}{cell}{style:#}{blanks}"),
                _ => write!(line, "{gap}{blanks}{style}{cell}{style:#}"),
            };
        }
        let _ = writeln!(text, "{line}");
    }
}

/// What ended the run: code, step, place in the manifest, help, and the failed attempt's backtrace and log.
pub(crate) fn failure(document: &RunDocument, bundle: &Bundle, sources: &Sources) -> Option<String> {
    let error = document.error.as_ref()?;
    let id = error.step.as_ref();
    let step = id.and_then(|id| bundle.pipeline.steps.iter().find(|step| step.id == *id));
    let report = id.and_then(|id| document.steps.get(id));
    let diagnostic = Diagnostic {
        code: error.code,
        message: error.message.clone(),
        location: step.map(|step| &step.location).filter(|place| place.line > 0).cloned(),
        step: id.cloned(),
        help: error.help.clone(),
    };
    let mut text = render::diagnostic(&diagnostic, sources);
    if let Some(receipt) = report.and_then(|report| report.attempts.last()) {
        backtrace(&mut text, receipt);
        if let Some(file) = &receipt.coredump {
            let _ = writeln!(text, "\n  {BOLD}core dump{BOLD:#}\n  {}", render::printable(&file.display().to_string()));
        }
        log(&mut text, receipt);
    }
    // Where it called another pipeline: what failed in that.
    let called = step.and_then(|step| bundle.pipelines.get(&step.unit));
    if let (Some(run), Some(called)) = (report.and_then(|report| report.runs.last()), called)
        && let Some(inner) = failure(&run.document, called, sources)
    {
        let _ = write!(text, "\n{inner}");
    }
    Some(text)
}

fn backtrace(text: &mut String, receipt: &Receipt) {
    if receipt.backtrace.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n  {BOLD}backtrace{BOLD:#}");
    for (index, frame) in receipt.backtrace.iter().take(FRAMES).enumerate() {
        let module = frame.module.as_ref().map(|module| format!("{module}!")).unwrap_or_default();
        let place = match (&frame.source, frame.offset) {
            (Some(source), _) => format!("  {DIM}at {source}{DIM:#}"),
            (None, Some(offset)) => format!("  {DIM}at {offset:#x}{DIM:#}"),
            (None, None) => String::new(),
        };
        let _ = writeln!(text, "  {index:>3}: {module}{}{place}", frame.function);
    }
    if let Some(more) = receipt.backtrace.len().checked_sub(FRAMES).filter(|more| *more > 0) {
        let _ = writeln!(text, "       {DIM}and {more} more{DIM:#}");
    }
}

fn log(text: &mut String, receipt: &Receipt) {
    let lines: Vec<&str> = receipt.log.lines().collect();
    let Some(last) = lines.len().checked_sub(1) else { return };
    let from = (last + 1).saturating_sub(LOG_TAIL);
    let title =
        if from == 0 { "log".to_owned() } else { format!("log (the last {LOG_TAIL} of {} lines)", lines.len()) };
    let _ = writeln!(text, "\n  {BOLD}{title}{BOLD:#}");
    for line in lines.iter().skip(from) {
        let _ = writeln!(text, "  │ {}", render::printable(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(12_345_678), "12,345,678");
    }
}
