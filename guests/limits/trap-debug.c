// Traps two functions deep; its lines are kept. Promise: a backtrace names functions, and the file and line where it can.
static int divide(int a, int b) {
  return a / b;
}

int average(int sum, int count) {
  return divide(sum, count);
}

int main(int argc, char **argv) {
  (void)argv;
  return average(10, argc - 1);
}
