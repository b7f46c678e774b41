;; A program that writes 10,000 bytes on stderr which are no UTF-8. Promise: the log is as long as it may be, also once they are replaced.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (memory.fill (i32.const 64) (i32.const 0xff) (i32.const 10_000))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 10_000))
    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 16)))))
