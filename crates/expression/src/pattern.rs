//! `matches`: regular expressions in linear time, whose work is bounded before any of it is done.
//!
//! The bounds are counted from pattern and text alone, so that an expression means the same on every machine.

use std::cell::RefCell;

use cel::ExecutionError;
use cel::common::types::{CelBool, CelString};
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Places of patterns times bytes of text, in one evaluation: the steps that it takes at worst.
const MAX_WORK: u64 = 50_000_000;
/// Ranges of characters in one pattern, with its repetitions written out.
const MAX_SIZE: u64 = 200_000;
/// More bytes than a compiled pattern of that size has on any machine.
const MAX_BYTES: usize = 256 << 20;
/// Work that it takes to compile a range.
const COMPILED_RANGE: u64 = 20;

/// What one evaluation has left, and the patterns that it compiled.
struct Evaluation {
    work: u64,
    compiled: Vec<Compiled>,
}

struct Compiled {
    pattern: String,
    regex: Regex,
    places: u64,
}

thread_local! {
    static EVALUATION: RefCell<Evaluation> = const { RefCell::new(Evaluation { work: 0, compiled: Vec::new() }) };
}

/// An evaluation begins, on this thread: nothing of the one before is left, so that none costs less for what came before it.
pub(crate) fn begin() {
    EVALUATION.with_borrow_mut(|evaluation| {
        evaluation.work = MAX_WORK;
        evaluation.compiled.clear();
    });
}

/// CEL's `matches`.
pub(crate) fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let found = EVALUATION.with_borrow_mut(|evaluation| evaluation.matches(text.inner(), pattern.inner()));
    found
        .map(CelBool::from)
        .map_err(|message| ExecutionError::FunctionError { function: "matches".to_owned(), message })
}

impl Evaluation {
    fn matches(&mut self, text: &str, pattern: &str) -> Result<bool, String> {
        let place = match self.compiled.iter().position(|compiled| compiled.pattern == pattern) {
            Some(place) => place,
            None => {
                let compiled = self.compile(pattern)?;
                self.compiled.push(compiled);
                self.compiled.len() - 1
            }
        };
        let places = self.compiled.get(place).map_or(0, |compiled| compiled.places);
        self.spend(places.saturating_mul(text.len() as u64 + 1))?;
        Ok(self.compiled.get(place).is_some_and(|compiled| compiled.regex.is_match(text)))
    }

    fn compile(&mut self, pattern: &str) -> Result<Compiled, String> {
        let invalid = |error: &dyn std::fmt::Display| format!("'{pattern}' not a valid regex:\n{error}");
        let parsed = regex_syntax::parse(pattern).map_err(|error| invalid(&error))?;
        let Measure { places, size } = Measure::of(&parsed);
        if size > MAX_SIZE {
            return Err(format!(
                "the pattern has {size} ranges of characters with its repetitions written out, and may have {MAX_SIZE}"
            ));
        }
        self.spend(size.saturating_mul(COMPILED_RANGE))?;
        let regex = RegexBuilder::new(pattern).size_limit(MAX_BYTES).build().map_err(|error| invalid(&error))?;
        Ok(Compiled { pattern: pattern.to_owned(), regex, places })
    }

    fn spend(&mut self, work: u64) -> Result<(), String> {
        self.work = self.work.checked_sub(work).ok_or("the text is too long for the pattern: do this in a unit")?;
        Ok(())
    }
}

/// How large a pattern is.
#[derive(Clone, Copy, Default)]
struct Measure {
    /// Where a search can be within it.
    places: u64,
    size: u64,
}

impl Measure {
    fn of(pattern: &Hir) -> Measure {
        let one = |size: usize| Measure { places: 1, size: size as u64 };
        match pattern.kind() {
            HirKind::Empty => Measure::default(),
            HirKind::Literal(literal) => Measure { places: literal.0.len() as u64, size: literal.0.len() as u64 },
            HirKind::Class(Class::Unicode(class)) => one(class.ranges().len()),
            HirKind::Class(Class::Bytes(class)) => one(class.ranges().len()),
            HirKind::Look(_) => one(1),
            HirKind::Repetition(repetition) => {
                let Measure { places, size } = Measure::of(&repetition.sub);
                let times = u64::from(repetition.max.unwrap_or(repetition.min).max(1));
                Measure { places: places.saturating_mul(times), size: size.saturating_mul(times) }
            }
            HirKind::Capture(capture) => Measure::of(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().map(Measure::of).fold(Measure::default(), |sum, part| Measure {
                    places: sum.places.saturating_add(part.places),
                    size: sum.size.saturating_add(part.size),
                })
            }
        }
    }
}
