;; A program that asks, for ever, to wait for 5,000 things of which the last one does not exist, so that it waits for nothing. Promise: time
;; and cancellation also end a guest whose work is done by the host.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 8)
  (func (export "_start")
    ;; Subscriptions have 48 bytes, and their type at the ninth: there is no type 9.
    (i32.store8 (i32.const 239960) (i32.const 9))
    (loop $again
      (drop (call $poll (i32.const 0) (i32.const 240000) (i32.const 5000) (i32.const 480000)))
      (br $again))))
