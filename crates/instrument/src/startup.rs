//! What a module costs before its start function runs: wasmtime initialises what it cannot lay out ahead of time with code of its own, and
//! counts that (`translate_module_startup` of wasmtime-internal-cranelift, `module_environ.rs` of wasmtime-environ). Most modules cost
//! nothing.

use wasmparser::{ConstExpr, DataKind, ElementItems, ElementKind, Operator};

use crate::fuel::{ENTRY, SMALL};
use crate::sections::{Kind, Sections};

/// Elements and bytes up to which wasmtime lays tables and sparse memories out ahead of time.
const MOST_LAID_OUT_ELEMENTS: u64 = 1 << 20;
const MOST_LAID_OUT_BYTES: u64 = 16 << 20;

/// What is counted before the start function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Startup {
    /// Before it is checked for the last time.
    pub(crate) checked: u64,
    /// Afterwards, the call of the start function with it.
    pub(crate) rest: u64,
}

#[derive(Default)]
struct Sum {
    total: u64,
    checked: u64,
    pending: u64,
}

impl Sum {
    fn add(&mut self, units: u64) {
        self.pending = self.pending.saturating_add(units);
    }

    fn check(&mut self) {
        self.total = self.total.saturating_add(std::mem::take(&mut self.pending));
        self.checked = self.total;
    }

    /// A bulk initialisation over a constant.
    fn bulk(&mut self, units: u64) {
        self.add(units);
        if units > SMALL {
            self.check();
        }
    }
}

/// Of a module that was validated; none, where there is nothing to do.
pub(crate) fn of(unit: &Sections<'_>) -> wasmparser::Result<Option<Startup>> {
    let mut is_needed = unit.start.is_some();
    let mut sum = Sum { pending: ENTRY.unsigned_abs(), ..Sum::default() };
    sum.check();

    for global in unit.globals.clone().into_iter().flatten() {
        let (cost, first) = read(&global?.init_expr)?;
        let is_constant = cost == 1
            && matches!(
                first,
                Some(
                    Operator::I32Const { .. }
                        | Operator::I64Const { .. }
                        | Operator::F32Const { .. }
                        | Operator::F64Const { .. }
                        | Operator::V128Const { .. }
                )
            );
        if !is_constant {
            is_needed = true;
            sum.add(cost);
        }
    }

    let elements: Vec<_> = unit.elements.clone().into_iter().flatten().collect::<Result<_, _>>()?;
    for segment in &elements {
        if let ElementKind::Passive = segment.kind {
            is_needed = true;
            sum.add(cost_of_items(&segment.items)?);
        }
    }

    let imported = unit.imports.iter().filter(|import| matches!(import.kind, Kind::Table(_))).count();
    let mut laid_out = true;
    for segment in &elements {
        let ElementKind::Active { table_index, offset_expr } = &segment.kind else { continue };
        let count = match &segment.items {
            ElementItems::Functions(items) => u64::from(items.count()),
            ElementItems::Expressions(_, items) => u64::from(items.count()),
        };
        let (cost, first) = read(offset_expr)?;
        let own = usize::try_from(table_index.unwrap_or(0)).ok().and_then(|table| table.checked_sub(imported));
        let table = own.and_then(|table| unit.tables.get(table));
        laid_out = laid_out
            && matches!((cost, first, table), (1, Some(Operator::I32Const { value }), Some(table))
                if u64::from(value.cast_unsigned()).saturating_add(count) <= table.ty.initial.min(MOST_LAID_OUT_ELEMENTS)
                    && table.ty.element_type.is_func_ref())
            && matches!(segment.items, ElementItems::Functions(_));
        if !laid_out {
            is_needed = true;
            sum.add(cost);
            sum.bulk(count);
            sum.add(cost_of_items(&segment.items)?);
        }
    }

    match data(unit)? {
        Data::LaidOut { memories: 0 } => {}
        Data::LaidOut { memories } => {
            // Where one memory has no image, wasmtime looks after all of them. The code that would copy is there then, is skipped, and has
            // taken up what was pending.
            is_needed |= memories < unit.memories.len();
            sum.pending = 0;
        }
        Data::Copied(segments) => {
            for (cost, bytes) in segments {
                is_needed = true;
                sum.add(cost);
                sum.add(bytes);
                sum.check();
            }
        }
    }

    if unit.start.is_some() {
        sum.add(1);
        sum.total = sum.total.saturating_add(std::mem::take(&mut sum.pending));
    }
    Ok(is_needed.then_some(Startup { checked: sum.checked, rest: sum.total.saturating_sub(sum.checked) }))
}

/// How memories get their first contents.
enum Data {
    /// As one image each; so many have one.
    LaidOut { memories: usize },
    /// Segment by segment: what their offsets cost, and their bytes.
    Copied(Vec<(u64, u64)>),
}

#[derive(Clone, Copy)]
struct Extent {
    bytes: u64,
    from: u64,
    to: u64,
}

fn data(unit: &Sections<'_>) -> wasmparser::Result<Data> {
    let imported = unit.imports.iter().filter(|import| matches!(import.kind, Kind::Memory(_))).count();
    let mut extents = vec![Extent { bytes: 0, from: u64::MAX, to: 0 }; unit.memories.len()];
    let mut segments = Vec::new();
    let mut laid_out = true;
    for segment in unit.data.clone().into_iter().flatten() {
        let segment = segment?;
        let DataKind::Active { memory_index, offset_expr } = &segment.kind else { continue };
        let bytes = segment.data.len() as u64;
        let (cost, first) = read(offset_expr)?;
        segments.push((cost, bytes));
        let own = usize::try_from(*memory_index).ok().and_then(|memory| memory.checked_sub(imported));
        let memory = own.and_then(|memory| unit.memories.get(memory).zip(extents.get_mut(memory)));
        let (1, Some(Operator::I32Const { value }), Some((memory, extent))) = (cost, first, memory) else {
            laid_out = false;
            continue;
        };
        let from = u64::from(value.cast_unsigned());
        let to = from.saturating_add(bytes);
        laid_out &= to <= memory.initial.saturating_mul(1 << 16);
        if bytes > 0 {
            extent.bytes = extent.bytes.saturating_add(bytes);
            extent.from = extent.from.min(from);
            extent.to = extent.to.max(to);
        }
    }
    for extent in extents.iter().filter(|extent| extent.bytes > 0) {
        let image = extent.to.saturating_sub(extent.from);
        laid_out &= image < extent.bytes.saturating_mul(2) || image < MOST_LAID_OUT_BYTES;
    }
    Ok(if laid_out {
        Data::LaidOut { memories: extents.iter().filter(|extent| extent.bytes > 0).count() }
    } else {
        Data::Copied(segments)
    })
}

/// What an expression costs (one for each operator), and the first of them.
fn read<'a>(expression: &ConstExpr<'a>) -> wasmparser::Result<(u64, Option<Operator<'a>>)> {
    let (mut cost, mut first) = (0_u64, None);
    for operator in expression.get_operators_reader() {
        match operator? {
            Operator::End => {}
            operator => {
                cost = cost.saturating_add(1);
                first.get_or_insert(operator);
            }
        }
    }
    Ok((cost, first))
}

/// Functions cost nothing; expressions what they have operators.
fn cost_of_items(items: &ElementItems<'_>) -> wasmparser::Result<u64> {
    let mut cost = 0_u64;
    if let ElementItems::Expressions(_, items) = items {
        for item in items.clone() {
            cost = cost.saturating_add(read(&item?)?.0);
        }
    }
    Ok(cost)
}
