//! What happens around the calls of a step, in few words: for the graph and for the plan.

use std::time::Duration;

use wasmill_model::{Backoff, Fallback, FallbackTo, Part, Retry, Step, Template, format_duration};

/// `when …`, `foreach …`, `retry 3×`, `fallback to a value`: one note for each.
pub(crate) fn notes(step: &Step) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(when) = &step.when {
        notes.push(format!("when {}", template(when)));
    }
    if let Some(foreach) = &step.foreach {
        let most = foreach.max_parallel.map(|most| format!(", {most} at once")).unwrap_or_default();
        notes.push(format!("foreach {}{most}", template(&foreach.items)));
    }
    if step.retry.attempts > 1 {
        notes.push(retry(&step.retry));
    }
    notes.extend(step.fallback.iter().map(fallback));
    if let Some(timeout) = step.timeout {
        notes.push(format!("{} in all", time(timeout)));
    }
    if step.cache {
        let why = if step.grants.is_pure() {
            ""
        } else {
            ", but what it is granted can answer otherwise: every call is made"
        };
        notes.push(format!("cache auto{why}"));
    }
    if let Some(concurrency) = &step.concurrency {
        notes.push(format!("{} at once of `{}`", concurrency.max, concurrency.key));
    }
    notes
}

fn retry(retry: &Retry) -> String {
    let delay = match retry.backoff {
        Backoff::Fixed => time(retry.initial),
        Backoff::Exponential => format!("{} to {}", time(retry.initial), time(retry.max)),
    };
    format!("{} attempts, {delay} apart", retry.attempts)
}

/// A time that somebody wrote: `200 ms`, where one that was measured is `200.00 ms`.
pub(crate) fn time(time: Duration) -> String {
    format_duration(time).replace(".00 ", " ")
}

fn fallback(fallback: &Fallback) -> String {
    match &fallback.to {
        FallbackTo::Value(value) => format!("or else {}", template(value)),
        FallbackTo::Unit { unit, function: Some(function) } => format!("or else unit {unit} {function}"),
        FallbackTo::Unit { unit, function: None } => format!("or else unit {unit}"),
        FallbackTo::Step(step) => format!("or else step {step}"),
    }
}

/// A template as it could be written: the text of its expression where that is all of it.
pub(crate) fn template(template: &Template) -> String {
    match template {
        Template::Expression(expression) => expression.source.trim().to_owned(),
        other => spelled(other),
    }
}

fn spelled(template: &Template) -> String {
    match template {
        Template::Literal(value) => value.to_json(),
        Template::Expression(expression) => format!("${{{{ {} }}}}", expression.source.trim()),
        Template::Text(parts) => parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Expression(expression) => format!("${{{{ {} }}}}", expression.source.trim()),
            })
            .collect(),
        Template::List(items) => format!("[{}]", items.iter().map(spelled).collect::<Vec<_>>().join(", ")),
        Template::Object(members) => {
            let members = members.iter().map(|(name, item)| format!("{name}: {}", spelled(item)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// `stats parse`: a unit and its function, which the name of a unit that was built for it alone says already.
pub(crate) fn called(unit: &str, function: Option<&str>) -> String {
    match function {
        Some(function) if !unit.ends_with(&format!(" ({function})")) => format!("{unit} {function}"),
        _ => unit.to_owned(),
    }
}
