//! Upper-cases text. Promise: a component that imports nothing; what a component call with strings costs.
#![no_std]

extern crate alloc;
extern crate bare;

use alloc::string::String;

wit_bindgen::generate!({
    inline: "
        package wasmill:guest@1.0.0;
        world upper {
            export upper: func(text: string) -> string;
        }
    ",
});

struct Upper;

impl Guest for Upper {
    fn upper(text: String) -> String {
        text.to_uppercase()
    }
}

export!(Upper);
