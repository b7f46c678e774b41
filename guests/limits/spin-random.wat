;; A program that asks for a megabyte of randomness, for ever. Promise: time and cancellation also end a guest whose work is done by the
;; host, and fuel where that work is charged.
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 16)
  (func (export "_start")
    (loop $again (drop (call $random (i32.const 0) (i32.const 0x100000))) (br $again))))
