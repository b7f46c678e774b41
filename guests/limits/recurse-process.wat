;; Calls itself for ever in `process`. Promise: trap (stack-overflow); the host's stack is not touched.
(module (memory (export "memory") 1)
  (func $deep (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param i32 i32 i32) (result i32) (call $deep)))
