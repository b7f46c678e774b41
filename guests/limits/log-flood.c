// Writes on stderr for ever. Promise: log-exceeded ends it, and the host keeps no more than the limit.
#include <unistd.h>

int main(void) {
  static const char line[] = "the same line again and again\n";
  for (;;) {
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0) return 1;
  }
}
