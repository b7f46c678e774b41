//! JSON to component values and back, by the component's own types.
//!
//! | WIT | JSON |
//! | --- | --- |
//! | `bool` | `true`, `false` |
//! | `s8` … `u64` | a number in range; for `s64` and `u64` also decimal digits in a string |
//! | `f32`, `f64` | a number, or `"NaN"`, `"Infinity"`, `"-Infinity"` |
//! | `char` | a string of one character |
//! | `string` | a string |
//! | `list<u8>` | bytes (`{"$base64": "…"}`), a string (its UTF-8), or an array of numbers; comes back as bytes |
//! | `list<t>`, `list<t, n>`, `tuple<…>` | an array |
//! | `record` | an object; members of type `option` may be left out |
//! | `map<string, t>` | an object; other maps are arrays of `[key, value]` |
//! | `option<t>` | `null` or the value; where `t` is an option itself, `null` or `{"some": value}` |
//! | `result<t, e>` | `{"ok": value}` or `{"err": value}` |
//! | `variant` | `"case"`, or `{"case": payload}` where it has one |
//! | `enum` | a string |
//! | `flags` | an array of names |
//!
//! Names may be written with `_` for `-`. Resources, futures and streams cannot be passed.
//!
//! ```
//! use wasmill_model::{Input, Value};
//! use wasmtime::component::{Type, Val};
//!
//! let params = [("first-name".to_owned(), Type::String), ("age".to_owned(), Type::U8)];
//! let Value::Object(given) = Value::from_json(br#"{"age": 41, "first_name": "Ada"}"#)? else { unreachable!() };
//! let lowered = wasmill_witjson::lower_params(&Input::Named((*given).clone()), &params, 1 << 20)?;
//! assert_eq!(lowered, [Val::String("Ada".to_owned()), Val::U8(41)]);
//!
//! let error = wasmill_witjson::lower(&Value::from(300_i64), &Type::U8, 1 << 20).unwrap_err();
//! assert_eq!(error.to_string(), "expected u8 (0 to 255), found 300");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariants: the types decide, never the values: what is lifted lowers again to the same component value. Recursion is as deep as
//! the type, which the validator bounds, never as deep as the value.
#![forbid(unsafe_code)]

mod error;
mod lift;
mod lower;
mod params;
mod plan;
mod wit;

pub use error::MismatchError;
pub use lift::{Lifted, lift, lift_results};
pub use lower::lower;
pub use params::lower_params;
pub use wit::type_text;
