//! The user's own types that a function's parameters and result are made of, and their JSON.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Fields, GenericParam, Generics, Ident, Item, Type};

use super::items::{Module, bytes_of, place_of, plain_name, text_of};
use super::written::{Place, Written};
use crate::SourceFiles;

/// Whether a type is read or written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Read,
    Write,
}

/// Writes what the user's types need, for each module into its own file.
pub(super) fn write<'a>(
    modules: &'a [Module],
    source: &SourceFiles,
    first: impl IntoIterator<Item = (Way, &'a Type)>,
    into: &mut [Written],
) {
    let mut declared: BTreeMap<String, Vec<(usize, &Item)>> = BTreeMap::new();
    for (index, module) in modules.iter().enumerate() {
        for item in &module.items {
            let name = match item {
                Item::Struct(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Type(item) => &item.ident,
                _ => continue,
            };
            declared.entry(name.to_string()).or_default().push((index, item));
        }
    }
    let text = |index: usize, kind: &Type| {
        let file = modules.get(index).map(|module| module.file.as_str()).unwrap_or_default();
        text_of(source, file, bytes_of(kind)).to_owned()
    };
    // By name alone: of two types with one name both are made ready.
    let mut waiting: VecDeque<(Way, String)> = first
        .into_iter()
        .flat_map(|(way, kind)| names(&text(0, kind)).into_iter().map(move |name| (way, name)))
        .collect();
    let mut seen = BTreeSet::new();
    while let Some((way, name)) = waiting.pop_front() {
        let Some(items) = declared.get(&name).filter(|_| seen.insert((way, name.clone()))) else { continue };
        for (index, item) in items {
            let mut types: Vec<&Type> = Vec::new();
            match item {
                Item::Type(item) => types.push(&item.ty),
                Item::Struct(item) => types.extend(item.fields.iter().map(|field| &field.ty)),
                Item::Enum(item) => {
                    types.extend(item.variants.iter().flat_map(|variant| &variant.fields).map(|field| &field.ty))
                }
                _ => {}
            }
            waiting.extend(types.into_iter().flat_map(|kind| names(&text(*index, kind))).map(|name| (way, name)));
            let (Some(module), Some(written)) = (modules.get(*index), into.get_mut(*index)) else { continue };
            let one = One { way, file: &module.file, source };
            match item {
                Item::Struct(item) => one.record(&item.ident, &item.generics, &item.fields, written),
                Item::Enum(item) => one.variants(item, written),
                _ => {}
            }
        }
    }
}

/// The names in a type.
fn names(kind: &str) -> Vec<String> {
    fn gather(tokens: TokenStream, into: &mut Vec<String>) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => into.push(ident.to_string()),
                TokenTree::Group(group) => gather(group.stream(), into),
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    gather(kind.parse().unwrap_or_default(), &mut found);
    found
}

/// One type that is made ready.
struct One<'a> {
    way: Way,
    file: &'a str,
    source: &'a SourceFiles,
}

/// A field: how it is called in Rust and in JSON, and where its type stands.
struct Part {
    member: String,
    name: String,
    place: Place,
}

impl One<'_> {
    fn parts(&self, owner: &Ident, fields: &Fields) -> Vec<Part> {
        let part = |(index, field): (usize, &syn::Field)| {
            let (member, name) = match &field.ident {
                Some(ident) => (ident.to_string(), plain_name(ident)),
                None => (index.to_string(), index.to_string()),
            };
            let (line, column) = place_of(&field.ty);
            let place = Place { file: self.file.to_owned(), line, column, what: format!("`{owner}.{name}`") };
            Part { member, name, place }
        };
        fields.iter().enumerate().map(part).collect()
    }

    fn text(&self, part: &impl syn::spanned::Spanned) -> &str {
        text_of(self.source, self.file, bytes_of(part))
    }

    /// The head of an implementation. What is read borrows from nothing but the instance itself.
    fn head(&self, ident: &Ident, generics: &Generics, into: &mut Written) {
        let bound = match self.way {
            Way::Read => "::wasmill::FromJson",
            Way::Write => "::wasmill::ToJson",
        };
        let lifetimes: Vec<String> = generics.lifetimes().map(|one| one.lifetime.ident.to_string()).collect();
        let fixed = |text: &str| match self.way {
            Way::Read => lasting(text, &lifetimes),
            Way::Write => text.to_owned(),
        };
        let (mut params, mut arguments) = (Vec::new(), Vec::new());
        for param in &generics.params {
            match param {
                GenericParam::Lifetime(_) if self.way == Way::Read => arguments.push("'static".to_owned()),
                GenericParam::Lifetime(param) => {
                    params.push(self.text(param).to_owned());
                    arguments.push(format!("'{}", param.lifetime.ident));
                }
                GenericParam::Type(param) => {
                    let bounds: Vec<&str> = param.bounds.iter().map(|bound| self.text(bound)).chain([bound]).collect();
                    params.push(format!("{}: {}", param.ident, fixed(&bounds.join(" + "))));
                    arguments.push(param.ident.to_string());
                }
                GenericParam::Const(param) => {
                    params.push(format!("const {}: {}", param.ident, self.text(&param.ty)));
                    arguments.push(param.ident.to_string());
                }
            }
        }
        let place = generics.where_clause.as_ref().map(|clause| fixed(self.text(clause))).unwrap_or_default();
        into.line(format!("impl<{}> {bound} for {ident}<{}> {place} {{", params.join(", "), arguments.join(", ")));
        into.line(match self.way {
            Way::Read => {
                "fn read(input: &mut ::wasmill::Reader<'_>) -> ::core::result::Result<Self, ::wasmill::Error> {"
            }
            Way::Write => {
                "fn write(&self, output: &mut ::wasmill::Writer) -> ::core::result::Result<(), ::wasmill::Error> {"
            }
        });
    }

    fn record(&self, ident: &Ident, generics: &Generics, fields: &Fields, into: &mut Written) {
        let parts = self.parts(ident, fields);
        self.head(ident, generics, into);
        match self.way {
            Way::Read => {
                into.line("::core::result::Result::Ok(");
                read_fields("Self", fields, &parts, into);
                into.line(")");
            }
            Way::Write => {
                into.line(format!("let {} = self;", pattern("Self", fields, &parts)));
                write_fields(fields, &parts, into);
                into.line("::core::result::Result::Ok(())");
            }
        }
        into.line("}");
        into.line("}");
    }

    /// As serde does it where nothing else is said: a variant without fields is its name, others are an object with the name as the
    /// only member.
    fn variants(&self, item: &syn::ItemEnum, into: &mut Written) {
        self.head(&item.ident, &item.generics, into);
        match self.way {
            Way::Read => {
                let names: Vec<String> = item.variants.iter().map(|variant| plain_name(&variant.ident)).collect();
                into.line("let mut value = ::core::option::Option::None;");
                into.line(format!("input.variant(&{names:?}, &mut |input, name, has_content| {{"));
                into.line("value = ::core::option::Option::Some(match (name, has_content) {");
                for variant in &item.variants {
                    let parts = self.parts(&variant.ident, &variant.fields);
                    into.line(format!(
                        "({:?}, {}) => ",
                        plain_name(&variant.ident),
                        !matches!(variant.fields, Fields::Unit)
                    ));
                    read_fields(&format!("Self::{}", variant.ident), &variant.fields, &parts, into);
                    into.line(",");
                }
                into.line("_ => return ::core::result::Result::Ok(false),");
                into.line("});");
                into.line("::core::result::Result::Ok(true)");
                into.line("})?;");
                into.line("value.ok_or_else(|| ::wasmill::Error::new(\"no variant\"))");
            }
            Way::Write => {
                into.line("match self {");
                for variant in &item.variants {
                    let parts = self.parts(&variant.ident, &variant.fields);
                    let name = plain_name(&variant.ident);
                    into.line(format!(
                        "{} => {{",
                        pattern(&format!("Self::{}", variant.ident), &variant.fields, &parts)
                    ));
                    if matches!(variant.fields, Fields::Unit) {
                        into.line(format!("output.string({name:?});"));
                    } else {
                        into.line(format!("output.raw(\"{{\\\"{name}\\\":\");"));
                        write_fields(&variant.fields, &parts, into);
                        into.line("output.raw(\"}\");");
                    }
                    into.line("}");
                }
                // A type without a variant has no value to be matched.
                if item.variants.is_empty() {
                    into.line("_ => {}");
                }
                into.line("}");
                into.line("::core::result::Result::Ok(())");
            }
        }
        into.line("}");
        into.line("}");
    }
}

/// An expression that reads fields and makes the value.
fn read_fields(make: &str, fields: &Fields, parts: &[Part], into: &mut Written) {
    match (fields, parts) {
        (Fields::Unit, _) if make == "Self" => into.line("{ <() as ::wasmill::FromJson>::read(input)?; Self }"),
        (Fields::Unit, _) => into.line(make),
        (Fields::Unnamed(_), [only]) => {
            into.line_for(&only.place, format!("{make}(::wasmill::FromJson::read(input)?)"))
        }
        (Fields::Named(_) | Fields::Unnamed(_), _) => {
            let is_named = matches!(fields, Fields::Named(_));
            into.line("{");
            for index in 0..parts.len() {
                into.line(format!("let mut f{index} = ::core::option::Option::None;"));
            }
            into.line(match is_named {
                true => "input.object(&mut |input, name| match name {".to_owned(),
                false => format!("input.tuple({}, &mut |input, index| match index {{", parts.len()),
            });
            for (index, part) in parts.iter().enumerate() {
                let case = if is_named { format!("{:?}", part.name) } else { index.to_string() };
                into.line_for(&part.place, format!("{case} => ::wasmill::__private::set(&mut f{index}, input),"));
            }
            into.line("_ => input.skip(),");
            into.line("})?;");
            into.line(format!("{make} {{"));
            for (index, part) in parts.iter().enumerate() {
                let (member, name) = (&part.member, &part.name);
                into.line_for(&part.place, format!("{member}: ::wasmill::__private::field(f{index}, {name:?})?,"));
            }
            into.line("}");
            into.line("}");
        }
    }
}

/// `Row { name: f0, price: f1 }`
fn pattern(make: &str, fields: &Fields, parts: &[Part]) -> String {
    if matches!(fields, Fields::Unit) {
        return make.to_owned();
    }
    let bound = parts.iter().enumerate().map(|(index, part)| format!("{}: f{index}", part.member));
    format!("{make} {{ {} }}", bound.collect::<Vec<_>>().join(", "))
}

/// Statements that write fields which are bound to `f0`, `f1`, …
fn write_fields(fields: &Fields, parts: &[Part], into: &mut Written) {
    match (fields, parts) {
        (Fields::Unit, _) => into.line("output.raw(\"null\");"),
        (Fields::Unnamed(_), [only]) => into.line_for(&only.place, "::wasmill::ToJson::write(f0, output)?;"),
        (Fields::Unnamed(_), _) => {
            into.line("output.raw(\"[\");");
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    into.line("output.raw(\",\");");
                }
                into.line_for(&part.place, format!("output.item({index}, f{index})?;"));
            }
            into.line("output.raw(\"]\");");
        }
        (Fields::Named(_), _) => {
            for (index, part) in parts.iter().enumerate() {
                into.line_for(&part.place, format!("output.member({:?}, f{index}, {})?;", part.name, index == 0));
            }
            into.line(format!("output.end({});", parts.len()));
        }
    }
}

/// A text of Rust with `'static` in the place of these lifetimes.
fn lasting(text: &str, lifetimes: &[String]) -> String {
    let mut result = text.to_owned();
    for lifetime in lifetimes {
        let mut rest = std::mem::take(&mut result);
        let wanted = format!("'{lifetime}");
        while let Some(at) = rest.find(&wanted) {
            let after = rest.split_off(at + wanted.len());
            let ends = !after.starts_with(|one: char| one.is_alphanumeric() || one == '_');
            rest.truncate(at);
            result.push_str(&rest);
            result.push_str(if ends { "'static" } else { &wanted });
            rest = after;
        }
        result.push_str(&rest);
    }
    result
}
