//! What WasmEdge 0.17 says of a call, on stdout, behind what the unit wrote there.
//!
//! The unit has ended when WasmEdge speaks: the last words are WasmEdge's. They are asked only what no record can say (which trap, how much
//! gas), and where they are not understood, nothing is made of them.

use std::borrow::Cow;

use wasmill_model::TrapKind;

/// The beginning of the lines that say what was used, after the time.
const STATISTICS: &[u8] = b"] [info] ====================  Statistics  ====================";
/// The end of them.
const STATISTICS_END: &[u8] = b"] [info] =======================   End   ======================\n";
const GAS_INFO: &str = "[info]  Gas costs: ";
/// How lines begin that say how a call failed, after time and level.
const FAILURES: [&str; 4] = [OUT_OF_GAS, "execution failed: ", "instantiation failed: ", "wasmedge runtime failed: "];
const OUT_OF_GAS: &str = "Cost exceeded limit. Force terminate the execution.";
const CODE: &str = ", Code: 0x";
/// `[2026-11-21 19:23:25.892`
const TIME: usize = 24;
/// `] [error] `
const LEVEL: usize = 10;

/// WasmEdge's words.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    /// The last of stdout.
    tail: Cow<'a, str>,
    stderr: Cow<'a, str>,
}

impl<'a> Words<'a> {
    /// The most bytes that WasmEdge says besides the unit's output.
    pub(crate) const MOST: u64 = 64 << 10;

    pub(crate) fn of(stdout: &'a [u8], stderr: &'a [u8]) -> Self {
        let from = stdout.len().saturating_sub(Self::MOST as usize);
        Words {
            tail: String::from_utf8_lossy(stdout.get(from..).unwrap_or_default()),
            stderr: String::from_utf8_lossy(stderr),
        }
    }

    /// What the unit wrote to stdout, where it came to its end: what stands before the statistics, where there are any.
    pub(crate) fn answer<'b>(&self, stdout: &'b [u8]) -> &'b [u8] {
        let statistics = stdout.ends_with(STATISTICS_END).then(|| last(stdout, STATISTICS)).flatten();
        statistics.and_then(|at| stdout.get(..at.checked_sub(TIME)?)).unwrap_or(stdout)
    }

    /// What the unit wrote to stdout, where it failed.
    pub(crate) fn before_failure<'b>(&self, stdout: &'b [u8]) -> &'b [u8] {
        let at = FAILURES.iter().filter_map(|words| last(stdout, words.as_bytes())).max();
        at.and_then(|at| stdout.get(..at.checked_sub(TIME + LEVEL)?)).unwrap_or(stdout)
    }

    /// The line that says how it failed: the last of its kind, since the unit wrote before.
    fn failure(&self) -> Option<&str> {
        let at = FAILURES.iter().filter_map(|words| self.tail.rfind(words)).max()?;
        self.tail.get(at..)?.lines().next()
    }

    /// What the call used.
    pub(crate) fn gas(&self) -> Option<u64> {
        let (_, rest) = self.tail.rsplit_once(GAS_INFO)?;
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

    /// The integers that reactor mode prints: all that stands behind the statistics, or all that there is.
    pub(crate) fn numbers(&self, stdout: &[u8]) -> Option<Vec<i64>> {
        let from = last(stdout, STATISTICS_END).map_or(0, |at| at + STATISTICS_END.len());
        let text = std::str::from_utf8(stdout.get(from..)?).ok()?;
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

/// Where a piece stands last.
fn last(bytes: &[u8], piece: &[u8]) -> Option<usize> {
    bytes.windows(piece.len()).rposition(|window| window == piece)
}
