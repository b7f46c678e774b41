//! The floor that components without WASI stand on: an allocator, and a panic that traps.
//!
//! The standard library would bring imports with it (stderr and the environment, for panics), and a unit should import nothing
//! that it has no use for. So this is `no_std` over the few functions of the C library that need no host.
#![no_std]

extern crate alloc;

use alloc::alloc::{alloc, handle_alloc_error, realloc};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::panic::PanicInfo;
use core::ptr;

// `memcmp` and its kin come from there too.
#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    #[link_name = "realloc"]
    fn c_realloc(at: *mut c_void, size: usize) -> *mut c_void;
    fn free(at: *mut c_void);
}

/// What `malloc` aligns to by itself.
const MALLOC_ALIGN: usize = 8;

struct Malloc;

#[global_allocator]
static ALLOCATOR: Malloc = Malloc;

// SAFETY: `malloc` and its kin keep what `GlobalAlloc` asks for; alignments beyond theirs are asked for by name.
unsafe impl GlobalAlloc for Malloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size().next_multiple_of(layout.align());
        // SAFETY: the alignment is a power of two, and the size a multiple of it.
        unsafe { aligned_alloc(layout.align().max(MALLOC_ALIGN), size).cast() }
    }

    unsafe fn dealloc(&self, at: *mut u8, _: Layout) {
        // SAFETY: it came from `alloc`.
        unsafe { free(at.cast()) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.align() <= MALLOC_ALIGN {
            // SAFETY: it came from `alloc`, and this alignment is what `malloc` gives anyway.
            return unsafe { c_realloc(at.cast(), size).cast() };
        }
        // SAFETY: the caller's promises; the two do not overlap.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(at, new, layout.size().min(size));
                self.dealloc(at, layout);
            }
            new
        }
    }
}

/// Where the host puts strings and lists. With the standard library, the C library brings it.
///
/// # Safety
/// As the canonical ABI has it: `at` came from here with these sizes, or the old size is zero.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(at: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    if size == 0 {
        return ptr::without_provenance_mut(align);
    }
    // SAFETY: the caller's promises.
    let (layout, new) = unsafe {
        let layout = Layout::from_size_align_unchecked(old_size, align);
        let new = if old_size == 0 {
            alloc(Layout::from_size_align_unchecked(size, align))
        } else {
            realloc(at, layout, size)
        };
        (layout, new)
    };
    if new.is_null() {
        handle_alloc_error(layout);
    }
    new
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
