/* The host's memory for the input of `process`. Weak: a source's own definitions come first. */

#include "wasmill.h"

__attribute__((weak)) void *allocate(size_t size) { return malloc(size > 0 ? size : 1); }

/* Nothing is given back: the instance ends with the call. */
__attribute__((weak)) void deallocate(void *pointer, size_t size) {
    (void)pointer;
    (void)size;
}
