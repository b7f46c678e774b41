//! Bytes to a unit.

use wasmill_unit::Unit;

const HEADERS: [&[u8]; 2] = [b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"];

/// Reading a unit never panics, and what it says of one is the same each time and can be written down.
pub fn inspect(data: &[u8]) {
    read(data);
    // A fuzzer should not have to find the header again for each input.
    for header in HEADERS {
        if !data.starts_with(header) {
            read(&[header, data].concat());
        }
    }
}

fn read(binary: &[u8]) {
    let unit = match Unit::from_binary(binary.to_vec()) {
        Ok(unit) => unit,
        Err(error) => {
            assert!(!error.to_string().is_empty() && !error.help().is_empty(), "an error says what is wrong");
            return;
        }
    };
    let info = unit.info();
    assert_eq!(info.size, binary.len() as u64);
    for function in &info.functions {
        assert!(!function.signature().is_empty());
        let found = info.resolve(Some(&function.name)).expect("its own name finds a function");
        assert_eq!(found.map(|found| &found.name), Some(&function.name));
    }
    let again = Unit::from_binary(binary.to_vec()).expect("it was taken before");
    assert_eq!(again.info(), info);
}
