;; A component that calls itself for ever inside. Promise: trap (stack-overflow); the host's stack is not touched.
(component
  (core module $m (func $run (export "run") (result i32) (i32.add (call $run) (i32.const 1))))
  (core instance $i (instantiate $m))
  (func (export "run") (result u32) (canon lift (core func $i "run"))))
