;; Computes for ever in `process`. Promise: fuel and time both end it.
(module (memory (export "memory") 1)
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param i32 i32 i32) (result i32) (loop $again (br $again)) (i32.const 0)))
