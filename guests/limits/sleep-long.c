// Sleeps for an hour. Promise: waiting is not computing: time ends it, or the virtual clock jumps over it.
#include <stdio.h>
#include <unistd.h>

int main(void) {
  sleep(3600);
  fputs("awake", stdout);
  return 0;
}
