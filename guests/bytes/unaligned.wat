;; Allocates at odd addresses. Promise: legal; nothing in the C ABI is aligned.
(module (memory (export "memory") 1)
  (global $next (mut i32) (i32.const 1025))
  (func (export "allocate") (param $size i32) (result i32)
    (global.get $next)
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get $size) (i32.const 15)) (i32.const -16)))))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (i32.store (local.get $out) (local.get $length)) (local.get $at)))
