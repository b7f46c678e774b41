// Writes on stdout for ever. Promise: the verdict is output-exceeded, and the output is not cut.
#include <unistd.h>

int main(void) {
  static const char line[] = "the same line again and again\n";
  for (;;) {
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) return 1;
  }
}
