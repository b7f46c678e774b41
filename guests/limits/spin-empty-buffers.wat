;; A program that writes a million buffers without a byte in them, for ever. Promise: time and cancellation also end a guest whose work is
;; done by the host.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 129)
  (func (export "_start")
    (loop $again (drop (call $write (i32.const 1) (i32.const 16) (i32.const 0x100000) (i32.const 0))) (br $again))))
