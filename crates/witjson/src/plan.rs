//! A component's type, taken apart once: what is a search through all cases of a variant otherwise, for each of a million elements.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::component::Type;

/// A type and, as far as values have asked for them, its parts. Made for one conversion.
pub(crate) struct Plan {
    pub(crate) ty: Type,
    parts: OnceCell<Parts>,
}

/// What a type consists of.
pub(crate) enum Parts {
    /// Nothing, or nothing that values look into.
    None,
    /// The element of a list, the value of an option.
    One(Box<Plan>),
    /// Key and value of a map.
    Entry(Box<(Plan, Plan)>),
    /// Fields of a record, by name; elements of a tuple, without.
    Members(Vec<(Arc<str>, Plan)>),
    /// Cases of a variant, names of an enum.
    Cases(Cases),
    /// `ok` and `err`.
    Outcome(Box<(Option<Plan>, Option<Plan>)>),
}

/// Cases in their order, and found by name.
pub(crate) struct Cases {
    list: Vec<(Arc<str>, Option<Plan>)>,
    index: HashMap<Arc<str>, usize>,
}

impl Cases {
    fn new(cases: impl Iterator<Item = (Arc<str>, Option<Plan>)>) -> Self {
        let list: Vec<_> = cases.collect();
        let index = list.iter().enumerate().map(|(index, (name, _))| (name.clone(), index)).collect();
        Cases { list, index }
    }

    /// The case of this name, in which `_` may stand for `-`.
    pub(crate) fn find(&self, given: &str) -> Option<&(Arc<str>, Option<Plan>)> {
        let index = match self.index.get(given) {
            Some(index) => index,
            None if given.contains('_') => self.index.get(given.replace('_', "-").as_str())?,
            None => return None,
        };
        self.list.get(*index)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| &**name)
    }
}

impl Plan {
    pub(crate) fn new(ty: Type) -> Self {
        Plan { ty, parts: OnceCell::new() }
    }

    pub(crate) fn parts(&self) -> &Parts {
        self.parts.get_or_init(|| match &self.ty {
            Type::List(list) => Parts::One(Box::new(Plan::new(list.ty()))),
            Type::FixedLengthList(list) => Parts::One(Box::new(Plan::new(list.ty()))),
            Type::Option(option) => Parts::One(Box::new(Plan::new(option.ty()))),
            Type::Map(map) => Parts::Entry(Box::new((Plan::new(map.key()), Plan::new(map.value())))),
            Type::Record(record) => {
                Parts::Members(record.fields().map(|field| (field.name.into(), Plan::new(field.ty))).collect())
            }
            Type::Tuple(tuple) => Parts::Members(tuple.types().map(|ty| ("".into(), Plan::new(ty))).collect()),
            Type::Variant(variant) => {
                let cases = variant.cases().map(|case| (case.name.into(), case.ty.map(Plan::new)));
                Parts::Cases(Cases::new(cases))
            }
            Type::Enum(names) => Parts::Cases(Cases::new(names.names().map(|name| (name.into(), None)))),
            Type::Result(result) => Parts::Outcome(Box::new((result.ok().map(Plan::new), result.err().map(Plan::new)))),
            _ => Parts::None,
        })
    }

    /// Whether it is an option: then `null` could be either of two.
    pub(crate) fn is_option(&self) -> bool {
        matches!(self.ty, Type::Option(_))
    }
}
