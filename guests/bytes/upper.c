// Upper-cases ASCII and leaves every other byte alone. Promise: the C ABI as a C program has it, with `malloc` behind it.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("allocate") void *allocate(uint32_t size) { return malloc(size ? size : 1); }

EXPORT("deallocate") void deallocate(void *at, uint32_t size) {
  (void)size;
  free(at);
}

// Null, which is a guest-error, when there is no memory for the answer.
EXPORT("process") char *process(const char *input, uint32_t length, uint32_t *out_length) {
  char *output = allocate(length);
  if (output == NULL) return NULL;
  for (uint32_t i = 0; i < length; i++) {
    char byte = input[i];
    output[i] = byte >= 'a' && byte <= 'z' ? (char)(byte - ('a' - 'A')) : byte;
  }
  *out_length = length;
  return output;
}
