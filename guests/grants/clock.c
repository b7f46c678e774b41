// Sleeps for an hour, and says how long that took by both clocks. Promise: a virtual clock jumps over sleeps.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timespec before, after;
  time_t wall = time(NULL);
  clock_gettime(CLOCK_MONOTONIC, &before);
  sleep(3600);
  clock_gettime(CLOCK_MONOTONIC, &after);
  printf("%lld %lld %lld", (long long)(after.tv_sec - before.tv_sec), (long long)(time(NULL) - wall), (long long)wall);
  return 0;
}
