//! From text to a checked expression.

use std::ops::Range;
use std::sync::LazyLock;

use cel::Env;
use cel::common::types::{CelBool, CelString};
use wasmill_model::{Expression, Location, Reference};

use crate::analysis::{self, Analysis};
use crate::bounds;
use crate::error::ExpressionError;
use crate::messages;
use crate::path::{self, Path};
use crate::pattern::matches;

/// CEL's standard library, its math extension and `matches`, which CEL has too, but with all that `regex` can be built with.
pub(crate) static ENVIRONMENT: LazyLock<std::sync::Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // It fails only where a name is declared twice; the functions would be missing then, which a test looks for.
    let _ = environment.add_extension(cel::extensions::math);
    let _ = environment.add_extension(|environment| {
        cel::add_overload!(environment, fn matches: (CelString, CelString) -> Result<CelBool>, id = "matches")?;
        cel::add_member_overload!(environment, fn matches: (CelString, CelString) -> Result<CelBool>)
    });
    std::sync::Arc::new(environment)
});

/// What a text turned out to be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// A pure path.
    Path(Path),
    /// Anything else.
    Cel(Analysis),
}

/// Reads a CEL expression (without `${{` and `}}`) and finds what it reads.
///
/// A variable of a comprehension (`x` in `list.map(x, …)`) is no reference. `location` is where the text begins.
///
/// # Errors
/// What is wrong with its syntax, its names of functions, or its use of `inputs` and `steps`; or a bound that it breaks.
pub fn parse(source: &str, location: Location) -> Result<Expression, ExpressionError> {
    let fail = |mut error: ExpressionError| {
        error.location = crate::template::shift(&location, source, error.offset.unwrap_or(0));
        error
    };
    let parsed = read(source).map_err(fail)?;
    let mut references = Vec::new();
    for (reference, _) in parsed.occurrences(source) {
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    Ok(Expression { source: source.trim().into(), references, location })
}

/// Where in an expression's source a reference first stands.
pub fn locate(expression: &Expression, reference: &Reference) -> Option<Range<usize>> {
    let parsed = read(&expression.source).ok()?;
    parsed.occurrences(&expression.source).into_iter().find(|(found, _)| found == reference).map(|(_, range)| range)
}

impl Parsed {
    fn occurrences(&self, source: &str) -> Vec<(Reference, Range<usize>)> {
        match self {
            Parsed::Path(path) => vec![(path.reference(), 0..source.len())],
            Parsed::Cel(analysis) => analysis.occurrences.clone(),
        }
    }
}

pub(crate) fn read(source: &str) -> Result<Parsed, ExpressionError> {
    bounds::check(source)?;
    let trimmed = source.trim();
    if trimmed.is_empty() {
        return Err(ExpressionError::new("the expression is empty").at(0).help("write `${{ inputs.<name> }}`"));
    }
    if let Some((root, segments, length)) = path::scan(trimmed)
        && length == trimmed.len()
    {
        return Path::new(root, segments).map(Parsed::Path).map_err(|error| error.at(0));
    }
    let (syntax_tree, positions) =
        ENVIRONMENT.parser().parse_with_source_info(source).map_err(|errors| messages::syntax(source, &errors))?;
    analysis::analyse(source, syntax_tree, &positions).map(Parsed::Cel)
}
