// A step in C. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, a number.
//
// Next: write your own functions, and `wasmill run` again. All that are not `static` can be called: where there are several, the step
// says `function: NAME`.
#include <math.h>
#include <stdio.h>

#include "wasmill.h"

static double cents(double amount) {
  return round(amount * 100) / 100;
}

double total(double price, int quantity) {
  if (quantity < 1) {
    // The step fails with these words.
    WASMILL_FAIL("there is nothing to pay for");
  }
  // To the log, never into the output.
  printf("%d at %g\n", quantity, price);
  return cents(price * quantity);
}
