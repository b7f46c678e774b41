//! Reverses text by characters. Promise: the C ABI as a Rust program has it; bytes that are no UTF-8 are a guest-error.

use std::alloc::{Layout, alloc, dealloc};
use std::{ptr, slice};

/// Room for `size` bytes, or null.
#[unsafe(no_mangle)]
pub extern "C" fn allocate(size: usize) -> *mut u8 {
    match Layout::from_size_align(size.max(1), 4) {
        // SAFETY: the layout is never empty.
        Ok(layout) => unsafe { alloc(layout) },
        Err(_) => ptr::null_mut(),
    }
}

/// Gives back what `allocate` gave.
///
/// # Safety
/// `at` came from `allocate(size)` and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn deallocate(at: *mut u8, size: usize) {
    if let Ok(layout) = Layout::from_size_align(size.max(1), 4) {
        // SAFETY: the caller's promise.
        unsafe { dealloc(at, layout) }
    }
}

/// The reversed text; its length goes to `out_length`. Null when the input is no text.
///
/// # Safety
/// `length` bytes can be read at `at`, and four written at `out_length`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn process(at: *const u8, length: usize, out_length: *mut u32) -> *mut u8 {
    let at = if length == 0 { ptr::NonNull::dangling().as_ptr() } else { at };
    // SAFETY: the caller's promise.
    let Ok(text) = str::from_utf8(unsafe { slice::from_raw_parts(at, length) }) else {
        return ptr::null_mut();
    };
    let output = allocate(length);
    if !output.is_null() {
        let reversed: String = text.chars().rev().collect();
        // SAFETY: both have `length` bytes: the same characters.
        unsafe { ptr::copy_nonoverlapping(reversed.as_ptr(), output, length) };
        // SAFETY: the caller's promise.
        unsafe { out_length.write(length as u32) };
    }
    output
}
