// Counts stdin and prints one JSON object. Promise: text goes in, and a command's stdout comes back as JSON.
#include <stdio.h>

int main(void) {
  unsigned long lines = 0, words = 0, bytes = 0, chars = 0;
  int in_word = 0, byte;
  while ((byte = getchar()) != EOF) {
    bytes++;
    chars += (byte & 0xC0) != 0x80;
    lines += byte == '\n';
    int space = byte == ' ' || (byte >= '\t' && byte <= '\r');
    words += !space && !in_word;
    in_word = !space;
  }
  printf("{\"lines\":%lu,\"words\":%lu,\"bytes\":%lu,\"chars\":%lu}\n", lines, words, bytes, chars);
  return ferror(stdin) != 0;
}
