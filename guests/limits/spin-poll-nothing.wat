;; A program that waits for no time at all, for ever. Promise: a wait that is over at once is no way around time and cancellation.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; A subscription: userdata, tag (clock), which clock (monotonic), timeout (none), precision, flags (relative).
    (i32.store (i32.const 16) (i32.const 1))
    (loop $again (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))) (br $again))))
