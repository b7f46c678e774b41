// What the page shows without being given anything.

const primes = `# Four ranges are searched at the same time, each in a worker of its own.
wasmill: 1
name: primes
description: How many primes there are, and how close the estimate of 1798 comes

inputs:
  upto: { type: integer, default: 400000, min: 100, max: 4000000 }

defaults:
  limits: { memory: 1MiB, fuel: 4_000_000_000, timeout: 20s }

units:
  sieve:
    wat: |
      (module
        ;; How many primes there are from $from to below $to.
        (func (export "count") (param $from i32) (param $to i32) (result i32) (local $d i32) (local $found i32)
          (block $done
            (loop $next
              (br_if $done (i32.ge_u (local.get $from) (local.get $to)))
              (local.set $d (i32.const 2))
              (block $composite
                (br_if $composite (i32.lt_u (local.get $from) (i32.const 2)))
                (loop $divide
                  (if (i32.le_u (i32.mul (local.get $d) (local.get $d)) (local.get $from))
                    (then
                      (br_if $composite (i32.eqz (i32.rem_u (local.get $from) (local.get $d))))
                      (local.set $d (i32.add (local.get $d) (i32.const 1)))
                      (br $divide))))
                (local.set $found (i32.add (local.get $found) (i32.const 1))))
              (local.set $from (i32.add (local.get $from) (i32.const 1)))
              (br $next)))
          (local.get $found)))
  sums:
    wat: |
      (module
        (func (export "total") (param i32 i32 i32 i32) (result i32)
          (i32.add (i32.add (local.get 0) (local.get 1)) (i32.add (local.get 2) (local.get 3))))
        (func (export "share") (param $some i32) (param $all i32) (result f64)
          (f64.div (f64.convert_i32_u (local.get $some)) (f64.convert_i32_u (local.get $all)))))

steps:
  first:  { unit: sieve, with: ["\${{ 0 }}", "\${{ inputs.upto / 4 }}"] }
  second: { unit: sieve, with: ["\${{ inputs.upto / 4 }}", "\${{ inputs.upto / 2 }}"] }
  third:  { unit: sieve, with: ["\${{ inputs.upto / 2 }}", "\${{ inputs.upto / 4 * 3 }}"] }
  fourth: { unit: sieve, with: ["\${{ inputs.upto / 4 * 3 }}", "\${{ inputs.upto }}"] }
  total:
    unit: sums
    function: total
    with: ["\${{ steps.first.output }}", "\${{ steps.second.output }}", "\${{ steps.third.output }}", "\${{ steps.fourth.output }}"]
  share:
    unit: sums
    function: share
    with: ["\${{ steps.total.output }}", "\${{ inputs.upto }}"]

outputs:
  primes: "\${{ steps.total.output }}"
  share: "\${{ steps.share.output }}"
`;

const hostile = `# Units that nobody should trust. Each meets its limit, and the run goes on.
wasmill: 1
name: hostile
description: What becomes of units that misbehave

on_failure: best-effort
defaults:
  limits: { memory: 4MiB, fuel: 200_000_000, timeout: 1s, output: 64KiB, log: 64KiB }

units:
  bad:
    wat: |
      (module
        (memory (export "memory") 1)
        (func (export "endless") (loop $again (br $again)))
        (func (export "greedy") (loop $again
          (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
          (br $again)))
        (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
        (func (export "astray") (result i32) (i32.load (i32.const -16)))
        (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0))))

steps:
  spins:   { unit: bad, function: endless, profile: fast }
  burns:   { unit: bad, function: endless, limits: { timeout: 20s } }
  hoards:  { unit: bad, function: greedy }
  digs:    { unit: bad, function: deep, limits: { fuel: 4_000_000_000, timeout: 20s } }
  strays:  { unit: bad, function: astray }
  divides: { unit: bad, function: divide, with: [0] }
  retries: { unit: bad, function: divide, with: [0], retry: { attempts: 3, backoff: fixed, initial: 300ms } }
  waits:   { unit: bad, function: divide, with: [1], after: [divides] }
  works:   { unit: bad, function: divide, with: [1] }

outputs:
  works: "\${{ steps.works.output }}"
`;

const first = `wasmill: 1
name: first
inputs: { fahrenheit: { type: number, default: 98.6 } }
units:
  thermometer:
    wat: |
      (module (func (export "celsius") (param $fahrenheit f64) (result f64)
        (f64.div (f64.mul (f64.sub (local.get $fahrenheit) (f64.const 32)) (f64.const 5)) (f64.const 9))))
steps:
  convert: { unit: thermometer, with: "\${{ inputs.fahrenheit }}" }
outputs: { celsius: "\${{ steps.convert.output }}" }
`;

export const EXAMPLES = [
  { title: "Primes, four at a time", name: "primes.yaml", text: primes, given: '{\n  "upto": 400000\n}' },
  { title: "Units that misbehave", name: "hostile.yaml", text: hostile },
  { title: "One step", name: "first.yaml", text: first, given: '{\n  "fahrenheit": 212\n}' },
];
