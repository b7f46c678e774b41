//! What WasmEdge 0.17 says of a call, on stdout, behind what the unit wrote there.
//!
//! How much the unit wrote is in a record, so nothing of it is taken for WasmEdge's words; and they are asked only where the process
//! ended by itself, since one that is killed has not spoken. They say what no record can say (which trap, how much gas); where they are not
//! understood, nothing is made of them.

use std::borrow::Cow;

use wasmill_model::{Profile, TrapKind};

/// The lines around what was used, after the time.
const STATISTICS: &str = "] [info] ====================  Statistics  ====================\n";
const STATISTICS_END: &str = "] [info] =======================   End   ======================\n";
const GAS_INFO: &str = "] [info]  Gas costs: ";
/// How lines begin that say how a call failed, after time and level.
const FAILURES: [&str; 4] = [OUT_OF_GAS, "execution failed: ", "instantiation failed: ", "wasmedge runtime failed: "];
const OUT_OF_GAS: &str = "Cost exceeded limit. Force terminate the execution.";
const CODE: &str = ", Code: 0x";

/// WasmEdge's words.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// What the unit wrote to stdout, where all of it came.
    pub(crate) answer: Option<&'a [u8]>,
    /// What WasmEdge said there.
    tail: Cow<'a, str>,
    stderr: Cow<'a, str>,
    /// Whether it came to speak.
    by_itself: bool,
}

impl<'a> Words<'a> {
    /// The most bytes that WasmEdge says besides the unit's output.
    pub(crate) const MOST: u64 = 64 << 10;

    /// Of a process on whose stdout the first `written` bytes are the unit's.
    pub(crate) fn of(stdout: &'a [u8], written: u64, stderr: &'a [u8], by_itself: bool) -> Self {
        let split = usize::try_from(written).ok().and_then(|written| stdout.split_at_checked(written));
        let tail = split.map_or(&[][..], |(_, tail)| tail);
        let from = tail.len().saturating_sub(Self::MOST as usize);
        Words {
            answer: split.map(|(answer, _)| answer),
            tail: String::from_utf8_lossy(tail.get(from..).unwrap_or_default()),
            stderr: String::from_utf8_lossy(stderr),
            by_itself,
        }
    }

    /// What it said at its end.
    fn said(&self) -> &str {
        if self.by_itself { &self.tail } else { "" }
    }

    /// The line that says how it failed.
    fn failure(&self) -> Option<&str> {
        let said = self.said();
        let at = FAILURES.iter().filter_map(|words| said.rfind(words)).max()?;
        said.get(at..)?.lines().next()
    }

    /// What was used, and what stands behind it.
    fn statistics(&self) -> Option<(&str, &str)> {
        self.said().rsplit_once(STATISTICS)?.1.split_once(STATISTICS_END)
    }

    /// What the call used.
    pub(crate) fn gas(&self) -> Option<u64> {
        let (_, rest) = self.statistics()?.0.split_once(GAS_INFO)?;
        rest.lines().next()?.trim().parse().ok()
    }

    pub(crate) fn out_of_gas(&self) -> bool {
        self.failure().is_some_and(|line| line.starts_with(OUT_OF_GAS) || self.code() == Some(0x003))
    }

    /// The number of what failed.
    fn code(&self) -> Option<u32> {
        let digits = self.failure()?.rsplit_once(CODE)?.1;
        u32::from_str_radix(digits.trim_end(), 16).ok()
    }

    /// Which trap it was.
    pub(crate) fn trap(&self) -> Option<TrapKind> {
        Some(match self.code()? {
            0x404 => TrapKind::IntegerDivisionByZero,
            0x405 => TrapKind::IntegerOverflow,
            0x406 => TrapKind::BadConversionToInteger,
            0x407 | 0x40c => TrapKind::TableOutOfBounds,
            0x408 => TrapKind::MemoryOutOfBounds,
            0x40a => TrapKind::Unreachable,
            0x40b => TrapKind::NullReference,
            0x40d => TrapKind::BadSignature,
            0x401..=0x4ff => TrapKind::Other,
            _ => return None,
        })
    }

    /// The integers that reactor mode prints: all that stands behind the statistics, where there are any.
    pub(crate) fn numbers(&self, profile: Profile) -> Option<Vec<i64>> {
        let text = if profile == Profile::Fast { self.said() } else { self.statistics()?.1 };
        text.lines().map(|line| line.parse().ok()).collect()
    }

    /// The first words, for messages.
    pub(crate) fn excerpt(&self) -> String {
        const MOST: usize = 300;
        let lines = self.stderr.lines().chain(self.tail.lines()).map(str::trim).filter(|line| !line.is_empty());
        let text: Vec<String> =
            lines.take(3).map(|line| line.chars().filter(|one| !one.is_control()).collect()).collect();
        let text: String = text.join("; ").chars().take(MOST).collect();
        if text.is_empty() { text } else { format!(": {text}") }
    }
}
