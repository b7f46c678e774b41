;; A component that returns a list of 2^32 - 1 numbers of eight bytes. Promise: trap (invalid-abi); nothing is allocated by that word.
(component
  (core module $m (memory (export "memory") 1) (data (i32.const 0) "\08\00\00\00\ff\ff\ff\ff")
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result (list u64)) (canon lift (core func $i "run") (memory (core memory $i "memory")))))
