//! Templates made ready to be worked out, and what they are worked out over.

use std::sync::Arc;

use wasmill_model::{Expression, Object, Part, Template, Value};

use crate::error::{EvaluationError, ExpressionError};
use crate::evaluate::Compiled;

/// What of a step an expression reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepField {
    /// What its unit gave.
    Output,
    /// How it ended, by its name: `ok`, `trap`, …
    Verdict,
    /// The receipt of its last attempt.
    Receipt,
    /// What was found out about it: an object.
    Metadata,
}

impl StepField {
    /// Every field.
    pub const ALL: [StepField; 4] = [StepField::Output, StepField::Verdict, StepField::Receipt, StepField::Metadata];

    /// The name in expressions.
    pub const fn as_str(self) -> &'static str {
        match self {
            StepField::Output => "output",
            StepField::Verdict => "verdict",
            StepField::Receipt => "receipt",
            StepField::Metadata => "metadata",
        }
    }
}

/// The data of a run, as far as it is there. Only what an expression reads is asked for.
pub trait Scope {
    /// One input; none where it was not given and has no default.
    fn input(&self, name: &str) -> Option<Value>;

    /// All inputs, as one object.
    fn inputs(&self) -> Value;

    /// One field of a step; none where the step has not got there.
    fn step(&self, id: &str, field: StepField) -> Option<Value>;

    /// Any other root: `item`, `index`, `run`, `secrets`.
    fn root(&self, name: &str) -> Option<Value> {
        let _ = name;
        None
    }
}

/// A template that is parsed once and worked out as often as needed.
///
/// ```
/// use wasmill_expression::{Program, Scope, StepField, parse_template};
/// use wasmill_model::{Location, Value};
///
/// struct Inputs(Value);
/// impl Scope for Inputs {
///     fn input(&self, name: &str) -> Option<Value> {
///         self.0.get(name).cloned()
///     }
///     fn inputs(&self) -> Value {
///         self.0.clone()
///     }
///     fn step(&self, _: &str, _: StepField) -> Option<Value> {
///         None
///     }
/// }
///
/// let template = parse_template("${{ size(inputs.rows) }} rows", &Location::default())?;
/// let program = Program::compile(&template)?;
/// let scope = Inputs(Value::from_json(br#"{"rows": [1, 2, 3]}"#)?);
/// assert_eq!(program.evaluate(&scope)?, Value::from("3 rows"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program(Node);

#[derive(Clone, Debug)]
enum Node {
    Literal(Value),
    Expression(Compiled),
    Text(Vec<TextPart>),
    List(Vec<Node>),
    Object(Vec<(Arc<str>, Node)>),
}

#[derive(Clone, Debug)]
enum TextPart {
    Text(String),
    Expression(Compiled),
}

enum Piece<'t> {
    Own(&'t str),
    Given(Arc<String>),
}

impl Piece<'_> {
    fn as_str(&self) -> &str {
        match self {
            Piece::Own(text) => text,
            Piece::Given(text) => text,
        }
    }
}

impl Program {
    /// Makes a template ready.
    ///
    /// # Errors
    /// An expression that is not valid; never for a template of [`parse_template`](crate::parse_template).
    pub fn compile(template: &Template) -> Result<Program, ExpressionError> {
        Ok(Program(Node::compile(template)?))
    }

    /// Makes one expression ready.
    ///
    /// # Errors
    /// An expression that is not valid; never for one of [`parse`](crate::parse).
    pub fn expression(expression: &Expression) -> Result<Program, ExpressionError> {
        Ok(Program(Node::Expression(Compiled::new(expression)?)))
    }

    /// The value, where no expression is in it.
    pub fn literal(&self) -> Option<&Value> {
        match &self.0 {
            Node::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Works out the value.
    ///
    /// # Errors
    /// A path that leads nowhere, or operands that an operator does not take: with the expression and its position.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        self.0.evaluate(scope)
    }
}

impl Node {
    fn compile(template: &Template) -> Result<Node, ExpressionError> {
        Ok(match template {
            Template::Literal(value) => Node::Literal(value.clone()),
            Template::Expression(expression) => Node::Expression(Compiled::new(expression)?),
            Template::Text(parts) => {
                let mut compiled = Vec::with_capacity(parts.len());
                for part in parts {
                    compiled.push(match part {
                        Part::Text(text) => TextPart::Text(text.clone()),
                        Part::Expression(expression) => TextPart::Expression(Compiled::new(expression)?),
                    });
                }
                Node::Text(compiled)
            }
            Template::List(items) => Node::List(items.iter().map(Node::compile).collect::<Result<_, _>>()?),
            Template::Object(members) => {
                let mut compiled = Vec::with_capacity(members.len());
                for (name, member) in members {
                    compiled.push((name.clone(), Node::compile(member)?));
                }
                Node::Object(compiled)
            }
        })
    }

    fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        Ok(match self {
            Node::Literal(value) => value.clone(),
            Node::Expression(expression) => expression.evaluate(scope)?,
            Node::Text(parts) => {
                let mut pieces = Vec::with_capacity(parts.len());
                for part in parts {
                    pieces.push(match part {
                        TextPart::Text(part) => Piece::Own(part),
                        TextPart::Expression(expression) => Piece::Given(match expression.evaluate(scope)? {
                            Value::String(value) => value,
                            Value::Null => continue,
                            other => Arc::new(other.to_json()),
                        }),
                    });
                }
                // A large piece is copied once.
                Value::from(pieces.iter().map(Piece::as_str).collect::<Vec<_>>().concat())
            }
            Node::List(items) => {
                Value::from(items.iter().map(|item| item.evaluate(scope)).collect::<Result<Vec<_>, _>>()?)
            }
            Node::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                for (name, member) in members {
                    object.insert(name.clone(), member.evaluate(scope)?);
                }
                Value::from(object)
            }
        })
    }
}
