;; Gives three bytes that are no UTF-8. Promise: guest-error where text was asked for, the bytes where bytes were.
(module (memory (export "memory") 1) (data (i32.const 16) "a\c3\28")
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (i32.store (local.get $out) (i32.const 3)) (i32.const 16)))
