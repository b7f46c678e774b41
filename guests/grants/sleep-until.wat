;; A component that sleeps until a moment that is an hour away, and gives the seconds that its clock says it took. Promise: a virtual
;; clock jumps to a moment as it does over a duration.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll
    (export "pollable" (type $p (sub resource)))
    (export "[method]pollable.block" (func (param "self" (borrow $p))))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "now" (func (result u64)))
    (export "subscribe-instant" (func (param "when" u64) (result (own $p))))))
  (core func $now (canon lower (func $clock "now")))
  (core func $subscribe (canon lower (func $clock "subscribe-instant")))
  (core func $block (canon lower (func $poll "[method]pollable.block")))
  (core module $m
    (import "host" "now" (func $now (result i64)))
    (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "host" "block" (func $block (param i32)))
    (func (export "run") (result i64)
      (local $began i64)
      (local.set $began (call $now))
      (call $block (call $subscribe (i64.add (local.get $began) (i64.const 3600000000000))))
      (i64.div_u (i64.sub (call $now) (local.get $began)) (i64.const 1000000000))))
  (core instance $i (instantiate $m (with "host" (instance
    (export "now" (func $now)) (export "subscribe" (func $subscribe)) (export "block" (func $block))))))
  (func (export "run") (result u64) (canon lift (core func $i "run"))))
