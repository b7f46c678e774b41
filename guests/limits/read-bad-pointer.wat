;; A program that reads to past its memory. Promise: an error or a trap; nothing is read, written or allocated by that word.
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 0) "\f0\ff\ff\ff\20\00\00\00")
  (func (export "_start")
    ;; Success would be exit code 1.
    (call $exit (i32.eqz (call $call (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16))))))
