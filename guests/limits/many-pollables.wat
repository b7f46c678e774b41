;; A component that asks for timers and keeps them all. Promise: how many handles a guest holds is bounded.
(component
  (import "wasi:io/poll@0.2.0" (instance $poll (export "pollable" (type (sub resource)))))
  (alias export $poll "pollable" (type $pollable))
  (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
    (alias outer 1 $pollable (type $p'))
    (export "pollable" (type $p (eq $p')))
    (export "subscribe-duration" (func (param "when" u64) (result (own $p))))))
  (core func $subscribe (canon lower (func $clock "subscribe-duration")))
  (core module $m (import "host" "subscribe" (func $subscribe (param i64) (result i32)))
    (func (export "run") (loop $again (drop (call $subscribe (i64.const 3600000000000))) (br $again))))
  (core instance $i (instantiate $m (with "host" (instance (export "subscribe" (func $subscribe))))))
  (func (export "run") (canon lift (core func $i "run"))))
