// Waits for something that never comes.
export function main(prices) {
  let total = 0;
  for (let index = 0; index < prices.length; ) {
    total += prices[index];
  }
  return total;
}
