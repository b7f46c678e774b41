;; Counts how often `_initialize` ran, from 0, and says it as a digit. Promise: once for each call, before anything else.
(module (memory (export "memory") 1)
  (global $ran (mut i32) (i32.const 48))
  (func (export "_initialize") (global.set $ran (i32.add (global.get $ran) (i32.const 1))))
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (i32.store (i32.const 16) (global.get $ran))
    (i32.store (local.get $out) (i32.const 1)) (i32.const 16)))
