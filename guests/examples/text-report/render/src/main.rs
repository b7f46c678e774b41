//! Renders a report as Markdown: a JSON object on stdin, the page on stdout. Promise: a Rust command of WASI preview 1 that joins
//! what the other steps found.
//!
//! `{"title": text, "counts": {name: number}, "top": [{"word": text, "count": number}], "minutes": number}`, each of them optional.
//! What else there is and is a plain value goes in the table of counts.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::ExitCode;

use miniserde::json::{self, Number, Object, Value};

/// The longest bar of the chart, in characters.
const BAR: u64 = 24;

fn main() -> ExitCode {
    let page = read().and_then(|report| render(&report));
    match page {
        Ok(page) if std::io::stdout().write_all(page.as_bytes()).is_ok() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::FAILURE
        }
    }
}

fn read() -> Result<Object, String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|_| "stdin is no UTF-8 text".to_owned())?;
    match json::from_str(&text) {
        Ok(Value::Object(report)) => Ok(report),
        _ => Err("stdin is no JSON object".to_owned()),
    }
}

fn render(report: &Object) -> Result<String, String> {
    let mut page = String::new();
    let title = match report.get("title") {
        Some(Value::String(title)) if !title.trim().is_empty() => title.trim(),
        _ => "Report",
    };
    let _ = writeln!(page, "# {title}");
    render_counts(&mut page, report)?;
    render_minutes(&mut page, report)?;
    render_top(&mut page, report)?;
    Ok(page)
}

fn render_counts(page: &mut String, report: &Object) -> Result<(), String> {
    let counts = match report.get("counts") {
        None | Some(Value::Null) => None,
        Some(Value::Object(counts)) => Some(counts),
        Some(_) => return Err("`counts` is no object".to_owned()),
    };
    let others = report.iter().filter(|(name, _)| !["title", "counts", "top", "minutes"].contains(&name.as_str()));
    let rows: Vec<(&str, String)> = counts
        .into_iter()
        .flat_map(|counts| counts.iter())
        .chain(others)
        .filter_map(|(name, value)| Some((name.as_str(), plain(value)?)))
        .collect();
    if !rows.is_empty() {
        page.push_str("\n| measure | value |\n| --- | ---: |\n");
        for (name, value) in rows {
            let _ = writeln!(page, "| {} | {} |", cell(name), cell(&value));
        }
    }
    Ok(())
}

fn render_minutes(page: &mut String, report: &Object) -> Result<(), String> {
    let minutes = match report.get("minutes") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Number(minutes)) => minutes,
        Some(_) => return Err("`minutes` is no number".to_owned()),
    };
    let _ = match as_float(minutes) {
        few if few < 1.0 => writeln!(page, "\nReading time: less than a minute."),
        1.0 => writeln!(page, "\nReading time: 1 minute."),
        _ => writeln!(page, "\nReading time: {} minutes.", number(minutes)),
    };
    Ok(())
}

fn render_top(page: &mut String, report: &Object) -> Result<(), String> {
    let top = match report.get("top") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(top)) => top,
        Some(_) => return Err("`top` is no array".to_owned()),
    };
    let mut words = Vec::new();
    for entry in top.iter() {
        match entry {
            Value::Object(entry) => match (entry.get("word"), entry.get("count")) {
                (Some(Value::String(word)), Some(Value::Number(Number::U64(count)))) => {
                    words.push((word.as_str(), *count))
                }
                _ => return Err("an entry of `top` has no `word` or no `count`".to_owned()),
            },
            _ => return Err("an entry of `top` is no object".to_owned()),
        }
    }
    let most = words.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    if !words.is_empty() {
        page.push_str("\n## Most frequent words\n\n| word | times | |\n| --- | ---: | --- |\n");
        for (word, count) in words {
            let bar = "█".repeat((count * BAR).div_ceil(most) as usize);
            let _ = writeln!(page, "| {} | {} | {bar} |", cell(word), grouped(count));
        }
    }
    Ok(())
}

/// A value that fits in a table.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Number(value) => Some(number(value)),
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn as_float(number: &Number) -> f64 {
    match *number {
        Number::U64(number) => number as f64,
        Number::I64(number) => number as f64,
        Number::F64(number) => number,
    }
}

fn number(number: &Number) -> String {
    match *number {
        Number::U64(number) => grouped(number),
        Number::I64(number) => format!("-{}", grouped(number.unsigned_abs())),
        Number::F64(number) => format!("{number:.1}"),
    }
}

/// With a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
