;; Allocates beyond its memory. Promise: trap (invalid-abi), and the host writes nowhere.
(module (memory (export "memory") 1)
  (func (export "allocate") (param $size i32) (result i32) (i32.const 0x10000))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (i32.const 16)))
