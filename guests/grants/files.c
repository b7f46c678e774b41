// Reads, writes, lists or links a path: `argv[1]` is the verb. Promise: a program reaches the folders that it was granted, as far
// as they were granted, and nothing around them.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1], *path = argv[2];
  if (!strcmp(verb, "read")) {
    FILE *file = fopen(path, "rb");
    if (!file) return fail("open");
    char buffer[4096];
    size_t length;
    while ((length = fread(buffer, 1, sizeof buffer, file)) > 0) fwrite(buffer, 1, length, stdout);
    if (ferror(file)) return fail("read");
    return 0;
  }
  if (!strcmp(verb, "write")) {
    FILE *file = fopen(path, "wb");
    if (!file) return fail("open");
    fputs(argc > 3 ? argv[3] : "", file);
    if (fclose(file)) return fail("write");
    return 0;
  }
  if (!strcmp(verb, "list")) {
    DIR *folder = opendir(path);
    if (!folder) return fail("opendir");
    for (struct dirent *entry; (entry = readdir(folder));)
      if (entry->d_name[0] != '.') printf("%s\n", entry->d_name);
    return 0;
  }
  if (!strcmp(verb, "remove")) return unlink(path) ? fail("unlink") : 0;
  if (!strcmp(verb, "mkdir")) return mkdir(path, 0777) ? fail("mkdir") : 0;
  if (argc < 4) return 2;
  if (!strcmp(verb, "link")) return symlink(argv[3], path) ? fail("symlink") : 0;
  if (!strcmp(verb, "rename")) return rename(path, argv[3]) ? fail("rename") : 0;
  return 2;
}
