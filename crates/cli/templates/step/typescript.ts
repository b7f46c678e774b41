// A step in TypeScript. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, as JSON.
//
// Next: write your own `main`, and `wasmill run` again. Types are taken out, not checked: that is what your editor is for.

interface Bill {
  total: number;
  each: number;
  quantity: number;
}

export function main(price: number, quantity: number): Bill {
  // The step fails with these words.
  if (quantity < 1) throw new RangeError("there is nothing to pay for");
  const total = Math.round(price * quantity * 100) / 100;
  // To the log, never into the output.
  console.log(`${quantity} at ${price}`);
  return { total, each: price, quantity };
}
