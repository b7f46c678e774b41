//! CEL expressions and templates over a run's data.
//!
//! `${{ … }}` in a manifest holds an expression of the [Common Expression Language](https://cel.dev) over these names:
//!
//! | name | what it is |
//! | --- | --- |
//! | `inputs` | the pipeline's inputs: `inputs.orders`, `inputs["with-dash"]` |
//! | `steps` | what other steps gave: `steps.<id>.output`, `.verdict`, `.receipt`, `.metadata`; an id with a dash is `steps["my-step"].output` |
//! | `item`, `index` | in a step with `foreach`: the item that it is called for, and which it is, from 0 |
//! | `run`, `secrets` | what the runtime provides where it does |
//!
//! # Functions
//!
//! CEL's standard ones and no others: operators `+ - * / % == != < <= > >= && || ! ?: in [] .`; macros `has(a.b)`,
//! `list.all(x, …)`, `exists`, `exists_one`, `map`, `filter`; functions `size`, `contains`, `startsWith`, `endsWith`, `matches`
//! (RE2 syntax, linear time; pattern and text are bounded together), `string`, `bytes`, `int`, `uint`, `double`, `bool`, `type`, `dyn`; optional values `a.?b`, `a[?b]`,
//! `optional.of`, `optional.none`, `orValue`, `or`, `hasValue`, `value`; and of CEL's math extension `math.greatest`,
//! `math.least`, `math.abs`, `math.ceil`, `math.floor`, `math.round`, `math.trunc`, `math.sign`, `math.sqrt`, `math.isNaN`,
//! `math.isInf`, `math.isFinite` and the `math.bit…` ones. None of them reads a clock, a locale or the environment.
//!
//! # Invariants
//!
//! - An expression is a pure function of its [`Scope`]: the same values give the same value, with object keys sorted wherever
//!   CEL made the object.
//! - A pure path (`steps.a.output.rows[0]`) never enters CEL: what it names is handed on as it is, at the price of a reference
//!   count.
//! - A hostile expression cannot overflow the stack or run without end: see [`MAX_LENGTH`], [`MAX_DEPTH`], [`MAX_ITERATIONS`].
#![forbid(unsafe_code)]

mod analysis;
mod bounds;
mod convert;
mod error;
mod evaluate;
mod messages;
mod parse;
mod path;
mod pattern;
mod program;
mod template;

pub use bounds::{MAX_DEPTH, MAX_ITERATIONS, MAX_LENGTH};
pub use error::{EvaluationError, ExpressionError};
pub use parse::{locate, parse};
pub use program::{Program, Scope, StepField};
pub use template::{has_expression, parse_template, parse_template_with};

/// The names that an expression may begin with.
pub const ROOTS: [&str; 6] = ["inputs", "steps", "item", "index", "run", "secrets"];
