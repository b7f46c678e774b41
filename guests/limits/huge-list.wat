;; A component that returns 100 MB of bytes. Promise: output-exceeded, and not a cut.
(component
  (core module $m (memory (export "memory") 1600) (data (i32.const 0) "\00\00\00\00\00\e1\f5\05")
    (func (export "run") (result i32) (i32.const 0)))
  (core instance $i (instantiate $m))
  (func (export "run") (result (list u8)) (canon lift (core func $i "run") (memory (core memory $i "memory")))))
