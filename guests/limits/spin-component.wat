;; A component whose function computes for ever. Promise: fuel and time both end it.
(component
  (core module $m (func (export "run") (loop $again (br $again))))
  (core instance $i (instantiate $m))
  (func (export "run") (canon lift (core func $i "run"))))
