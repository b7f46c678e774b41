//! Why bytes are no unit.

use std::fmt;

use wasmill_model::Code;

use crate::Cap;

/// What a file looks like that is no WebAssembly binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the formats' own names")]
pub enum LooksLike {
    Empty,
    WebAssemblyText,
    Base64WebAssembly,
    Elf,
    MachO,
    WindowsProgram,
    Zip,
    Gzip,
    Zstandard,
    Archive,
    Html,
    Json,
    Script,
    OtherText,
    Unknown,
}

impl LooksLike {
    /// Recognises what is not WebAssembly by its first bytes.
    pub(crate) fn recognise(bytes: &[u8]) -> Self {
        const MAGICS: &[(&[u8], LooksLike)] = &[
            (b"\x7fELF", LooksLike::Elf),
            (b"\xcf\xfa\xed\xfe", LooksLike::MachO),
            (b"\xca\xfe\xba\xbe", LooksLike::MachO),
            (b"MZ", LooksLike::WindowsProgram),
            (b"PK\x03\x04", LooksLike::Zip),
            (b"\x1f\x8b", LooksLike::Gzip),
            (b"\x28\xb5\x2f\xfd", LooksLike::Zstandard),
            (b"!<arch>", LooksLike::Archive),
            (b"#!", LooksLike::Script),
        ];
        if bytes.is_empty() {
            return LooksLike::Empty;
        }
        if let Some((_, found)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return *found;
        }
        let head = bytes.get(..4096).unwrap_or(bytes);
        let text = match std::str::from_utf8(head) {
            Ok(text) => text,
            // Cut in the middle of a character.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
            }
            Err(_) => return LooksLike::Unknown,
        };
        let text = text.trim_start_matches('\u{feff}').trim_start();
        if text.starts_with("(module")
            || text.starts_with("(component")
            || text.starts_with(";;")
            || text.starts_with("(;")
        {
            LooksLike::WebAssemblyText
        } else if text.starts_with("AGFzb") {
            LooksLike::Base64WebAssembly
        } else if text.starts_with('<') {
            LooksLike::Html
        } else if text.starts_with('{') || text.starts_with('[') {
            LooksLike::Json
        } else if text.contains('\0') || text.is_empty() {
            LooksLike::Unknown
        } else {
            LooksLike::OtherText
        }
    }
}

impl fmt::Display for LooksLike {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LooksLike::Empty => "it is empty",
            LooksLike::WebAssemblyText => "it looks like WebAssembly text",
            LooksLike::Base64WebAssembly => "it looks like a WebAssembly binary in base64",
            LooksLike::Elf => "it looks like a Linux program or library (ELF)",
            LooksLike::MachO => "it looks like a macOS program or library (Mach-O)",
            LooksLike::WindowsProgram => "it looks like a Windows program or library",
            LooksLike::Zip => "it looks like a zip archive",
            LooksLike::Gzip => "it looks gzip-compressed",
            LooksLike::Zstandard => "it looks zstd-compressed",
            LooksLike::Archive => "it looks like a static library (ar archive)",
            LooksLike::Html => "it looks like HTML or XML",
            LooksLike::Json => "it looks like JSON",
            LooksLike::Script => "it looks like a script",
            LooksLike::OtherText => "it looks like text",
            LooksLike::Unknown => "it does not begin with `\\0asm`",
        })
    }
}

/// Why bytes are no unit that Wasmill runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The bytes are something else.
    #[error("this is not a WebAssembly binary: {looks_like}")]
    NotWasm {
        /// What they look like.
        looks_like: LooksLike,
    },
    /// The file ends in the middle of a section.
    #[error(
        "the WebAssembly binary is cut off: it has {size} bytes, and the section at byte {offset} goes on to byte {needed}"
    )]
    Truncated {
        /// Where the section begins that is not complete.
        offset: usize,
        /// Bytes that there are.
        size: usize,
        /// Bytes that there must be at least.
        needed: u64,
    },
    /// The bytes break WebAssembly's rules.
    #[error("the WebAssembly binary is not valid: {message} (at byte {offset})")]
    Corrupt {
        /// Where.
        offset: usize,
        /// Which rule, in the validator's words.
        message: String,
    },
    /// The bytes are valid, with a proposal that Wasmill does not run.
    #[error("the unit uses {feature}, which Wasmill does not run: {message} (at byte {offset})")]
    UnsupportedFeature {
        /// The proposal.
        feature: String,
        /// Where it is used first.
        offset: usize,
        /// How, in the validator's words.
        message: String,
        /// What to do.
        remedy: &'static str,
    },
    /// An encoding that nobody runs any more, or not yet.
    #[error("the binary is {what}, which Wasmill does not run")]
    UnsupportedWasmVersion {
        /// `WebAssembly version 2`, or a draft of the component encoding.
        what: String,
    },
    /// What a compiler makes before it links.
    #[error("this is an object file, which is not linked yet")]
    ObjectFile,
    /// Larger in one direction than any unit may be.
    #[error("the unit has {count} {}; the most that Wasmill takes is {}", cap.what(), cap.limit())]
    TooLarge {
        /// In which direction.
        cap: Cap,
        /// How many there are, at least: counting stops where it is too much.
        count: u64,
    },
    /// More exports, parameters or imports than are described.
    #[error("the unit has more exports, imports and parameters than Wasmill describes ({limit})")]
    TooComplex {
        /// How many are described.
        limit: usize,
    },
}

impl InspectError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            InspectError::NotWasm { .. } | InspectError::Truncated { .. } | InspectError::Corrupt { .. } => {
                Code::CorruptUnit
            }
            InspectError::UnsupportedFeature { .. }
            | InspectError::UnsupportedWasmVersion { .. }
            | InspectError::ObjectFile
            | InspectError::TooLarge { .. }
            | InspectError::TooComplex { .. } => Code::UnsupportedUnit,
        }
    }

    /// What to do.
    pub fn help(&self) -> String {
        match self {
            InspectError::NotWasm { looks_like } => match looks_like {
                LooksLike::Empty => "build it again: the file has no bytes",
                LooksLike::WebAssemblyText => {
                    "name it `.wat`, or give the text as `wat:`, and Wasmill compiles it"
                }
                LooksLike::Base64WebAssembly => "decode it first, or give the text as `base64:`",
                LooksLike::Elf | LooksLike::MachO | LooksLike::WindowsProgram => {
                    "build it for WebAssembly (Rust: `--target wasm32-wasip1`; C: `--target=wasm32-wasip1`)"
                }
                LooksLike::Zip | LooksLike::Gzip | LooksLike::Zstandard => "unpack it first",
                LooksLike::Archive => "link it first: a unit is the linked `.wasm`",
                LooksLike::Html => "a page was saved in place of the file: look at the address that it came from",
                LooksLike::Json | LooksLike::Script | LooksLike::OtherText | LooksLike::Unknown => {
                    "a unit is a `.wasm` binary or WebAssembly text (`.wat`)"
                }
            }
            .to_owned(),
            InspectError::Truncated { .. } => "copy, download or build it again".to_owned(),
            InspectError::Corrupt { .. } => {
                "build it again; if it was copied or downloaded, compare its digest with the original's".to_owned()
            }
            InspectError::UnsupportedFeature { remedy, .. } => (*remedy).to_owned(),
            InspectError::UnsupportedWasmVersion { .. } => {
                "build it again with current tools: Wasmill runs WebAssembly modules of version 1 and components as WASI 0.2 \
                 tools make them"
                    .to_owned()
            }
            InspectError::ObjectFile => "link it (`wasm-ld`, or the compiler without `-c`)".to_owned(),
            InspectError::TooLarge { cap, .. } => cap.help().to_owned(),
            InspectError::TooComplex { .. } => {
                "build it with fewer exports (do not export every function)".to_owned()
            }
        }
    }
}
