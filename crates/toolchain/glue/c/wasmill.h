/* What a unit in C or C++ may use of Wasmill's. Nothing of it is needed for functions over numbers. */
#ifndef WASMILL_H
#define WASMILL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The byte interface: a source that defines `process` takes bytes and gives bytes.
 *
 * `input` is `length` bytes. The result is memory that stays valid after the return (from `malloc`, or static), and `*out_length` says how many
 * bytes it has; NULL is an error.
 */
uint8_t *process(const uint8_t *input, size_t length, size_t *out_length);

/* Memory for the input, as the host asks for it. There are definitions of both, which your own would replace. */
void *allocate(size_t size);
void deallocate(void *pointer, size_t size);

#ifdef __cplusplus
}
#endif

/* Writes text as a string of JSON. Bytes that are no UTF-8 are the host's business. */
static inline void wasmill_write_string(FILE *to, const char *text) {
    fputc('"', to);
    for (; *text != '\0'; text++) {
        unsigned char one = (unsigned char)*text;
        if (one == '"' || one == '\\') {
            fputc('\\', to);
            fputc(one, to);
        } else if (one < 0x20) {
            const char *digits = "0123456789abcdef";
            fputs("\\u00", to);
            fputc(digits[one >> 4], to);
            fputc(digits[one & 15], to);
        } else {
            fputc(one, to);
        }
    }
    fputc('"', to);
}

/* Ends the call with an error: `message` is what the caller sees, with the place in the source where there is one. */
__attribute__((noreturn, cold, unused)) static inline void wasmill_fail_at(const char *message, const char *file,
                                                                             int line) {
    char number[16];
    fflush(stdout);
    fputs("\nwasmill:error {\"message\":", stderr);
    wasmill_write_string(stderr, message);
    if (file != NULL) {
        char *digit = number + sizeof(number) - 1;
        *digit = '\0';
        do {
            *--digit = (char)('0' + line % 10);
            line /= 10;
        } while (line > 0);
        fputs(",\"file\":", stderr);
        wasmill_write_string(stderr, file);
        fputs(",\"line\":", stderr);
        fputs(digit, stderr);
    }
    fputs("}\n", stderr);
    fflush(stderr);
    /* Nothing of the instance is left after this, so there is nothing to tidy. */
    _Exit(1);
}

/* Ends the call with an error that says no place. */
__attribute__((noreturn, cold, unused)) static inline void wasmill_fail(const char *message) {
    wasmill_fail_at(message, NULL, 0);
}

/* Ends the call with an error that says where this is written. */
#define WASMILL_FAIL(message) wasmill_fail_at((message), __FILE__, __LINE__)

#endif
