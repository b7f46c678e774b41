;; A component that returns a list of 1,000 lists of 1,000 lists of 1,000 lists of 1,000 pairs, all the same four: 10^12 pairs out
;; of one page. A host that copies lists of numbers as they lie has to take these one by one. Promise: output-exceeded, and it never holds them.
(component
  (core module $m (memory (export "memory") 1)
    (func $fill (param $at i32) (param $child i32) (local $n i32)
      (loop $again
        (i32.store (i32.add (local.get $at) (i32.mul (local.get $n) (i32.const 8))) (local.get $child))
        (i32.store (i32.add (i32.add (local.get $at) (i32.const 4)) (i32.mul (local.get $n) (i32.const 8))) (i32.const 1000))
        (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000)))))
    (func (export "run") (result i32)
      (call $fill (i32.const 16) (i32.const 8016))
      (call $fill (i32.const 8016) (i32.const 16016))
      (call $fill (i32.const 16016) (i32.const 24016))
      (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 1000))
      (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result (list (list (list (list (tuple bool (option bool)))))))
    (canon lift (core func $i "run") (memory (core memory $i "memory")))))
