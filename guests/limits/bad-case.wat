;; A component that returns case 7 of an enum of two. Promise: trap (invalid-abi).
(component
  (core module $m (func (export "run") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (type $e' (enum "yes" "no")) (export $e "e" (type $e'))
  (func (export "run") (result $e) (canon lift (core func $i "run"))))
