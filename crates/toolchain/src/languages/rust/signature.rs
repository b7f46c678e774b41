//! The function that is called, and the glue around it.

use std::sync::Arc;

use syn::{FnArg, Item, ItemFn, Pat, ReturnType, Safety, Type, Visibility};

use super::items::{Module, bytes_of, place_of, plain_name, text_of};
use super::written::{Place, Written};
use crate::languages::{Function, Parameter, candidates};
use crate::{BuildError, SourceFiles, SourceProblem};

/// What is called.
pub(super) enum Entry<'a> {
    /// `fn main()`: the program is the unit as it is.
    Program,
    /// A function with parameters or a result.
    Function(&'a ItemFn),
}

pub(super) const SUPPORTED: &str = "parameters and results are bool, numbers, char, String, &str, Option, Vec, slices, arrays, tuples, \
     HashMap and BTreeMap with text as keys, sets, Box, wasmill::Json, and your own structs and enums of these; a result is also Result<T, E>";

/// The function that is asked for, `main`, or the only one.
pub(super) fn choose<'a>(root: &'a Module, asked: Option<&str>) -> Result<Entry<'a>, BuildError> {
    let functions: Vec<&ItemFn> = root
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Fn(function) if !is_test(function) => Some(function),
            _ => None,
        })
        .collect();
    let public: Vec<&ItemFn> =
        functions.iter().copied().filter(|function| matches!(function.vis, Visibility::Public(_))).collect();
    let named = |name: &str| functions.iter().copied().find(|function| plain_name(&function.sig.ident) == name);
    let missing = |functions: &[&ItemFn]| {
        let names: Vec<String> = functions.iter().map(|function| plain_name(&function.sig.ident)).collect();
        candidates::none(&root.file, asked, &names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let chosen = match asked {
        Some(name) => named(name).ok_or_else(|| missing(&functions))?,
        None => match (named("main"), public.as_slice(), functions.as_slice()) {
            (Some(function), _, _) => function,
            (None, [only], _) | (None, [], [only]) => only,
            (None, ..) => return Err(missing(if public.is_empty() { &functions } else { &public })),
        },
    };
    let is_main = plain_name(&chosen.sig.ident) == "main";
    if is_main && chosen.sig.inputs.is_empty() && chosen.sig.asyncness.is_none() && says_nothing(&chosen.sig.output) {
        return Ok(Entry::Program);
    }
    Ok(Entry::Function(chosen))
}

/// Whether a program's `main` has no more to say than how it ended: nothing, `Result<(), E>`, or an exit code.
fn says_nothing(output: &ReturnType) -> bool {
    let ReturnType::Type(_, kind) = output else { return true };
    match &**kind {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            last.ident == "ExitCode"
                || (last.ident == "Result"
                    && matches!(first_argument(kind), Some(Type::Tuple(unit)) if unit.elems.is_empty()))
        }),
        _ => false,
    }
}

/// `T` of `Result<T, E>`, `Option<T>` and so on.
pub(super) fn first_argument(kind: &Type) -> Option<&Type> {
    let Type::Path(path) = kind else { return None };
    let syn::PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        syn::GenericArgument::Type(kind) => Some(kind),
        _ => None,
    })
}

fn is_test(function: &ItemFn) -> bool {
    function.attrs.iter().any(|attribute| attribute.path().is_ident("test") || attribute.path().is_ident("cfg"))
}

/// The types of a function: those that are read, and the one that is written.
pub(super) struct Types<'a> {
    pub(super) read: Vec<&'a Type>,
    pub(super) written: Option<&'a Type>,
}

/// Writes the export that calls a function.
pub(super) fn write<'a>(
    function: &'a ItemFn,
    root: &Module,
    source: &SourceFiles,
    into: &mut Written,
) -> Result<(Function, Types<'a>), BuildError> {
    let signature = &function.sig;
    let refuse = |(line, column): (u32, u32), message: &str, help: &str| BuildError::Function {
        problem: SourceProblem { file: root.file.clone(), line, column, message: message.to_owned() },
        help: help.to_owned(),
    };
    let name = plain_name(&signature.ident);
    if let Some(word) = &signature.asyncness {
        return Err(refuse(
            place_of(word),
            &format!("`{name}` is async, and there is nothing to wait for in a unit"),
            "leave out `async`",
        ));
    }
    if let Safety::Unsafe(word) = &signature.safety {
        return Err(refuse(place_of(word), &format!("`{name}` is unsafe to call"), "leave out `unsafe`"));
    }
    if let Some(parameter) =
        signature.generics.params.iter().find(|parameter| !matches!(parameter, syn::GenericParam::Lifetime(_)))
    {
        return Err(refuse(
            place_of(parameter),
            &format!("`{name}` is generic, so that its types are not known"),
            SUPPORTED,
        ));
    }
    if let Some(variadic) = &signature.variadic {
        return Err(refuse(place_of(variadic), &format!("`{name}` takes any number of arguments"), "take a Vec"));
    }
    let mut params = Vec::new();
    let mut read = Vec::new();
    let mut places = Vec::new();
    for input in &signature.inputs {
        let FnArg::Typed(input) = input else {
            return Err(refuse(place_of(input), "a method cannot be called", "write a function without `self`"));
        };
        let Pat::Ident(pattern) = &*input.pat else {
            return Err(refuse(
                place_of(&*input.pat),
                "a parameter without a name cannot be given",
                "name it, and take it apart in the function",
            ));
        };
        concrete(&input.ty, &refuse)?;
        let (line, column) = place_of(&*input.ty);
        let name = plain_name(&pattern.ident);
        places.push(Place { file: root.file.clone(), line, column, what: format!("the parameter `{name}`") });
        let is_option = matches!(&*input.ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"));
        params.push(Parameter {
            name: Arc::from(name),
            kind: one_line(text_of(source, &root.file, bytes_of(&*input.ty))),
            optional: is_option,
        });
        read.push(&*input.ty);
    }
    let result = match &signature.output {
        ReturnType::Default => None,
        ReturnType::Type(_, kind) => {
            concrete(kind, &refuse)?;
            Some(&**kind)
        }
    };
    let (line, column) = result.map_or_else(|| place_of(&signature.ident), place_of);
    let place = Place { file: root.file.clone(), line, column, what: "the result".to_owned() };

    into.line("const _: () = {");
    into.line("fn call(input: &mut ::wasmill::Reader<'_>) -> ::core::result::Result<::wasmill::__private::String, ::wasmill::Error> {");
    for index in 0..params.len() {
        into.line(format!("let mut p{index} = ::core::option::Option::None;"));
    }
    into.line("input.object(&mut |input, name| match name {");
    for (index, (param, place)) in params.iter().zip(&places).enumerate() {
        into.line_for(place, format!("{:?} => ::wasmill::__private::set(&mut p{index}, input),", param.name));
    }
    into.line("_ => input.skip(),");
    into.line("})?;");
    into.line("input.end()?;");
    into.line(format!("let result = crate::{}(", signature.ident));
    for (index, (param, place)) in params.iter().zip(&places).enumerate() {
        into.line_for(place, format!("::wasmill::__private::parameter(p{index}, {:?})?,", param.name));
    }
    into.line(");");
    into.line_for(&place, "::wasmill::to_string(&result)");
    into.line("}");
    into.line("#[unsafe(export_name = \"process\")]");
    into.line(
        "unsafe extern \"C\" fn process(pointer: *const u8, length: usize, out_length: *mut usize) -> *const u8 {",
    );
    into.line("unsafe { ::wasmill::__private::process(pointer, length, out_length, call) }");
    into.line("}");
    into.line("};");
    let function = Function {
        name: name.into(),
        params,
        result: result.map(|kind| one_line(text_of(source, &root.file, bytes_of(kind)))),
    };
    // What goes wrong is text, whatever type it has.
    let written = result.map(|kind| match (kind, first_argument(kind)) {
        (Type::Path(path), Some(value)) if path.path.segments.last().is_some_and(|last| last.ident == "Result") => {
            value
        }
        _ => kind,
    });
    Ok((function, Types { read, written }))
}

/// That a type is not left to the caller or the function.
fn concrete(kind: &Type, refuse: &impl Fn((u32, u32), &str, &str) -> BuildError) -> Result<(), BuildError> {
    let message = match kind {
        Type::ImplTrait(_) => "`impl` says no type that could be read from JSON or written as it",
        Type::TraitObject(_) => "`dyn` says no type that could be read from JSON or written as it",
        Type::Ptr(_) | Type::FnPtr(_) => "a pointer is not JSON",
        Type::Never(_) => "`!` is no result",
        Type::Reference(reference) => return concrete(&reference.elem, refuse),
        Type::Paren(inner) => return concrete(&inner.elem, refuse),
        _ => return Ok(()),
    };
    Err(refuse(place_of(kind), message, SUPPORTED))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
