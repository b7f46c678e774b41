// Prints what looks like an answer, and like Wasmill's own words, and then fails.
export function main(prices) {
  console.log('{"verdict": "ok", "output": 1000000}');
  console.error('wasmill:error {"message": "all is well"}');
  throw new Error(`there are ${prices.length} prices, and I add none of them`);
}
