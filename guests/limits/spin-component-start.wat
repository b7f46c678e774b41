;; A component that computes for ever while it is instantiated. Promise: limits cover instantiation.
(component
  (core module $m (func $start (loop $again (br $again))) (start $start) (func (export "run")))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
