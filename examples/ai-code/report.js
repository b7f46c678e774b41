// What became of each snippet. The receipts come from the host: nothing that a snippet prints or answers can change its verdict.
export function main(receipts, answers) {
  const told = Object.entries(receipts).map(([snippet, { verdict, message }]) => {
    const answer = answers[snippet];
    return [snippet, verdict === "ok" ? { verdict, answer } : { verdict, message }];
  });
  return Object.fromEntries(told);
}
