//! What happens around the calls of a step: `when`, `foreach`, `retry`, `fallback`, `timeout`, `concurrency`, `emits`.

use std::time::Duration;

use wasmill_expression::has_expression;
use wasmill_model::{
    Backoff, Code, Concurrency, Emits, Fallback, FallbackTo, Foreach, Jitter, Location, Retry, Template, Value,
    VerdictKind, VerdictSet, format_duration,
};

use crate::check::Names;
use crate::keys;
use crate::quantity::{parse_count, parse_duration};
use crate::reader::{Fields, Reader, listed};
use crate::templates::template;
use crate::tree::{Data, Node, Span};

/// The most attempts of one call.
pub(crate) const MAX_ATTEMPTS: u32 = 100;

/// `when:`, an expression or a boolean; none where it is neither, which has been reported.
pub(crate) fn when(node: &Node, reader: &Reader<'_>) -> Option<Template> {
    let takes = "an expression, or `true` or `false`";
    match &node.data {
        Data::Bool(value) => Some(Template::Literal(Value::Bool(*value))),
        Data::String(text) if has_expression(text) => whole_expression(node, "when", takes, reader),
        Data::String(text) => {
            let help = match text.trim() {
                "true" | "false" => format!("leave its quotes out: `{}`", reader.pair("when", text.trim())),
                _ => with_brackets("when", text, reader),
            };
            reader.wrong_type(node, "when", takes, &help);
            None
        }
        _ => {
            reader.wrong_type(node, "when", takes, "write `when: \"${{ size(inputs.rows) > 0 }}\"`");
            None
        }
    }
}

/// `foreach:` with the `max_parallel:` beside it.
pub(crate) fn foreach(fields: &Fields<'_>, reader: &Reader<'_>) -> Option<Foreach> {
    let max_parallel = fields.member("max_parallel").and_then(|member| {
        if fields.get("foreach").is_none() {
            let message = "`max_parallel` says how many items at once, and the step has no `foreach`";
            let help = "give the step its items (`foreach: \"${{ … }}\"`), or use `schedule: { max_concurrency: … }`";
            reader.error(Code::InvalidValue, member.key_span, message, help);
            return None;
        }
        at_least_one(&member.value, "max_parallel", "`max_parallel: 1` for one item at a time", reader)
    });
    let node = fields.get("foreach")?;
    let takes = "an array, or an expression that gives one";
    let items = match &node.data {
        Data::List(_) => template(node, reader),
        Data::String(text) if has_expression(text) => whole_expression(node, "foreach", takes, reader)?,
        Data::String(text) => {
            reader.wrong_type(node, "foreach", takes, &with_brackets("foreach", text, reader));
            return None;
        }
        _ => {
            reader.wrong_type(node, "foreach", takes, "write `foreach: \"${{ inputs.rows }}\"`");
            return None;
        }
    };
    Some(Foreach { items, max_parallel })
}

/// An expression with nothing around it; none where there is, or where it is no expression, which has been reported.
fn whole_expression(node: &Node, key: &str, takes: &str, reader: &Reader<'_>) -> Option<Template> {
    match template(node, reader) {
        found @ Template::Expression(_) => Some(found),
        Template::Text(_) | Template::Literal(Value::String(_)) => {
            let message = format!("`{key}` takes {takes}, and this is a text with more in it");
            let help = format!("put all of it into one expression: `{key}: \"${{{{ … }}}}\"`");
            reader.error(Code::WrongType, node.span, message, help);
            None
        }
        _ => None,
    }
}

/// What to write instead of an expression without its brackets.
fn with_brackets(key: &str, text: &str, reader: &Reader<'_>) -> String {
    let text = text.trim();
    let is_short = !text.is_empty() && text.len() <= 60 && !text.contains(['\n', '"']);
    let text = if is_short { text } else { "…" };
    format!("write `{}`", reader.pair(key, &format!("\"${{{{ {text} }}}}\"")))
}

/// A count of which nobody has thousands.
fn small_count(text: &str) -> Result<u64, String> {
    parse_count(text).map_err(|_| "write a whole number: `3`".to_owned())
}

/// A whole number that is not zero.
fn at_least_one(node: &Node, key: &str, instead: &str, reader: &Reader<'_>) -> Option<u32> {
    match reader.quantity(node, key, "a whole number", "1", small_count)? {
        0 => {
            let message = format!("`{key}` is zero: nothing could run");
            reader.error(Code::InvalidValue, node.span, message, format!("write {instead}"));
            None
        }
        count => Some(u32::try_from(count).unwrap_or(u32::MAX)),
    }
}

/// `timeout:` of a step, of `defaults` or of the pipeline.
pub(crate) fn timeout(node: &Node, reader: &Reader<'_>) -> Option<Duration> {
    let timeout = reader.quantity(node, "timeout", "a duration", "5m", parse_duration)?;
    if timeout.is_zero() {
        let help = "leave it out for none beside those of the attempts";
        reader.error(Code::InvalidValue, node.span, "`timeout` is zero: nothing could run", help);
        return None;
    }
    Some(timeout)
}

/// Reports a limit of one attempt that could never be reached, as all attempts together have less: `timeout`, which stands in
/// `whose`.
pub(crate) fn attempt_fits(limit: &Node, timeout: Duration, whose: &str, reader: &Reader<'_>) {
    // What is no duration has been reported.
    let Some(attempt) = limit.scalar_text().and_then(|text| parse_duration(&text).ok()) else { return };
    if attempt > timeout {
        let (attempt, timeout) = (format_duration(attempt), format_duration(timeout));
        reader.error(
            Code::InvalidValue,
            limit.span,
            format!("an attempt may take {attempt}, and all attempts together only {timeout} (`timeout` of {whose})"),
            "raise `timeout`, which is for all attempts, or lower `limits.timeout`, which is for each",
        );
    }
}

/// The keys of a `retry:` that were given, there or in `defaults`.
#[derive(Clone, Copy, Default)]
pub(crate) struct RetryKeys {
    attempts: Option<u32>,
    backoff: Option<Backoff>,
    initial: Option<Duration>,
    max: Option<Duration>,
    jitter: Option<Jitter>,
    on: Option<VerdictSet>,
}

impl RetryKeys {
    /// With what was left out. Of `initial` and `max` the one that was given counts, where they would else contradict each other.
    pub(crate) fn resolve(self) -> Retry {
        let others = Retry::default();
        let initial = self.initial.unwrap_or_else(|| others.initial.min(self.max.unwrap_or(others.initial)));
        Retry {
            attempts: self.attempts.unwrap_or(others.attempts),
            backoff: self.backoff.unwrap_or(others.backoff),
            initial,
            max: self.max.unwrap_or_else(|| others.max.max(initial)),
            jitter: self.jitter.unwrap_or(others.jitter),
            on: self.on.unwrap_or(others.on),
        }
    }
}

/// `retry:`, over the one of `defaults`, key by key; without `below` it is that one.
pub(crate) fn retry(node: &Node, below: Option<RetryKeys>, reader: &Reader<'_>) -> RetryKeys {
    let under = below.unwrap_or_default();
    let before = reader.count();
    match &node.data {
        Data::Int(_) | Data::UInt(_) | Data::Float(_) | Data::String(_) => {
            return RetryKeys { attempts: Some(attempts(node, "retry", reader)), ..under };
        }
        Data::Bool(_) | Data::List(_) => {
            let help = "write `retry: 3`, or `retry: { attempts: 3, initial: 200ms }`; `retry: 1` is none";
            reader.wrong_type(node, "retry", "a number of attempts, or an object", help);
            return RetryKeys { attempts: Some(1), ..under };
        }
        Data::Null | Data::Object(_) => {}
    }
    let Some(fields) = reader.fields(node, "retry", &keys::RETRY) else { return under };
    let duration =
        |key: &str| fields.get(key).and_then(|node| reader.quantity(node, key, "a duration", "200ms", parse_duration));
    let own = RetryKeys {
        attempts: fields.get("attempts").map(|node| attempts(node, "attempts", reader)),
        backoff: fields.get("backoff").and_then(|node| {
            Some(match reader.choice(node, "backoff", &["fixed", "exponential"])? {
                "fixed" => Backoff::Fixed,
                _ => Backoff::Exponential,
            })
        }),
        initial: duration("initial"),
        max: duration("max"),
        jitter: fields.get("jitter").and_then(|node| {
            Some(match reader.choice(node, "jitter", &["none", "full"])? {
                "none" => Jitter::None,
                _ => Jitter::Full,
            })
        }),
        on: fields.get("on").and_then(|node| verdicts(node, "try again", reader)),
    };
    let whole = RetryKeys {
        attempts: own.attempts.or(under.attempts),
        backoff: own.backoff.or(under.backoff),
        initial: own.initial.or(under.initial),
        max: own.max.or(under.max),
        jitter: own.jitter.or(under.jitter),
        on: own.on.or(under.on),
    };
    // `defaults` may leave it to each step how often it is tried; a key that was misspelled has been reported already.
    if below.is_some() && whole.attempts.is_none() && reader.count() == before {
        let message = "`retry` does not say how many attempts there are, so there would be one";
        reader.error(Code::MissingKey, node.span, message, "add `attempts: 3`");
    }
    if let (Some(initial), Some(max)) = (whole.initial, whole.max)
        && initial > max
        && (own.initial.is_some() || own.max.is_some())
        && let Some(key) = fields.get("initial").or_else(|| fields.get("max"))
    {
        let other = |is_own: bool| if is_own { "" } else { " of `defaults`" };
        reader.error(
            Code::InvalidValue,
            key.span,
            format!(
                "`initial`{} is {}, above the longest delay: `max`{} is {}",
                other(own.initial.is_some()),
                format_duration(initial),
                other(own.max.is_some()),
                format_duration(max),
            ),
            "lower `initial`, or raise `max`",
        );
    }
    whole
}

/// How many attempts; 1 where it is no such number, which has been reported.
fn attempts(node: &Node, key: &str, reader: &Reader<'_>) -> u32 {
    let count = reader.quantity(node, key, "a number of attempts", "3", small_count);
    let (message, help) = match count.map(u32::try_from) {
        None => return 1,
        Some(Ok(count @ 1..=MAX_ATTEMPTS)) => return count,
        Some(Ok(0)) => (
            format!("`{key}` is zero: the step would never be tried"),
            format!("write `{key}: 1` for one attempt, and no other"),
        ),
        Some(_) => (
            format!("`{key}` asks for more than {MAX_ATTEMPTS} attempts"),
            format!("write {MAX_ATTEMPTS} or less, and a longer delay between them (`initial`, `max`)"),
        ),
    };
    reader.error(Code::InvalidValue, node.span, message, help);
    1
}

/// `on:`, the failures after which something is done; none where it is not right, which has been reported.
fn verdicts(node: &Node, what: &str, reader: &Reader<'_>) -> Option<VerdictSet> {
    let before = reader.count();
    if matches!(&node.data, Data::Null) || matches!(&node.data, Data::List(items) if items.is_empty()) {
        let help = format!("leave it out, or name failures: {}", failures());
        reader.error(Code::InvalidValue, node.span, "`on` names no verdict", help);
        return None;
    }
    let mut kinds: Vec<VerdictKind> = Vec::new();
    for (name, span) in reader.texts(node, "on") {
        let kind = VerdictKind::ALL.into_iter().find(|kind| kind.as_str() == name);
        match kind {
            Some(kind) if kinds.contains(&kind) => {
                reader.error(Code::Duplicate, span, format!("`{name}` stands twice in `on`"), "leave one of them out");
            }
            Some(kind) if VerdictSet::FAILURES.contains(kind) => kinds.push(kind),
            Some(kind) => {
                let why = match kind {
                    VerdictKind::Ok => "it is no failure",
                    VerdictKind::Cancelled => "a run that was told to stop does not go on",
                    _ => "a step that never started did not fail",
                };
                let message = format!("`on` cannot name `{name}`: {why}, so there is nothing to {what}");
                let help = match kind {
                    VerdictKind::Skipped => {
                        format!("a later step can ask for it: `when: \"${{{{ steps.<id>.verdict == '{name}' }}}}\"`")
                    }
                    _ => format!("name failures: {}", failures()),
                };
                reader.error(Code::InvalidValue, span, message, help);
            }
            None => {
                let help = match reader.nearest(name, VerdictSet::FAILURES.iter().map(VerdictKind::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the failures are {}", failures()),
                };
                reader.error(Code::InvalidValue, span, format!("there is no verdict `{name}`"), help);
            }
        }
    }
    (reader.count() == before).then(|| kinds.into_iter().collect())
}

fn failures() -> String {
    listed(VerdictSet::FAILURES.iter().map(VerdictKind::as_str))
}

/// `fallback:`, one or a list, with the places of the steps that are named.
pub(crate) fn fallback(node: &Node, declared: &Names<'_>, reader: &Reader<'_>) -> (Vec<Fallback>, Vec<Span>) {
    let items = match &node.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(node),
    };
    if items.is_empty() {
        let help = "leave it out, or write `fallback: { value: [] }`";
        reader.error(Code::InvalidValue, node.span, "`fallback` names nothing", help);
    }
    let (mut found, mut steps) = (Vec::new(), Vec::new());
    let mut answered = VerdictSet::default();
    for item in items {
        let before = reader.count();
        let Some(fields) = reader.fields(item, "fallback", &keys::FALLBACK) else { continue };
        let on = match fields.get("on") {
            Some(node) => verdicts(node, "answer", reader),
            None => Some(VerdictSet::FAILURES),
        };
        let to = fallback_to(&fields, item.span, reader.count() == before, declared, reader);
        let Some(on) = on else { continue };
        if on.iter().all(|kind| answered.contains(kind)) {
            let (message, help) = if VerdictSet::FAILURES.iter().all(|kind| answered.contains(kind)) {
                (
                    "this fallback can never be used: every failure is answered before it".to_owned(),
                    "say which failures those before it answer: `on: [timed-out]`; or leave this one out",
                )
            } else {
                let names = listed(on.iter().map(VerdictKind::as_str));
                (
                    format!("this fallback can never be used: what it answers ({names}) is answered before it"),
                    "put it first, or leave it out",
                )
            };
            reader.error(Code::InvalidValue, item.span, message, help);
        }
        answered = answered.iter().chain(on.iter()).collect();
        let Some(to) = to else { continue };
        if let (FallbackTo::Step(_), Some(node)) = (&to, fields.get("step")) {
            steps.push(node.span);
        }
        found.push(Fallback { on, to });
    }
    (found, steps)
}

/// What one fallback is: exactly one of the three.
fn fallback_to(
    fields: &Fields<'_>,
    span: Span,
    is_right: bool,
    declared: &Names<'_>,
    reader: &Reader<'_>,
) -> Option<FallbackTo> {
    let given: Vec<&str> = ["value", "unit", "step"].into_iter().filter(|key| fields.get(key).is_some()).collect();
    if let (Some(member), false) = (fields.member("function"), given.contains(&"unit")) {
        let help = "name the unit too: `fallback: { unit: …, function: … }`";
        reader.error(Code::InvalidValue, member.key_span, "`function` is of a `unit`, and there is none", help);
    }
    match given.as_slice() {
        [] => {
            // A key that was misspelled has been reported already.
            if is_right {
                let message = "the fallback does not say what takes the place of the step";
                reader.error(Code::MissingKey, span, message, "give it a `value`, a `unit` or a `step`");
            }
            None
        }
        ["value"] => fields.get("value").map(|node| FallbackTo::Value(template(node, reader))),
        ["unit"] => {
            let node = fields.get("unit")?;
            let Some(unit) = node.as_text() else {
                let help = "declare the unit under `units`, and name it here: `fallback: { unit: stats }`";
                reader.wrong_type(node, "unit", "the name of a unit", help);
                return None;
            };
            declared.check_unit(unit, node.span, reader);
            let function = fields.get("function").and_then(|node| reader.text(node, "function")).map(str::to_owned);
            Some(FallbackTo::Unit { unit: unit.into(), function })
        }
        ["step"] => {
            let step = reader.text(fields.get("step")?, "step")?;
            Some(FallbackTo::Step(step.into()))
        }
        [one, other, ..] => {
            if let Some(member) = fields.member(other) {
                let message = format!("the fallback has both `{one}` and `{other}`");
                let help = format!("leave one out, or write two: `fallback: [{{ {one}: … }}, {{ {other}: … }}]`");
                reader.error(Code::InvalidValue, member.key_span, message, help);
            }
            None
        }
        [_] => None,
    }
}

/// `concurrency:`, with its place.
pub(crate) fn concurrency(node: &Node, reader: &Reader<'_>) -> Option<(Concurrency, Location)> {
    let fields = reader.fields(node, "concurrency", &keys::CONCURRENCY)?;
    let missing = |key: &str, help: &str| {
        let message = format!("`concurrency` has no `{key}`");
        reader.error(Code::MissingKey, node.span, message, help);
    };
    let key = match fields.get("key") {
        Some(node) => reader.text(node, "key").filter(|key| {
            if key.trim().is_empty() {
                let help = "name what is shared: `key: billing-api`";
                reader.error(Code::InvalidValue, node.span, "`key` is empty", help);
            }
            !key.trim().is_empty()
        }),
        None => {
            missing("key", "name what its steps share: `concurrency: { key: billing-api, max: 2 }`");
            None
        }
    };
    let Some(node) = fields.get("max") else {
        missing("max", "say how many calls may run at once: `max: 2`");
        return None;
    };
    let max = at_least_one(node, "max", "`max: 1` for one call at a time", reader)?;
    Some((Concurrency { key: key?.into(), max }, reader.location(node.span)))
}

/// `emits:`
pub(crate) fn emits(node: &Node, reader: &Reader<'_>) -> Emits {
    match reader.choice(node, "emits", &["output", "metadata"]) {
        Some("metadata") => Emits::Metadata,
        _ => Emits::Output,
    }
}
