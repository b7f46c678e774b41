//! What a unit that was built from source says of itself: the custom section `wasmill:function`, which is the last of the binary.
//!
//! Its content is JSON: [`BuiltFunction`]. Such a unit is a `bytes` unit, a command or a component like any other; the section only says
//! that it takes one JSON object of parameters by name and gives JSON, and how the function and its parameters are called. For scripts the
//! binary before the section is the interpreter, and the section has the script: editing a script changes no code.
//!
//! Nothing in it is trusted more than an export's name is: it says how the unit is to be spoken to, and the unit gets what it asks for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use wasmill_model::Language;

use crate::{FunctionInfo, InspectError, Parameter};

/// The name of the custom section.
pub const BUILT_SECTION: &str = "wasmill:function";

/// The version of the section's content.
const PROTOCOL: u32 = 1;

/// The most bytes of the section: a script of the largest size, as JSON.
const MOST_BYTES: usize = 64 << 20;

/// The most parameters of a function.
const MOST_PARAMETERS: usize = 1_000;

/// The most bytes of a name or a type.
const MOST_TEXT: usize = 4_000;

/// The function that a unit was built for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuiltFunction {
    /// The version of this description: 1.
    pub protocol: u32,
    /// What it is written in.
    pub language: Language,
    /// Its name; none for a script that is run as a whole, which sees its parameters as `inputs`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<Arc<str>>,
    /// What it takes, by name.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub params: Vec<Parameter>,
    /// Whether it takes parameters of any other name too.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub open: bool,
    /// The type of its result, as the source says it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<String>,
    /// What the interpreter is given: the script with its files, as JSON. None where the binary is the function itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub script: Option<Arc<str>>,
}

impl BuiltFunction {
    /// A function that takes nothing.
    pub fn new(language: Language, name: Option<Arc<str>>) -> Self {
        BuiltFunction {
            protocol: PROTOCOL,
            language,
            name,
            params: Vec::new(),
            open: false,
            result: None,
            script: None,
        }
    }

    /// As a step sees it; none for a script that is run as a whole.
    pub(crate) fn info(&self) -> Option<FunctionInfo> {
        Some(FunctionInfo {
            name: self.name.clone()?,
            params: self.params.clone(),
            results: self.result.iter().cloned().collect(),
        })
    }

    /// The section, to be put at the end of a binary.
    pub fn to_section(&self) -> Vec<u8> {
        // String keys and no failing member.
        let content = serde_json::to_vec(self).unwrap_or_default();
        let name_length = leb128(BUILT_SECTION.len());
        let mut section = vec![0];
        section.extend(leb128(name_length.len() + BUILT_SECTION.len() + content.len()));
        section.extend(name_length);
        section.extend_from_slice(BUILT_SECTION.as_bytes());
        section.extend(content);
        section
    }

    /// The section at the end of a valid binary, and where it begins.
    ///
    /// # Errors
    /// There is one, and it is not as described.
    pub(crate) fn of(binary: &[u8]) -> Result<Option<(Self, usize)>, InspectError> {
        let Some((start, content)) = last_section(binary) else { return Ok(None) };
        let wrong = |message: String| InspectError::Corrupt {
            offset: start,
            message: format!("the custom section `{BUILT_SECTION}` is not valid: {message}"),
        };
        if content.len() > MOST_BYTES {
            return Err(wrong(format!("it has more than {MOST_BYTES} bytes")));
        }
        let built: BuiltFunction = serde_json::from_slice(content).map_err(|error| wrong(error.to_string()))?;
        if built.protocol != PROTOCOL {
            return Err(wrong(format!("protocol {}; this version of Wasmill knows {PROTOCOL}", built.protocol)));
        }
        let texts =
            built.params.iter().flat_map(|param| param.name.as_deref().into_iter().chain([param.kind.as_str()]));
        let too_long =
            texts.chain(built.name.as_deref()).chain(built.result.as_deref()).any(|text| text.len() > MOST_TEXT);
        if built.params.len() > MOST_PARAMETERS || too_long {
            return Err(wrong("it has too many parameters, or too long names".to_owned()));
        }
        let is_odd = |text: &str| {
            let is_bidi = |one: char| matches!(one, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            text.chars().any(|one| one.is_control() || is_bidi(one))
        };
        let of_params = |param: &Parameter| param.name.as_deref().is_some_and(is_odd) || is_odd(&param.kind);
        let texts = built.name.as_deref().into_iter().chain(built.result.as_deref());
        if built.params.iter().any(of_params) || texts.into_iter().any(is_odd) {
            return Err(wrong("names and types are plain text of one line".to_owned()));
        }
        let names: std::collections::HashSet<_> = built.params.iter().map(|param| param.name.as_deref()).collect();
        if names.len() != built.params.len() || names.contains(&None) {
            return Err(wrong("every parameter needs a name of its own".to_owned()));
        }
        Ok(Some((built, start)))
    }
}

/// Where the last section begins and its content, if it is ours.
fn last_section(binary: &[u8]) -> Option<(usize, &[u8])> {
    let mut at = 8;
    loop {
        let id = *binary.get(at)?;
        let (size, header) = read_leb128(binary.get(at + 1..)?)?;
        let body = at + 1 + header;
        let end = body.checked_add(size)?;
        if end < binary.len() {
            at = end;
            continue;
        }
        let body = (id == 0).then(|| binary.get(body..end))??;
        let (length, header) = read_leb128(body)?;
        let name = body.get(header..header.checked_add(length)?)?;
        return (name == BUILT_SECTION.as_bytes()).then(|| (at, body.get(header + length..).unwrap_or_default()));
    }
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// The number, and how many bytes it takes: at most five.
fn read_leb128(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut number = 0_usize;
    for (place, byte) in bytes.iter().take(5).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, place + 1));
        }
    }
    None
}
