// Counts the text on stdin and prints one JSON object. Promise: a C command of WASI preview 1 in a pipeline.
//
// A sentence ends with `.`, `!` or `?` (and closing quotes or brackets) before white space or the end, when it has a word; what is
// left at the end with a word in it is one more. Characters are Unicode code points of UTF-8.
#include <stdio.h>

static int is_space(int byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

static int is_letter(int byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte >= 0xC3;
}

int main(void) {
  unsigned long lines = 0, words = 0, bytes = 0, characters = 0, sentences = 0;
  int in_word = 0;    // since the last white space
  int has_word = 0;   // since the last sentence
  int terminated = 0; // a full stop stands just before, closing marks aside
  int byte, last = '\n';
  while ((byte = getchar()) != EOF) {
    bytes++;
    characters += (byte & 0xC0) != 0x80;
    lines += byte == '\n';
    if (is_space(byte)) {
      in_word = 0;
      if (terminated && has_word) {
        sentences++;
        has_word = 0;
      }
      terminated = 0;
    } else {
      words += !in_word;
      in_word = 1;
      if (byte == '.' || byte == '!' || byte == '?') {
        terminated = 1;
      } else if (is_letter(byte) && byte != 0xE2) {
        has_word = 1;
        terminated = 0;
      }
      // Quotes and brackets, typographic ones too (U+2019, U+201D: bytes E2 80 9x), leave `terminated` as it is.
    }
    last = byte;
  }
  lines += last != '\n';
  sentences += has_word;
  printf("{\"lines\":%lu,\"words\":%lu,\"bytes\":%lu,\"characters\":%lu,\"sentences\":%lu}\n", lines, words, bytes, characters,
         sentences);
  return ferror(stdin) != 0;
}
