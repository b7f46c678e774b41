//! Reports of benches as one page of Markdown.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::bench::machine::Machine;

/// The report of one bench, as `wasmill_benches::report` writes it: the cells are text already.
#[derive(Deserialize)]
pub(crate) struct Section {
    title: String,
    method: String,
    quick: bool,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
    /// How many rows have a target.
    targets: usize,
    /// Which of them miss it, and by how much.
    missed: Vec<String>,
}

/// Everything that the page tells.
pub(crate) struct Page {
    pub(crate) machine: Machine,
    /// Cores that other programs kept busy, where that is known.
    pub(crate) others: Option<f64>,
    pub(crate) seconds: u64,
    pub(crate) sections: Vec<Section>,
    pub(crate) command: String,
}

/// Cores, past which other programs are worth a warning.
const BUSY: f64 = 0.1;

impl Page {
    /// The figures that are not what was asked for.
    pub(crate) fn missed(&self) -> Vec<String> {
        let missed = |section: &Section| -> Vec<String> {
            section.missed.iter().map(|missed| format!("{}, {missed}", section.title)).collect()
        };
        self.sections.iter().flat_map(missed).collect()
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from(
            "# Benchmarks\n\n<!-- Written by `cargo xtask bench` from a run. Do not edit: a number here is a measured one. -->\n\n",
        );
        let asked: usize = self.sections.iter().map(|section| section.targets).sum();
        let missed = self.missed();
        let _ = write!(text, "{} of {asked} targets are met.", asked - missed.len());
        if missed.is_empty() {
            text.push('\n');
        } else {
            text.push_str(" Missed:\n\n");
            for line in &missed {
                let _ = writeln!(text, "- {line}");
            }
        }
        self.describe(&mut text);
        for section in &self.sections {
            let _ = write!(text, "\n## {}\n\n{}\n\n", section.title, section.method);
            table(&mut text, section);
            for note in &section.notes {
                let _ = write!(text, "\n{note}\n");
            }
        }
        text
    }

    fn describe(&self, text: &mut String) {
        let Machine { date, processor, cores, memory, kernel, rustc, wasmtime, commit } = &self.machine;
        text.push_str("\n## Method\n\n");
        let _ = writeln!(text, "`{}`, {date}, {} s, commit {commit}.\n", self.command, self.seconds);
        let _ = writeln!(
            text,
            "Machine: {processor}, {cores} cores, {memory}, {kernel}. Versions: wasmtime {wasmtime}, {rustc}, release build.\n"
        );
        match self.others {
            Some(others) if others >= BUSY => {
                let _ = writeln!(
                    text,
                    "**The machine was not quiet**: other programs kept {others:.1} of its {cores} cores busy during the run. Ratios hold \
                     (both sides were slowed alike); absolute figures, calls a second and what is measured in milliseconds suffer.\n"
                );
            }
            Some(others) => {
                let _ = writeln!(
                    text,
                    "The machine was quiet: other programs kept {others:.2} cores busy during the run.\n"
                );
            }
            None => text.push_str("Whether the machine was quiet is not known.\n\n"),
        }
        if self.sections.iter().any(|section| section.quick) {
            text.push_str("**A quick run**: a tenth of the samples.\n\n");
        }
        text.push_str(
            "Each figure stands beside the floor or the peer that it is held against, measured on the same bytes in the same run: the sides \
             take turns in batches of 4 ms, in another order each round, and a figure is the median over its batches. A ratio is Wasmill's \
             figure by the other one; “ahead” is the other way round. Nothing is asserted; `met` says what a reader would see.\n",
        );
    }
}

fn table(text: &mut String, section: &Section) {
    let line = |text: &mut String, cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(text, &section.head);
    // Names to the left, figures to the right.
    let align = section.head.iter().enumerate().map(|(column, _)| if column < 2 { "---" } else { "---:" }.to_owned());
    line(text, &align.collect::<Vec<_>>());
    for row in &section.rows {
        line(text, row);
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, Section};
    use crate::bench::machine::Machine;

    fn page(others: Option<f64>) -> Page {
        let section: Section = serde_json::from_str(
            r#"{"title": "Fresh call", "method": "How.", "quick": true, "head": ["case", "beside", "its figure", "Wasmill", "ratio",
                "target", "met"], "rows": [["core", "bare", "1 µs", "2 µs", "2.00x", "≤ 1.3x", "no"], ["bytes", "bare", "1 µs", "1 µs",
                "1.00x", "≤ 1.3x", "yes"], ["late", "bare", "1 ms", "3 ms", "3.00x", "≤ 2.00 ms", "no"], ["other", "", "", "1 µs", "", "",
                ""]], "notes": ["A note."], "targets": 3,
                "missed": ["core: 2.00x (≤ 1.3x)", "late: 3 ms (≤ 2.00 ms)"], "numbers": []}"#,
        )
        .unwrap();
        let text = |text: &str| text.to_owned();
        let machine = Machine {
            date: text("2026-11-21 10:00 UTC"),
            processor: text("EPYC"),
            cores: 2,
            memory: text("23 GiB"),
            kernel: text("Linux 6.18"),
            rustc: text("rustc 1.95.0"),
            wasmtime: text("48.0.8"),
            commit: text("abc"),
        };
        Page { machine, others, seconds: 60, sections: vec![section], command: text("cargo xtask bench --quick") }
    }

    #[test]
    fn what_is_missed_is_told_first() {
        let page = page(Some(0.0));
        assert_eq!(page.missed(), ["Fresh call, core: 2.00x (≤ 1.3x)", "Fresh call, late: 3 ms (≤ 2.00 ms)"]);
        let text = page.markdown();
        assert!(text.contains("1 of 3 targets are met. Missed:\n\n- Fresh call, core"), "{text}");
    }

    #[test]
    fn tables_and_the_machine_are_told() {
        let text = page(Some(1.5)).markdown();
        assert!(text.contains("| case | beside |"));
        assert!(text.contains("| --- | --- | ---: |"));
        assert!(text.contains("| bytes | bare | 1 µs | 1 µs | 1.00x | ≤ 1.3x | yes |"));
        assert!(text.contains("A note."));
        assert!(text.contains("not quiet**: other programs kept 1.5 of its 2 cores"));
        assert!(text.contains("A quick run"));
        assert!(page(None).markdown().contains("not known"));
    }
}
