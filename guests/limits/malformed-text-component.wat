;; A component that says three bytes are text, which are none. Promise: trap (invalid-abi).
(component
  (core module $m (memory (export "memory") 1)
    (data (i32.const 16) "a\c3\28") (data (i32.const 0) "\10\00\00\00\03\00\00\00")
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result string) (canon lift (core func $i "run") (memory (core memory $i "memory")))))
