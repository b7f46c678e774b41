//! Reads CSV and describes its columns. Promise: typed records go from one step to the next, and an error is a record too.
#![no_std]

extern crate alloc;
extern crate bare;

mod describe;
mod parse;

use alloc::string::String;
use alloc::vec::Vec;

use exports::wasmill::examples::csv::{ColumnStats, Guest, ParseError, Table};

wit_bindgen::generate!({ path: "wit", world: "csv-unit" });

struct Csv;

impl Guest for Csv {
    fn parse(text: String) -> Result<Table, ParseError> {
        parse::table(&text)
    }

    fn describe(table: Table) -> Vec<ColumnStats> {
        describe::columns(&table)
    }
}

export!(Csv);
