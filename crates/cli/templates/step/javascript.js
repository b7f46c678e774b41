// A step in JavaScript. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, as JSON.
//
// Next: write your own `main`, and `wasmill run` again. `import` finds files beside this one in a folder.

/**
 * @param {number} price
 * @param {number} quantity
 */
export function main(price, quantity) {
  // The step fails with these words.
  if (quantity < 1) throw new RangeError("there is nothing to pay for");
  const total = Math.round(price * quantity * 100) / 100;
  // To the log, never into the output.
  console.log(`${quantity} at ${price}`);
  return { total, each: price, quantity };
}
