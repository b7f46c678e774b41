;; A program that exits with 0 in its start function, before `_start`. Promise: an answer goes with success, and nothing else.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func $start (call $exit (i32.const 0))) (start $start)
  (func (export "_start")))
