// Prints its arguments and environment as JSON. Promise: a program sees what it was granted and nothing else.
#include <stdio.h>
#include <string.h>

extern char **environ;

static void print_string(const char *text, size_t length) {
  putchar('"');
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte == '"' || byte == '\\') {
      putchar('\\');
      putchar(byte);
    } else if (byte < 0x20) {
      printf("\\u%04x", byte);
    } else {
      putchar(byte);
    }
  }
  putchar('"');
}

int main(int argc, char **argv) {
  fputs("{\"args\":[", stdout);
  for (int i = 0; i < argc; i++) {
    if (i > 0) putchar(',');
    print_string(argv[i], strlen(argv[i]));
  }
  fputs("],\"env\":{", stdout);
  for (char **entry = environ; entry && *entry; entry++) {
    const char *equals = strchr(*entry, '=');
    size_t name = equals ? (size_t)(equals - *entry) : strlen(*entry);
    if (entry != environ) putchar(',');
    print_string(*entry, name);
    putchar(':');
    const char *value = equals ? equals + 1 : "";
    print_string(value, strlen(value));
  }
  fputs("}}\n", stdout);
  return 0;
}
