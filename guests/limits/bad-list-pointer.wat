;; A component that returns a list past the end of its memory, whose end wraps around. Promise: trap (invalid-abi).
(component
  (core module $m (memory (export "memory") 1) (data (i32.const 0) "\f0\ff\ff\ff\20\00\00\00")
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result (list u8)) (canon lift (core func $i "run") (memory (core memory $i "memory")))))
