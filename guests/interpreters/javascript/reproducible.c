// Preloaded while componentize-qjs runs (`build.mjs`), so that the same sources give the same bytes: what it asks for the time and for
// randomness, which ends up in the engine's memory and from there in the unit, is answered the same every time. Nobody else's questions are
// touched. At run time clock and randomness are the host's.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static int asked_by_componentize(void *address) {
  Dl_info found;
  return dladdr(address, &found) && found.dli_fname && strstr(found.dli_fname, "componentize-qjs");
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  if (!asked_by_componentize(__builtin_return_address(0))) return syscall(SYS_clock_gettime, clock, time);
  time->tv_sec = clock == CLOCK_REALTIME ? 1735689600 : 1000;
  time->tv_nsec = 0;
  return 0;
}

ssize_t getrandom(void *bytes, size_t count, unsigned flags) {
  if (!asked_by_componentize(__builtin_return_address(0))) return syscall(SYS_getrandom, bytes, count, flags);
  memset(bytes, 7, count);
  return count;
}
