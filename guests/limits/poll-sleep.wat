;; A program that sleeps for an hour, and says that it did. Promise: time ends a guest that waits in the host, where neither fuel nor
;; an epoch reaches it; so does cancellation.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; A subscription: userdata, tag (clock), which clock (monotonic), timeout, precision, flags (relative).
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const 3600000000000))
    (call $exit (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))
