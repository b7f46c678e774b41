;; A component that returns 4,000 strings of 1 MiB, all in the same place: 4 GB out of 2 MiB. Promise: output-exceeded, and the
;; host never holds them.
(component
  (core module $m (memory (export "memory") 32)
    (func (export "run") (result i32) (local $n i32)
      (loop $again
        (i32.store (i32.add (i32.const 16) (i32.mul (local.get $n) (i32.const 8))) (i32.const 0x10000))
        (i32.store (i32.add (i32.const 20) (i32.mul (local.get $n) (i32.const 8))) (i32.const 0x100000))
        (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4000))))
      (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 4000))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result (list string)) (canon lift (core func $i "run") (memory (core memory $i "memory")))))
