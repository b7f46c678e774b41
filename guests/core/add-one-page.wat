;; Adds, with one page of memory that nobody reads. Promise: what a memory costs a fresh call, beside `arith` which has none.
(module (memory (export "memory") 1)
  (func (export "add") (param $a i32) (param $b i32) (result i32) (i32.add (local.get $a) (local.get $b))))
