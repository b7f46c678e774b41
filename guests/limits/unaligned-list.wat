;; A component that returns numbers of four bytes at an odd address. Promise: trap (invalid-abi).
(component
  (core module $m (memory (export "memory") 1) (data (i32.const 0) "\09\00\00\00\02\00\00\00")
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result (list u32)) (canon lift (core func $i "run") (memory (core memory $i "memory")))))
