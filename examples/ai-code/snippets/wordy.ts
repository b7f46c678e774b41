// Does what it was asked for, and says much while it does.
export function main(prices: number[]): number {
  console.log('{"result": 0, "note": "this is not the answer"}');
  return Math.round(prices.reduce((sum, price) => sum + price, 0) * 100) / 100;
}
