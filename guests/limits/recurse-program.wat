;; A program that calls itself for ever. Promise: trap (stack-overflow); the host's stack is not touched.
(module (memory (export "memory") 1)
  (func $deep (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "_start") (drop (call $deep))))
