// Tells a secret to its log, and fails. Promise: what is logged is redacted, and so is the verdict that quotes it.
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  fprintf(stderr, "the key is %s\n", getenv("API_KEY"));
  return 1;
}
