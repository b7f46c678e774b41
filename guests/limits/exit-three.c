// Writes half an answer and fails. Promise: guest-error with the exit code and the message, and no output at all.
#include <stdio.h>

int main(void) {
  fputs("partial", stdout);
  fputs("the input has no header line\n", stderr);
  return 3;
}
