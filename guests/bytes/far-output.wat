;; Grows its memory in `process` and gives the very last bytes of it. Promise: the memory is looked at as it is after the call.
(module (memory (export "memory") 1)
  (func (export "allocate") (param $size i32) (result i32) (i32.const 1024))
  (func (export "deallocate") (param i32 i32))
  (func (export "process") (param $at i32) (param $length i32) (param $out i32) (result i32)
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 131071) (i32.const 122))
    (i32.store (local.get $out) (i32.const 1)) (i32.const 131071)))
