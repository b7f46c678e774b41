//! One expression, worked out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cel::common::types::CelBool;
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, ExecutionError};
use wasmill_model::{Expression, Location, Value};

use crate::analysis::{Analysis, TICK};
use crate::bounds::MAX_ITERATIONS;
use crate::convert::{from_cel, to_cel};
use crate::error::{EvaluationError, ExpressionError, Failure};
use crate::messages;
use crate::parse::{ENVIRONMENT, Parsed, read};
use crate::path::Path;
use crate::pattern;
use crate::program::Scope;

/// An expression that is ready to be worked out.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    kind: Kind,
    source: Arc<str>,
    location: Location,
}

#[derive(Clone, Debug)]
enum Kind {
    Path(Path),
    Cel(Arc<Analysis>),
}

impl Compiled {
    pub(crate) fn new(expression: &Expression) -> Result<Compiled, ExpressionError> {
        let kind = match read(&expression.source) {
            Ok(Parsed::Path(path)) => Kind::Path(path),
            Ok(Parsed::Cel(analysis)) => Kind::Cel(Arc::new(analysis)),
            Err(mut error) => {
                error.location =
                    crate::template::shift(&expression.location, &expression.source, error.offset.unwrap_or(0));
                return Err(error);
            }
        };
        Ok(Compiled { kind, source: expression.source.clone(), location: expression.location.clone() })
    }

    pub(crate) fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        match &self.kind {
            Kind::Path(path) => path.walk(scope),
            Kind::Cel(analysis) => run(analysis, self.source.len(), scope),
        }
        .map_err(|failure| failure.of(&self.source, &self.location))
    }
}

fn run(analysis: &Analysis, length: usize, scope: &dyn Scope) -> Result<Value, Failure> {
    let values: Vec<Result<Value, Failure>> = analysis.operands.iter().map(|operand| operand.resolve(scope)).collect();
    let operands = Operands {
        values: &values,
        converted: values.iter().map(|_| OnceLock::new()).collect(),
        // A longer expression does more in each iteration.
        iterations: AtomicU64::new(MAX_ITERATIONS / (1 + length as u64 / 256)),
        is_exhausted: AtomicBool::new(false),
    };
    let mut context = Context::with_env(ENVIRONMENT.clone());
    context.set_variable_resolver(&operands);
    pattern::begin();
    let outcome = cel::Value::resolve_val(&analysis.tree, &context);
    if operands.is_exhausted.load(Ordering::Relaxed) {
        return Err(
            Failure::new("the expression visits too many items").help("do this in a unit: expressions are glue")
        );
    }
    match outcome {
        Ok(CowVal::Borrowed(value)) => operands.handed_on(value).map_or_else(|| from_cel(value), Ok),
        Ok(value) => from_cel(value.as_ref()),
        Err(error) => Err(explain(error, &values)),
    }
}

/// A path that led nowhere is an unknown name to CEL.
fn explain(error: ExecutionError, values: &[Result<Value, Failure>]) -> Failure {
    if let ExecutionError::UndeclaredReference(name) = &error
        && let Some(Err(failure)) = operand(name).and_then(|position| values.get(position))
    {
        return failure.clone();
    }
    messages::execution(&error)
}

fn operand(name: &str) -> Option<usize> {
    name.strip_prefix('@')?.parse().ok()
}

/// The names that stand for what the expression reads. Nothing is converted before CEL asks for it, and nothing twice.
struct Operands<'v> {
    values: &'v [Result<Value, Failure>],
    converted: Vec<OnceLock<Box<dyn Val + 'v>>>,
    iterations: AtomicU64,
    is_exhausted: AtomicBool,
}

impl Operands<'_> {
    /// The operand that this is, where it is one as a whole (`x ? steps.a.output : steps.b.output`): handed on, not copied.
    fn handed_on(&self, value: &dyn Val) -> Option<Value> {
        let is_it = |converted: &OnceLock<Box<dyn Val + '_>>| {
            converted.get().is_some_and(|converted| std::ptr::addr_eq(converted.as_ref(), value))
        };
        let operand = self.values.get(self.converted.iter().position(is_it)?)?.as_ref().ok()?;
        // Smaller ones may have no address of their own.
        matches!(operand, Value::String(_) | Value::Bytes(_) | Value::List(_) | Value::Object(_))
            .then(|| operand.clone())
    }
}

impl VariableResolver for Operands<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        if name == TICK {
            let left = self.iterations.load(Ordering::Relaxed);
            let Some(left) = left.checked_sub(1) else {
                self.is_exhausted.store(true, Ordering::Relaxed);
                return None;
            };
            self.iterations.store(left, Ordering::Relaxed);
            return Some(CowVal::owned(CelBool::from(true)));
        }
        let position = operand(name)?;
        let value = self.values.get(position)?.as_ref().ok()?;
        let converted = self.converted.get(position)?.get_or_init(|| to_cel(value));
        Some(CowVal::Borrowed(converted.as_ref()))
    }
}
