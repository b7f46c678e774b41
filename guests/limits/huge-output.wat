;; Says that its output has 4 GiB - 1 bytes. Promise: nothing is read or allocated by that word.
(module (memory (export "memory") 1)
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (i32.store (local.get $out) (i32.const 0xffffffff)) (i32.const 16)))
