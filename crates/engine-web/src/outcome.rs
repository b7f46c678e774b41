//! From what a guest worker reports to an outcome.

use wasmill_engine::parts::{
    Deadline, Stop, exit_verdict, final_verdict, lift_numbers, log_text, size_of_value, with_last_words,
};
use wasmill_engine::{Outcome, convert_output};
use wasmill_model::{Limits, OutputFormat, TrapKind, Usage, Value, Verdict};

use crate::js::Said;
use crate::wire::{End, Report, lifted};

/// What a worker said at the end of a call.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) report: Report,
    pub(crate) output: Vec<u8>,
    pub(crate) log: Vec<u8>,
}

impl Ended {
    /// Of a call that never began.
    pub(crate) fn of(end: impl Into<End>) -> Self {
        Ended { report: Report::of(end.into()), output: Vec::new(), log: Vec::new() }
    }

    /// Of a call whose worker is gone: what it had told by then is all that is known of it.
    pub(crate) fn cut(end: impl Into<End>, told: Progress) -> Self {
        let Progress { log, peak_memory, fuel } = told;
        Ended { report: Report { fuel, peak_memory, ..Report::of(end.into()) }, output: Vec::new(), log }
    }
}

/// What a guest worker has told of a call while it was made.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) log: Vec<u8>,
    pub(crate) peak_memory: u64,
    /// Only of a call that has ended.
    pub(crate) fuel: Option<u64>,
}

impl Progress {
    /// Takes note of what a worker said.
    pub(crate) fn note(&mut self, said: &Said, limits: &Limits) {
        if let Some(part) = said.logged() {
            let room = limits.log.saturating_sub(self.log.len() as u64).min(u64::from(part.length()));
            // The room is within 32 bits, as the part is.
            self.log.extend(part.slice(0, room as u32).to_vec());
        }
        let peak = said.memory().map_or(0, |bytes| bytes as u64);
        self.peak_memory = self.peak_memory.max(peak);
        self.fuel = said.fuel().map(|fuel| fuel as u64);
    }
}

/// The outcome of a call.
pub(crate) fn outcome(
    ended: Ended,
    mut usage: Usage,
    limits: &Limits,
    format: OutputFormat,
    deadline: &Deadline,
) -> Outcome {
    let Ended { report: Report { end, fuel, peak_memory, refused, denied }, output, log } = ended;
    usage.fuel = fuel;
    usage.peak_memory = peak_memory;
    usage.log_bytes = log.len() as u64;
    let log = log_text(&log, limits.log);
    let mut result = read(end, output, limits, format);
    // What the host does after the guest (reading its output) takes its time as well.
    if deadline.elapsed() >= limits.timeout && !matches!(&result, Err(End::Stop(_))) {
        result = Err(Stop::Deadline.into());
    }
    usage.wall = deadline.elapsed();
    match result {
        Ok((value, bytes)) => {
            usage.bytes_out = bytes;
            Outcome { output: Some(value), log, ..Outcome::failed(Verdict::Ok, usage) }
        }
        Err(end) => {
            let denied = denied.map(|(grant, message)| Verdict::Denied { grant, message });
            let verdict = final_verdict(verdict(&end, limits, deadline), refused, denied);
            if matches!(verdict, Verdict::TimedOut { .. } | Verdict::Cancelled) {
                // Where a guest is when the clock stops it depends on the machine.
                usage.fuel = None;
            }
            let verdict = with_last_words(verdict, &log);
            Outcome { log, ..Outcome::failed(verdict, usage) }
        }
    }
}

/// The value of an answer, and how many bytes it has.
fn read(end: End, output: Vec<u8>, limits: &Limits, format: OutputFormat) -> Result<(Value, u64), End> {
    let (value, produced) = match end {
        End::Numbers(numbers) => {
            let produced = 8 * numbers.len() as u64;
            (lift_numbers(numbers.into_iter()), produced)
        }
        End::Bytes => {
            let produced = output.len() as u64;
            (convert_output(output, format).map_err(Stop::Guest)?, produced)
        }
        End::Json => {
            let broken = |error| Stop::Abi(format!("what the component gave is not JSON: {error}"));
            let value = lifted(&output).map_err(broken)?;
            let produced = size_of_value(&value);
            (value, produced)
        }
        other => return Err(other),
    };
    if produced > limits.output {
        return Err(Stop::Output { produced }.into());
    }
    Ok((value, produced))
}

fn verdict(end: &End, limits: &Limits, deadline: &Deadline) -> Verdict {
    match end {
        End::Stop(stop) => stop.verdict(limits, deadline),
        // Of a command, 0 is success, and does not come here.
        End::Exit(code) => exit_verdict(*code),
        End::OutOfFuel => Verdict::FuelExhausted { limit: limits.fuel },
        End::Trap(kind, detail) => Verdict::Trap { kind: *kind, detail: detail.clone() },
        End::Numbers(_) | End::Bytes | End::Json => Verdict::Trap { kind: TrapKind::Other, detail: String::new() },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasmill_engine::Cancel;
    use wasmill_engine::parts::{Number, Refused};
    use wasmill_model::{LimitKind, VerdictKind};

    use super::*;

    fn judged(ended: Ended, limits: &Limits) -> Outcome {
        let deadline = Deadline::new(limits.timeout, &Cancel::new());
        outcome(ended, Usage::default(), limits, OutputFormat::Text, &deadline)
    }

    #[test]
    fn an_answer_is_a_value() {
        let outcome = judged(Ended::of(End::Numbers(vec![Some(Number::I64(i64::MIN))])), &Limits::default());
        assert_eq!((outcome.verdict, outcome.output), (Verdict::Ok, Some(Value::Int(i64::MIN))));
        let ended = Ended { output: b"hello".to_vec(), log: b"said\n".to_vec(), ..Ended::of(End::Bytes) };
        let outcome = judged(ended, &Limits::default());
        assert_eq!((outcome.output, &*outcome.log), (Some(Value::from("hello")), "said\n"));
        assert_eq!((outcome.usage.bytes_out, outcome.usage.log_bytes), (5, 5));
    }

    #[test]
    fn a_components_answer_is_json_of_any_kind() {
        let json = |text: &str| Ended { output: text.as_bytes().to_vec(), ..Ended::of(End::Json) };
        let text = r#"{"a":[1,2.0,{"$base64":"AP8="}]}"#;
        let outcome = judged(json(text), &Limits::default());
        assert_eq!(outcome.output.map(|value| value.to_json()).as_deref(), Some(text));
        let little = judged(json("\"hello\""), &Limits { output: 4, ..Limits::default() });
        assert_eq!(little.verdict.kind(), VerdictKind::OutputExceeded);
        assert_eq!(judged(json("{"), &Limits::default()).verdict.kind(), VerdictKind::Trap);
    }

    #[test]
    fn a_limit_is_its_own_verdict() {
        let limits = Limits { output: 4, ..Limits::default() };
        let long = || Ended { output: b"hello".to_vec(), ..Ended::of(End::Bytes) };
        assert_eq!(judged(long(), &limits).verdict, Verdict::OutputExceeded { limit: 4, produced: 5 });
        // Also where the numbers alone are too many.
        let ended = Ended::of(End::Numbers(vec![Some(Number::I32(1))]));
        assert_eq!(judged(ended, &limits).verdict.kind(), VerdictKind::OutputExceeded);
        let late = Limits { timeout: Duration::ZERO, ..Limits::default() };
        assert_eq!(judged(long(), &late).verdict.kind(), VerdictKind::TimedOut);
        let fuel = judged(Ended::of(End::OutOfFuel), &Limits { fuel: 7, ..Limits::default() });
        assert_eq!(fuel.verdict, Verdict::FuelExhausted { limit: 7 });
        let refused = Refused { of: LimitKind::Memory, limit: 1, wanted: 2 };
        let mut ended = Ended::of(End::Trap(TrapKind::Unreachable, String::new()));
        ended.report.refused = Some(refused);
        assert_eq!(judged(ended, &Limits::default()).verdict.kind(), VerdictKind::MemoryExceeded);
    }

    #[test]
    fn last_words_say_why() {
        let ended = Ended { log: b"no such file\n".to_vec(), ..Ended::of(End::Exit(2)) };
        let message = "exited with code 2: no such file".to_owned();
        assert_eq!(judged(ended, &Limits::default()).verdict, Verdict::GuestError { message });
    }
}
