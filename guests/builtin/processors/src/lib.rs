//! What is built in: the processors of DAG configs and the nodes of pipeline manifests v1, as one unit with the C ABI. Promise: the
//! input is one JSON object whose `call` names one of them; null for an unknown one, and for an input that it cannot take.
//!
//! | `call` | besides `input` | what comes back |
//! | --- | --- | --- |
//! | `change_text_case_{upper,lower,proper,title}`, `reverse_text` | | text |
//! | `prefix_suffix_adder` | `prefix`, `suffix` | text |
//! | `token_counter` | `count_type` | JSON |
//! | `word_frequency_analyzer` | | JSON |
//! | `PassThrough`, `Echo` | `counter` | JSON |
//! | `CalculatorNode` | `operation`, `operand` | JSON |
//! | `MultiplyNode`, `AddNode` | `factor`, `addend` | JSON |

//!
//! Without the standard library, whose ways to panic are larger than all of this.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod abi;
mod call;
mod json;
mod number;
mod text;

pub use call::answer;
