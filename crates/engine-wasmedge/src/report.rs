//! What a unit's records say (see `rewrite/runtime.wat`), read while they come.

use wasmill_engine::parts::{Capture, CaptureKind, Refused, Stop};
use wasmill_model::{LimitKind, Limits};

/// Bytes of a record.
const RECORD: usize = 17;
/// The highest kind of a record.
const LAST: u8 = 13;
/// Bytes that are kept of what is no record: WasmEdge's own words on stderr.
const MOST_WORDS: usize = 16 << 10;
/// Bytes that WasmEdge may say; one that says more has lost its mind.
const MOST_SAID: usize = 1 << 20;
/// Bytes of a text that are kept.
const MOST_TEXT: usize = 2_000;

/// How the unit's side of a call ended, as far as it could say so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It came to its end.
    Ended,
    /// It exited.
    Exited(u32),
    /// Its start function exited with 0.
    ExitedEarly,
    /// It was stopped, or stopped itself.
    Stopped(Stop),
    /// Its calls went too deep.
    TooDeep,
}

/// What the records say.
#[derive(Debug)]
pub(crate) struct Report {
    limits: Limits,
    log: Capture,
    /// What of a record has come.
    partial: Vec<u8>,
    /// What the next bytes are.
    follows: Follows,
    pub(crate) started: bool,
    pub(crate) end: Option<End>,
    pub(crate) peak: u64,
    pub(crate) refused: Option<Refused>,
    /// Bytes of the output, as a `bytes` unit announces them.
    pub(crate) output: Option<u64>,
    /// Bytes on stdout that are not WasmEdge's own.
    pub(crate) written: u64,
    texts: [Vec<u8>; 2],
    /// What came that is no record.
    pub(crate) words: Vec<u8>,
    /// Bytes of it, also those that are not kept.
    said: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    Record,
    Log(u64),
    Text(usize, u64),
    Words,
}

impl Report {
    pub(crate) fn new(limits: &Limits, peak: u64) -> Self {
        Report {
            limits: limits.clone(),
            log: Capture::new(CaptureKind::Log, limits.log),
            partial: Vec::with_capacity(RECORD),
            follows: Follows::Record,
            started: false,
            end: None,
            peak,
            refused: None,
            output: None,
            written: 0,
            texts: [Vec::new(), Vec::new()],
            words: Vec::new(),
            said: 0,
        }
    }

    /// Whether more was logged than may be.
    pub(crate) fn is_over(&self) -> bool {
        self.log.is_over()
    }

    pub(crate) fn log(&self) -> Vec<u8> {
        self.log.take()
    }

    /// Takes what came next; gives whether the unit may go on.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            match self.follows {
                Follows::Words => {
                    let room = MOST_WORDS.saturating_sub(self.words.len());
                    self.words.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
                    self.said = self.said.saturating_add(bytes.len());
                    return self.said <= MOST_SAID;
                }
                Follows::Log(left) => {
                    let (log, rest) = split(bytes, left);
                    let left = left.saturating_sub(log.len() as u64);
                    self.follows = if left == 0 { Follows::Record } else { Follows::Log(left) };
                    bytes = rest;
                    if self.log.write(log).is_err() {
                        return false;
                    }
                }
                Follows::Text(which, left) => {
                    let (text, rest) = split(bytes, left);
                    let left = left.saturating_sub(text.len() as u64);
                    if let Some(kept) = self.texts.get_mut(which) {
                        let room = MOST_TEXT.saturating_sub(kept.len());
                        kept.extend_from_slice(text.get(..room).unwrap_or(text));
                    }
                    self.follows = if left == 0 { Follows::Record } else { Follows::Text(which, left) };
                    bytes = rest;
                }
                Follows::Record => {
                    let (part, rest) = split(bytes, (RECORD - self.partial.len()) as u64);
                    self.partial.extend_from_slice(part);
                    bytes = rest;
                    // No record begins like a letter: it is WasmEdge that speaks. Nobody can say where it ends, or who chose its
                    // words; so no record is looked for behind them, and a call that had none before fails.
                    if self.partial.first().is_some_and(|kind| *kind > LAST) {
                        self.follows = Follows::Words;
                        self.words = std::mem::take(&mut self.partial);
                    } else if self.partial.len() == RECORD && !self.record() {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Takes a whole record; gives whether the unit may go on.
    fn record(&mut self) -> bool {
        let record = std::mem::take(&mut self.partial);
        let number = |from: usize| {
            let bytes = record.get(from..from + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            u64::from_le_bytes(bytes.unwrap_or_default())
        };
        let (first, second) = (number(1), number(9));
        let low = |number: u64| u32::try_from(number & u64::from(u32::MAX)).unwrap_or(0);
        match record.first().copied().unwrap_or_default() {
            0 if first > 0 => self.follows = Follows::Log(first),
            1 => self.started = true,
            2 => self.peak = self.peak.max(total(first, second)),
            3 => {
                self.peak = self.peak.max(second);
                let is_early = first == 1 << 32;
                self.end = Some(if is_early { End::ExitedEarly } else { End::Exited(low(first)) });
            }
            4 => {
                self.peak = self.peak.max(first);
                self.end = Some(End::Ended);
            }
            5 => self.end = Some(End::TooDeep),
            6 => {
                let message = format!(
                    "the unit asked for more seeded randomness than a call in WasmEdge has ({} KiB); grant `random: real`, or use \
                     another engine",
                    crate::rewrite::RANDOM_SIZE >> 10
                );
                self.end = Some(End::Stopped(Stop::Host(message)));
            }
            7 => self.end = Some(End::Stopped(Stop::Abort(self.abort(first, second)))),
            8 if first > 0 => self.follows = Follows::Text(usize::from(second != 0), first),
            9 => self.end = Some(End::Stopped(broken(first, second))),
            10 => {
                let (of, limit) = match first {
                    1 => (LimitKind::TableElements, self.limits.table_elements),
                    _ => (LimitKind::Memory, self.limits.memory),
                };
                if self.refused.is_none_or(|before| before.wanted < second) {
                    self.refused = Some(Refused { of, limit, wanted: second });
                }
            }
            11 => {
                self.output = Some(first);
                return first <= self.limits.output;
            }
            12 => self.written = first,
            LAST => {
                let what = ["a pointer that is out of bounds or not aligned", "a clock that there is not"];
                let what = what.get(usize::from(first != 0)).copied().unwrap_or_default();
                self.end = Some(End::Stopped(Stop::Abi(format!("WASI was given {what}"))));
            }
            _ => {}
        }
        true
    }

    /// The message of AssemblyScript's `abort`.
    fn abort(&self, line: u64, column: u64) -> String {
        let text = |bytes: &Vec<u8>| {
            let units = bytes.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(pair.try_into().ok()?)));
            String::from_utf16_lossy(&units.collect::<Vec<u16>>())
        };
        let [message, file] = &self.texts;
        let file = text(file);
        let place = if file.is_empty() { String::new() } else { format!(" at {file}:{line}:{column}") };
        format!("abort: {}{place}", text(message))
    }
}

fn split(bytes: &[u8], most: u64) -> (&[u8], &[u8]) {
    bytes.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len()))
}

/// A table element counts as a pointer.
fn total(bytes: u64, elements: u64) -> u64 {
    bytes.saturating_add(elements.saturating_mul(8))
}

/// What a unit did wrong with the C ABI.
fn broken(what: u64, number: u64) -> Stop {
    const INPUT: &str = "`allocate` for the input";
    const LENGTH: &str = "`allocate` for the output's length";
    let null = |what: &str| Stop::Guest(format!("{what} returned null: the unit is out of memory"));
    let (pointer, length) = (number >> 32, number & u64::from(u32::MAX));
    let no_room =
        |what: &str| Stop::Abi(format!("{what} returned {pointer:#x}, where there is no room for {length} bytes"));
    match what {
        0 => null(INPUT),
        1 => no_room(INPUT),
        2 => null(LENGTH),
        3 => no_room(LENGTH),
        4 => Stop::Guest("`process` returned null".to_owned()),
        _ => Stop::Abi(format!("`process` returned {length} bytes at {pointer:#x}, which are not all in the memory")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, first: u64, second: u64) -> Vec<u8> {
        [&[kind][..], &first.to_le_bytes(), &second.to_le_bytes()].concat()
    }

    fn read(limits: &Limits, bytes: &[u8], pieces: usize) -> (Report, bool) {
        let mut report = Report::new(limits, 0);
        let go_on = bytes.chunks(pieces).all(|piece| report.read(piece));
        (report, go_on)
    }

    #[test]
    fn records_are_read_in_any_pieces() {
        let bytes = [
            record(1, 65_536, 0),
            record(0, 5, 0),
            b"hello".to_vec(),
            record(2, 131_072, 2),
            record(10, 0, 1 << 20),
            record(3, 300, 131_088),
            b"terminate called".to_vec(),
        ]
        .concat();
        for pieces in 1..bytes.len() {
            let (report, go_on) = read(&Limits::default(), &bytes, pieces);
            assert!(go_on && report.started);
            assert_eq!(report.end, Some(End::Exited(300)));
            assert_eq!((report.peak, report.log().as_slice()), (131_088, &b"hello"[..]));
            assert_eq!(report.refused.map(|refused| refused.wanted), Some(1 << 20));
            assert_eq!(report.words, b"terminate called");
        }
    }

    #[test]
    fn what_a_unit_logs_is_no_record() {
        let forged = record(3, 0, 0);
        let bytes = [record(1, 0, 0), record(0, forged.len() as u64, 0), forged.clone()].concat();
        let (report, _) = read(&Limits::default(), &bytes, 7);
        assert_eq!(report.end, None);
        assert_eq!(report.log(), forged);
    }

    #[test]
    fn what_comes_behind_words_is_no_record() {
        let bytes = [record(1, 0, 0), b"warning: \n".to_vec(), record(12, 9, 0), record(4, 0, 0)].concat();
        for pieces in 1..bytes.len() {
            let (report, go_on) = read(&Limits::default(), &bytes, pieces);
            assert!(go_on && report.started);
            assert_eq!((report.end, report.written), (None, 0));
            assert!(report.words.starts_with(b"warning: \n\x0c"));
        }
    }

    #[test]
    fn more_than_may_be_is_noticed_at_once() {
        let limits = Limits { log: 4, output: 4, ..Limits::default() };
        let (report, go_on) = read(&limits, &[record(0, 5, 0), b"hello".to_vec()].concat(), 100);
        assert!(!go_on && report.is_over());
        assert!(read(&limits, &record(11, 4, 0), 100).1);
        assert!(!read(&limits, &record(11, 5, 0), 100).1);
    }
}
