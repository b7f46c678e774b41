// Text to plain words: lower-cased, without punctuation, line by line. Promise: a C unit of the `bytes` interface in a pipeline.
//
// Letters beyond ASCII are kept; A to Z and the capitals of Latin-1 are lowered. An apostrophe inside a word stays ("don't"), a
// typographic one becomes a plain one. Words are separated by one space, lines stay lines, empty lines go.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("allocate") void *allocate(uint32_t size) { return malloc(size ? size : 1); }

EXPORT("deallocate") void deallocate(void *at, uint32_t size) {
  (void)size;
  free(at);
}

enum kind { WORD, APOSTROPHE, SPACE, LINE };

// What stands at `input[at]`, and in `size` how many bytes it has.
static enum kind classify(const uint8_t *input, uint32_t length, uint32_t at, uint32_t *size) {
  uint8_t first = input[at];
  *size = 1;
  if (first == '\n') return LINE;
  if (first == '\'') return APOSTROPHE;
  if (first < 0x80) {
    int letter = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || (first >= '0' && first <= '9');
    return letter ? WORD : SPACE;
  }
  uint8_t second = at + 1 < length ? input[at + 1] : 0;
  uint8_t third = at + 2 < length ? input[at + 2] : 0;
  if (first == 0xC2 && second >= 0x80 && second <= 0xBF) {  // U+0080 to U+00BF: signs, but for the two ordinals and the micro sign
    *size = 2;
    return second == 0xAA || second == 0xB5 || second == 0xBA ? WORD : SPACE;
  }
  if (first == 0xE2 && (second == 0x80 || (second == 0x81 && third <= 0xAF))) {  // U+2000 to U+206F: general punctuation
    *size = third ? 3 : 2;
    return second == 0x80 && third == 0x99 ? APOSTROPHE : SPACE;
  }
  return WORD;
}

// Never longer than the input: every unit of it gives at most as many bytes, and a separator stands for at least one.
EXPORT("process") uint8_t *process(const uint8_t *input, uint32_t length, uint32_t *out_length) {
  uint8_t *output = allocate(length);
  if (output == NULL) return NULL;
  uint32_t written = 0;
  char pending = 0;  // the separator that is due before the next word
  for (uint32_t at = 0, size; at < length; at += size) {
    enum kind kind = classify(input, length, at, &size);
    if (kind == APOSTROPHE) {
      uint32_t next;
      int inside = written > 0 && !pending && at + size < length && classify(input, length, at + size, &next) == WORD;
      if (inside) {
        output[written++] = '\'';
        continue;
      }
      kind = SPACE;
    }
    if (kind == LINE) {
      pending = '\n';
    } else if (kind == SPACE) {
      if (!pending) pending = ' ';
    } else {
      if (pending && written > 0) output[written++] = (uint8_t)pending;
      pending = 0;
      uint8_t byte = input[at];
      if (byte >= 'A' && byte <= 'Z') {
        byte += 'a' - 'A';
      } else if (at > 0 && input[at - 1] == 0xC3 && byte >= 0x80 && byte <= 0x9E && byte != 0x97) {
        byte += 0x20;  // À to Þ, without the multiplication sign
      }
      output[written++] = byte;
      for (uint32_t rest = 1; rest < size; rest++) output[written++] = input[at + rest];  // the micro sign and the ordinals
    }
  }
  *out_length = written;
  return output;
}
