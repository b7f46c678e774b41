//! What an expression reads, found in CEL's syntax tree, and the tree made ready to be evaluated:
//!
//! - every pure path in it becomes a name (`@0`, `@1`, …) that stands for the value at its end, so that CEL is given only what
//!   the expression really reads, and a path that leads nowhere is reported in our own words;
//! - every comprehension asks for `@tick` before each item, so that its iterations are counted.

use std::ops::Range;
use std::sync::Arc;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SourceInfo, operators};
use wasmill_model::Reference;

use crate::convert::to_cel;
use crate::error::{ExpressionError, Failure};
use crate::messages;
use crate::path::{self, Path, Segment};
use crate::program::Scope;
use wasmill_model::Value;

/// The name that counts an iteration.
pub(crate) const TICK: &str = "@tick";

/// An expression that is not a pure path.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) tree: IdedExpr,
    pub(crate) operands: Vec<Operand>,
    pub(crate) occurrences: Vec<(Reference, Range<usize>)>,
}

/// What `@0`, `@1`, … stand for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// The value at the end of a path.
    Value(Path),
    /// Whether there is one: `has(path)`.
    Exists(Path),
    /// How large it is: `size(path)`. CEL would be given all of it, to count it.
    Size(Path),
}

impl Operand {
    pub(crate) fn resolve(&self, scope: &dyn Scope) -> Result<Value, Failure> {
        match self {
            Operand::Value(path) => path.walk(scope),
            Operand::Exists(path) => path.exists(scope).map(Value::Bool),
            Operand::Size(path) => size(&path.walk(scope)?),
        }
    }
}

/// As CEL counts: characters of text, bytes, items, members.
fn size(value: &Value) -> Result<Value, Failure> {
    let size = match value {
        Value::String(text) => text.chars().count(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.len(),
        Value::Object(object) => object.len(),
        other => return Err(messages::no_overload(SIZE, &[to_cel(other).get_type().name()])),
    };
    Ok(Value::from(size as u64))
}

/// The function that counts.
const SIZE: &str = "size";

/// Functions that are called by their name alone.
const FUNCTIONS: [&str; 11] =
    ["size", "string", "bytes", "int", "uint", "double", "bool", "type", "dyn", "matches", "has"];

/// Functions that are called on a value.
const METHODS: [&str; 18] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "value",
    "hasValue",
    "or",
    "orValue",
    "optMap",
    "optFlatMap",
    "string",
    "double",
];

/// Names of types, which are values in CEL.
const TYPES: [&str; 12] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "dyn", "optional_type"];

/// Names that stand before a function of a library.
const NAMESPACES: [(&str, &[&str]); 2] = [
    ("optional", &["of", "none", "ofNonZeroValue"]),
    (
        "math",
        &[
            "greatest",
            "least",
            "abs",
            "ceil",
            "floor",
            "round",
            "trunc",
            "sign",
            "sqrt",
            "isNaN",
            "isInf",
            "isFinite",
            "bitAnd",
            "bitOr",
            "bitXor",
            "bitNot",
            "bitShiftLeft",
            "bitShiftRight",
        ],
    ),
];

pub(crate) fn analyse(source: &str, tree: IdedExpr, positions: &SourceInfo) -> Result<Analysis, ExpressionError> {
    let mut visitor = Visitor { source, positions, bound: Vec::new(), operands: Vec::new(), occurrences: Vec::new() };
    let mut tree = tree;
    visitor.visit(&mut tree)?;
    visitor.occurrences.sort_by_key(|(_, range)| range.start);
    Ok(Analysis { tree, operands: visitor.operands, occurrences: visitor.occurrences })
}

struct Visitor<'a> {
    source: &'a str,
    positions: &'a SourceInfo,
    bound: Vec<String>,
    operands: Vec<Operand>,
    occurrences: Vec<(Reference, Range<usize>)>,
}

impl Visitor<'_> {
    fn visit(&mut self, node: &mut IdedExpr) -> Result<(), ExpressionError> {
        if let Some((root, id, segments)) = self.static_path(node) {
            return self.replace(node, &root, id, segments, Operand::Value);
        }
        if let Expr::Select(select) = &node.expr
            && select.test
            && let Some((root, id, mut segments)) = self.static_path(&select.operand)
        {
            segments.push(Segment::Member(Arc::from(select.field.as_str())));
            return self.replace(node, &root, id, segments, Operand::Exists);
        }
        if let Expr::Call(call) = &node.expr
            && call.func_name == SIZE
            && let (None, [counted]) | (Some(counted), []) = (call.target.as_deref(), call.args.as_slice())
            && let Some((root, id, segments)) = self.static_path(counted)
        {
            return self.replace(node, &root, id, segments, Operand::Size);
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Unspecified => Err(ExpressionError::new("the expression is not complete").at(self.offset(id))),
            Expr::Literal(_) | Expr::Ident(_) => Ok(()),
            Expr::Select(select) => self.visit(&mut select.operand),
            Expr::Call(call) => self.visit_call(id, call),
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.visit(element)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&mut entry.key)?;
                    self.visit(&mut entry.value)
                }
                EntryExpr::StructField(field) => self.visit(&mut field.value),
            }),
            Expr::Struct(message) => Err(ExpressionError::new(format!("there is no type `{}`", message.type_name))
                .at(self.offset(id))
                .help("write an object as a map: `{\"name\": value}`")),
            Expr::Comprehension(comprehension) => self.visit_comprehension(comprehension),
        }
    }

    fn visit_call(&mut self, id: u64, call: &mut CallExpr) -> Result<(), ExpressionError> {
        let name = call.func_name.as_str();
        let is_operator = name.contains('@') || name.starts_with(['_', '!', '-']) && !operators_are_names(name);
        let namespace = call.target.as_deref().and_then(|target| match &target.expr {
            Expr::Ident(space) if !self.bound.contains(space) => NAMESPACES.iter().find(|(known, _)| known == space),
            _ => None,
        });
        let known: &[&str] = match (&call.target, namespace) {
            (_, Some((_, functions))) => functions,
            (Some(_), None) => &METHODS,
            (None, None) => &FUNCTIONS,
        };
        let is_qualified =
            NAMESPACES.iter().any(|(space, _)| name.strip_prefix(space).is_some_and(|rest| rest.starts_with('.')));
        if !is_operator && !is_qualified && !known.contains(&name) {
            let error =
                ExpressionError::new(format!("there is no function `{name}` in CEL")).at(self.offset_of_call(id, name));
            let everything: Vec<&str> = FUNCTIONS.into_iter().chain(METHODS).collect();
            let near = match name.to_lowercase().as_str() {
                "len" | "length" | "lenght" | "count" => Some("size"),
                "str" | "tostring" => Some("string"),
                "float" | "number" => Some("double"),
                "any" | "some" => Some("exists"),
                _ => path::nearest(name, &everything),
            };
            return Err(match near {
                Some(near) if near != name => error.help(format!("did you mean `{near}`?")),
                Some(near) if METHODS.contains(&near) => {
                    error.help(format!("it is called on a value: `value.{near}(…)`"))
                }
                Some(near) => error.help(format!("it stands before its argument: `{near}(value)`")),
                None => error.help("CEL's standard functions are there, and none that reads a clock: `size`, `has`, `map`, `filter`, `string`, …"),
            });
        }
        if namespace.is_none()
            && let Some(target) = call.target.as_deref_mut()
        {
            self.visit(target)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.visit(argument))
    }

    fn visit_comprehension(&mut self, comprehension: &mut ComprehensionExpr) -> Result<(), ExpressionError> {
        self.visit(&mut comprehension.iter_range)?;
        self.visit(&mut comprehension.accu_init)?;
        let outside = self.bound.len();
        self.bound.push(comprehension.iter_var.clone());
        self.bound.push(comprehension.accu_var.clone());
        self.bound.extend(comprehension.iter_var2.clone());
        self.visit(&mut comprehension.loop_cond)?;
        self.visit(&mut comprehension.loop_step)?;
        self.visit(&mut comprehension.result)?;
        self.bound.truncate(outside);
        count_iterations(comprehension);
        Ok(())
    }

    /// The pure path that a node is, with the id of its root.
    fn static_path(&self, node: &IdedExpr) -> Option<(String, u64, Vec<Segment>)> {
        let mut segments = Vec::new();
        let mut node = node;
        loop {
            match &node.expr {
                Expr::Ident(name) => {
                    let is_bound = self.bound.contains(name);
                    let name = name.strip_prefix('.').unwrap_or(name);
                    if is_bound || name.starts_with('@') || TYPES.contains(&name) {
                        return None;
                    }
                    segments.reverse();
                    return Some((name.to_owned(), node.id, segments));
                }
                Expr::Select(select) if !select.test => {
                    segments.push(Segment::Member(Arc::from(select.field.as_str())));
                    node = &select.operand;
                }
                Expr::Call(call) if call.target.is_none() && call.func_name == operators::INDEX => {
                    let [operand, index] = call.args.as_slice() else { return None };
                    segments.push(match &index.expr {
                        Expr::Literal(LiteralValue::String(name)) => Segment::Member(Arc::from(name.inner())),
                        Expr::Literal(LiteralValue::Int(index)) => Segment::Index(*index.inner()),
                        _ => return None,
                    });
                    node = operand;
                }
                _ => return None,
            }
        }
    }

    fn replace(
        &mut self,
        node: &mut IdedExpr,
        root: &str,
        root_id: u64,
        segments: Vec<Segment>,
        operand: fn(Path) -> Operand,
    ) -> Result<(), ExpressionError> {
        let start = self.offset(root_id);
        let path = Path::new(root, segments).map_err(|error| error.at(start))?;
        let length = self.source.get(start..).map_or(root.len(), |rest| {
            path::scan(rest).map_or_else(
                || rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count(),
                |(_, _, length)| length,
            )
        });
        self.occurrences.push((path.reference(), start..start + length));
        let operand = operand(path);
        let position = self.operands.iter().position(|known| *known == operand).unwrap_or_else(|| {
            self.operands.push(operand);
            self.operands.len() - 1
        });
        node.expr = Expr::Ident(format!("@{position}"));
        Ok(())
    }

    /// The byte at which a node begins.
    fn offset(&self, id: u64) -> usize {
        let byte = self.positions.offset_for(id).map_or(0, |(start, _)| start as usize);
        if self.source.is_char_boundary(byte) { byte } else { 0 }
    }

    /// The byte at which a function's name stands: CEL gives the place of its bracket.
    fn offset_of_call(&self, id: u64, name: &str) -> usize {
        let bracket = self.offset(id);
        self.source.get(..bracket).and_then(|before| before.rfind(name)).unwrap_or(bracket)
    }
}

/// Whether a name that begins like an operator is one that a user wrote: `_private`.
fn operators_are_names(name: &str) -> bool {
    name.starts_with('_') && !name.ends_with(['_', ']'])
}

/// Has every iteration ask for [`TICK`], in a place where CEL still sees that `map` and `filter` only append.
fn count_iterations(comprehension: &mut ComprehensionExpr) {
    let no = || LiteralValue::Boolean(false.into());
    let is_append = matches!(comprehension.loop_cond.expr, Expr::Literal(_));
    let place = match &mut comprehension.loop_step.expr {
        Expr::Call(call) if is_append && call.func_name == operators::CONDITIONAL => {
            call.args.first_mut().map(|guard| (guard, no()))
        }
        Expr::Call(call) if is_append && call.func_name == operators::ADD => {
            match call.args.get_mut(1).map(|list| &mut list.expr) {
                Some(Expr::List(list)) => list.elements.first_mut().map(|element| (element, LiteralValue::Null)),
                _ => None,
            }
        }
        _ => None,
    };
    let (place, otherwise) = place.unwrap_or((&mut comprehension.loop_cond, no()));
    let id = place.id;
    let inner = std::mem::take(place);
    let node = |expr| IdedExpr { id, expr };
    *place = node(Expr::Call(CallExpr {
        func_name: operators::CONDITIONAL.to_owned(),
        target: None,
        args: vec![node(Expr::Ident(TICK.to_owned())), inner, node(Expr::Literal(otherwise))],
    }));
}
