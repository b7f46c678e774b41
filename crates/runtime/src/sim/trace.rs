//! What happened in one simulated run, and when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use wasmill_model::VerdictKind;

/// The name of a step that stands in a path: without items and attempts, `outer/inner` of `outer[3]#2/inner`.
pub(super) fn plain(path: &str) -> String {
    let parts = path.split('/').map(|part| part.find(['[', '#']).and_then(|end| part.get(..end)).unwrap_or(part));
    parts.collect::<Vec<_>>().join("/")
}

/// Why a call ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// It is what the unit gives.
    Itself,
    /// A failure that the step declares, which chance chose.
    Drawn,
    /// A failure that whoever simulates asked for.
    Injected,
    /// It would have taken longer than the limit of an attempt.
    Limit,
    /// It was told to stop.
    Told,
}

/// One call of a unit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Of [`Trace::paths`].
    pub(super) path: usize,
    pub(super) item: Option<u32>,
    pub(super) attempt: u32,
    pub(super) is_fallback: bool,
    pub(super) began: Duration,
    pub(super) ended: Option<(Duration, VerdictKind, Cause)>,
}

/// When a step was under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    pub(super) began: Option<Duration>,
    pub(super) ended: Option<(Duration, VerdictKind)>,
}

/// A path of a step: `outer[3]#2/inner`.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) name: Arc<str>,
    /// Without items and attempts.
    pub(super) plain: Arc<str>,
    pub(super) span: Span,
}

/// Everything that happened.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) paths: Vec<Path>,
    pub(super) calls: Vec<Call>,
    index: HashMap<Arc<str>, usize>,
}

impl Trace {
    /// The place of a path.
    pub(super) fn path(&mut self, name: &Arc<str>) -> usize {
        if let Some(place) = self.index.get(name) {
            return *place;
        }
        let plain = if name.contains(['[', '#']) { plain(name).into() } else { name.clone() };
        self.paths.push(Path { name: name.clone(), plain, span: Span::default() });
        self.index.insert(name.clone(), self.paths.len() - 1);
        self.paths.len() - 1
    }

    pub(super) fn span(&mut self, name: &Arc<str>) -> Option<&mut Span> {
        let place = self.path(name);
        self.paths.get_mut(place).map(|path| &mut path.span)
    }

    pub(super) fn of(&self, name: &str) -> Option<Span> {
        self.index.get(name).and_then(|place| self.paths.get(*place)).map(|path| path.span)
    }

    /// The step of a call, without items and attempts.
    pub(super) fn step(&self, call: &Call) -> &str {
        self.paths.get(call.path).map_or("", |path| &path.plain)
    }

    /// One line for each thing that happened, in the order of time.
    pub(super) fn timeline(&self) -> Vec<(Duration, String)> {
        let mut lines = Vec::new();
        let name = |path: usize| self.paths.get(path).map_or("", |path| &path.name);
        for call in &self.calls {
            let item = call.item.map(|item| format!("[{item}]")).unwrap_or_default();
            let attempt = if call.attempt > 1 { format!("#{}", call.attempt) } else { String::new() };
            let who = format!("{}{item}{attempt}", name(call.path));
            let fallback = if call.is_fallback { " (its fallback)" } else { "" };
            lines.push((call.began, 1, format!("{who} begins{fallback}")));
            let Some((at, verdict, cause)) = call.ended else { continue };
            let why = match cause {
                Cause::Itself => "",
                Cause::Drawn => " (by chance, as declared)",
                Cause::Injected => " (injected)",
                Cause::Limit => " (over its limit)",
                Cause::Told => " (told to stop)",
            };
            lines.push((at, 0, format!("{who} ends: {verdict}{why}")));
        }
        for path in &self.paths {
            // Nobody need be told twice of a step that is one call.
            let calls = self.calls.iter().filter(|call| name(call.path) == &*path.name).take(2).count();
            if let (Some((at, verdict)), true) = (path.span.ended, calls != 1 || path.span.began.is_none()) {
                lines.push((at, 0, format!("{} is over: {verdict}", path.name)));
            }
        }
        lines.sort_by_key(|(at, order, _)| (*at, *order));
        lines.into_iter().map(|(at, _, line)| (at, line)).collect()
    }
}
