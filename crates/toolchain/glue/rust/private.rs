//! What the glue of one function calls. Nobody else does.

use std::io::Write as _;
use std::panic::PanicHookInfo;
pub use std::string::String;

use super::{Error, FromJson, Reader, Writer};

/// Calls the function: what the export `process` is.
///
/// # Safety
/// `pointer` leads to `length` bytes, and `out_length` to room for a number.
pub unsafe fn process(
    pointer: *const u8,
    length: usize,
    out_length: *mut usize,
    call: fn(&mut Reader<'_>) -> Result<String, Error>,
) -> *const u8 {
    std::panic::set_hook(Box::new(panicked));
    // SAFETY: the host says so.
    let input = unsafe { std::slice::from_raw_parts(pointer, length) };
    let result = match std::str::from_utf8(input) {
        Ok(input) => call(&mut Reader::new(input)),
        Err(_) => Err(Error::new("the input is not UTF-8")),
    };
    match result {
        Ok(output) => {
            // What was printed without a line's end is still with us.
            let _ = std::io::stdout().flush();
            let output: &'static str = output.leak();
            // SAFETY: the host says so.
            unsafe { out_length.write(output.len()) };
            output.as_ptr()
        }
        Err(error) => fail(&error.text(), None),
    }
}

/// Reads the value of a field or parameter. (A function, so that the compiler finds its type.)
///
/// # Errors
/// It is no such value.
pub fn set<T: FromJson>(slot: &mut Option<T>, input: &mut Reader<'_>) -> Result<(), Error> {
    *slot = Some(T::read(input)?);
    Ok(())
}

/// A field that was read, or may be missing.
///
/// # Errors
/// It is missing, and may not be.
pub fn field<T: FromJson>(value: Option<T>, name: &str) -> Result<T, Error> {
    match value.or_else(T::missing) {
        Some(value) => Ok(value),
        None => Err(Error::new(["`", name, "` is missing"].concat())),
    }
}

/// A parameter that was read, or may be missing.
///
/// # Errors
/// As there.
pub fn parameter<T: FromJson>(value: Option<T>, name: &str) -> Result<T, Error> {
    match value.or_else(T::missing) {
        Some(value) => Ok(value),
        None => Err(Error::new(["the parameter `", name, "` is missing"].concat())),
    }
}

/// The end of a call that has no result: the last line of the log says why. What was printed before may have no end of line.
fn fail(message: &str, place: Option<(&str, u32, u32)>) -> ! {
    let mut line = Writer::default();
    line.raw("\nwasmill:error {\"message\":");
    line.string(message);
    if let Some((file, row, column)) = place {
        line.raw(",\"file\":");
        line.string(file);
        line.raw(&format!(",\"line\":{row},\"column\":{column}"));
    }
    line.raw("}\n");
    let _ = std::io::stdout().flush();
    let _ = std::io::stderr().write_all(line.text.as_bytes());
    std::process::exit(1)
}

fn panicked(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "the function panicked",
    };
    // Places in the standard library, in packages and in the glue say nothing to the user.
    let place = info.location().map(|place| (place.file(), place.line(), place.column()));
    fail(message, place.filter(|(file, ..)| !file.starts_with(['/', '.'])))
}
