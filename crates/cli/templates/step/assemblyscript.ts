// A step in AssemblyScript. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, as JSON.
//
// Next: write your own `main`, and `wasmill run` again. Classes, arrays, maps and strings are read and written as JSON.

class Bill {
  total: f64;
  each: f64;
  quantity: i32;
}

export function main(price: f64, quantity: i32): Bill {
  // The step fails with these words.
  if (quantity < 1) throw new Error("there is nothing to pay for");
  const total = Math.round(price * quantity * 100) / 100;
  // To the log, never into the output.
  console.log(`${quantity} at ${price}`);
  return { total, each: price, quantity };
}
