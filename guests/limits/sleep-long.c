// Sleeps for an hour. Promise: time ends a guest that waits in the host, where neither fuel nor an epoch reaches it.
#include <stdio.h>
#include <unistd.h>

int main(void) {
  sleep(3600);
  fputs("awake", stdout);
  return 0;
}
