//! What a step is called with: prepared when the pipeline is linked, worked out when the step starts.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use wasmill_expression::{EvaluationError, Program};
use wasmill_model::{Digest, Expression, Input, Object, Pipeline, Reference, Step, Template, Value, With};
use wasmill_plan::StepIndex;

use crate::bounds::bounded_input;
use crate::scope::ItemScope;
use crate::wiring::Wiring;

/// How a step's input is worked out. What other steps gave is handed on as it is wherever nothing is computed with it: a reference
/// count, and no second digest.
pub(crate) enum StepInput {
    /// The same in every run.
    Constant {
        input: Input,
        digest: Digest,
    },
    /// The output of one step.
    Output(StepIndex),
    /// One of the pipeline's inputs.
    PipelineInput(Arc<str>),
    /// All of the pipeline's inputs.
    PipelineInputs {
        by_name: bool,
    },
    /// The item that the step is called for.
    Item {
        by_name: bool,
    },
    /// An object of outputs, by the ids of their steps.
    Outputs {
        steps: Vec<(Arc<str>, StepIndex)>,
        by_name: bool,
    },
    Named(Vec<(Arc<str>, Program)>),
    Positional(Vec<Program>),
    Single(Program),
}

/// How a step takes what it inherits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inherits {
    /// As one value.
    Value,
    /// An object's members by name.
    Members,
    /// Not at all: its function has no parameters.
    Nothing,
}

impl StepInput {
    /// # Errors
    /// An expression that is not valid.
    pub(crate) fn new(
        step: &Step,
        pipeline: &Pipeline,
        wiring: &Wiring,
        inherits: Inherits,
    ) -> Result<StepInput, wasmill_expression::ExpressionError> {
        let prepared = match &step.with {
            With::Inherited => Self::inherited(step, pipeline, wiring, inherits),
            With::Single(Template::Expression(expression)) => match handed_on(expression, pipeline, wiring) {
                Some(input) => input,
                None => StepInput::Single(Program::expression(expression)?),
            },
            With::Single(template) => StepInput::Single(Program::compile(template)?),
            With::Positional(items) => {
                StepInput::Positional(items.iter().map(Program::compile).collect::<Result<_, _>>()?)
            }
            With::Named(members) => StepInput::Named(
                members
                    .iter()
                    .map(|(name, template)| Ok((name.clone(), Program::compile(template)?)))
                    .collect::<Result<_, _>>()?,
            ),
        };
        Ok(prepared.folded())
    }

    fn inherited(step: &Step, pipeline: &Pipeline, wiring: &Wiring, inherits: Inherits) -> StepInput {
        let by_name = inherits == Inherits::Members;
        if inherits == Inherits::Nothing {
            return StepInput::Positional(Vec::new());
        }
        if step.foreach.is_some() {
            return StepInput::Item { by_name };
        }
        let mut after: Vec<(Arc<str>, StepIndex)> = Vec::new();
        for id in &step.after {
            if let Some(index) = wiring.index.get(id).filter(|index| !after.iter().any(|(_, other)| other == *index)) {
                after.push((id.clone(), *index));
            }
        }
        match (after.as_slice(), pipeline.inputs.keys().next()) {
            ([], Some(only)) if pipeline.inputs.len() == 1 => StepInput::PipelineInput(only.clone()),
            ([], _) => StepInput::PipelineInputs { by_name },
            ([(_, only)], _) => StepInput::Output(*only),
            _ => StepInput::Outputs { steps: after, by_name },
        }
    }

    /// Literals are put together once.
    fn folded(self) -> StepInput {
        let input = match &self {
            StepInput::Single(program) => program.literal().cloned().map(Input::Single),
            StepInput::Positional(programs) => {
                programs.iter().map(|program| program.literal().cloned()).collect::<Option<_>>().map(Input::Positional)
            }
            StepInput::Named(members) => members
                .iter()
                .map(|(name, program)| Some((name.clone(), program.literal()?.clone())))
                .collect::<Option<_>>()
                .map(Input::Named),
            _ => None,
        };
        match input {
            Some(input) => StepInput::Constant { digest: input.digest(), input },
            None => self,
        }
    }

    /// The input and its digest.
    ///
    /// # Errors
    /// Why an expression has no value, and where it stands.
    pub(crate) fn evaluate(&self, scope: &ItemScope<'_>) -> Result<(Cow<'_, Input>, Digest), String> {
        let run = scope.run;
        let explain = |error: EvaluationError| explain(&error);
        let owned = |input: Input| {
            bounded_input(&input)?;
            let digest = input.digest();
            Ok((Cow::Owned(input), digest))
        };
        let object = |object: Object, by_name: bool| {
            if by_name { Input::Named(object) } else { Input::Single(Value::from(object)) }
        };
        match self {
            StepInput::Constant { input, digest } => Ok((Cow::Borrowed(input), *digest)),
            StepInput::Output(step) => {
                let value = run.output(*step).cloned().unwrap_or_default();
                match run.output_digest(*step) {
                    Some(digest) => Ok((Cow::Owned(Input::Single(value)), digest)),
                    None => owned(Input::Single(value)),
                }
            }
            StepInput::PipelineInput(name) => {
                match run.inputs.get(name) {
                    Some((value, digest)) => Ok((Cow::Owned(Input::Single(value)), digest)),
                    // One that need not be given, and was not.
                    None => owned(Input::Single(Value::Null)),
                }
            }
            StepInput::PipelineInputs { by_name } => {
                let input = match (by_name, run.inputs.all()) {
                    (true, Value::Object(members)) => Input::Named((**members).clone()),
                    (_, all) => Input::Single(all.clone()),
                };
                Ok((Cow::Owned(input), run.inputs.all_digest()))
            }
            StepInput::Item { by_name } => {
                let item = scope.item.map(|(item, _)| item.clone()).unwrap_or_default();
                owned(match item {
                    Value::Object(members) if *by_name => Input::Named(Arc::unwrap_or_clone(members)),
                    other => Input::Single(other),
                })
            }
            StepInput::Outputs { steps, by_name } => {
                let member =
                    |(id, step): &(Arc<str>, StepIndex)| (id.clone(), run.output(*step).cloned().unwrap_or_default());
                owned(object(steps.iter().map(member).collect(), *by_name))
            }
            StepInput::Named(members) => {
                let mut named = Object::with_capacity(members.len());
                for (name, program) in members {
                    named.insert(name.clone(), program.evaluate(scope).map_err(explain)?);
                }
                owned(Input::Named(named))
            }
            StepInput::Positional(programs) => owned(Input::Positional(
                programs.iter().map(|program| program.evaluate(scope)).collect::<Result<_, _>>().map_err(explain)?,
            )),
            StepInput::Single(program) => owned(Input::Single(program.evaluate(scope).map_err(explain)?)),
        }
    }
}

/// `` `${{ steps.a.output.x }}`: …, at pipeline.yaml:12:9``
pub(crate) fn explain(error: &EvaluationError) -> String {
    let mut text = error.to_string();
    if error.location.line > 0 {
        text.push_str(&format!(" (at {})", error.location));
    }
    if let Some(help) = &error.help {
        text.push_str(&format!("; {help}"));
    }
    text
}

/// `steps.<id>.output` and `inputs.<name>`, and nothing else.
fn handed_on(expression: &Expression, pipeline: &Pipeline, wiring: &Wiring) -> Option<StepInput> {
    let [reference] = expression.references.as_slice() else { return None };
    let source = expression.source.trim();
    match reference {
        Reference::Step(id) => {
            is_output_of(expression, id).then(|| wiring.index.get(id).copied().map(StepInput::Output)).flatten()
        }
        Reference::Input(name) => {
            let rest = source.strip_prefix("inputs")?;
            // One that may be absent is left to the expression: it has words for that.
            let always = pipeline.inputs.get(name).is_some_and(|spec| spec.required || spec.default.is_some());
            (always && is_access(rest, name)).then(|| StepInput::PipelineInput(name.clone()))
        }
        Reference::Root(_) => None,
    }
}

/// Whether the expression is the output of this step, and no more.
pub(crate) fn is_output_of(expression: &Expression, id: &str) -> bool {
    let source = expression.source.trim();
    let rest = source.strip_prefix("steps").and_then(|rest| rest.strip_suffix(".output"));
    rest.is_some_and(|rest| is_access(rest, id))
}

/// Whether this is `.name` or `["name"]`.
fn is_access(text: &str, name: &str) -> bool {
    text.strip_prefix('.') == Some(name)
        || text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).is_some_and(|quoted| {
            ['"', '\'']
                .iter()
                .any(|quote| quoted.strip_prefix(*quote).and_then(|text| text.strip_suffix(*quote)) == Some(name))
        })
}

/// The inputs of a run. A digest is worked out once, however many steps are given the same input.
pub(crate) struct Inputs {
    all: Value,
    digest: OnceLock<Digest>,
    digests: Vec<OnceLock<Digest>>,
}

impl Inputs {
    pub(crate) fn new(inputs: Object) -> Self {
        let digests = inputs.iter().map(|_| OnceLock::new()).collect();
        Inputs { all: Value::from(inputs), digest: OnceLock::new(), digests }
    }

    pub(crate) fn all(&self) -> &Value {
        &self.all
    }

    fn all_digest(&self) -> Digest {
        *self.digest.get_or_init(|| self.all.digest())
    }

    fn get(&self, name: &str) -> Option<(Value, Digest)> {
        let Value::Object(inputs) = &self.all else { return None };
        let (place, _, value) = inputs.get_full(name)?;
        Some((value.clone(), *self.digests.get(place)?.get_or_init(|| value.digest())))
    }
}
