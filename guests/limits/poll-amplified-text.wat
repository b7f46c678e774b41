;; A component that waits for one timer 16 million times at once: 64 MiB of handles. Promise: what the host makes of it is bounded too,
;; and so is the time that it takes; also where the function gives text, which is read where it lies.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "poll" (func (param "in" (list (borrow $p))) (result (list u32))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core module $memory (memory (export "memory") 1025)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16)))
  (core instance $l (instantiate $memory))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core func $wait (canon lower (func $poll "poll") (memory (core memory $l "memory")) (realloc (core func $l "realloc"))))
  (core module $m
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "wait" (func $wait (param i32 i32 i32)))
    (import "l" "memory" (memory 1))
    (func (export "run") (param i32 i32) (result i32) (local $handle i32) (local $at i32)
      (local.set $handle (call $subscribe (i64.const 3600000000000)))
      (local.set $at (i32.const 65536))
      (loop $again
        (i32.store (local.get $at) (local.get $handle))
        (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 0x4010000))))
      (call $wait (i32.const 65536) (i32.const 0x1000000) (i32.const 0)) (i32.const 0)))
  (core instance $i (instantiate $m
    (with "host" (instance (export "subscribe" (func $subscribe)) (export "wait" (func $wait)))) (with "l" (instance $l))))
  (func (export "run") (param "text" string) (result string)
    (canon lift (core func $i "run") (memory (core memory $l "memory")) (realloc (core func $l "realloc")))))
