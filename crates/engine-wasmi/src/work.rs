//! How much work it is to translate a unit, told from its bytes: a translation is done in this process, and cannot be stopped.

use wasmill_engine::PrepareError;
use wasmparser::{BlockType, CompositeInnerType, FuncType, FunctionBody, Operator, Parser, Payload};

/// Bytes of the functions of a unit that is translated: an ordinary megabyte takes some 70 ms, a hostile one some 600 ms. Interpreters of
/// whole languages have less than half as many.
const MOST_CODE: u64 = 16 << 20;
/// Values that are carried by all branches of a unit to all their targets: each takes some 50 ns. In what compilers make, a branch carries
/// one or none.
const MOST_CARRIED: u64 = 64 << 20;

/// Whether it is not too much, for a unit that is valid.
///
/// # Errors
/// It is: another engine may take the unit.
pub(crate) fn check(bytes: &[u8]) -> Result<(), PrepareError> {
    let too_much = |what: &str, most: u64| {
        let message =
            format!("wasmi takes no units with more than {most} {what}: what it does with them would take too long");
        Err(PrepareError::Unsupported { message })
    };
    let Functions { bodies, types, code, widest } = Functions::read(bytes);
    if code > MOST_CODE {
        return too_much("bytes of code", MOST_CODE);
    }
    // Each target of a branch has a byte at least.
    if code.saturating_mul(widest) <= MOST_CARRIED {
        return Ok(());
    }
    let mut carried = 0_u64;
    for (body, own) in &bodies {
        carried = carried.saturating_add(carried_in(body, *own, &types));
        if carried > MOST_CARRIED {
            return too_much("values that branches carry", MOST_CARRIED);
        }
    }
    Ok(())
}

/// What is read of a unit. Whoever wants to know more of what is not valid asks wasmi.
#[derive(Default)]
struct Functions<'a> {
    /// Each function, and how many results it has.
    bodies: Vec<(FunctionBody<'a>, u64)>,
    types: Vec<FuncType>,
    /// Bytes of all bodies.
    code: u64,
    /// The most values that any block takes or gives.
    widest: u64,
}

impl<'a> Functions<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut functions = Functions::default();
        let mut kinds = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload {
                Ok(Payload::TypeSection(section)) => {
                    for group in section.into_iter().flatten() {
                        functions.types.extend(group.into_types().filter_map(|kind| match kind.composite_type.inner {
                            CompositeInnerType::Func(kind) => Some(kind),
                            _ => None,
                        }));
                    }
                }
                Ok(Payload::FunctionSection(section)) => kinds.extend(section.into_iter().flatten()),
                Ok(Payload::CodeSectionEntry(body)) => {
                    let range = body.range();
                    functions.code = functions.code.saturating_add((range.end - range.start) as u64);
                    let kind = kinds.get(functions.bodies.len()).copied().unwrap_or_default();
                    let results = functions.types.get(kind as usize).map_or(0, |kind| kind.results().len());
                    functions.bodies.push((body, results as u64));
                }
                _ => {}
            }
        }
        functions.widest = functions.types.iter().map(width).max().unwrap_or(0);
        functions
    }
}

/// The most values that a block of this type takes or gives.
fn width(kind: &FuncType) -> u64 {
    kind.params().len().max(kind.results().len()) as u64
}

/// At most how many values the branches of a function carry.
fn carried_in(body: &FunctionBody<'_>, own: u64, types: &[FuncType]) -> u64 {
    let (mut targets, mut widest) = (0_u64, own);
    for operator in body.get_operators_reader().into_iter().flatten().flatten() {
        match operator {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                targets = targets.saturating_add(1);
                if let BlockType::FuncType(kind) = blockty {
                    widest = widest.max(types.get(kind as usize).map_or(0, width));
                }
            }
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Return | Operator::Else | Operator::End => {
                targets = targets.saturating_add(1);
            }
            Operator::BrTable { targets: table } => targets = targets.saturating_add(1 + u64::from(table.len())),
            _ => {}
        }
    }
    targets.saturating_mul(widest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function that branches to a block with so many results, from so many places.
    fn branches(results: usize, targets: usize, functions: usize) -> Vec<u8> {
        let kinds = "i32 ".repeat(results);
        let values = "(i32.const 1)".repeat(results);
        let table = "0 ".repeat(targets);
        let function = format!(
            "(func (block (result {kinds}) {values} (br_table {table} 0 (i32.const 0))) {})",
            "drop ".repeat(results)
        );
        wat::parse_str(format!("(module {})", function.repeat(functions))).unwrap()
    }

    #[test]
    fn what_branches_carry_is_counted_with_all_their_targets() {
        let refused = |bytes: &[u8]| matches!(check(bytes), Err(PrepareError::Unsupported { .. }));
        assert!(!refused(&branches(64, 50_000, 20)));
        assert!(refused(&branches(64, 50_000, 22)));
        // As many targets that get nothing cost next to nothing, whatever types there are.
        assert!(!refused(&branches(1, 50_000, 22)));
    }

    #[test]
    fn code_is_bounded() {
        let length = |mut number: usize| {
            let mut bytes = Vec::new();
            while number > 0x7f {
                bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            bytes.push(number as u8);
            bytes
        };
        // One function of one type, whose body is no locals, and `nop` to its end.
        let of = |size: usize| {
            let body = [&length(size)[..], &vec![1; size - 1], &[0x0b]].concat();
            let code = [&[1][..], &body].concat();
            let head = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a";
            let mut bytes = [&head[..], &length(code.len()), &code].concat();
            let locals = bytes.len() - size;
            bytes[locals] = 0;
            bytes
        };
        assert_eq!(check(&of(MOST_CODE as usize)), Ok(()));
        assert!(check(&of(MOST_CODE as usize + 1)).is_err());
    }
}
