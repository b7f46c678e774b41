;; A program that makes small calls of the host, for ever. Promise: time and cancellation end it, and fuel where its own instructions cost any.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (memory (export "memory") 1)
  (func (export "_start") (loop $again (drop (call $yield)) (br $again))))
