//! The C ABI, and what it stands on.

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;
use core::panic::PanicInfo;
use core::{ptr, slice};

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

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

/// What the call in the input gives; its length goes to `out_length`. Null where there is no answer.
///
/// # Safety
/// `length` bytes can be read at `at`, and four written at `out_length`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn process(at: *const u8, length: usize, out_length: *mut u32) -> *mut u8 {
    let at = if length == 0 { ptr::NonNull::dangling().as_ptr() } else { at };
    // SAFETY: the caller's promise.
    let Some(answer) = crate::answer(unsafe { slice::from_raw_parts(at, length) }) else {
        return ptr::null_mut();
    };
    // SAFETY: the caller's promise.
    unsafe { out_length.write(answer.len() as u32) };
    // Never null, also where the answer is empty; and never freed, as the instance is thrown away whole.
    answer.into_bytes().leak().as_mut_ptr()
}
